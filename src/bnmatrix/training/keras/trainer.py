"""The compiled training loop: many mini-batches in one XLA program, over data on the device."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from bnmatrix.datasets.scaling import Scaling
from bnmatrix.training.keras.network import (
    build_network,
    build_optimizer,
    initialize,
    with_batch_statistics,
)
from bnmatrix.training.minibatches import Segment
from bnmatrix.training.seeds import Streams
from bnmatrix.training.settings import Settings


def packages() -> dict[str, str]:
    """Return the versions of the packages that compute, by name."""
    # TensorFlow's distribution has another name in each of its builds.
    return {"keras": keras.__version__, "tensorflow": tf.__version__, "numpy": np.__version__}


#: Examples evaluated at a time; the whole validation set at once would not stay in the cache.
EVALUATION_BATCH = 500

Sums = tuple[float, float]


class Trainer:
    """A network and optimizer, compiled once, that trains any number of replicates.

    Args:
        settings: a variant's settings; it also trains variants whose settings differ in
            :data:`bnmatrix.training.settings.RUN_TIME_SETTINGS` alone.
        classes: number of classes.
        x: training examples × features; uint8 features are scaled on the device, a mini-batch at
            a time, and others beforehand.
        y: their labels, int32.
        scaling: the input scaling.
    """

    def __init__(
        self,
        settings: Settings,
        classes: int,
        x: NDArray[Any],
        y: NDArray[np.int32],
        scaling: Scaling,
    ) -> None:
        self.settings = settings
        self.batch_size = settings.batch_size
        self.network = build_network(settings, x.shape[1], classes)
        self.optimizer = build_optimizer(settings)
        self.optimizer.build(self.network.trainable_variables)
        self._loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="sum")
        self._compiled_scaling = scaling
        self.use(x, y, scaling)
        self._tail_size = len(x) % self.batch_size

        # The optimizer's variables too: not all of them start from zero.
        self._variables = [*self.network.variables, *self.optimizer.variables]
        self._initial = self.state()
        self.parameters = self.network.count_params()
        #: How many numbers training holds: weights, moving averages, the optimizer's state.
        self.size = sum(value.size for value in self._initial)

    def use(self, x: NDArray[Any], y: NDArray[np.int32], scaling: Scaling) -> None:
        """Train on other examples from now on, as many as before."""
        self._scaling = scaling
        self.x, self.y = self.place(x, y)
        self._order: NDArray[np.int32] | None = None

    def start(self, settings: Settings, learning_rate: float, streams: Streams) -> None:
        """Go back to before the first step, with the initial weights of a run.

        Args:
            settings: the variant's settings.
            learning_rate: the learning rate.
            streams: the run's random streams.
        """
        self.restore(self._initial)
        self.optimizer.learning_rate = learning_rate
        initialize(self.network, settings, streams)

    def state(self) -> list[NDArray[Any]]:
        """Return all that training changes: weights, moving averages, the optimizer's state."""
        return [variable.numpy() for variable in self._variables]

    def restore(self, state: list[NDArray[Any]]) -> None:
        """Go back to what :meth:`state` returned."""
        for variable, value in zip(self._variables, state, strict=True):
            variable.assign(value)

    def place(self, x: NDArray[Any], y: NDArray[np.int32]) -> tuple[tf.Tensor, tf.Tensor]:
        """Put examples on the device, for :meth:`evaluate`."""
        on_device = x.dtype == np.uint8 and self._scaling is self._compiled_scaling
        features = x if on_device else self._scaling.apply(x)
        return tf.constant(features), tf.constant(y.astype(np.int32))

    def train(self, segment: Segment) -> Sums:
        """Train on the mini-batches of a segment.

        Returns:
            Sum of the loss over the segment's examples, and number of examples classified
            correctly: in training mode, each mini-batch before its update.
        """
        x, y = self._in_order(segment.order)
        sums = np.zeros(2)
        if segment.stop > segment.start:
            # Tensors, not numbers: numbers would be compiled in, once for each value.
            start, stop = tf.constant(segment.start), tf.constant(segment.stop)
            parts = self._full(x, y, start, stop)
            sums += [float(part) for part in parts]
        if segment.tail:
            sums += [float(part) for part in self._tail(x, y)]
        return float(sums[0]), float(sums[1])

    def evaluate(self, x: tf.Tensor, y: tf.Tensor) -> Sums:
        """Return the mean loss and the accuracy on placed examples, in inference mode."""
        loss, correct = self._evaluate(x, y, min(EVALUATION_BATCH, len(x)), batch_statistics=False)
        return float(loss) / len(y), float(correct) / len(y)

    def predict(self, x: tf.Tensor) -> NDArray[np.float32]:
        """Return each class's probability for placed examples, in inference mode.

        Returns:
            Examples × classes, float32.
        """
        size = min(EVALUATION_BATCH, len(x))
        parts = [self._predict(x[start : start + size]) for start in range(0, len(x), size)]
        return np.concatenate([part.numpy() for part in parts])

    @tf.function(jit_compile=True)
    def _predict(self, x: tf.Tensor) -> tf.Tensor:
        return tf.nn.softmax(self.network(self.scaled(x), training=False))

    def _in_order(self, order: NDArray[np.int32]) -> tuple[tf.Tensor, tf.Tensor]:
        """Return an epoch's examples in their order.

        TensorFlow's own gather copies whole rows, once an epoch. Compiled into the loop, it would
        copy value by value, which costs a twentieth of a step (CIFAR-10, batch 128).
        """
        if order is not self._order:
            self._order = order
            self._epoch = tf.gather(self.x, order), tf.gather(self.y, order)
        return self._epoch

    @tf.function(jit_compile=True)
    def _full(self, x: tf.Tensor, y: tf.Tensor, start: tf.Tensor, stop: tf.Tensor) -> Any:
        loss, correct, number = tf.zeros(()), tf.zeros(()), start
        # A for loop over tf.range() would be compiled again for each start and stop.
        while number < stop:
            batch_x, batch_y = self._part(x, y, number, self.batch_size)
            batch_loss, batch_correct = self._step(batch_x, batch_y)
            loss += batch_loss
            correct += batch_correct
            number += 1
        return loss, correct

    @tf.function(jit_compile=True)
    def _tail(self, x: tf.Tensor, y: tf.Tensor) -> Any:
        return self._step(x[-self._tail_size :], y[-self._tail_size :])

    def _step(self, x: tf.Tensor, y: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Train on one mini-batch; return its summed loss and number of correct predictions."""
        features = self.scaled(x)
        with tf.GradientTape() as tape:
            logits = self.network(features, training=True)
            loss = self._training_loss(y, logits)
            mean_loss = loss / len(y)
        weights = self.network.trainable_variables
        self.optimizer.apply(tape.gradient(mean_loss, weights), weights)
        return loss, self._correct(logits, y)

    def _training_loss(self, y: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        if self.settings.loss == "softmax_twice":
            # Keras's loss would recognize the softmax, and undo it.
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(y, tf.nn.softmax(logits))
            return tf.reduce_sum(losses)
        return self._loss(y, logits)

    def evaluate_in_batches(self, x: tf.Tensor, y: tf.Tensor, size: int) -> Sums:
        """Return the mean loss and the accuracy, in mini-batches of ``size`` by their statistics.

        Nothing is dropped. Only as many examples are used as fill mini-batches. Moving averages
        change.
        """
        used = len(x) // size * size
        loss, correct = self._evaluate(x[:used], y[:used], size, batch_statistics=True)
        return float(loss) / used, float(correct) / used

    @tf.function(jit_compile=True)
    def _evaluate(self, x: tf.Tensor, y: tf.Tensor, size: int, batch_statistics: bool) -> Any:
        loss, correct = tf.zeros(()), tf.zeros(())
        for number in tf.range(len(x) // size):
            part_x, part_y = self._part(x, y, number, size)
            part_loss, part_correct = self._score(part_x, part_y, batch_statistics)
            loss += part_loss
            correct += part_correct
        rest = len(x) % size
        if rest:
            part_loss, part_correct = self._score(x[-rest:], y[-rest:], batch_statistics)
            loss += part_loss
            correct += part_correct
        return loss, correct

    @staticmethod
    def _part(
        x: tf.Tensor, y: tf.Tensor, number: tf.Tensor, size: int
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Return the ``number``-th ``size`` examples."""
        return (
            tf.slice(x, [number * size, 0], [size, x.shape[1]]),
            tf.slice(y, [number * size], [size]),
        )

    def _score(
        self, x: tf.Tensor, y: tf.Tensor, batch_statistics: bool
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Return the summed loss and the number of correct predictions."""
        features = self.scaled(x)
        if batch_statistics:
            logits = with_batch_statistics(self.network.layers, features)
        else:
            logits = self.network(features, training=False)
        return self._loss(y, logits), self._correct(logits, y)

    def scaled(self, x: tf.Tensor) -> tf.Tensor:
        """Return placed examples as the network's input."""
        if x.dtype != tf.uint8:
            return x
        shift = tf.constant(self._compiled_scaling.shift, tf.float32)
        scale = tf.constant(self._compiled_scaling.scale, tf.float32)
        return (tf.cast(x, tf.float32) - shift) * scale

    @staticmethod
    def _correct(logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        predicted = tf.argmax(logits, axis=-1, output_type=tf.int32)
        return tf.reduce_sum(tf.cast(predicted == labels, tf.float32))
