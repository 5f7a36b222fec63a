"""The variants of a study: the product of its axes, their names, and the plain dict that each is.

The dict that :meth:`Variant.spec` returns is the whole truth about a training job.
"""

import itertools
import json
import math
import re
from dataclasses import dataclass
from typing import Any

from bnmatrix.config import (
    FILE_NAME,
    RESERVED_NAMES,
    Dataset,
    InspectedDataset,
    Project,
    Settings,
    ShiftedScaling,
    Split,
    validated,
)
from bnmatrix.errors import UserError
from bnmatrix.registry import NORMALIZATION_SETTINGS, NORMALIZATIONS, OPTIMIZERS

#: Snakemake's Paramspace writes names this way: ``normalization~batch,batch_size~32``.
_PAIR, _NEXT = "~", ","
#: In the names of jobs: Snakemake hands their wildcards to a cluster as a list with commas.
_NEXT_OF_JOBS = "__"


@dataclass(frozen=True)
class Variant:
    """One cell of a study's matrix.

    Attributes:
        study: name of the study.
        name: readable and unique in the study; a path component.
        settings: every setting, in built-in types; None where it does not apply.
        axes: the names of the study's axes, in order.
        baseline: name of the variant that differs from this one in having no normalization;
            None if it has none itself, or if the study does not train that variant.
    """

    study: str
    name: str
    settings: dict[str, Any]
    axes: tuple[str, ...]
    baseline: str | None


@dataclass(frozen=True)
class Strip:
    """Variants of a study that one job trains, one after another.

    Attributes:
        study: name of the study.
        name: readable and unique in the study; a path component.
        variants: the variants, in the order of the matrix.
    """

    study: str
    name: str
    variants: tuple[Variant, ...]

    def spec(self, project: Project) -> dict[str, Any]:
        """Return what the training job needs to know, in built-in types."""
        study = project.study(self.study)
        tuned = any(variant.settings["tuned"] for variant in self.variants)
        return {
            "study": self.study,
            "dataset": study.dataset,
            "axes": list(study.axes),
            "replicates": project.replicates_of(self.study),
            "seed": study.seed,
            "tuning": study.tuning.model_dump() if tuned else None,
            "measures": study.measures,
            "predictions": study.keeps_predictions,
            "variants": [
                {
                    "variant": variant.name,
                    "baseline": variant.baseline,
                    "settings": variant.settings,
                    "registry": _registry_entries(variant.settings),
                }
                for variant in self.variants
            ],
        }


def _registry_entries(settings: dict[str, Any]) -> dict[str, Any]:
    """Return what the registry says of a variant; a change to it trains anew."""
    layer = NORMALIZATIONS[settings["normalization"]]
    return {
        "normalization": [layer.layer, layer.settings],
        "optimizer": list(OPTIMIZERS[settings["optimizer"]]),
    }


def as_json(spec: Any) -> str:
    """Return ``spec`` as one line of JSON that depends on its content alone."""
    return json.dumps(spec, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def variants(project: Project, study_name: str, every: bool = False) -> list[Variant]:
    """Return the variants of a study, in the order of its axes.

    Those whose framework is not installed are left out, unless ``every`` is set. Combinations that
    differ only in a setting that does not apply to them (the momentum of a network without batch
    normalization) are one variant.

    Raises:
        UserError: a value is not allowed, or a batch is larger than the training data; names the
            study, the key and the value.
    """
    study = project.study(study_name)
    where = f"{project.run.studies_file}: studies → {study_name}"
    if not re.match(FILE_NAME, study_name) or study_name in RESERVED_NAMES:
        raise UserError(
            f"{where}: the name becomes a file's name in reports/: use letters, digits, '.', '_' "
            f"and '-', begin with a letter or digit, and use none of {', '.join(RESERVED_NAMES)}"
        )
    axes = tuple(study.axes)
    cells: dict[str, dict[str, Any]] = {}
    blocks = [study.axes, *({axis: block[axis] for axis in axes} for block in study.further)]
    for values in itertools.chain(*(itertools.product(*block.values()) for block in blocks)):
        chosen = dict(zip(axes, values, strict=True))
        cell = ", ".join(f"{axis}: {value}" for axis, value in chosen.items())
        settings = validated(Settings, {**study.settings, **chosen}, f"{where} ({cell})")
        _check_sizes(project, study_name, settings, f"{where} ({cell})")
        if every or settings.framework in project.frameworks:
            plain = applicable(settings.model_dump())
            cells.setdefault(variant_name(plain, axes), plain)
    return [
        Variant(study_name, name, settings, axes, _baseline(settings, axes, cells))
        for name, settings in cells.items()
    ]


def left_out_variants(project: Project, study_name: str) -> int:
    """Return how many variants of a study are left out, as their framework is not installed."""
    if project.study(study_name).frameworks <= set(project.frameworks):
        return 0
    every = variants(project, study_name, every=True)
    return sum(variant.settings["framework"] not in project.frameworks for variant in every)


def strips(project: Project, study_name: str) -> list[Strip]:
    """Return the jobs of a study: its variants, those together that differ in no other axis.

    Raises:
        UserError: as :func:`variants`.
    """
    study = project.study(study_name)
    apart = tuple(axis for axis in study.axes if axis not in study.together)
    found: dict[str, list[Variant]] = {}
    for variant in variants(project, study_name):
        name = variant_name(variant.settings, apart, _NEXT_OF_JOBS) or "all"
        found.setdefault(name, []).append(variant)
    return [Strip(study_name, name, tuple(members)) for name, members in found.items()]


def applicable(settings: dict[str, Any]) -> dict[str, Any]:
    """Return ``settings`` with None for those that the variant has no use for."""
    used = set(NORMALIZATIONS[settings["normalization"]].settings)
    if settings["normalization"] != "none":
        used.add("placement")
        if settings["dropout"]:
            used.add("dropout_order")
    unused = set(NORMALIZATION_SETTINGS) - used
    if settings["tuned"]:
        unused.add("learning_rate")
    if settings["framework"] == "keras":
        unused.add("conventions")
    elif settings["conventions"] == "torch":
        unused |= {"initializer", "normalization_momentum", "normalization_epsilon"}
    return {key: None if key in unused else value for key, value in settings.items()}


def variant_name(settings: dict[str, Any], axes: tuple[str, ...], between: str = _NEXT) -> str:
    """Return a readable name made of the axes' values, fit for a path."""
    pairs = (
        f"{axis}{_PAIR}{plain_value(settings[axis])}" for axis in axes if settings[axis] is not None
    )
    return between.join(pairs)


def plain_value(value: Any) -> str | int | float | bool | None:
    """Return a setting's value as one scalar, for names, tables and figures.

    Layers become ``64-64``, an initializer ``normal-0.05``, a split ``random-0.2-42``.
    """
    if isinstance(value, list):
        return "-".join(str(item) for item in value) or "no"
    if isinstance(value, dict):
        if set(value) == set(Split.model_fields):
            seed = f"-{value['seed']}" if value["take"] != "last" else ""
            return f"{value['take']}-{value['fraction'] or value['examples']:g}{seed}"
        if set(value) == set(ShiftedScaling.model_fields):
            return f"mean-{value['mean']:g}-deviation-{value['deviation']:g}"
        return "-".join(f"{key}-{item}" for key, item in value.items())
    return value


def split_name(settings: dict[str, Any]) -> str:
    """Return the name of a variant's validation split, under which its data is prepared."""
    return str(plain_value(settings["validation"]))


def describe(settings: dict[str, Any], axes: tuple[str, ...] | list[str]) -> dict[str, Any]:
    """Return the values of ``axes`` as scalars, by name."""
    return {axis: plain_value(settings[axis]) for axis in axes}


def _baseline(settings: dict[str, Any], axes: tuple[str, ...], cells: dict) -> str | None:
    if settings["normalization"] == "none":
        return None
    # What a network without normalization ignores is already None in its cell.
    name = variant_name(applicable({**settings, "normalization": "none"}), axes)
    return name if name in cells else None


def parts(dataset: Dataset, validation: Split, folds: int | None) -> tuple[int, int]:
    """Return how many examples there are to train on (before `training_examples`), and to validate
    on.
    """
    examples = dataset.train_and_test()[0]
    if folds:
        examples = sum(dataset.train_and_test())
        examples -= math.ceil(examples / folds)
    return validation.sizes(examples)


def test_share(dataset: Dataset, settings: dict[str, Any]) -> float | None:
    """Return test examples a training example of a cross-validated variant; None for others."""
    if not settings["folds"]:
        return None
    test = math.ceil(sum(dataset.train_and_test()) / settings["folds"])
    training = parts(dataset, Split(**settings["validation"]), settings["folds"])[0]
    return test / (settings["training_examples"] or training)


def _check_own(dataset: Dataset, settings: Settings, where: str) -> None:
    """Check that one's own data can be split as a variant wants it."""
    if not isinstance(dataset, InspectedDataset):
        return
    if dataset.grouped and settings.folds:
        raise UserError(
            f"{where}: folds: {dataset.title} is split by groups, and cannot be cross-validated "
            "as well; leave `folds` out"
        )
    if dataset.grouped and settings.validation.take == "last":
        raise UserError(
            f"{where}: validation: {dataset.title} is split by groups, which `take: last` would "
            "divide; use `stratified`"
        )
    if settings.folds and settings.folds > min(dataset.rows_by_class):
        raise UserError(
            f"{where}: folds: {settings.folds} is more than the {min(dataset.rows_by_class)} "
            f"examples that a class of {dataset.title} has"
        )


def _check_sizes(project: Project, study: str, settings: Settings, where: str) -> None:
    dataset = project.dataset_of(study)
    measures = project.study(study).measures
    if settings.framework == "torch" and measures:
        raise UserError(
            f"{where}: measures: {', '.join(measures)}: with `framework: keras` alone, not `torch`"
        )
    groups = settings.normalization_groups
    if settings.normalization == "group" and any(n % groups for n in settings.hidden_layers):
        raise UserError(
            f"{where}: normalization_groups: {groups} groups do not divide hidden layers of "
            f"{', '.join(map(str, settings.hidden_layers))} units"
        )
    _check_own(dataset, settings, where)
    training, apart = parts(dataset, settings.validation, settings.folds)
    if training < 1:
        raise UserError(
            f"{where}: validation: {apart} examples are all that {dataset.title} has for training"
        )
    wanted = settings.training_examples
    if wanted is not None and wanted > training:
        raise UserError(
            f"{where}: training_examples: {wanted} is more than the {training} that "
            f"{dataset.title} has for training (after the test and validation parts)"
        )
    available = wanted or training
    alone = available % settings.batch_size == 1 and settings.minibatches == "shuffled"
    if settings.conventions == "torch" and settings.normalization == "batch" and alone:
        raise UserError(
            f"{where}: batch_size: {settings.batch_size} leaves a last mini-batch of one of "
            f"{available} examples, which PyTorch's batch normalization refuses; choose another"
        )
    if settings.batch_size > available:
        raise UserError(
            f"{where}: batch_size: {settings.batch_size} is more than the {available} training "
            f"examples; use at most {available}"
        )
    per_epoch = math.ceil(available / settings.batch_size)
    total = settings.steps or settings.epochs * per_epoch
    for measure, steps in project.study(study).measures.items():
        late = [step for step in steps if step != "last" and step > total]
        if late:
            raise UserError(
                f"{where}: measures → {measure}: training ends after {total} steps, before step "
                f"{late[0]}"
            )
