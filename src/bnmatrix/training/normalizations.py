"""The normalizations that a hidden layer can have.

To add one that Keras has, add an entry here. For PyTorch, add its module to
:mod:`bnmatrix.training.torch.network`, and say so in the entry.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Normalization:
    """A normalization layer.

    Attributes:
        label: its name on pages.
        keras_layer: name of its class in ``keras.layers``; None for no layer.
        settings: the settings that it uses, each with the name of the layer's argument.
        torch: whether PyTorch's trainer has it.
    """

    label: str
    keras_layer: str | None
    settings: Mapping[str, str] = field(default_factory=dict)
    torch: bool = False


NORMALIZATIONS: dict[str, Normalization] = {
    "none": Normalization("no normalization", None, torch=True),
    # Ioffe & Szegedy 2015
    "batch": Normalization(
        "batch normalization",
        "BatchNormalization",
        {
            "normalization_momentum": "momentum",
            "normalization_epsilon": "epsilon",
            "ghost_batch_size": "ghost_batch_size",
        },
        torch=True,
    ),
    # Ioffe 2017
    "renorm": Normalization(
        "batch renormalization",
        "BatchNormalization",
        {
            "normalization_momentum": "momentum",
            "normalization_epsilon": "epsilon",
            "renormalization_limits": "limits",
        },
    ),
    # Ba, Kiros & Hinton 2016
    "layer": Normalization(
        "layer normalization",
        "LayerNormalization",
        {"normalization_epsilon": "epsilon"},
        torch=True,
    ),
    # Wu & He 2018
    "group": Normalization(
        "group normalization",
        "GroupNormalization",
        {"normalization_epsilon": "epsilon", "normalization_groups": "groups"},
        torch=True,
    ),
    # Zhang & Sennrich 2019
    "rms": Normalization(
        "RMS normalization",
        "RMSNormalization",
        {"normalization_epsilon": "epsilon"},
        torch=True,
    ),
}

#: Settings that have no effect without a normalization: those of the layers, and where it stands.
NORMALIZATION_SETTINGS = (
    *dict.fromkeys(name for entry in NORMALIZATIONS.values() for name in entry.settings),
    "placement",
    "dropout_order",
    "recalibrated",
    "frozen",
)
