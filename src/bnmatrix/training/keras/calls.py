"""Calls of compiled functions: what they have room for, and how they are made."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from bnmatrix.training.minibatches import Segment, most_rows, steps_per_epoch, total_steps
from bnmatrix.training.settings import Settings


@dataclass(frozen=True)
class Room:
    """What one call of the compiled loop has room for; a program is compiled for it.

    Attributes:
        rows: examples.
        segments: segments.
        tails: whether segments end with smaller mini-batches.
    """

    rows: int
    segments: int
    tails: bool

    @classmethod
    def of(cls, settings: Settings, examples: int, example_bytes: int) -> "Room":
        """Return room for what is trained in one call."""
        size = settings.batch_size
        per_epoch = steps_per_epoch(settings, examples)
        total = total_steps(settings, examples)
        rows = most_rows(settings, examples, example_bytes)
        # Segments end with epochs and with evaluations.
        interval = settings.evaluate_every or per_epoch
        segments = rows // (per_epoch * size) + rows // (interval * size) + 2
        tails = per_epoch * size > examples and total >= per_epoch
        return cls(rows, segments, tails)

    def with_room_for(self, segments: Sequence[Segment], rows: int) -> "Room":
        """Return the same, or a larger one if these segments do not fit in."""
        return Room(
            max(self.rows, rows),
            max(self.segments, len(segments)),
            self.tails or any(segment.tail for segment in segments),
        )


class Compiled:
    """A function of tensors, called without the checks of ``tf.function``.

    For each call, these take 0.2 ms, and more than the evaluation of a small network.
    """

    def __init__(self, function: Any) -> None:
        self._function = function
        self._found: dict[Hashable, tuple[Any, list[tf.Tensor]]] = {}

    def __call__(self, shapes: Hashable, *tensors: tf.Tensor, **constants: Any) -> Any:
        """Call the function.

        Args:
            shapes: what decides the shapes of the tensors.
            tensors: its first arguments.
            constants: the others, which are compiled into it.
        """
        key = (shapes, *constants.values())
        if key not in self._found:
            concrete = self._function.get_concrete_function(*tensors, **constants)
            self._found[key] = concrete.inference_fn, concrete.captured_inputs
        function, captured = self._found[key]
        return function.call_preflattened([*tensors, *captured])
