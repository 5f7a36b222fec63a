"""One run: a replicate of a variant, from its initial weights to its last evaluation."""

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import lru_cache
from typing import Any

from numpy.typing import NDArray

from bnmatrix.datasets.data import Prepared
from bnmatrix.tables.schema import COMPLETED, DIVERGED
from bnmatrix.training.class_weights import balanced_weights
from bnmatrix.training.examples import examples_of
from bnmatrix.training.framework import Framework, Placed
from bnmatrix.training.minibatches import (
    Segment,
    evaluated_at_the_end,
    most_rows,
    segments,
    steps_per_epoch,
    together,
    total_steps,
)
from bnmatrix.training.pretraining import Pretraining
from bnmatrix.training.rows import EvaluationRow, MeasurementRow, TimingRow
from bnmatrix.training.scores import scores
from bnmatrix.training.seeds import Purpose, Streams
from bnmatrix.training.settings import Settings
from bnmatrix.training.spec import Step

#: Bytes of training examples of several replicates that are kept in memory.
_MOST_KEPT = 2**28

#: Pre-trained networks that are kept: those of the replicates of a tuning block, usually.
_MOST_PRETRAINED = 8


class Evaluations(Enum):
    """How much of a run is evaluated on the way."""

    ALL = "training and validation part at each evaluation"
    VALIDATION = "validation part at each evaluation"
    LAST_VALIDATION = "validation part at the end"


@dataclass
class Run:
    """What a run gives.

    Attributes:
        replicate: the number of the replicate.
        status: completed or diverged.
        steps: steps taken.
        history: a row for each evaluation.
        timings: the wall-clock time of each evaluation, and of the training before it.
        measurements: values measured on the way.
    """

    replicate: int
    status: str = COMPLETED
    steps: int = 0
    history: list[EvaluationRow] = field(default_factory=list)
    timings: list[TimingRow] = field(default_factory=list)
    measurements: list[MeasurementRow] = field(default_factory=list)

    @property
    def diverged(self) -> bool:
        """Whether its loss or a weight was no longer a finite number."""
        return self.status == DIVERGED


@dataclass
class _Interval:
    """Training since the last evaluation: sums over its examples, and when it began (seconds)."""

    loss: float = 0.0
    correct: float = 0.0
    examples: int = 0
    began: float = field(default_factory=time.perf_counter)


class Program:
    """A compiled network and its data, for all variants that share them.

    Args:
        settings: those of any of the variants.
        prepared: the data set, split.
        seed: the study's seed.
        framework: what trains it.
        shared_by: how many consecutive replicates are tested on the same fold.
    """

    def __init__(
        self,
        settings: Settings,
        prepared: Prepared,
        seed: int,
        framework: Framework,
        shared_by: int = 1,
    ) -> None:
        self._seed = seed
        self._weighted = settings.class_weights == "balanced"
        self.classes = prepared.classes
        #: The examples of the run that was started last.
        self.current = examples_of(prepared, settings, Streams(seed, 1), shared_by)
        x_train, y_train = self.current.x_train, self.current.y_train
        shape = prepared.shape or x_train.shape[1:]
        self.trainer = framework.trainer(
            settings, shape, prepared.classes, x_train, y_train, self.current.scaling
        )
        measuring = framework.measuring
        self._observer = measuring.observer(self.trainer) if measuring else None
        self.examples = len(x_train)
        self.per_epoch = steps_per_epoch(settings, self.examples)
        self._most = most_rows(settings, self.examples, x_train.nbytes // self.examples)
        self._place()
        #: Pre-trained networks of the latest replicates, by number.
        self._pretrained: dict[int, list[NDArray[Any]]] = {}
        # The runs that tune a rate use the examples of few replicates, again and again.
        kept = min(8, max(1, _MOST_KEPT // x_train.nbytes))
        self._examples = lru_cache(maxsize=kept)(
            lambda streams: examples_of(prepared, settings, streams, shared_by)
        )

    def _place(self) -> None:
        examples = self.current
        self._weights = balanced_weights(examples.y_train, self.classes) if self._weighted else None
        sample = min(len(examples.x_train), len(examples.x_validation))
        self.train_sample, self.validation, self.test = self.trainer.place(
            [
                (examples.x_train[:sample], examples.y_train[:sample]),
                (examples.x_validation, examples.y_validation),
                (examples.x_test, examples.y_test),
            ]
        )

    def evaluate(self, placed: Placed) -> tuple[float, float]:
        """Return the mean loss and the accuracy on placed examples, in inference mode."""
        return scores(self.trainer.logits(placed), placed.y, self._weights)

    def start(
        self, settings: Settings, learning_rate: float, replicate: int, attempt: int = 0
    ) -> Streams:
        """Get ready for a run: its examples, if replicates draw their own, and its weights.

        Returns:
            The run's random streams.
        """
        streams = Streams(self._seed, replicate, attempt, settings.varied)
        if settings.draws:
            examples = self._examples(Streams(self._seed, streams.draw))
            if examples is not self.current:
                self.current = examples
                self.trainer.use(examples.x_train, examples.y_train, examples.scaling)
                self._place()
        if isinstance(settings.pretraining, Pretraining):
            weights = self._pretrain(settings, settings.pretraining, replicate)
            self.trainer.start(settings, learning_rate, streams)
            self.trainer.fine_tune(weights, settings.frozen)
        else:
            self.trainer.start(settings, learning_rate, streams)
        return streams

    def _pretrain(
        self, settings: Settings, pretraining: Pretraining, replicate: int
    ) -> list[NDArray[Any]]:
        """Return the weights of a replicate's pre-trained network.

        Tuning runs get the same ones as the measured run.
        """
        if replicate not in self._pretrained:
            examples, streams = self.current, Streams(self._seed, replicate, 0, settings.varied)
            assert examples.source is not None
            x, y = examples.source
            self.trainer.use(x, y, examples.scaling)
            self.trainer.start(settings, pretraining.learning_rate, streams)
            found = evaluated_at_the_end(segments(settings, len(y), streams, labels=y))
            for group in together(found, settings.batch_size, (), self._most):
                self.trainer.train(group)
            while len(self._pretrained) >= _MOST_PRETRAINED:
                self._pretrained.pop(next(iter(self._pretrained)))
            self._pretrained[replicate] = self.trainer.weights()
            self.trainer.use(examples.x_train, examples.y_train, examples.scaling)
        return self._pretrained[replicate]

    def run(
        self,
        settings: Settings,
        learning_rate: float,
        replicate: int,
        *,
        attempt: int = 0,
        evaluations: Evaluations = Evaluations.ALL,
        measures: Mapping[str, tuple[Step, ...]] | None = None,
    ) -> Run:
        """Train a replicate.

        Args:
            settings: the variant's settings.
            learning_rate: the learning rate.
            replicate: the number of the replicate.
            attempt: the number of a run that tunes the learning rate, from 1; 0 for a measured run.
                Tuning runs have the replicate's examples, and weights and orders of their own.
            evaluations: how much is evaluated on the way.
            measures: what is measured, and after which steps; all are measures taken in runs.
        """
        streams = self.start(settings, learning_rate, replicate, attempt)
        total = total_steps(settings, self.examples)
        run = Run(replicate)
        measured_at = {
            name: {total if step == "last" else step for step in steps}
            for name, steps in (measures or {}).items()
        }
        if measured_at:
            self._begin_measuring(streams)
        self._measure(run, measured_at)
        pauses = frozenset[int]().union(*measured_at.values())
        interval = _Interval()
        labels = self.current.y_train
        found = segments(settings, self.examples, streams, pauses, labels)
        if evaluations is Evaluations.LAST_VALIDATION:
            found = evaluated_at_the_end(found)
        for group in together(found, settings.batch_size, pauses, self._most):
            self._train(group, run, interval, settings.batch_size)
            if run.steps in pauses:
                interval.began += self._measure(run, measured_at)
            last = run.steps == total
            if last and not run.diverged:
                self.trainer.finish()
            if group[-1].evaluate or run.diverged:
                self._evaluate(run, interval, evaluations)
                interval = _Interval()
            if run.diverged:
                break
        return run

    def _train(self, group: list[Segment], run: Run, interval: _Interval, batch_size: int) -> None:
        # The trainer ends after a segment in which the run diverges.
        for segment, (loss, correct) in zip(group, self.trainer.train(group), strict=False):
            interval.loss += loss
            interval.correct += correct
            interval.examples += len(segment.rows(batch_size))
            run.steps += segment.steps
        if not math.isfinite(interval.loss):
            run.status = DIVERGED

    def _begin_measuring(self, streams: Streams) -> None:
        if self._observer is None:
            raise ValueError("the program was given nothing that measures")
        order = streams.generator(Purpose.PROBE).permutation(self.examples)
        self._observer.begin({"test": self.test, "validation": self.validation}, order)

    def _measure(self, run: Run, measured_at: Mapping[str, set[int]]) -> float:
        """Add the values that are measured after this step; return the seconds taken."""
        began = time.perf_counter()
        for name, steps in measured_at.items():
            if self._observer and run.steps in steps and not run.diverged:
                run.measurements += [
                    MeasurementRow(
                        replicate=run.replicate,
                        step=run.steps,
                        measure=measure,
                        part=str(part),
                        value=value,
                    )
                    for measure, part, value in self._observer.measure(name)
                ]
        return time.perf_counter() - began

    def _evaluate(self, run: Run, interval: _Interval, evaluations: Evaluations) -> None:
        """Add an evaluation and its timing; a run whose losses are not finite has diverged."""
        trained = time.perf_counter()
        epoch = run.steps / self.per_epoch
        validation_loss, validation_accuracy = self.evaluate(self.validation)
        row = EvaluationRow(
            replicate=run.replicate,
            epoch=epoch,
            step=run.steps,
            train_loss_as_trained=interval.loss / interval.examples,
            train_accuracy_as_trained=interval.correct / interval.examples,
            validation_loss=validation_loss,
            validation_accuracy=validation_accuracy,
        )
        if evaluations is Evaluations.ALL:
            row["train_loss"], row["train_accuracy"] = self.evaluate(self.train_sample)
        # Weights can blow up in the last update before an evaluation.
        losses = (row["train_loss_as_trained"], row.get("train_loss", 0.0), validation_loss)
        if not all(math.isfinite(loss) for loss in losses):
            run.status = DIVERGED
        run.history.append(row)
        run.timings.append(
            TimingRow(
                replicate=run.replicate,
                epoch=epoch,
                step=run.steps,
                training_seconds=trained - interval.began,
                evaluation_seconds=time.perf_counter() - trained,
            )
        )
