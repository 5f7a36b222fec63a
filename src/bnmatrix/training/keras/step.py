"""One training step in Keras: forward pass, gradients, update."""

import math
from typing import Any

import keras
import tensorflow as tf

from bnmatrix.training.averaging import share
from bnmatrix.training.keras.layers import (
    batch_normalizations,
    statistics_kept,
    weighted_layers,
)
from bnmatrix.training.settings import Settings

#: Loss summed over the examples of a mini-batch, and the number of correct predictions.
StepSums = tuple[tf.Tensor, tf.Tensor]


class Step:
    """What one step does with a network and its optimizer.

    Args:
        network: the network.
        optimizer: its optimizer, built here.
        settings: a variant's settings.
        steps: number of steps of the whole training.
        class_weights: the weight of the loss of each class; None: 1.
    """

    def __init__(
        self,
        network: keras.Model,
        optimizer: keras.Optimizer,
        settings: Settings,
        steps: int,
        class_weights: tf.Variable | None = None,
    ) -> None:
        self._class_weights = class_weights
        self._network, self._optimizer, self._settings = network, optimizer, settings
        self._steps = steps
        self.weights = list(network.trainable_variables)
        if settings.weight_decay and settings.decayed == "kernels":
            kernels = {id(layer.kernel) for layer in weighted_layers(network)}
            spared = [weight for weight in self.weights if id(weight) not in kernels]
            optimizer.exclude_from_weight_decay(var_list=spared)
        optimizer.build(self.weights)
        averaged = settings.weight_averaging != "none"
        #: Averages of the weights, if training averages them.
        self.averages = [tf.Variable(weight.value) for weight in self.weights if averaged]
        self._loss = keras.losses.SparseCategoricalCrossentropy(
            from_logits=True, reduction="sum" if class_weights is None else "none"
        )

    def start(self) -> None:
        """Forget the averages of an earlier run, which may have diverged."""
        for average in self.averages:
            average.assign(tf.zeros_like(average))

    def __call__(self, features: tf.Tensor, y: tf.Tensor, frozen: str) -> StepSums:
        """Train on one mini-batch.

        Args:
            features: the input of the network.
            y: its labels.
            frozen: what batch normalization keeps as it is
                (:attr:`bnmatrix.training.settings.Settings.frozen`).
        """
        weights = self._trained(frozen)
        parts = self._settings.accumulation
        if parts == 1:
            gradients, sums = self._gradients(features, y, y.shape[0], weights, frozen)
        else:
            gradients, sums = self._accumulated(features, y, parts, weights, frozen)
        self._optimizer.apply(gradients, weights)
        if self.averages:
            self._average()
        return sums

    def _trained(self, frozen: str) -> list[Any]:
        if frozen != "normalization":
            return self.weights
        kept = {
            id(weight)
            for layer in batch_normalizations(self._network)
            for weight in layer.trainable_variables
        }
        return [weight for weight in self.weights if id(weight) not in kept]

    def _gradients(
        self, features: tf.Tensor, y: tf.Tensor, examples: int, weights: list[Any], frozen: str
    ) -> tuple[list[tf.Tensor], StepSums]:
        """Return the gradients of the loss, divided by a number of examples, and its sums."""
        with tf.GradientTape() as tape:
            with statistics_kept(self._network, frozen != "nothing"):
                logits = self._network(features, training=True)
            loss = self._training_loss(y, logits)
            mean_loss = loss / examples
        if self._settings.regression:
            correct = tf.constant(math.nan)
        else:
            predicted = tf.argmax(logits, axis=-1, output_type=tf.int32)
            correct = tf.reduce_sum(tf.cast(predicted == y, tf.float32))
        return tape.gradient(mean_loss, weights), (loss, correct)

    def _accumulated(
        self, features: tf.Tensor, y: tf.Tensor, parts: int, weights: list[Any], frozen: str
    ) -> tuple[list[tf.Tensor], StepSums]:
        """Return the same, if parts of the mini-batch pass the network one after another."""
        size = y.shape[0] // parts

        def part(number: Any, gradients: list[Any], loss: Any, correct: Any) -> Any:
            row = number * size
            x_part = tf.slice(
                features, [row] + [0] * (features.ndim - 1), [size, *features.shape[1:]]
            )
            y_part = tf.slice(y, [row], [size])
            added, sums = self._gradients(x_part, y_part, y.shape[0], weights, frozen)
            gradients = [old + new for old, new in zip(gradients, added, strict=True)]
            return number + 1, gradients, loss + sums[0], correct + sums[1]

        initial = [tf.zeros(weight.shape) for weight in weights]
        _, gradients, loss, correct = tf.while_loop(
            lambda number, *_: number < parts,
            part,
            (tf.constant(0), initial, tf.zeros(()), tf.zeros(())),
            parallel_iterations=1,
        )
        return gradients, (loss, correct)

    def _average(self) -> None:
        step = tf.cast(self._optimizer.iterations.value, tf.float32)
        part = share(self._settings.weight_averaging, step, self._steps, tf.maximum)
        for average, weight in zip(self.averages, self.weights, strict=True):
            average.assign_add(part * (weight.value - average))

    def _training_loss(self, y: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        if self._settings.regression:
            return tf.reduce_sum((logits[:, 0] - y) ** 2)
        if self._settings.loss == "softmax_twice":
            # Keras's loss would recognize the softmax, and undo it.
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(y, tf.nn.softmax(logits))
        else:
            losses = self._loss(y, logits)
        if self._class_weights is not None:
            losses *= tf.gather(self._class_weights, y)
        return tf.reduce_sum(losses)
