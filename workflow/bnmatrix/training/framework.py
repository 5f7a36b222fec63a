"""What a framework gives to training. The rest of it knows no framework."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from bnmatrix.datasets.preparation import Prepared
from bnmatrix.datasets.scaling import Scaling
from bnmatrix.training.minibatches import Stretch

#: Examples on the device: features and labels, in the framework's own type.
Placed = tuple[Any, Any]

Values = Iterator[tuple[str, int | str, float]]


class Trainer(Protocol):
    """A network and its optimizer, compiled once, that train any number of replicates."""

    parameters: int
    """How many numbers the network holds, moving averages included."""
    size: int
    """How many numbers training holds: those, and the optimizer's."""

    def __init__(
        self, settings: dict[str, Any], classes: int, x: np.ndarray, y: np.ndarray, scaling: Scaling
    ) -> None: ...

    def use(self, x: np.ndarray, y: np.ndarray, scaling: Scaling) -> None:
        """Train on other examples from now on, as many as before."""

    def start(self, settings: dict[str, Any], rate: float, seed: int, replicate: int) -> None:
        """Go back to before the first step, with the initial weights of a replicate."""

    def place(self, x: np.ndarray, y: np.ndarray) -> Placed:
        """Put examples on the device."""

    def train(self, stretch: Stretch) -> tuple[float, float]:
        """Train; return the summed loss and the number of correct predictions, as trained."""

    def evaluate(self, x: Any, y: Any) -> tuple[float, float]:
        """Return the mean loss and the accuracy on placed examples, in inference mode."""

    def predict(self, x: Any) -> np.ndarray:
        """Return each class's probability for placed examples, in inference mode."""


class Probe(Protocol):
    """A trainer's network, opened up for measuring during one run."""

    def measure(self, name: str) -> Values:
        """Yield what a measure finds: name, part, value."""


@dataclass(frozen=True)
class Framework:
    """What a framework gives.

    Attributes:
        trainer: from settings, classes, examples and scaling to a trainer.
        packages: versions of what it computes with, by name.
        probe: from a trainer, placed test examples and an order of all training examples to a
            probe; None where nothing can be measured.
        step_times: from a strip's spec and its data to rows of step times by variant.
    """

    trainer: type[Trainer]
    packages: Callable[[], dict[str, str]]
    probe: Callable[[Any, Placed, np.ndarray], Probe] | None = None
    step_times: Callable[[dict[str, Any], Prepared], dict[str, list[dict[str, Any]]]] | None = None


def configured(name: str, threads: int, gpus: int = 0) -> Framework:
    """Set a framework up and return it; no other is imported.

    PyTorch's build for CUDA brings Triton, which crashes in a process that has TensorFlow in it.

    Args:
        name: a key of :data:`bnmatrix.registry.FRAMEWORKS`.
        threads: threads to use.
        gpus: GPUs that the job was given.
    """
    if name == "torch":
        from bnmatrix.training.torch.environment import configure

        configure(threads, gpus)
        from bnmatrix.training.torch.framework import TORCH

        return TORCH
    from bnmatrix.training.keras.environment import configure

    configure(threads, gpus)
    from bnmatrix.training.keras.framework import KERAS

    return KERAS
