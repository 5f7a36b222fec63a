"""The compiled training loop: many mini-batches in one program, over data on the device.

The program is compiled by XLA, or is a TensorFlow graph
(:func:`bnmatrix.training.keras.network.compiled_by_xla`).
"""

import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from bnmatrix.datasets.scaling import FITTED_SCALINGS, Scaling
from bnmatrix.training.augmentation import augmented
from bnmatrix.training.class_weights import balanced_weights
from bnmatrix.training.framework import Part, Placed, most_recomputed
from bnmatrix.training.keras.calls import Compiled, Room
from bnmatrix.training.keras.layers import set_population_statistics, with_batch_statistics
from bnmatrix.training.keras.network import (
    build_network,
    build_optimizer,
    compiled_by_xla,
    initialize,
    input_shape,
)
from bnmatrix.training.keras.step import Step
from bnmatrix.training.minibatches import Segment, total_steps
from bnmatrix.training.seeds import Streams
from bnmatrix.training.settings import Settings


def packages() -> dict[str, str]:
    """Return the versions of the packages that compute, by name."""
    # TensorFlow's distribution has another name in each of its builds.
    return {"keras": keras.__version__, "tensorflow": tf.__version__, "numpy": np.__version__}


#: Examples evaluated at a time; the whole validation set at once would not stay in the cache.
EVALUATION_BATCH = 500
#: The same for networks whose activations are images.
_EVALUATION_BATCH_OF_IMAGES = 100

#: Fewer examples than that are filled up to a multiple of this number, so that parts of folds,
#: whose lengths differ by one, need one program.
_ROWS = 16

Sums = tuple[float, float]


class Trainer:
    """A network and optimizer, compiled once, that trains any number of replicates.

    Args:
        settings: a variant's settings; it also trains variants whose settings differ in
            :data:`bnmatrix.training.settings.RUN_TIME_SETTINGS` alone.
        shape: shape of an example.
        classes: number of classes.
        x: training examples × features; uint8 features are scaled on the device, a mini-batch at
            a time, and others beforehand.
        y: their labels, int32.
        scaling: the input scaling.
    """

    def __init__(
        self,
        settings: Settings,
        shape: Sequence[int],
        classes: int,
        x: NDArray[Any],
        y: NDArray[np.int32],
        scaling: Scaling,
    ) -> None:
        self.settings, self._shape, self._classes = settings, tuple(shape), classes
        self.batch_size = settings.batch_size
        self.network = build_network(settings, shape, classes)
        self._input_shape = input_shape(settings, shape)
        dense = settings.network == "dense"
        self._frozen = "nothing"
        self._evaluation_batch = EVALUATION_BATCH if dense else _EVALUATION_BATCH_OF_IMAGES
        #: The learning rate of the run's first step is a variable: one program serves all rates.
        total = total_steps(settings, len(x))
        self.optimizer, self.rate = build_optimizer(settings, total)
        weighted = settings.class_weights == "balanced"
        #: The weights of classes: a variable, because each draw of examples has its own.
        self._class_weights = tf.Variable(tf.ones(classes)) if weighted else None
        self._step = Step(self.network, self.optimizer, settings, total, self._class_weights)
        self._compiled_scaling = scaling
        # A scaling that is fitted on each draw of examples would be compiled anew for each.
        refitted = settings.draws and settings.input_scaling in FITTED_SCALINGS
        self._scales_on_device = x.dtype == np.uint8 and not refitted
        self.use(x, y, scaling)
        self._tail_size = len(x) % self.batch_size
        self._room = Room.of(settings, len(x), x.nbytes // len(x))
        # Without AutoGraph: it would convert the code of Keras, which takes longer than tracing,
        # and would leave a temporary file for each function.
        xla = compiled_by_xla(settings, shape, classes)
        options: dict[str, Any] = {"jit_compile": xla, "autograph": False}
        self._train = Compiled(tf.function(self._train_segments, **options))
        self._logits = Compiled(tf.function(self._logits_of_blocks, **options))

        # The optimizer's variables too: not all of them start from zero.
        # TensorFlow's variables, because Keras's take four times as long to be assigned.
        variables = [*self.network.variables, *self.optimizer.variables]
        self._variables = [variable.value for variable in variables]
        self._initial = self.state()
        self.parameters = self.network.count_params()
        #: How many numbers training holds: weights, moving averages, the optimizer's state.
        self.size = sum(value.size for value in self._initial)

    def use(self, x: NDArray[Any], y: NDArray[np.int32], scaling: Scaling) -> None:
        """Train on other examples from now on, as many as before."""
        self._scaling = scaling
        self._changing = x if self.settings.augmentation != "none" else None
        self.x = tf.constant(self._features(x))
        if self._class_weights is not None:
            self._class_weights.assign(balanced_weights(y, self._classes).astype(np.float32))
        self.y = tf.constant(y.astype(np.float32 if self.settings.regression else np.int32))

    def start(self, settings: Settings, learning_rate: float, streams: Streams) -> None:
        """Go back to before the first step, with the initial weights of a run.

        Args:
            settings: the variant's settings.
            learning_rate: the learning rate.
            streams: the run's random streams.
        """
        self.restore(self._initial)
        self._step.start()
        self.rate.assign(learning_rate)
        initialize(self.network, settings, streams, self._shape, self._classes)
        self._frozen = "nothing"

    def fine_tune(self, weights: list[NDArray[Any]], frozen: str) -> None:
        """Start from the weights of a pre-trained network, after :meth:`start`.

        Args:
            weights: what :meth:`weights` returned.
            frozen: what batch normalization keeps as it is
                (:attr:`bnmatrix.training.settings.Settings.frozen`).
        """
        for variable, value in zip(self.network.variables, weights, strict=True):
            if variable.dtype == "float32":  # not the seeds of dropout
                variable.assign(value)
        self._frozen = frozen

    def weights(self) -> list[NDArray[Any]]:
        """Return all numbers of the network, moving averages included."""
        return [variable.numpy() for variable in self.network.variables]

    def finish(self) -> None:
        """Give the network the weights and statistics that it has after training."""
        self.set_averaged_weights()
        if self.settings.recalibrated:
            features = self.scaled(self.x[: most_recomputed(self.settings)])
            set_population_statistics(self.network, features)

    def state(self) -> list[NDArray[Any]]:
        """Return all that training changes: weights, moving averages, the optimizer's state."""
        return [variable.numpy() for variable in self._variables]

    def restore(self, state: list[NDArray[Any]]) -> None:
        """Go back to what :meth:`state` returned."""
        for variable, value in zip(self._variables, state, strict=True):
            variable.assign(value, read_value=False)

    def set_averaged_weights(self) -> bool:
        """Give the network the averages of its weights; return whether there are any."""
        for average, weight in zip(self._step.averages, self._step.weights, strict=False):
            weight.assign(average)
        return bool(self._step.averages)

    def place(self, parts: Sequence[Part]) -> list[Placed]:
        """Put all parts that are evaluated on the device, with rows of zeros up to equal lengths.

        Equal lengths let one compiled program evaluate all parts.
        """
        longest = max(len(x) for x, _ in parts)
        block = self._evaluation_batch if longest > self._evaluation_batch else _ROWS
        rows = math.ceil(longest / block) * block
        return [
            Placed(tf.constant(np.pad(self._features(x), [(0, rows - len(x)), (0, 0)])), y)
            for x, y in parts
        ]

    def _features(self, x: NDArray[Any]) -> NDArray[Any]:
        """Return features as they are placed: those that the device scales are as they were."""
        return x if self._scales_on_device else self._scaling.apply(x)

    def train(self, segments: Sequence[Segment]) -> list[Sums]:
        """Train on the mini-batches of consecutive segments, in one call of the compiled loop.

        Returns:
            For each segment the sum of the loss over its examples, and the number of examples
            classified correctly (NaN for a regression): in training mode, each mini-batch before
            its update. Training ends after a segment whose loss is not finite; what follows is left
            out.
        """
        rows = np.concatenate([segment.rows(self.batch_size) for segment in segments])
        self._room = self._room.with_room_for(segments, len(rows))
        rows = np.pad(rows, (0, self._room.rows - len(rows)))
        steps = np.zeros((self._room.segments, 2), np.int32)
        steps[: len(segments)] = [(part.stop - part.start, part.tail) for part in segments]
        sums, done = self._train(
            self._room,
            self._examples(rows, segments),
            tf.gather(self.y, rows),
            tf.constant(steps),
            tf.constant(len(segments)),
            tails=self._room.tails,
            frozen=self._frozen,
        )
        # Sums of full mini-batches and of the last, smaller one are added as 64-bit numbers.
        totals = sums.numpy().astype(np.float64).reshape(-1, 2, 2).sum(axis=1)[: int(done)]
        return [(float(loss), float(correct)) for loss, correct in totals]

    def _examples(self, rows: NDArray[np.int32], segments: Sequence[Segment]) -> tf.Tensor:
        """Return the examples of some rows, changed where the settings augment them.

        Rows that follow those of the segments fill the room: any examples will do.
        """
        if self._changing is None:
            # TensorFlow's own gather copies whole rows. Compiled into the loop, it would copy value
            # by value, which costs a twentieth of a step (CIFAR-10, batch 128).
            return tf.gather(self.x, rows)
        changes = np.concatenate([segment.changed(self.batch_size) for segment in segments])
        changed = augmented(self._changing[rows[: len(changes)]], changes, self._shape)
        filling = [(0, len(rows) - len(changes)), (0, 0)]
        return tf.constant(np.pad(self._features(changed), filling))

    def _train_segments(
        self,
        x: tf.Tensor,
        y: tf.Tensor,
        steps: tf.Tensor,
        segments: tf.Tensor,
        tails: bool,
        frozen: str,
    ) -> Any:
        """Train on segments whose examples follow each other.

        Args:
            x, y: the examples, in the order of training.
            steps: of each segment, the number of full mini-batches, and of smaller ones (0 or 1).
            segments: number of segments: a tensor, as ``steps``, so that one program serves all.
            tails: whether there are smaller mini-batches.
            frozen: what batch normalization keeps as it is.

        Returns:
            Loss and correct predictions of full and of smaller mini-batches, segments × 4, and the
            number of segments that were trained.
        """
        sizes = [self.batch_size, self._tail_size] if tails else [self.batch_size]

        def train_segment(number: Any, row: Any, _: Any, found: Any) -> Any:
            sums = [tf.zeros(())] * 4
            for kind, size in enumerate(sizes):
                row, *sums[2 * kind : 2 * kind + 2] = self._steps(
                    x, y, row, steps[number, kind], size, frozen
                )
            finite = tf.math.is_finite(sums[0]) & tf.math.is_finite(sums[2])
            return number + 1, row, finite, found.write(number, tf.stack(sums))

        found = tf.TensorArray(tf.float32, steps.shape[0], element_shape=(4,))
        done, *_, found = tf.while_loop(
            lambda number, _, finite, __: finite & (number < segments),
            train_segment,
            (tf.constant(0), tf.constant(0), tf.constant(True), found),
            parallel_iterations=1,
        )
        return found.stack(), done

    def _steps(
        self, x: tf.Tensor, y: tf.Tensor, row: Any, steps: tf.Tensor, size: int, frozen: str
    ) -> Any:
        """Train on ``steps`` mini-batches of ``size`` examples, from a row on.

        Returns:
            The next row, the summed loss and the number of correct predictions.
        """

        def step(number: tf.Tensor, row: tf.Tensor, loss: tf.Tensor, correct: tf.Tensor) -> Any:
            features = self.scaled(tf.slice(x, [row, 0], [size, x.shape[1]]))
            batch_loss, batch_correct = self._step(features, tf.slice(y, [row], [size]), frozen)
            return number + 1, row + size, loss + batch_loss, correct + batch_correct

        initial = (tf.constant(0), row, tf.zeros(()), tf.zeros(()))
        # One after another: in a graph, iterations could otherwise overlap.
        return tf.while_loop(
            lambda number, *_: number < steps, step, initial, parallel_iterations=1
        )[1:]

    def logits(self, placed: Placed) -> NDArray[np.float32]:
        """Return the logits of placed examples, examples × classes, in inference mode."""
        size = min(self._evaluation_batch, placed.x.shape[0])
        blocks = math.ceil(len(placed) / size)
        return self._evaluated(placed, blocks, size, batch_statistics=False)

    def logits_in_batches(self, placed: Placed, size: int) -> NDArray[np.float32]:
        """Return the logits of placed examples, in mini-batches and by their statistics.

        Nothing is dropped. Moving averages change.

        Args:
            placed: examples that fill mini-batches.
            size: examples in a mini-batch.
        """
        return self._evaluated(placed, len(placed) // size, size, batch_statistics=True)

    def _evaluated(
        self, placed: Placed, blocks: int, size: int, batch_statistics: bool
    ) -> NDArray[np.float32]:
        """Return the logits of placed examples, of which blocks of a size are evaluated in turn."""
        rows = placed.x.shape[0]
        constants = {"size": size, "batch_statistics": batch_statistics}
        return self._logits(rows, placed.x, tf.constant(blocks), **constants).numpy()[: len(placed)]

    def _logits_of_blocks(
        self, x: tf.Tensor, blocks: tf.Tensor, size: int, batch_statistics: bool
    ) -> Any:
        """Return the logits of the first ``blocks`` blocks of ``size`` examples.

        Rows that follow are zero. The number of blocks is a tensor, and loss and accuracy are not
        computed here: one program, quickly compiled, serves any number of examples.
        """

        def block(number: Any) -> Any:
            features = self.scaled(tf.slice(x, [number * size, 0], [size, x.shape[1]]))
            if batch_statistics:
                return with_batch_statistics(self.network, features)
            return self.network(features, training=False)

        most = x.shape[0] // size
        if most == 1:
            return block(0)
        found = tf.TensorArray(tf.float32, most, element_shape=(size, self._classes))
        _, found = tf.while_loop(
            lambda number, _: number < blocks,
            lambda number, found: (number + 1, found.write(number, block(number))),
            (tf.constant(0), found),
            parallel_iterations=1,
        )
        return found.concat()

    def scaled(self, x: tf.Tensor) -> tf.Tensor:
        """Return placed examples as the network's input."""
        if x.dtype == tf.uint8:
            shift = tf.constant(self._compiled_scaling.shift, tf.float32)
            scale = tf.constant(self._compiled_scaling.scale, tf.float32)
            x = (tf.cast(x, tf.float32) - shift) * scale
        return tf.reshape(x, [x.shape[0], *self._input_shape]) if len(self._input_shape) > 1 else x
