"""What measures see of a network."""

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Gradients = list[NDArray[np.float64]]

#: Mean and variance of each input of a layer.
Moments = tuple[NDArray[np.float64], NDArray[np.float64]]


class Probe(Protocol):
    """A network and its optimizer, opened up for measuring during one run.

    *The mini-batch* holds the first training examples of an order drawn for the replicate: the same
    examples for every variant. The network normalizes by the mini-batch's statistics and drops
    nothing. Layers are dense layers; a layer's weights include those of what follows it, up to the
    next dense layer.
    """

    batch_size: int
    """Examples in a mini-batch."""
    test_examples: int
    """Examples in the test part."""
    moments: list[Moments] | None
    """Kept for the measure of drift: what it saw when it was taken last; None at first."""

    @property
    def learning_rate(self) -> float:
        """Learning rate of the run; that of its first step, if the rate follows a schedule."""

    def state(self) -> list[NDArray[Any]]:
        """Return all that training changes: weights, moving averages, the optimizer's state."""

    def restore(self, state: list[NDArray[Any]]) -> None:
        """Go back to a state."""

    def kernel_gradients(self) -> Gradients:
        """Return the gradient of the mini-batch's mean loss in each layer's weight matrix."""

    def loss_and_gradients(self) -> tuple[float, Gradients]:
        """Return the mini-batch's mean loss, and its gradient in each trainable array."""

    def update(self, gradients: Gradients) -> None:
        """Let the optimizer take a step with these gradients, one for each trainable array."""

    def move(self, steps: list[NDArray[np.float32]]) -> None:
        """Subtract a step from each trainable array."""

    def layer_weights(self) -> list[list[NDArray[np.float32]]]:
        """Return the trainable arrays of each layer, from the input on."""

    def set_layer_weights(self, layer: int, weights: list[NDArray[np.float32]]) -> None:
        """Set the trainable arrays of one layer, counted from 0."""

    def layer_inputs(self, examples: int) -> list[NDArray[np.float64]]:
        """Return what each layer is given for the first training examples of the order.

        Moving averages change.
        """

    def minibatch_logits(self, *, reverse: bool = False) -> NDArray[np.float32]:
        """Return the logits of the mini-batch, or of the mini-batch in reverse order.

        Moving averages change.
        """

    def test_accuracy(self, examples: int) -> float:
        """Return the accuracy on the first test examples, by moving averages."""

    def test_accuracy_in_batches(self, examples: int, size: int) -> float:
        """Return the accuracy on the first test examples, in mini-batches and by their statistics.

        Moving averages change.
        """

    def set_population_statistics(self) -> None:
        """Set moving averages to the statistics of the first training examples of the order.

        As many examples are used as fit in one pass, in which each layer normalizes by just these
        statistics. Variances are biased: divided by the number of examples.
        """

    def set_averaged_weights(self) -> bool:
        """Give the network the averages of its weights, if training keeps any.

        Returns:
            Whether there are any.
        """

    def logits(self, part: str) -> NDArray[np.float32]:
        """Return the logits, examples × classes, of the ``test`` or the ``validation`` part, by
        moving averages."""

    def labels(self, part: str) -> NDArray[np.int32]:
        """Return the labels of a part."""

    def fold(self) -> None:
        """Fold batch normalization into the layers with weights."""
