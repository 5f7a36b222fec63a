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
}

#: Settings that only a normalization layer has a use for.
NORMALIZATION_SETTINGS = ("normalization_momentum", "normalization_epsilon", "placement")

#: Name → Keras optimizer class and fixed arguments; the learning rate is the study's.
OPTIMIZERS: dict[str, tuple[str, dict[str, Any]]] = {
    "sgd": ("SGD", {}),
    "momentum": ("SGD", {"momentum": 0.9}),
    "rmsprop": ("RMSprop", {}),
    "adam": ("Adam", {}),
}

#: Names of ``keras.activations``.
ACTIVATIONS = ("relu", "sigmoid", "tanh", "elu", "selu", "gelu", "silu", "leaky_relu", "linear")

#: Names of ``keras.initializers`` that take a seed.
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
