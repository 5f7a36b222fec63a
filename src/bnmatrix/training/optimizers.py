"""The optimizers that a study can choose.

An entry names the classes in Keras and in PyTorch: to add an optimizer, add an entry.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Optimizer:
    """An optimizer; the learning rate comes from the settings, other arguments have defaults.

    Attributes:
        keras_class: name of its class in ``keras.optimizers``.
        torch_class: name of its class in ``torch.optim``; None if PyTorch's trainer lacks it.
        arguments: further arguments, of the same name in both.
        averages: numbers that it keeps for each weight in PyTorch.
    """

    keras_class: str
    torch_class: str | None = None
    arguments: Mapping[str, float] = field(default_factory=dict)
    averages: int = 0


OPTIMIZERS: dict[str, Optimizer] = {
    "sgd": Optimizer("SGD", "SGD"),
    "momentum": Optimizer("SGD", "SGD", {"momentum": 0.9}, averages=1),
    # Keras adds ε under the root and PyTorch outside it: no ε makes the two agree.
    "rmsprop": Optimizer("RMSprop"),
    "adam": Optimizer("Adam", "Adam", averages=2),
}
