"""Sizes of the parts of data sets, and checks that the settings of variants fit them."""

import math

from bnmatrix.config.datasets import Dataset
from bnmatrix.config.own_data import InspectedDataset
from bnmatrix.config.project import Project
from bnmatrix.config.studies import Study
from bnmatrix.datasets.splitting import Split
from bnmatrix.errors import UserError
from bnmatrix.statistics.overlaps import Overlap
from bnmatrix.training.minibatches import steps_per_epoch, total_steps
from bnmatrix.training.networks import (
    ConvolutionalNetwork,
    LayerSize,
    OwnNetwork,
    image_shape,
    layer_sizes,
)
from bnmatrix.training.own_network import check_function
from bnmatrix.training.pretraining import Pretraining
from bnmatrix.training.settings import Settings


def parts(dataset: Dataset, validation: Split, folds: int | None) -> tuple[int, int]:
    """Return the numbers of training examples and of validation examples.

    The former does not take the setting ``training_examples`` into account.
    """
    examples = dataset.train_and_test()[0]
    if folds:
        examples = sum(dataset.train_and_test())
        examples -= math.ceil(examples / folds)
    return validation.sizes(examples)


def overlap(dataset: Dataset, settings: Settings) -> Overlap | None:
    """Return the overlap of the training sets of replicates, as far as intervals correct for it.

    This is about variants whose replicates draw their own examples. Where all replicates have the
    same examples, intervals are about these. If two draws share more than half of their examples on
    average, replicates vary less than other data would let them vary, and the variance is corrected
    by this ratio (Nadeau & Bengio 2003). Two draws share the part of the examples that each of them
    takes. The examples to draw from are those of a fold without its validation part if a variant is
    cross-validated, otherwise the training part of the data set.

    Returns:
        The overlap; None if draws share at most half of their examples, or if nothing is drawn.
    """
    if not settings.draws:
        return None
    training, validation = parts(dataset, settings.validation, settings.folds)
    drawn = settings.training_examples or training
    available, test = dataset.train_and_test()
    if isinstance(settings.pretraining, Pretraining):
        # Replicates draw from the half that pre-training leaves.
        training, available = training // 2, available // 2
    if settings.folds:
        test = math.ceil((available + test) / settings.folds)
        share = drawn / training
    else:
        share = (drawn + validation) / available
    if share <= 0.5:
        return None
    return Overlap(test / (drawn + validation), of_folds=settings.folds is not None)


def network_sizes(dataset: Dataset, settings: Settings) -> list[LayerSize]:
    """Return the sizes of the layers of a variant's network.

    Raises:
        ValueError: the network does not fit the examples of the data set.
    """
    outputs = dataset.outputs
    return layer_sizes(settings.network, settings.hidden_layers, dataset.shape, outputs)


def multiplications(dataset: Dataset, settings: Settings) -> int:
    """Return the multiplications of one example in a forward pass of a variant's network."""
    return sum(size.multiplications for size in network_sizes(dataset, settings))


def last_batch(settings: Settings, examples: int) -> int:
    """Return the number of examples in an epoch's last mini-batch if it is a smaller one; else 0.

    Args:
        settings: a variant's settings.
        examples: number of training examples.
    """
    filled = steps_per_epoch(settings, examples) * settings.batch_size
    return examples % settings.batch_size if filled > examples else 0


def training_examples(dataset: Dataset, settings: Settings) -> int:
    """Return the number of examples that a variant is trained on."""
    return settings.training_examples or parts(dataset, settings.validation, settings.folds)[0]


def _check_own(dataset: Dataset, settings: Settings, where: str) -> None:
    """Check that a user's own data can be split as a variant requires."""
    if not isinstance(dataset, InspectedDataset):
        return
    if dataset.grouped and settings.folds:
        raise UserError(
            f"{where}: folds: {dataset.title} is split by groups and cannot also be "
            "cross-validated; leave `folds` out"
        )
    if dataset.grouped and settings.redraw:
        raise UserError(
            f"{where}: redraw: {dataset.title} is split by groups, which new draws would divide; "
            "leave `redraw` out"
        )
    if dataset.grouped and settings.validation.take == "last":
        raise UserError(
            f"{where}: validation: {dataset.title} is split by groups, which `take: last` would "
            "divide; use `stratified`"
        )
    if settings.folds and not dataset.target and settings.folds > min(dataset.rows_by_class):
        raise UserError(
            f"{where}: folds: {settings.folds} is more than the {min(dataset.rows_by_class)} "
            f"examples that a class of {dataset.title} has"
        )


def _check_task(dataset: Dataset, settings: Settings, study: Study, where: str) -> None:
    """Check that settings fit the task: classes, or the target of a regression."""
    regression = not dataset.classes
    if settings.regression != regression:
        raise UserError(
            f"{where}: loss: {settings.loss}: {dataset.title} "
            + (
                "has measurements as targets, which need `loss: squared_error`"
                if regression
                else "has classes, which need `loss: cross_entropy`"
            )
        )
    if not regression:
        return
    if settings.validation.take == "stratified":
        raise UserError(
            f"{where}: validation: `take: stratified` needs classes, and {dataset.title} has "
            "measurements as targets; use `random`"
        )
    if study.measures:
        raise UserError(
            f"{where}: measures: {', '.join(study.measures)}: need classes, and {dataset.title} "
            "has measurements as targets; leave `measures` out"
        )
    if settings.tuned and study.tuning.objective != "loss":
        raise UserError(
            f"{where}: tuning: objective: {study.tuning.objective}: is about accuracy, which "
            "regressions do not have; use `loss`"
        )


def _check_network(dataset: Dataset, settings: Settings, where: str) -> None:
    """Check that a network can be built for the examples of a data set."""
    try:
        sizes = network_sizes(dataset, settings)
        if settings.augmentation != "none":
            image_shape(dataset.shape)
    except ValueError as error:
        raise UserError(f"{where}: network: {error}") from None
    if isinstance(settings.network, OwnNetwork):
        try:
            check_function(settings.network)
        except UserError as error:
            raise UserError(f"{where}: {error}") from None
    groups = settings.normalization_groups
    units = [size.units for size in sizes if size.normalized]
    if settings.normalization == "group" and any(number % groups for number in units):
        raise UserError(
            f"{where}: normalization_groups: {groups} groups do not divide hidden layers of "
            f"{', '.join(map(str, units))} units"
        )


def _left_by_pretraining(
    pretraining: Pretraining, training: int, validation: int, where: str
) -> int:
    """Return the number of training examples that pre-training leaves to the run itself."""
    half = (training + validation) // 2
    if pretraining.examples > half:
        raise UserError(
            f"{where}: pretraining: examples: {pretraining.examples} is more than the {half} that "
            "are there, half of all; use fewer"
        )
    return half - validation


def _check_measures(project: Project, study: str, settings: Settings, where: str) -> None:
    """Check that the networks of a variant can be measured as a study asks."""
    measures = project.study(study).measures
    if settings.framework == "torch" and measures:
        raise UserError(
            f"{where}: measures: {', '.join(measures)}: need `framework: keras`, not `torch`"
        )
    if "folding" in measures:
        network = settings.network
        blocks = network.convolutional if isinstance(network, ConvolutionalNetwork) else ()
        if isinstance(network, OwnNetwork) or any(block.residual for block in blocks):
            raise UserError(f"{where}: measures: folding: needs a network without branches")
        if not settings.biases:
            raise UserError(f"{where}: measures: folding: needs `biases: true`")


def check_sizes(project: Project, study: str, settings: Settings, where: str) -> None:
    """Check that a variant's settings fit its data set.

    Raises:
        UserError: a setting does not fit. The message begins with ``where``.
    """
    dataset = project.dataset_of(study)
    _check_measures(project, study, settings, where)
    _check_network(dataset, settings, where)
    _check_task(dataset, settings, project.study(study), where)
    _check_own(dataset, settings, where)
    training, validation = parts(dataset, settings.validation, settings.folds)
    if training < 1:
        raise UserError(
            f"{where}: validation: {validation} examples are all that {dataset.title} has for "
            "training"
        )
    if isinstance(settings.pretraining, Pretraining):
        training = _left_by_pretraining(settings.pretraining, training, validation, where)
    limit = settings.training_examples
    if limit is not None and limit > training:
        raise UserError(
            f"{where}: training_examples: {limit} is more than the {training} that "
            f"{dataset.title} has for training (after the test and validation parts)"
        )
    available = limit or training
    if settings.batch_size > available:
        raise UserError(
            f"{where}: batch_size: {settings.batch_size} is more than the {available} training "
            f"examples; use at most {available}"
        )
    batch_normalization = settings.conventions == "torch" and settings.normalization == "batch"
    if batch_normalization and last_batch(settings, available) == 1:
        raise UserError(
            f"{where}: batch_size: {settings.batch_size} leaves a last mini-batch of one of "
            f"{available} examples, which PyTorch's batch normalization refuses; choose another, "
            "or use `last_batch: drop`"
        )
    total = total_steps(settings, available)
    for measure, steps in project.study(study).measures.items():
        late = [step for step in steps if step != "last" and step > total]
        if late:
            raise UserError(
                f"{where}: measures → {measure}: training ends after {total} steps, before step "
                f"{late[0]}"
            )
