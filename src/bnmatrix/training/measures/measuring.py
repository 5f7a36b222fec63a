"""How a job's networks are measured: measures that see them through a framework's probe."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from bnmatrix.datasets.data import Prepared
from bnmatrix.training.framework import Placed, Value
from bnmatrix.training.measures.catalog import MEASURES
from bnmatrix.training.measures.probe import Probe
from bnmatrix.training.measures.registry import MeasureInRuns, Turns
from bnmatrix.training.measures.step_time import ROUNDS, STEPS, step_time
from bnmatrix.training.rows import MeasurementRow
from bnmatrix.training.spec import JobSpec


class FrameworkProbe(Probe, Protocol):
    """A probe of one trainer's network, run after run."""

    def begin(self, parts: Mapping[str, Placed], order: NDArray[np.int64]) -> None:
        """Get ready for a run: placed examples by part, and its order of training examples."""


@dataclass(frozen=True)
class Observer:
    """Takes measures of one trainer's network (:class:`bnmatrix.training.framework.Observer`)."""

    probe: FrameworkProbe

    def begin(self, parts: Mapping[str, Placed], order: NDArray[np.int64]) -> None:
        """Get ready for a run."""
        self.probe.begin(parts, order)

    def measure(self, name: str) -> Iterator[Value]:
        """Yield the values of a measure that is taken in runs."""
        measure = MEASURES[name]
        if not isinstance(measure, MeasureInRuns):
            raise ValueError(f"{name} is not measured in runs")
        yield from measure.function(self.probe)


@dataclass(frozen=True)
class Measuring:
    """Measures a framework's networks (:class:`bnmatrix.training.framework.Measuring`).

    Attributes:
        probe: opens up a trainer's network.
        turns: from a job's spec, its data and a number of steps to turns of training.
        rounds: rounds of turns in which step times are taken.
        steps: steps of one turn.
    """

    probe: Callable[[Any], FrameworkProbe]
    turns: Callable[[JobSpec, Prepared, int], Turns]
    rounds: int = ROUNDS
    steps: int = STEPS

    def in_runs(self, measure: str) -> bool:
        """Return whether a measure is taken in runs."""
        return isinstance(MEASURES[measure], MeasureInRuns)

    def observer(self, trainer: Any) -> Observer:
        """Return what measures a trainer's network in runs."""
        return Observer(self.probe(trainer))

    def after_runs(self, spec: JobSpec, prepared: Prepared) -> dict[str, list[MeasurementRow]]:
        """Return step times by variant, if the job asks for them."""
        if step_time.name not in spec.measures:
            return {}
        turns = self.turns(spec, prepared, self.steps)
        return step_time.function(turns, self.rounds, self.steps)
