"""What a framework gives to training; the rest of training knows no framework."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from bnmatrix.datasets.data import Prepared
from bnmatrix.datasets.scaling import Scaling
from bnmatrix.training.minibatches import Segment
from bnmatrix.training.rows import MeasurementRow
from bnmatrix.training.seeds import Streams
from bnmatrix.training.settings import Settings
from bnmatrix.training.spec import JobSpec

#: Examples: features, and labels (int32).
Part = tuple[NDArray[Any], NDArray[np.int32]]


def most_recomputed(settings: Settings) -> int:
    """Return on how many examples statistics are recomputed, at most: as many as fit in one pass.

    Activations of an image can take a megabyte in a layer.
    """
    return 10_000 if settings.network == "dense" else 1_000


@dataclass(frozen=True)
class Placed:
    """Examples that a trainer evaluates.

    Attributes:
        x: features on the device, of the framework's own type; a trainer can append rows.
        y: labels, one per example.
    """

    x: Any
    y: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.y)

    def first(self, examples: int) -> "Placed":
        """Return the first examples."""
        return Placed(self.x, self.y[:examples])


#: A measured value: what it is, of which layer or mode, and the value.
Value = tuple[str, int | str, float]


class Trainer(Protocol):
    """A network and its optimizer, compiled once, that train any number of replicates."""

    parameters: int
    """How many numbers the network holds, moving averages included."""
    size: int
    """How many numbers training holds: those of the network and those of the optimizer."""

    def __init__(
        self,
        settings: Settings,
        shape: Sequence[int],
        classes: int,
        x: NDArray[Any],
        y: NDArray[np.int32],
        scaling: Scaling,
    ) -> None: ...

    def use(self, x: NDArray[Any], y: NDArray[np.int32], scaling: Scaling) -> None:
        """Train on other examples from now on, as many as before."""

    def start(self, settings: Settings, learning_rate: float, streams: Streams) -> None:
        """Go back to before the first step, with the initial weights of a run."""

    def weights(self) -> list[NDArray[Any]]:
        """Return all numbers of the network, moving averages included."""

    def fine_tune(self, weights: list[NDArray[Any]], frozen: str) -> None:
        """Start from a pre-trained network, after :meth:`start`; see the setting ``frozen``."""

    def finish(self) -> None:
        """Give the network the weights and statistics that it has after training.

        These are averages of weights, and statistics that are recomputed over training examples,
        if the settings say so.
        """

    def place(self, parts: Sequence[Part]) -> list[Placed]:
        """Put all parts that are evaluated on the device."""

    def train(self, segments: Sequence[Segment]) -> list[tuple[float, float]]:
        """Train on consecutive segments, up to the first whose loss is not finite.

        Returns:
            For each segment that was trained, the summed loss and the number of correct
            predictions: of each mini-batch before its update.
        """

    def logits(self, placed: Placed) -> NDArray[np.float32]:
        """Return the logits of placed examples, examples × classes, in inference mode."""


class Observer(Protocol):
    """Measures the network of one trainer, run after run."""

    def begin(self, parts: Mapping[str, Placed], order: NDArray[np.int64]) -> None:
        """Get ready for a run: placed examples by part, and its order of training examples."""

    def measure(self, name: str) -> Iterator[Value]:
        """Yield the values of a measure; leave the network and its optimizer as they were."""


class Measuring(Protocol):
    """Measures the networks of a job, in runs and after all of them."""

    def in_runs(self, measure: str) -> bool:
        """Return whether a measure is taken in runs."""

    def observer(self, trainer: Any) -> Observer:
        """Return what measures a trainer's network in runs."""

    def after_runs(self, spec: JobSpec, prepared: Prepared) -> dict[str, list[MeasurementRow]]:
        """Return the rows of what is measured after all runs, by variant."""


@dataclass(frozen=True)
class Framework:
    """What a framework gives.

    Attributes:
        trainer: its trainer.
        packages: returns the versions of the packages that compute, by name.
        measuring: how networks are measured; None where nothing is measured.
    """

    trainer: type[Trainer]
    packages: Callable[[], dict[str, str]]
    measuring: Measuring | None = None
