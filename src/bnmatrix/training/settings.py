"""Settings: everything that decides how one network is trained.

Studies declare settings, variants differ in settings, and training reads them. All parts use this
model, from the reading of YAML to the compiled loop.
"""

from collections.abc import Iterable
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from bnmatrix.datasets.scaling import FITTED_SCALINGS, INPUT_SCALINGS, ShiftedScaling
from bnmatrix.datasets.splitting import Split
from bnmatrix.models import (
    AtLeastOne,
    BelowOne,
    Count,
    Model,
    NotNegative,
    Positive,
    name_or,
    one_of,
)
from bnmatrix.training.activations import ACTIVATIONS
from bnmatrix.training.augmentation import Augmentation
from bnmatrix.training.class_weights import CLASS_WEIGHTS
from bnmatrix.training.conventions import FRAMEWORKS, TORCH_KNOWS
from bnmatrix.training.initializers import INITIALIZERS, NormalInitializer
from bnmatrix.training.networks import ConvolutionalNetwork, Network, OwnNetwork
from bnmatrix.training.normalizations import NORMALIZATION_SETTINGS, NORMALIZATIONS
from bnmatrix.training.optimizers import OPTIMIZERS
from bnmatrix.training.pretraining import Pretraining
from bnmatrix.training.seeds import SOURCES

#: Settings of the networks that this package builds. A user's own network decides about them.
_BUILT_IN = ("activation", "placement", "dropout", "dropout_order", "initializer", "biases")

#: The minimized losses: the cross-entropy of the softmax of the logits, or the cross-entropy of the
#: softmax applied twice. The latter happens if a network ends in a softmax and its loss applies
#: another one. The squared error is that of a regression.
LOSSES = ("cross_entropy", "softmax_twice", "squared_error")

#: Settings that are inputs of a compiled program, so that one program trains all their values.
RUN_TIME_SETTINGS = ("learning_rate", "tuned", "initializer", "varied")

#: How mini-batches are drawn; see :func:`bnmatrix.training.minibatches.segments`.
MINIBATCHES = ("shuffled", "with_replacement", "fixed", "blocks", "sorted")

#: Orders of the same mini-batches as if they were shuffled: one program trains them all.
_SHUFFLED = ("fixed", "blocks", "sorted")

#: How the learning rate develops; see :attr:`Settings.schedule`.
SCHEDULES = ("constant", "cosine")

#: What becomes of an epoch's last, smaller mini-batch; see :attr:`Settings.last_batch`.
LAST_BATCHES = ("keep", "drop")

#: A scalar that represents a value of a setting.
Label = str | int | float | bool | None


class Settings(Model):
    """Everything that decides how one network is trained; every key can be an axis of a study."""

    framework: Annotated[str, one_of(FRAMEWORKS)] = "keras"
    """Framework that trains the network; `torch` needs PyTorch (`make torch`)."""
    conventions: Annotated[str, one_of(FRAMEWORKS)] = "keras"
    """Framework whose defaults a network in PyTorch has. `torch`: PyTorch's initial weights,
    momentum and ε of batch normalization, moving variance and ε of Adam."""
    loss: Annotated[str, one_of(LOSSES)] = "cross_entropy"
    """Minimized loss; `softmax_twice` applies the softmax twice, which is a mistake.
    `squared_error`, of the target that is standardized on the training examples, is for
    regressions."""
    class_weights: Annotated[str, one_of(CLASS_WEIGHTS)] = "none"
    """`balanced`: the loss of an example of class k has the weight n / (K n_k), for n training
    examples of K classes, n_k of them of class k. Validation losses have the same weights."""
    normalization: Annotated[str, one_of(NORMALIZATIONS)] = "none"
    """Normalization of each hidden layer."""
    batch_size: Count = 32
    """Number of examples in a mini-batch."""
    network: Network = "dense"
    """`dense`: the `hidden_layers`. `{convolutional: [{filters: 16}, …], dense: []}`: blocks of
    convolutions, and dense layers or global average pooling. `{own: path/to/file.py:function}`:
    what your own Python function builds."""
    hidden_layers: tuple[Count, ...] = (64, 64)
    """Number of units of each hidden layer of a dense network."""
    activation: Annotated[str, one_of(ACTIVATIONS)] = "relu"
    """Activation function of the hidden layers."""
    placement: Literal["before", "after"] = "before"
    """Normalization before or after the activation function."""
    normalization_momentum: BelowOne = 0.99
    """Momentum of the moving averages: the share of the old value that a step keeps."""
    normalization_epsilon: Positive = 1e-3
    """ε, which is added to the variance under the root."""
    normalization_groups: Count = 8
    """Number of groups of group normalization; it must divide the units or filters of each hidden
    layer."""
    renormalization_limits: tuple[AtLeastOne, NotNegative] = (3.0, 5.0)
    """Limits of batch renormalization: the correction of the scale is within [1 / r, r], and that
    of the shift within [−d, d] (Ioffe 2017). [1, 0] makes it batch normalization."""
    ghost_batch_size: Count | None = None
    """Number of examples over which batch normalization takes statistics in training, a part of the
    mini-batch (Hoffer, Hubara & Soudry 2017); by default, the whole mini-batch. Moving averages
    average the statistics of all parts."""
    dropout: BelowOne = 0.0
    """Share of activations that dropout removes in each hidden layer."""
    dropout_order: Literal["after", "before"] = "after"
    """Dropout `after` the normalization and the activation, or `before` both."""
    initializer: Annotated[
        str | NormalInitializer,
        name_or(INITIALIZERS, NormalInitializer, "{normal: standard deviation}"),
    ] = "glorot_uniform"
    """Initial weights: a Keras initializer, or `{normal: standard deviation}`."""
    biases: bool = True
    """Whether dense layers and convolutions have biases."""
    optimizer: Annotated[str, one_of(OPTIMIZERS)] = "adam"
    """Optimizer, with Keras's defaults (`momentum` is SGD with momentum 0.9)."""
    learning_rate: Positive = 1e-3
    """Learning rate; not used where it is tuned."""
    schedule: Annotated[str, one_of(SCHEDULES)] = "constant"
    """`constant`; `cosine`: the learning rate falls to 0 over the training, along half a cosine. In
    step s of S, counted from 0, it is learning_rate · (1 + cos(π s / S)) / 2 (Loshchilov and Hutter
    2017, without restarts)."""
    weight_decay: NotNegative = 0.0
    """Share of the learning rate by which each step shrinks weights, before the optimizer's update
    (Loshchilov & Hutter 2019: weights become (1 − learning rate · weight_decay) times as large)."""
    decayed: Literal["all", "kernels"] = "all"
    """What weight decay shrinks: `all` trained numbers, or only `kernels`, the weight matrices, so
    that biases, γ and β are spared."""
    accumulation: Count = 1
    """Number of parts in which a mini-batch passes the network, one after another. Their gradients
    are averaged, and one update follows. Batch normalization sees one part at a time."""
    weight_averaging: Literal["none", "ema", "swa"] = "none"
    """Weights at the end: those of the last step (`none`), an exponential moving average
    over steps with momentum 0.99 (`ema`), or the mean over the last half of the steps (`swa`,
    Izmailov et al. 2018). Moving averages of batch normalization stay those of the last step."""
    recalibrated: bool = False
    """Whether the statistics that batch normalization uses in inference are recomputed over
    training examples at the end of training ("precise BN", Wu & Johnson 2021)."""
    pretraining: Annotated[str | Pretraining, name_or(("none",), Pretraining, "{source: …}")] = (
        "none"
    )
    """A run on other data before the run itself: `none`, or `{source: other_classes, learning_rate:
    0.1}`. The run is then fine-tuning; see :class:`bnmatrix.training.pretraining.Pretraining`."""
    frozen: Literal["nothing", "statistics", "normalization"] = "nothing"
    """What of batch normalization fine-tuning leaves as pre-training left it: `nothing`;
    `statistics`: moving averages normalize, γ and β are trained; `normalization`: γ and β are not
    trained, either."""
    tuned: bool = False
    """Whether the learning rate is tuned for each variant, with the study's `tuning`."""
    input_scaling: Annotated[
        str | ShiftedScaling,
        name_or(INPUT_SCALINGS, ShiftedScaling, "{mean: …, deviation: …}"),
    ] = "unit"
    """`raw`; `unit`: into [0, 1]; `standardized`: each feature to mean 0 and variance 1;
    `centered`: each feature to mean 0. Fitted only on the training examples. Or `{mean: 0.1307,
    deviation: 0.3081}`: into [0, 1], minus the mean, divided by the deviation."""
    augmentation: Annotated[
        str | Augmentation,
        name_or(("none",), Augmentation, "{shift: pixels, flip: true or false}"),
    ] = "none"
    """Random changes of training images, new ones each time that an image is used: `none`, or
    `{shift: 2, flip: true}`. All variants of a replicate change an image alike."""
    training_examples: Count | None = None
    """Number of examples of the training part to train on; by default, all."""
    training_take: Literal["random", "first"] = "random"
    """Choice of these examples: the first in a fixed random order, or the first in the data."""
    validation: Split = Split(fraction=0.2)
    """The part of the training data that is split off for validation."""
    folds: Annotated[int, Field(strict=True, ge=2)] | None = None
    """Number of folds of repeated stratified cross-validation: each replicate is tested on a fold
    of all examples, and draws its training and validation examples from the other folds. The next
    replicate has the next fold; in a study that tunes, the next block of replicates that share a
    learning rate. By default, replicates are tested on the test part of the data set."""
    redraw: bool = False
    """Whether each replicate draws its own training and validation examples from the training part:
    disjoint ones until the part is used up. With `training_examples`, both parts are random. By
    default, all replicates have the same examples."""
    varied: Annotated[str, one_of(SOURCES)] = "all"
    """What differs between replicates: everything, or only the initial `weights`, the `order` of
    examples (and the masks of dropout), the `examples` that are drawn, or the `tuning` runs."""
    minibatches: Annotated[str, one_of(MINIBATCHES)] = "shuffled"
    """`shuffled`: each epoch has a new random order; `with_replacement`: each mini-batch is drawn
    independently; `fixed`: all epochs have the same random order; `sorted`: each epoch goes through
    the classes one after another; `blocks`: each mini-batch is a part of that order, so that most
    have examples of one class, and mini-batches are in random order."""
    last_batch: Annotated[str, one_of(LAST_BATCHES)] = "keep"
    """If the batch size does not divide the number of training examples, each epoch ends with a
    smaller mini-batch: `keep` trains on it, as Keras's `fit` does; `drop` leaves it out, as
    PyTorch's `drop_last` does."""
    epochs: Count | None = None
    """Length of training in epochs, with an evaluation after each epoch; not with `steps`."""
    steps: Count | None = None
    """Length of training in steps of one mini-batch; needs `evaluate_every`."""
    evaluate_every: Count | None = None
    """Number of steps between evaluations, if the length is given in steps."""

    @model_validator(mode="after")
    def _framework(self) -> Self:
        if self.conventions != "keras" and self.framework == "keras":
            raise ValueError("conventions: `torch` needs `framework: torch`")
        if self.conventions != "keras" and self.ghost_batch_size:
            raise ValueError("ghost_batch_size: needs `conventions: keras`")
        for setting, known in TORCH_KNOWS.items():
            value = getattr(self, setting)
            if self.framework == "torch" and value not in known:
                raise ValueError(
                    f"{setting}: with `framework: torch`, one of {', '.join(known)} (not {value})"
                )
        return self

    @model_validator(mode="after")
    def _weights_need_classes(self) -> Self:
        if self.class_weights != "none" and self.regression:
            raise ValueError("class_weights: a regression (`loss: squared_error`) has no classes")
        return self

    @model_validator(mode="after")
    def _own_network(self) -> Self:
        if isinstance(self.network, OwnNetwork):
            for name in _BUILT_IN:
                if getattr(self, name) != type(self).model_fields[name].default:
                    raise ValueError(
                        f"{name}: has no effect on your own network ({self.network.own}), which "
                        f"decides about it; leave `{name}` out"
                    )
        return self

    @model_validator(mode="after")
    def _length(self) -> Self:
        if (self.epochs is None) == (self.steps is None):
            raise ValueError("give the length of training as either `epochs` or `steps`")
        if (self.steps is None) != (self.evaluate_every is None):
            raise ValueError("give both `steps` and `evaluate_every`, or neither")
        if self.steps and self.evaluate_every and self.evaluate_every > self.steps:
            raise ValueError(
                f"`evaluate_every` ({self.evaluate_every}) is more than `steps` ({self.steps})"
            )
        return self

    @model_validator(mode="after")
    def _draws_once(self) -> Self:
        if self.redraw and self.folds:
            raise ValueError("redraw: `folds` already draws new examples for each replicate")
        if self.redraw and self.validation.take == "last":
            raise ValueError("validation: `take: last` does not draw; use `random` or `stratified`")
        if self.draws and self.training_take == "first":
            raise ValueError("training_take: `first` does not draw; leave `redraw` and `folds` out")
        if self.varied == "examples" and not self.draws:
            raise ValueError("varied: `examples` needs `redraw` or `folds`")
        if self.varied == "tuning" and not self.tuned:
            raise ValueError("varied: `tuning` needs `tuned: true`")
        return self

    @model_validator(mode="after")
    def _parts_of_minibatches(self) -> Self:
        parts = {"accumulation": self.accumulation}
        if self.ghost_batch_size:
            parts["ghost_batch_size"] = self.accumulation * self.ghost_batch_size
        for name, divisor in parts.items():
            if self.batch_size % divisor:
                raise ValueError(
                    f"{name}: mini-batches of {self.batch_size} cannot be divided equally by "
                    f"{getattr(self, name)}"
                    + (f", in {self.accumulation} parts" if divisor > getattr(self, name) else "")
                )
            if divisor > 1 and self.last_batch == "keep" and self.minibatches != "with_replacement":
                raise ValueError(
                    f"{name}: a smaller mini-batch at the end of an epoch may not be divisible; "
                    "use `last_batch: drop`"
                )
        return self

    @model_validator(mode="after")
    def _fine_tuning(self) -> Self:
        if not isinstance(self.pretraining, Pretraining):
            return self
        if self.regression:
            raise ValueError("pretraining: a regression (`loss: squared_error`) has no classes")
        if not self.draws or self.training_examples is None or self.validation.examples is None:
            raise ValueError(
                "pretraining: replicates draw two sets of examples: use `folds` or `redraw`, and "
                "give `training_examples` and `validation: {examples: …}`"
            )
        if self.steps is None or self.last_batch == "keep":
            raise ValueError(
                "pretraining: give the length of training in `steps`, and use `last_batch: drop`"
            )
        if self.input_scaling in FITTED_SCALINGS:
            raise ValueError(
                f"pretraining: input_scaling: `{self.input_scaling}` is fitted on one of the two "
                "data sets; use `unit` or `raw`"
            )
        if isinstance(self.network, OwnNetwork):
            raise ValueError("pretraining: is for `dense` and `convolutional` networks")
        return self

    @property
    def regression(self) -> bool:
        """Whether the network has one output, which is trained to equal a target."""
        return self.loss == "squared_error"

    @property
    def draws(self) -> bool:
        """Whether each replicate draws its own examples."""
        return self.redraw or self.folds is not None

    @property
    def unused(self) -> frozenset[str]:
        """The settings that have no effect because of other settings."""
        used = set(NORMALIZATIONS[self.normalization].settings)
        if "normalization_momentum" in used:
            used |= {"recalibrated", "frozen"}
        if self.normalization != "none":
            used.add("placement")
            if self.dropout:
                used.add("dropout_order")
        unused = set(NORMALIZATION_SETTINGS) - used
        if not self.weight_decay:
            unused.add("decayed")
        if self.pretraining == "none":
            unused.add("frozen")
        if self.network != "dense":
            unused.add("hidden_layers")
        if isinstance(self.network, OwnNetwork):
            unused.update(_BUILT_IN)
        if self.tuned:
            unused.add("learning_rate")
        if self.minibatches == "with_replacement":
            unused.add("last_batch")
        if self.framework == "keras":
            unused.add("conventions")
        elif self.conventions == "torch":
            unused |= {"initializer", "normalization_momentum", "normalization_epsilon"}
        return frozenset(unused)

    def canonical(self) -> "Settings":
        """Return the settings with defaults for unused ones, so that equal networks compare
        equal."""
        return self._with_defaults(self.unused)

    def program(self) -> "Settings":
        """Return the settings of the compiled program, which variants with equal ones share."""
        shared = self.canonical()._with_defaults(RUN_TIME_SETTINGS)
        if shared.minibatches in _SHUFFLED:
            shared = shared._with_defaults(["minibatches"])
        return shared

    def _with_defaults(self, names: Iterable[str]) -> "Settings":
        fields = type(self).model_fields
        return self.model_copy(update={name: fields[name].default for name in names})

    def value(self, name: str) -> Any:
        """Return a setting's value, or None where it is unused."""
        return None if name in self.unused else getattr(self, name)

    def label(self, name: str) -> Label:
        """Return a setting's value as one scalar, for names of variants and cells of tables.

        Layers become ``64-64``, an initializer ``normal-0.05``, a split ``random-0.2-42``; None
        where the setting is unused.
        """
        return label(self.value(name))


def label(value: Any) -> Label:
    """Return a value of a setting as one scalar (see :meth:`Settings.label`)."""
    if isinstance(value, list | tuple):
        return "-".join(str(item) for item in value) or "no"
    if isinstance(value, Split):
        seed = f"-{value.seed}" if value.take != "last" else ""
        return f"{value.take}-{_number(value.fraction or value.examples or 0)}{seed}"
    if isinstance(value, ShiftedScaling):
        return f"mean-{_number(value.mean)}-deviation-{_number(value.deviation)}"
    if isinstance(value, NormalInitializer):
        return f"normal-{value.normal}"
    if isinstance(value, ConvolutionalNetwork | OwnNetwork | Augmentation | Pretraining):
        return value.label
    scalar: Label = value
    return scalar


def _number(value: float) -> str:
    """Return a number as text that no other number has."""
    short = f"{value:g}"
    return short if float(short) == value else repr(value)
