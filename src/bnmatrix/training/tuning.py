"""Tuning: the learning rate of a variant, chosen on validation data."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from bnmatrix.training.program import Evaluations, Run
from bnmatrix.training.rows import TuningRow
from bnmatrix.training.settings import Settings
from bnmatrix.training.spec import Tuning


class Runner(Protocol):
    """What runs replicates: a :class:`bnmatrix.training.program.Program`."""

    classes: int

    def run(
        self,
        settings: Settings,
        learning_rate: float,
        replicate: int,
        *,
        tuning: bool = False,
        evaluations: Evaluations = Evaluations.ALL,
    ) -> Run:
        """Train a replicate."""


@dataclass(frozen=True)
class _Attempt:
    """The tuning runs of one learning rate.

    Attributes:
        learning_rate: the learning rate.
        widened: whether it was added to the grid.
        objective: what is maximized, as a mean over runs; a diverged run counts as a guess.
        loss: sum of the last validation losses, infinite if a run diverged.
        statuses: how each run ended.
    """

    learning_rate: float
    widened: bool
    objective: float
    loss: float
    statuses: tuple[str, ...]

    @property
    def score(self) -> tuple[float, float]:
        """The larger, the better: of equal accuracies, at chance say, the lower loss is better."""
        return self.objective, -self.loss

    def rows(self, chosen: bool) -> list[TuningRow]:
        """Return a row for each run."""
        return [
            TuningRow(
                replicate=number,
                rate=self.learning_rate,
                widened=self.widened,
                status=status,
                tuning_objective=self.objective,
                chosen=chosen,
            )
            for number, status in enumerate(self.statuses, start=1)
        ]


def tune(
    program: Runner,
    settings: Settings,
    tuning: Tuning,
    report: Callable[[str], None] = lambda _: None,
) -> tuple[float, list[TuningRow]]:
    """Choose a learning rate on validation data, with seeds that no measured run has.

    The grid is widened at an end, a rate at a time, while the best rate lies there.

    Args:
        program: what to train.
        settings: the variant's settings.
        tuning: how the study tunes.
        report: is called with a sentence on what was chosen.

    Returns:
        The learning rate, and a row for each tuning run, by ascending rate.
    """
    rates = tuning.rates
    ratio = (rates[-1] / rates[0]) ** (1 / (len(rates) - 1))
    attempts = {rate: _attempt(program, settings, tuning, rate, widened=False) for rate in rates}
    lower, higher = 0, 0
    while True:
        best = max(sorted(attempts), key=lambda rate: attempts[rate].score)
        if best == min(attempts) and lower < tuning.widen:
            lower, following = lower + 1, best / ratio
        elif best == max(attempts) and higher < tuning.widen:
            higher, following = higher + 1, best * ratio
        else:
            break
        added = float(f"{following:.3g}")
        attempts[added] = _attempt(program, settings, tuning, added, widened=True)
    tried = sorted(attempts)
    report(f"learning rate {best:g} of {', '.join(f'{rate:g}' for rate in tried)}")
    return best, [row for rate in tried for row in attempts[rate].rows(chosen=rate == best)]


def _attempt(
    program: Runner, settings: Settings, tuning: Tuning, learning_rate: float, widened: bool
) -> _Attempt:
    """Run the tuning replicates of one learning rate."""
    average = tuning.objective == "average"
    values, statuses, loss = [], [], 0.0
    for number in range(1, tuning.replicates + 1):
        run = program.run(
            settings,
            learning_rate,
            number,
            tuning=True,
            evaluations=Evaluations.VALIDATION if average else Evaluations.LAST_VALIDATION,
        )
        accuracies = [row["validation_accuracy"] for row in run.history]
        value = sum(accuracies) / len(accuracies) if average else accuracies[-1]
        values.append(1 / program.classes if run.diverged else value)
        statuses.append(run.status)
        loss += math.inf if run.diverged else run.history[-1]["validation_loss"]
    mean = sum(values) / len(values)
    return _Attempt(learning_rate, widened, mean, loss, tuple(statuses))
