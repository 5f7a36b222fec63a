"""Which examples make up each mini-batch, and when to evaluate."""

import itertools
import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bnmatrix.training.augmentation import Augmentation
from bnmatrix.training.seeds import Purpose, Streams
from bnmatrix.training.settings import Settings

#: Examples that are trained in one call of a trainer, at most, unless an epoch has more. A call
#: takes as long as some steps, and copies its examples.
_MOST_ROWS = 32_768

#: Bytes of the examples of several evaluations' intervals that are trained in one call, where a run
#: is evaluated at its end only. All calls have room for as many.
_MOST_BYTES = 2**19


@dataclass(frozen=True)
class Segment:
    """Consecutive mini-batches of one epoch, trained without interruption.

    Attributes:
        order: indices of the epoch's examples, int32; mini-batch *i* is ``order[i·B : (i+1)·B]``.
        start: the first mini-batch.
        stop: one past the last full mini-batch.
        tail: whether the epoch's last, smaller mini-batch follows.
        evaluate: whether to evaluate after the segment.
        changes: how each of the epoch's examples is augmented (see
            :meth:`bnmatrix.training.augmentation.Augmentation.draw`); None: not at all.
    """

    order: NDArray[np.int32]
    start: int
    stop: int
    tail: bool
    evaluate: bool
    changes: NDArray[np.int8] | None = None

    @property
    def steps(self) -> int:
        """Number of mini-batches."""
        return self.stop - self.start + self.tail

    def rows(self, batch_size: int) -> NDArray[np.int32]:
        """Return the indices of the examples in its mini-batches."""
        return self.order[self._part(batch_size)]

    def changed(self, batch_size: int) -> NDArray[np.int8]:
        """Return how the examples in its mini-batches are augmented.

        Raises:
            ValueError: they are not augmented.
        """
        if self.changes is None:
            raise ValueError("the examples of this segment are not augmented")
        return self.changes[self._part(batch_size)]

    def _part(self, batch_size: int) -> slice:
        stop = None if self.tail else self.stop * batch_size
        return slice(self.start * batch_size, stop)


def steps_per_epoch(settings: Settings, examples: int) -> int:
    """Return the number of mini-batches in an epoch.

    All examples in mini-batches of which the last may be smaller. As many full mini-batches as the
    examples fill, if the smaller one is dropped or examples are drawn with replacement.

    Raises:
        ValueError: the examples do not fill a mini-batch.
    """
    if settings.batch_size > examples:
        raise ValueError(f"{examples} examples do not fill a mini-batch of {settings.batch_size}")
    if settings.last_batch == "drop" or settings.minibatches == "with_replacement":
        return examples // settings.batch_size
    return math.ceil(examples / settings.batch_size)


def total_steps(settings: Settings, examples: int) -> int:
    """Return the number of mini-batches in the whole training."""
    if settings.steps is not None:
        return settings.steps
    if settings.epochs is None:
        raise ValueError("settings have a length in steps or in epochs")
    return settings.epochs * steps_per_epoch(settings, examples)


def segments(
    settings: Settings,
    examples: int,
    streams: Streams,
    pauses: Collection[int] = (),
    labels: NDArray[np.int32] | None = None,
) -> Iterator[Segment]:
    """Yield the segments of one run: each ends at an epoch's end, an evaluation or a pause.

    Args:
        settings: the variant's settings.
        examples: number of training examples.
        streams: the run's random streams.
        pauses: further steps after which a segment ends, without an evaluation.
        labels: those of the training examples, for orders that depend on them.
    """
    batch_size = settings.batch_size
    per_epoch = steps_per_epoch(settings, examples)
    total = total_steps(settings, examples)
    interval = settings.evaluate_every or per_epoch
    step = 0
    for epoch in itertools.count():
        drawn = 0 if settings.minibatches == "fixed" else epoch
        rng = streams.generator(Purpose.ORDER, drawn)
        order = _order(settings, examples, per_epoch, rng, labels)
        changes = None
        if isinstance(settings.augmentation, Augmentation):
            rng = streams.generator(Purpose.AUGMENTATION, epoch)
            changes = settings.augmentation.draw(rng, len(order))
        full = len(order) // batch_size
        position = 0
        while position < per_epoch:
            ahead = (pause - step for pause in pauses if pause > step)
            take = min(per_epoch - position, total - step, interval - step % interval, *ahead)
            first, position, step = position, position + take, step + take
            yield Segment(
                order=order,
                start=min(first, full),
                stop=min(position, full),
                tail=position > full,
                evaluate=step % interval == 0 or step == total,
                changes=changes,
            )
            if step == total:
                return


def evaluated_at_the_end(found: Iterator[Segment]) -> Iterator[Segment]:
    """Yield the same segments, of which only the last ends with an evaluation."""
    for segment, following in itertools.pairwise(itertools.chain(found, [None])):
        assert segment is not None
        yield segment if following is None else replace(segment, evaluate=False)


def most_rows(settings: Settings, examples: int, example_bytes: int) -> int:
    """Return how many examples are trained in one call of a trainer, at most.

    Args:
        settings: the variant's settings.
        examples: number of training examples.
        example_bytes: bytes of an example.
    """
    size = settings.batch_size
    per_epoch = steps_per_epoch(settings, examples)
    interval = (settings.evaluate_every or per_epoch) * size
    wanted = max(interval, _MOST_BYTES // example_bytes)
    return min(total_steps(settings, examples) * size, wanted, max(_MOST_ROWS, per_epoch * size))


def together(
    found: Iterator[Segment], batch_size: int, pauses: Collection[int], most: int
) -> Iterator[list[Segment]]:
    """Yield segments in groups: those of a group are trained in one call.

    A group ends with an evaluation, at a pause, or before it has too many examples.

    Args:
        found: the segments of a run.
        batch_size: examples in a mini-batch.
        pauses: further steps after which a group ends.
        most: examples in a group, at most, unless a segment has more (:func:`most_rows`).
    """
    group: list[Segment] = []
    rows = step = 0
    for segment in found:
        count = len(segment.rows(batch_size))
        if group and rows + count > most:
            yield group
            group, rows = [], 0
        group.append(segment)
        rows, step = rows + count, step + segment.steps
        if segment.evaluate or step in pauses:
            yield group
            group, rows = [], 0


def _order(
    settings: Settings,
    examples: int,
    per_epoch: int,
    rng: np.random.Generator,
    labels: NDArray[np.int32] | None,
) -> NDArray[np.int32]:
    """Return the indices of an epoch's examples, in the order of training."""
    size = settings.batch_size
    if settings.minibatches == "with_replacement":
        return rng.integers(examples, size=per_epoch * size).astype(np.int32)
    order = rng.permutation(examples).astype(np.int32)
    if settings.minibatches not in ("sorted", "blocks"):
        return order
    if labels is None:
        raise ValueError(f"minibatches: {settings.minibatches} needs the labels")
    by_class = order[np.argsort(labels[order], kind="stable")]
    if settings.minibatches == "sorted":
        return by_class
    full = examples // size
    blocks = by_class[: full * size].reshape(full, size)
    return np.concatenate([*rng.permutation(blocks), by_class[full * size :]])
