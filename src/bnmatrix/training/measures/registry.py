"""How a measure is declared: a decorator where it is defined gives its name and what it yields."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from bnmatrix.training.framework import Value
from bnmatrix.training.measures.probe import Probe
from bnmatrix.training.rows import MeasurementRow

Values = Iterator[Value]

#: Takes a variant's turn: trains it for some steps.
Turn = Callable[[], object]

#: Turns by variant and by what trains it.
Turns = Mapping[tuple[str, str], Turn]


@dataclass(frozen=True)
class Measure:
    """A measure.

    Attributes:
        name: its name in studies.
        yields: what it yields: values of the column ``measure``.
    """

    name: str
    yields: tuple[str, ...]


@dataclass(frozen=True)
class MeasureInRuns(Measure):
    """A measure that is taken in runs, after some of the steps.

    Its function yields (what, part, value): the part is the number of a layer, from 1 at the input,
    or a mode. It leaves the network and its optimizer as they were.
    """

    function: Callable[[Probe], Values]


@dataclass(frozen=True)
class MeasureAfterRuns(Measure):
    """A measure that is taken after all runs of a job.

    Its function is given turns, a number of rounds and the steps of a turn; it returns rows by
    variant.
    """

    function: Callable[[Turns, int, int], dict[str, list[MeasurementRow]]]


def measure(*yields: str) -> Callable[[Callable[[Probe], Values]], MeasureInRuns]:
    """Declare a function as the measure of that name, which is taken in runs."""
    return lambda function: MeasureInRuns(function.__name__, yields, function)


def measure_after_runs(
    *yields: str,
) -> Callable[[Callable[[Turns, int, int], dict[str, list[MeasurementRow]]]], MeasureAfterRuns]:
    """Declare a function as the measure of that name, which is taken after all runs of a job."""
    return lambda function: MeasureAfterRuns(function.__name__, yields, function)
