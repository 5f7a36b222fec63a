"""Which examples make up each mini-batch, and when to evaluate."""

import itertools
import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from bnmatrix.training import seeds


@dataclass(frozen=True)
class Stretch:
    """Consecutive mini-batches of one epoch, run without interruption.

    Attributes:
        order: indices of the epoch's examples, int32; mini-batch *i* is ``order[i·B : (i+1)·B]``.
        start: its first mini-batch.
        stop: one past its last full mini-batch.
        tail: whether the epoch's last, smaller mini-batch follows.
        evaluate: whether to evaluate after it.
    """

    order: np.ndarray
    start: int
    stop: int
    tail: bool
    evaluate: bool

    @property
    def steps(self) -> int:
        """Number of mini-batches."""
        return self.stop - self.start + self.tail


def steps_per_epoch(examples: int, batch_size: int, minibatches: str) -> int:
    """Return the mini-batches of an epoch: all examples, or as many draws as fill full batches."""
    if minibatches == "with_replacement":
        return examples // batch_size
    return math.ceil(examples / batch_size)


def total_steps(settings: dict[str, Any], examples: int) -> int:
    """Return the mini-batches of the whole training."""
    per_epoch = steps_per_epoch(examples, settings["batch_size"], settings["minibatches"])
    return settings["steps"] or settings["epochs"] * per_epoch


def stretches(
    settings: dict[str, Any],
    examples: int,
    seed: int,
    replicate: int,
    pauses: Collection[int] = (),
) -> Iterator[Stretch]:
    """Yield the stretches of one replicate's training.

    Args:
        settings: the variant's settings.
        examples: number of training examples.
        seed: the study's seed.
        replicate: the replicate's number, from 1.
        pauses: further steps after which a stretch ends, without an evaluation.
    """
    batch_size, minibatches = settings["batch_size"], settings["minibatches"]
    per_epoch = steps_per_epoch(examples, batch_size, minibatches)
    total = total_steps(settings, examples)
    interval = settings["evaluate_every"] or per_epoch
    step = 0
    for epoch in itertools.count():
        rng = seeds.generator(seed, replicate, seeds.Purpose.ORDER, epoch)
        if minibatches == "with_replacement":
            order = rng.integers(examples, size=per_epoch * batch_size)
            full = per_epoch
        else:
            order = rng.permutation(examples)
            full = examples // batch_size
        order = order.astype(np.int32)
        position = 0
        while position < per_epoch:
            ahead = (pause - step for pause in pauses if pause > step)
            take = min(per_epoch - position, total - step, interval - step % interval, *ahead)
            first, position, step = position, position + take, step + take
            yield Stretch(
                order=order,
                start=min(first, full),
                stop=min(position, full),
                tail=position > full,
                evaluate=step % interval == 0 or step == total,
            )
            if step == total:
                return
