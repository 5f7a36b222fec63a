"""One run: a replicate of a variant, from its initial weights to its last evaluation."""

import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bnmatrix.datasets.preparation import Prepared
from bnmatrix.registry import STEP_TIME
from bnmatrix.results import COMPLETED, DIVERGED
from bnmatrix.training import seeds
from bnmatrix.training.examples import Examples, examples_of
from bnmatrix.training.framework import Placed, Probe, Trainer
from bnmatrix.training.minibatches import steps_per_epoch, stretches, total_steps

log = logging.getLogger(__name__)

#: How much of a run is evaluated; tuning asks for less than all.
ALL, VALIDATION, LAST_VALIDATION = "all", "validation", "last validation"


@dataclass
class Run:
    """What a run gives; rows lack the variant's name and axes.

    Attributes:
        status: completed or diverged.
        steps: steps taken.
        history: a row an evaluation (:data:`bnmatrix.results.HISTORY_COLUMNS`).
        timings: wall-clock time of each (:data:`bnmatrix.results.TIMING_COLUMNS`).
        measurements: values measured on the way (:data:`bnmatrix.results.MEASUREMENT_COLUMNS`).
    """

    status: str = COMPLETED
    steps: int = 0
    history: list[dict[str, Any]] = field(default_factory=list)
    timings: list[dict[str, Any]] = field(default_factory=list)
    measurements: list[dict[str, Any]] = field(default_factory=list)


class Program:
    """A compiled network and its data, for all variants that share them.

    Args:
        settings: those of any of the variants.
        prepared: the data set, split.
        seed: the study's seed.
        trainer: the framework's.
        probe: the framework's, if anything is measured.
    """

    def __init__(
        self,
        settings: dict[str, Any],
        prepared: Prepared,
        seed: int,
        trainer: type[Trainer],
        probe: Callable[[Any, Placed, np.ndarray], Probe] | None = None,
    ) -> None:
        self._settings, self._prepared, self._seed = settings, prepared, seed
        self.classes = prepared.classes
        first = examples_of(prepared, settings, seed, 1)
        self.trainer = trainer(
            settings, prepared.classes, first.x_train, first.y_train, first.scaling
        )
        self._probe = probe
        self.examples = len(first.x_train)
        self.per_epoch = steps_per_epoch(
            self.examples, settings["batch_size"], settings["minibatches"]
        )
        self._place(first)

    def _place(self, examples: Examples) -> None:
        place = self.trainer.place
        sample = min(len(examples.x_train), len(examples.x_validation))
        self.train_sample = place(examples.x_train[:sample], examples.y_train[:sample])
        self.validation = place(examples.x_validation, examples.y_validation)
        self.test = place(examples.x_test, examples.y_test)

    def start(self, settings: dict[str, Any], rate: float, replicate: int) -> None:
        """Get ready for a replicate: its examples, where they are its own, and its weights."""
        if self._settings["folds"]:
            examples = examples_of(
                self._prepared, self._settings, self._seed, replicate % seeds.TUNING
            )
            self.trainer.use(examples.x_train, examples.y_train, examples.scaling)
            self._place(examples)
        self.trainer.start(settings, rate, self._seed, replicate)

    def run(
        self,
        settings: dict[str, Any],
        rate: float,
        replicate: int,
        evaluations: str = ALL,
        measures: dict[str, list[int | str]] | None = None,
    ) -> Run:
        """Train a replicate.

        Args:
            settings: the variant's settings.
            rate: the learning rate.
            replicate: the replicate's number.
            evaluations: how much is evaluated on the way: ALL, VALIDATION or LAST_VALIDATION.
            measures: what is measured, and after which steps.
        """
        self.start(settings, rate, replicate)
        total, run = total_steps(settings, self.examples), Run()
        at = {
            name: {total if step == "last" else step for step in steps}
            for name, steps in (measures or {}).items()
            if name != STEP_TIME
        }
        probe = None
        if at and self._probe:
            rng = seeds.generator(self._seed, replicate, seeds.Purpose.PROBE)
            probe = self._probe(self.trainer, self.test, rng.permutation(self.examples))

        def measure() -> None:
            for name, steps in at.items():
                if probe and run.steps in steps and run.status == COMPLETED:
                    run.measurements += [
                        {"replicate": replicate, "step": run.steps, "measure": measure}
                        | {"part": str(part), "value": value}
                        for measure, part, value in probe.measure(name)
                    ]

        measure()
        loss, correct, seen, started = 0.0, 0.0, 0, time.perf_counter()
        pauses = set().union(*at.values()) if at else ()
        for stretch in stretches(settings, self.examples, self._seed, replicate, pauses):
            sums = self.trainer.train(stretch)
            run.steps += stretch.steps
            loss, correct = loss + sums[0], correct + sums[1]
            seen += (stretch.stop - stretch.start) * settings["batch_size"]
            seen += self.examples % settings["batch_size"] if stretch.tail else 0
            if not math.isfinite(loss):
                run.status = DIVERGED
            if run.steps in pauses:
                measured = time.perf_counter()
                measure()
                started += time.perf_counter() - measured
            wanted = stretch.evaluate and (evaluations != LAST_VALIDATION or run.steps == total)
            if not wanted and run.status == COMPLETED:
                continue
            trained = time.perf_counter()
            row = {
                "train_loss_as_trained": loss / seen,
                "train_accuracy_as_trained": correct / seen,
            } | self._evaluate(evaluations)
            # Weights can blow up in the last update before an evaluation.
            if not all(math.isfinite(value) for value in row.values()):
                run.status = DIVERGED
            place = {
                "replicate": replicate,
                "epoch": run.steps / self.per_epoch,
                "step": run.steps,
            }
            run.history.append(place | row)
            seconds = {
                "training_seconds": trained - started,
                "evaluation_seconds": time.perf_counter() - trained,
            }
            run.timings.append(place | seconds)
            if run.status == DIVERGED:
                break
            loss, correct, seen, started = 0.0, 0.0, 0, time.perf_counter()
        return run

    def _evaluate(self, evaluations: str) -> dict[str, float]:
        validation = self.trainer.evaluate(*self.validation)
        train = self.trainer.evaluate(*self.train_sample) if evaluations == ALL else None
        return ({"train_loss": train[0], "train_accuracy": train[1]} if train else {}) | {
            "validation_loss": validation[0],
            "validation_accuracy": validation[1],
        }


def tune(
    program: Program,
    settings: dict[str, Any],
    tuning: dict[str, Any],
    report: Callable[[str], None] = log.info,
) -> tuple[float, list[dict[str, Any]]]:
    """Choose a learning rate on validation data, with seeds that no measured run has.

    Args:
        program: what to train.
        settings: the variant's settings.
        tuning: the study's (:class:`bnmatrix.config.Tuning`).
        report: told what was chosen.

    Returns:
        The rate, and a row a tuning run (:data:`bnmatrix.results.TUNING_COLUMNS`).
    """
    rates = list(tuning["rates"])
    ratio = (rates[-1] / rates[0]) ** (1 / (len(rates) - 1))
    average = tuning["objective"] == "average"
    rows: dict[float, list[dict[str, Any]]] = {}

    losses: dict[float, float] = {}

    def score(rate: float) -> tuple[float, float]:
        """Of rates with the same accuracy, at chance say, the one with the lower loss is better."""
        return rows[rate][0]["tuning_objective"], -losses[rate]

    def attempt(rate: float, widened: bool) -> None:
        scores, statuses, losses[rate] = [], [], 0.0
        for number in range(1, tuning["replicates"] + 1):
            run = program.run(
                *(settings, rate, seeds.TUNING + number),
                VALIDATION if average else LAST_VALIDATION,
            )
            taken = [row["validation_accuracy"] for row in run.history]
            value = sum(taken) / len(taken) if average else taken[-1]
            scores.append(1 / program.classes if run.status == DIVERGED else value)
            statuses.append(run.status)
            diverged = run.status == DIVERGED
            losses[rate] += math.inf if diverged else run.history[-1]["validation_loss"]
        mean = sum(scores) / len(scores)
        rows[rate] = [
            {"replicate": number, "rate": rate, "widened": widened, "status": status}
            | {"tuning_objective": mean, "chosen": False}
            for number, status in enumerate(statuses, start=1)
        ]

    for rate in rates:
        attempt(rate, widened=False)
    added = {"low": 0, "high": 0}
    while True:
        best = max(sorted(rows), key=score)
        end = "low" if best == min(rows) else "high" if best == max(rows) else None
        if end is None or added[end] == tuning["widen"]:
            break
        added[end] += 1
        attempt(float(f"{best * ratio if end == 'high' else best / ratio:.3g}"), widened=True)
    for row in rows[best]:
        row["chosen"] = True
    report(f"learning rate {best:g} of {', '.join(f'{rate:g}' for rate in sorted(rows))}")
    return best, [row for rate in sorted(rows) for row in rows[rate]]
