"""Tuning: the learning rate of a variant, chosen on validation data."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from bnmatrix.training.program import Evaluations, Run
from bnmatrix.training.rows import TuningRow
from bnmatrix.training.scores import guessed_loss
from bnmatrix.training.settings import Settings
from bnmatrix.training.spec import Tuning

#: Networks have learnt nothing below this share of the way from a guess to perfection.
_LEARNT = 0.05


class Runner(Protocol):
    """What runs replicates: a :class:`bnmatrix.training.program.Program`."""

    classes: int

    def run(
        self,
        settings: Settings,
        learning_rate: float,
        replicate: int,
        *,
        attempt: int = 0,
        evaluations: Evaluations = Evaluations.ALL,
    ) -> Run:
        """Train a replicate."""


@dataclass
class _Rate:
    """The tuning runs of one learning rate.

    Attributes:
        learning_rate: the learning rate.
        widened: whether it is outside of the declared rates.
        values: what is maximized, of each run; a diverged run counts as a guess.
        losses: the last validation loss of each run; infinite if the run diverged.
        statuses: how each run ended.
    """

    learning_rate: float
    widened: bool
    values: list[float] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    statuses: list[str] = field(default_factory=list)

    @property
    def runs(self) -> int:
        """The number of runs."""
        return len(self.values)

    @property
    def objective(self) -> float:
        """The mean over runs of what is maximized."""
        return sum(self.values) / self.runs

    @property
    def score(self) -> tuple[float, float]:
        """The larger, the better: of equal accuracies, at chance say, the lower loss is better."""
        return self.objective, -sum(self.losses) / self.runs

    def always_worse(self, other: "_Rate", runs: int) -> bool:
        """Return whether each of the first runs was worse than the other rate's, seed by seed."""
        pairs = zip(self._scores[:runs], other._scores[:runs], strict=True)
        return all(own < others for own, others in pairs)

    @property
    def _scores(self) -> list[tuple[float, float]]:
        """The score of each run."""
        return [(value, -loss) for value, loss in zip(self.values, self.losses, strict=True)]

    def rows(self, block: int, chosen: bool) -> list[TuningRow]:
        """Return a row for each run."""
        return [
            TuningRow(
                block=block,
                replicate=number,
                rate=self.learning_rate,
                widened=self.widened,
                status=status,
                tuning_objective=self.objective,
                chosen=chosen,
            )
            for number, status in enumerate(self.statuses, start=1)
        ]


class _Search:
    """The search of one block for its learning rate; places are steps of the grid, from 0."""

    def __init__(self, program: Runner, settings: Settings, tuning: Tuning, block: int) -> None:
        self._program, self._settings, self._tuning = program, settings, tuning
        self.block = block
        self.rates: dict[int, _Rate] = {}

    def _rate(self, place: int) -> _Rate:
        """Return the learning rate at a place, inside or outside of the declared rates."""
        if place not in self.rates:
            rates = self._tuning.rates
            inside = 0 <= place < len(rates)
            ratio = (rates[-1] / rates[0]) ** (1 / (len(rates) - 1))
            value = rates[place] if inside else float(f"{rates[0] * ratio**place:.3g}")
            self.rates[place] = _Rate(value, widened=not inside)
        return self.rates[place]

    def allowed(self, place: int) -> bool:
        """Return whether the grid may be widened so far."""
        return -self._tuning.widen <= place < len(self._tuning.rates) + self._tuning.widen

    def attempt(self, place: int, runs: int) -> None:
        """Run a learning rate until it has so many runs."""
        rate, tuning = self._rate(place), self._tuning
        average = tuning.objective == "average"
        while rate.runs < runs:
            number = rate.runs
            run = self._program.run(
                self._settings,
                rate.learning_rate,
                self.block + number % tuning.shared_by,
                attempt=1 + (self.block - 1) * tuning.replicates + number,
                evaluations=Evaluations.VALIDATION if average else Evaluations.LAST_VALIDATION,
            )
            accuracies = [row["validation_accuracy"] for row in run.history]
            value = sum(accuracies) / len(accuracies) if average else accuracies[-1]
            if tuning.objective == "loss":
                value = -run.history[-1]["validation_loss"]
            rate.values.append(self._guess if run.diverged else value)
            rate.losses.append(math.inf if run.diverged else run.history[-1]["validation_loss"])
            rate.statuses.append(run.status)

    def compete(self, place: int, best: int) -> None:
        """Run a learning rate as often as the best, unless the first runs are all worse."""
        race = min(self._tuning.race, self._tuning.replicates)
        self.attempt(place, race)
        if not self.rates[place].always_worse(self.rates[best], race):
            self.attempt(place, self._tuning.replicates)

    @property
    def _guess(self) -> float:
        """What is maximized, of a network that has learnt nothing."""
        classes = self._program.classes
        return -guessed_loss(classes) if self._tuning.objective == "loss" else 1 / classes

    def learns(self, place: int) -> bool:
        """Return whether networks learn with the rate at a place, as a mean over its runs."""
        perfect = 0.0 if self._tuning.objective == "loss" else 1.0
        least = self._guess + _LEARNT * (perfect - self._guess)
        return self.rates[place].objective > least

    def best(self, runs: int) -> int:
        """Return the place of the best of the rates that have so many runs; ties: the lowest."""
        tried = [place for place in sorted(self.rates) if self.rates[place].runs >= runs]
        return max(tried, key=lambda place: self.rates[place].score)


def tune(
    program: Runner,
    settings: Settings,
    tuning: Tuning,
    block: int = 1,
    report: Callable[[str], None] = lambda _: None,
) -> tuple[float, list[TuningRow]]:
    """Choose a learning rate on validation data, with seeds that no measured run has.

    A coarse search tries every second rate, and further ones while the best is at an end, or lower
    ones while networks learn with none: rates that are all too large look alike. A fine search then
    moves from the best rate to a better neighbour, until there is none. A neighbour drops out early
    if it is worse with each of the first seeds: a race (Maron & Moore 1994). Runs use the training
    and validation examples of the block's replicates.

    Args:
        program: what to train.
        settings: the variant's settings.
        tuning: how the study tunes.
        block: the first replicate of the tuning block.
        report: is called with a sentence on what was chosen.

    Returns:
        The learning rate, and a row for each tuning run, by ascending rate.
    """
    search = _Search(program, settings, tuning, block)
    coarse = min(tuning.coarse, tuning.replicates)
    for place in range(0, len(tuning.rates), 2):
        search.attempt(place, coarse)
    while True:
        best = search.best(coarse)
        beyond = [place for place in (best - 2, best + 2) if search.allowed(place)]
        missing = [place for place in beyond if place not in search.rates]
        lower = min(search.rates) - 2
        if not missing and not search.learns(best) and search.allowed(lower):
            missing = [lower]
        if not missing:
            break
        for place in missing:
            search.attempt(place, coarse)
    while True:
        # Rates with fewer runs, from the coarse search or after a race, cannot be chosen.
        search.attempt(best, tuning.replicates)
        for place in (best - 1, best + 1):
            if search.allowed(place):
                search.compete(place, best)
        following = search.best(tuning.replicates)
        if following == best:
            break
        best = following
    rates = [search.rates[place] for place in sorted(search.rates)]
    chosen = search.rates[best].learning_rate
    report(f"learning rate {chosen:g} of {', '.join(f'{rate.learning_rate:g}' for rate in rates)}")
    return chosen, [row for rate in rates for row in rate.rows(block, rate.learning_rate == chosen)]
