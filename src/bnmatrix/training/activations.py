"""The activation functions that a hidden layer can have.

Names are those of ``keras.activations``; an entry names the module of ``torch.nn`` that computes
the same. To add an activation function, add an entry.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Activation:
    """An activation function in PyTorch.

    Attributes:
        torch_module: name of its class in ``torch.nn``; None if PyTorch's trainer lacks it.
        torch_arguments: arguments that make the module agree with Keras.
    """

    torch_module: str | None
    torch_arguments: Mapping[str, float] = field(default_factory=dict)


ACTIVATIONS: dict[str, Activation] = {
    "relu": Activation("ReLU"),
    "sigmoid": Activation("Sigmoid"),
    "tanh": Activation("Tanh"),
    "elu": Activation("ELU"),
    "selu": Activation("SELU"),
    "gelu": Activation("GELU"),
    "silu": Activation("SiLU"),
    "leaky_relu": Activation("LeakyReLU", {"negative_slope": 0.2}),
    "linear": Activation("Identity"),
}
