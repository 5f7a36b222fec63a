"""What measures see of a network in Keras: an implementation of
:class:`bnmatrix.training.measures.probe.Probe`.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from bnmatrix.training.framework import Placed, most_recomputed
from bnmatrix.training.keras.folding import fold
from bnmatrix.training.keras.layers import (
    flat_layers,
    set_population_statistics,
    weighted_layers,
    with_batch_statistics,
)
from bnmatrix.training.keras.trainer import Trainer
from bnmatrix.training.measures.probe import Gradients, Moments
from bnmatrix.training.scores import accuracy


@contextmanager
def _recorded_inputs(layers: list[keras.Layer]) -> Iterator[dict[int, tf.Tensor]]:
    """Record the inputs of layers, by identity, in calls of the network until the block ends."""
    inputs: dict[int, tf.Tensor] = {}

    def recording(layer: keras.Layer, call: Callable[..., Any]) -> Callable[..., Any]:
        def recorded(x: Any, *args: Any, **kwargs: Any) -> Any:
            inputs[id(layer)] = x
            return call(x, *args, **kwargs)

        return recorded

    calls = [layer.call for layer in layers]
    for layer, call in zip(layers, calls, strict=True):
        layer.call = recording(layer, call)
    try:
        yield inputs
    finally:
        for layer, call in zip(layers, calls, strict=True):
            layer.call = call


class Probe:
    """A trainer's network, opened up for measuring, run after run.

    Args:
        trainer: what trains it.
    """

    x: tf.Tensor
    """The mini-batch: placed examples × features."""
    y: tf.Tensor
    """Its labels."""
    order: tf.Tensor
    """Indices of all training examples, in the run's order."""
    moments: list[Moments] | None

    def __init__(self, trainer: Trainer) -> None:
        self.trainer, self.network = trainer, trainer.network
        self.batch_size = trainer.batch_size
        self._weights = [variable.value for variable in self.network.trainable_variables]
        self._weighted = weighted_layers(self.network)
        kernels = [layer.kernel.value for layer in self._weighted]
        # Compiled here: a probe serves all runs of a trainer.
        self._in_kernels = self._gradients_in(kernels)
        self._in_weights = self._gradients_in(self._weights)

    def begin(self, parts: Mapping[str, Placed], order: NDArray[np.int64]) -> None:
        """Get ready for a run: placed examples by part, and its order of training examples."""
        self._parts, self._test = parts, parts["test"]
        self.test_examples = len(self._test)
        self.order = tf.constant(order)
        self.moments = None
        batch = self.order[: self.batch_size]
        self.x, self.y = tf.gather(self.trainer.x, batch), tf.gather(self.trainer.y, batch)

    @property
    def learning_rate(self) -> float:
        """Learning rate of the run; that of its first step, if the rate follows a schedule."""
        return float(self.trainer.rate)

    def state(self) -> list[NDArray[Any]]:
        """Return all that training changes: weights, moving averages, the optimizer's state."""
        return self.trainer.state()

    def restore(self, state: list[NDArray[Any]]) -> None:
        """Go back to a state."""
        self.trainer.restore(state)

    def kernel_gradients(self) -> Gradients:
        """Return the gradient of the mini-batch's mean loss in each layer's weight matrix."""
        return self._keeping_others(self._in_kernels)[1]

    def loss_and_gradients(self) -> tuple[float, Gradients]:
        """Return the mini-batch's mean loss, and its gradient in each trainable array."""
        return self._keeping_others(self._in_weights)

    def _gradients_in(self, variables: list[tf.Variable]) -> Callable[[Any, Any], Any]:
        """Return a function of examples and labels: their mean loss, and its gradients."""

        @tf.function(autograph=False)
        def compute(x: Any, y: Any) -> Any:
            with tf.GradientTape() as tape:
                logits = with_batch_statistics(self.network, self.trainer.scaled(x))
                loss = tf.reduce_mean(
                    keras.losses.sparse_categorical_crossentropy(y, logits, from_logits=True)
                )
            return loss, tape.gradient(loss, variables)

        return compute

    def _keeping_others(self, compute: Callable[[Any, Any], Any]) -> tuple[float, Gradients]:
        """Return loss and gradients; moving averages and dropout's generators stay as they are."""
        others = self.network.non_trainable_variables
        kept = [variable.numpy() for variable in others]
        loss, gradients = compute(self.x, self.y)
        for variable, value in zip(others, kept, strict=True):
            variable.assign(value)
        return float(loss), [gradient.numpy().astype(np.float64) for gradient in gradients]

    def update(self, gradients: Gradients) -> None:
        """Let the optimizer take a step with these gradients, one for each trainable array."""
        self.trainer.optimizer.apply(
            [tf.constant(gradient, tf.float32) for gradient in gradients],
            self.network.trainable_variables,
        )

    def move(self, steps: list[NDArray[np.float32]]) -> None:
        """Subtract a step from each trainable array."""
        for weight, step in zip(self._weights, steps, strict=True):
            weight.assign_sub(step)

    def layer_weights(self) -> list[list[NDArray[np.float32]]]:
        """Return the trainable arrays of each layer, from the input on."""
        return [[variable.numpy() for variable in layer] for layer in self._layers()]

    def set_layer_weights(self, layer: int, weights: list[NDArray[np.float32]]) -> None:
        """Set the trainable arrays of one layer, counted from 0."""
        for variable, value in zip(self._layers()[layer], weights, strict=True):
            variable.assign(value)

    def _layers(self) -> list[list[tf.Variable]]:
        """Return the trainable variables of each layer with weights and of what follows it.

        What precedes the first such layer belongs to it.
        """
        layers: list[list[tf.Variable]] = [[]]
        for layer in flat_layers(self.network):
            if layer in self._weighted[1:]:
                layers.append([])
            layers[-1] += [variable.value for variable in layer.trainable_variables]
        return layers

    def layer_inputs(self, examples: int) -> list[NDArray[np.float64]]:
        """Return what each layer is given for the first training examples of the order."""
        values = self.trainer.scaled(tf.gather(self.trainer.x, self.order[:examples]))
        with _recorded_inputs(self._weighted) as inputs:
            with_batch_statistics(self.network, values)
        return [inputs[id(layer)].numpy().astype(np.float64) for layer in self._weighted]

    def minibatch_logits(self, *, reverse: bool = False) -> NDArray[np.float32]:
        """Return the logits of the mini-batch, or of the mini-batch in reverse order."""
        x = self.trainer.scaled(self.x)
        return with_batch_statistics(self.network, x[::-1] if reverse else x).numpy()

    def test_accuracy(self, examples: int) -> float:
        """Return the accuracy on the first test examples, by moving averages."""
        placed = self._test.first(examples)
        return accuracy(self.trainer.logits(placed), placed.y)

    def test_accuracy_in_batches(self, examples: int, size: int) -> float:
        """Return the accuracy on the first test examples, in mini-batches and by their statistics.

        They must fill the mini-batches. Moving averages change.
        """
        placed = self._test.first(examples)
        return accuracy(self.trainer.logits_in_batches(placed, size), placed.y)

    def set_population_statistics(self) -> None:
        """Set moving averages to the statistics of the first training examples of the order."""
        first = self.order[: most_recomputed(self.trainer.settings)]
        features = self.trainer.scaled(tf.gather(self.trainer.x, first))
        set_population_statistics(self.network, features)

    def set_averaged_weights(self) -> bool:
        """Give the network the averages of its weights; return whether there are any."""
        return self.trainer.set_averaged_weights()

    def logits(self, part: str) -> NDArray[np.float32]:
        """Return the logits of the examples of a part, by moving averages."""
        return self.trainer.logits(self._parts[part])

    def labels(self, part: str) -> NDArray[np.int32]:
        """Return the labels of a part."""
        return self._parts[part].y

    def fold(self) -> None:
        """Fold batch normalization into the layers with weights."""
        fold(self.network, self.trainer.settings.placement)
