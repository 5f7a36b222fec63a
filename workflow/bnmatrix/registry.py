"""What a study can choose from, as plain data.

One table serves both the validation of studies and the building of networks. To add a
normalization, an activation or an optimizer that Keras has, add a line here: nothing else changes.
"""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Normalization:
    """A normalization layer: the name of its Keras layer, and which settings that layer takes.

    ``settings`` maps a setting of a study to the layer's argument. Settings that no entry of a
    variant's normalization takes are not applicable to that variant (see
    :func:`bnmatrix.variants.applicable`).
    """

    layer: str | None
    settings: dict[str, str] = field(default_factory=dict)
    label: str = ""


NORMALIZATIONS: dict[str, Normalization] = {
    "none": Normalization(None, label="no normalization"),
    # Ioffe & Szegedy 2015
    "batch": Normalization(
        "BatchNormalization",
        {"normalization_momentum": "momentum", "normalization_epsilon": "epsilon"},
        label="batch normalization",
    ),
    # Ba, Kiros & Hinton 2016
    "layer": Normalization(
        "LayerNormalization", {"normalization_epsilon": "epsilon"}, label="layer normalization"
    ),
    # Wu & He 2018
    "group": Normalization(
        "GroupNormalization",
        {"normalization_epsilon": "epsilon", "normalization_groups": "groups"},
        label="group normalization",
    ),
}

#: Frameworks that networks are trained in, and the package of each.
FRAMEWORKS = {"keras": "keras", "torch": "torch"}

#: What PyTorch's trainer knows, where that is less than Keras's. RMSprop is left out: Keras adds ε
#: under the root, PyTorch outside it, so that no ε makes them agree.
TORCH_KNOWS = {
    "normalization": ("none", "batch", "layer", "group"),
    "optimizer": ("sgd", "momentum", "adam"),
    "activation": (
        *("relu", "sigmoid", "tanh", "elu", "selu", "gelu", "silu", "leaky_relu", "linear"),
    ),
}

#: ε of Keras's Adam, and the momentum of ``optimizer: momentum``.
KERAS_ADAM_EPSILON, SGD_MOMENTUM = 1e-7, 0.9

#: What is minimized: cross-entropy of the softmax of the logits; or, as a network that ends in a
#: softmax before such a loss does, cross-entropy of the softmax of the softmax.
LOSSES = ("cross_entropy", "softmax_twice")


@dataclass(frozen=True)
class Convention:
    """What Keras and PyTorch do differently by default.

    Attributes:
        what: the quantity.
        keras, torch: what each does.
        effect: what it changes.
        matched: how ``conventions: keras`` makes PyTorch agree.
    """

    what: str
    keras: str
    torch: str
    effect: str
    matched: str


CONVENTIONS = (
    Convention(
        "Momentum of moving averages",
        "0.99, the share of the old value",
        "0.1, the share of the new one (0.9 of the old)",
        "PyTorch's follow the statistics ten times as fast: right after fewer steps, noisier",
        "PyTorch is given 1 minus the momentum",
    ),
    Convention(
        "Moving variance",
        "averages biased variances (divided by n)",
        "averages unbiased ones (divided by n − 1)",
        "only in inference: at batch size 2 PyTorch's is twice as large, at 64 by 1.6 %",
        "a layer that averages biased variances",
    ),
    Convention(
        "ε of batch normalization",
        "0.001",
        "0.00001",
        "units of little variance are scaled up further in PyTorch",
        "PyTorch is given Keras's",
    ),
    Convention(
        "ε of Adam",
        "1e-7, added before the second moment is corrected for its start",
        "1e-8, added after",
        "weights with tiny gradients move further in PyTorch; at the first step Keras's ε counts "
        "as 3e-6",
        "PyTorch is given Keras's, divided by the correction of each step",
    ),
    Convention(
        "Initial weights of dense layers",
        "Glorot: uniform within √(6 / (inputs + units))",
        "uniform within 1 / √inputs",
        "PyTorch starts from smaller weights",
        "both start from the same weights, drawn with Keras's distribution",
    ),
    Convention(
        "Initial biases of dense layers",
        "zero",
        "uniform within 1 / √inputs",
        "none worth mention",
        "zero",
    ),
)

#: Settings that only a normalization layer has a use for.
NORMALIZATION_SETTINGS = (
    "normalization_momentum",
    "normalization_epsilon",
    "normalization_groups",
    "placement",
    "dropout_order",
)

#: Settings that the same compiled program takes in: a job trains all their values.
UNCOMPILED = ("learning_rate", "tuned", "initializer")

#: The measure of time: variants take turns, and nothing is measured during a run.
STEP_TIME = "step_time"

#: What can be measured of a network besides its accuracy: functions of
#: ``bnmatrix.training.keras.measures`` (of ``bnmatrix.training.keras.step_time`` for the last), and
#: what each yields.
MEASURES: dict[str, tuple[str, ...]] = {
    "gradients": ("gradient_norm",),
    "covariate_shift": (
        *("shift_norm", "shift_cosine"),
        *("input_mean_drift", "input_variance_drift"),
    ),
    "smoothness": ("loss_range", "gradient_change", "beta_smoothness"),
    "inference_modes": ("accuracy_by_mode",),
    "order": ("order_difference",),
    STEP_TIME: ("seconds_per_step",),
}

#: Name → Keras optimizer class and fixed arguments; the learning rate is the study's.
OPTIMIZERS: dict[str, tuple[str, dict[str, Any]]] = {
    "sgd": ("SGD", {}),
    "momentum": ("SGD", {"momentum": SGD_MOMENTUM}),
    "rmsprop": ("RMSprop", {}),
    "adam": ("Adam", {}),
}

#: Names of ``keras.activations``.
ACTIVATIONS = ("relu", "sigmoid", "tanh", "elu", "selu", "gelu", "silu", "leaky_relu", "linear")

#: Names of ``keras.initializers``; :mod:`bnmatrix.training.initializers` draws them.
INITIALIZERS = (
    "glorot_uniform",
    "glorot_normal",
    "he_uniform",
    "he_normal",
    "lecun_uniform",
    "lecun_normal",
    "orthogonal",
    "random_normal",
    "random_uniform",
    "truncated_normal",
)

#: How features reach the network; see :func:`bnmatrix.datasets.scaling.fit_scaling`.
INPUT_SCALINGS = ("raw", "unit", "standardized", "centered")

#: How mini-batches are drawn; see :func:`bnmatrix.training.minibatches.stretches`.
MINIBATCHES = ("shuffled", "with_replacement")


#: Units of endpoints; :mod:`bnmatrix.units` writes them.
UNITS = (
    *("points", "points a doubling", "nats", "plain", "count"),
    *("factor of 2", "factor of 10"),
)


@dataclass(frozen=True)
class Endpoint:
    """What a claim is judged by: a function of ``bnmatrix.statistics.endpoints`` of the same name.

    Attributes:
        unit: how its differences are written (see :mod:`bnmatrix.units`).
        label: what it is, for people; may name an argument in braces.
        needs: arguments that have to be given.
        takes: arguments that may be given.
        paired: whether it needs a second arm.
    """

    unit: str
    label: str
    needs: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()
    paired: bool = False


_COLUMN = ("column",)
_ALONG = ("axis", "at", "reference")
_NEAR = ("axis", "within")
_PARTS = ("step", "parts")

ENDPOINTS: dict[str, Endpoint] = {
    "final": Endpoint("points", "{column}", takes=_COLUMN),
    "gain_along": Endpoint(
        "points", "change of {column} from {axis} {reference} to {at}", _ALONG, _COLUMN
    ),
    "spread_over": Endpoint("points", "spread of {column} over {axis}", ("axis",), _COLUMN),
    "slope_on_log2": Endpoint(
        "points a doubling",
        "slope of {column} on log₂ {axis}",
        ("axis",),
        ("column", "over"),
    ),
    "best_over": Endpoint("points", "{column} at the best {axis}", ("axis",), _COLUMN),
    "at_best_of_control": Endpoint(
        "points", "{column} at the control's best {axis}", ("axis",), _COLUMN, paired=True
    ),
    "largest_working": Endpoint(
        "factor of 10", "largest {axis} within {within} of the best validation accuracy", _NEAR
    ),
    "working_width": Endpoint(
        "factor of 10", "range of {axis} within {within} of the best validation accuracy", _NEAR
    ),
    "steps_to": Endpoint("factor of 2", "steps to a validation accuracy of {target}", ("target",)),
    "steps_to_share": Endpoint(
        "factor of 2",
        "steps to {share} of the validation accuracy above chance that both reach",
        ("share",),
        paired=True,
    ),
    "seconds_to": Endpoint(
        "factor of 2", "seconds to a validation accuracy of {target}", ("target",)
    ),
    "gap_at_matched_loss": Endpoint(
        "points", "training minus validation accuracy at equal loss", paired=True
    ),
    "roughness": Endpoint("nats", "mean rise of the validation loss between evaluations"),
    "measured": Endpoint("plain", "{measure}", ("measure",), _PARTS),
    "measured_along": Endpoint(
        "plain",
        "change of {measure} from {axis} {reference} to {at}",
        ("measure", *_ALONG),
        ("parts",),
    ),
    "log_measured": Endpoint("factor of 10", "{measure}", ("measure",), _PARTS),
    "gradient_imbalance": Endpoint(
        "factor of 10",
        "ratio of the first and the last layer's gradient norm, either way",
        ("step",),
    ),
    "count": Endpoint("count", "{column}", _COLUMN),
    "size": Endpoint("factor of 2", "{column}", _COLUMN),
    "at_epoch": Endpoint("points", "{column} at epoch {epoch}", ("column", "epoch")),
    "best_epoch": Endpoint("points", "best {column} of all evaluations", _COLUMN),
    "step_time": Endpoint("factor of 2", "seconds a step ({part})", ("part",)),
}
