"""What is measured of a network besides its accuracy.

Each measure is a function of a :class:`Probe` that yields (name, part, value): the part is a
layer's number, from 1 at the input, or a mode. All leave the network and its optimizer as they
were. "Mini-batch" is a fixed one of training examples, drawn for the replicate and the same for
every variant; gradients are those of its mean loss, with its statistics. Nothing is dropped while
measuring.
"""

import math
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from bnmatrix.training.keras.network import with_batch_statistics
from bnmatrix.training.keras.trainer import Trainer

Values = Iterator[tuple[str, int | str, float]]

#: Distances along the gradient, in learning rates, at which the loss is looked at (Santurkar et
#: al. 2018 go from one half to four).
DISTANCES = (0.5, 1.0, 2.0, 4.0)

#: Examples that population statistics rest on, at most: what fits in one mini-batch.
_POPULATION = 10_000

#: Mini-batches of one that are scored; each costs a pass through the network.
_SINGLE = 2_000

#: Below this no mini-batch's statistics mean anything for the drift of a layer's inputs.
_DRIFT_EXAMPLES = 512


class Probe:
    """A trainer's network, opened up for measuring during one run.

    Args:
        trainer: what trains it.
        test: placed test examples.
        order: indices of all training examples, in the replicate's order.
    """

    def __init__(
        self, trainer: Trainer, test: tuple[tf.Tensor, tf.Tensor], order: np.ndarray
    ) -> None:
        self.trainer, self.network, self.test = trainer, trainer.network, test
        self.order = tf.constant(order)
        batch = self.order[: trainer.batch_size]
        self.x, self.y = tf.gather(trainer.x, batch), tf.gather(trainer.y, batch)
        #: What a measure keeps from one time to the next.
        self.memory: dict[str, Any] = {}

    def measure(self, name: str) -> Values:
        """Yield what a measure of :data:`MEASURES` finds."""
        return MEASURES[name](self)

    @property
    def dense(self) -> list[keras.layers.Dense]:
        """The dense layers, from the input on."""
        return [layer for layer in self.network.layers if isinstance(layer, keras.layers.Dense)]

    @property
    def blocks(self) -> list[list[tf.Variable]]:
        """The trainable variables of each dense layer and of what follows it."""
        found: list[list[tf.Variable]] = []
        for layer in self.network.layers:
            if isinstance(layer, keras.layers.Dense):
                found.append([])
            if layer.trainable_variables:
                found[-1] += [variable.value for variable in layer.trainable_variables]
        return found

    @property
    def kernels(self) -> list[tf.Variable]:
        """The weight matrix of each dense layer."""
        return [layer.kernel.value for layer in self.dense]

    def gradients(self, variables: list[tf.Variable]) -> tuple[float, list[np.ndarray]]:
        """Return the mini-batch's mean loss, and its gradient in each of ``variables``.

        Moving averages and dropout's generators stay as they are.
        """
        functions = self.trainer.__dict__.setdefault("_gradient_functions", {})
        key = tuple(id(variable) for variable in variables)
        if key not in functions:

            @tf.function
            def compute(x: tf.Tensor, y: tf.Tensor) -> Any:
                with tf.GradientTape() as tape:
                    logits = with_batch_statistics(self.network.layers, self.trainer.scaled(x))
                    loss = tf.reduce_mean(
                        keras.losses.sparse_categorical_crossentropy(y, logits, from_logits=True)
                    )
                return loss, tape.gradient(loss, variables)

            functions[key] = compute
        others = self.network.non_trainable_variables
        kept = [variable.numpy() for variable in others]
        loss, gradients = functions[key](self.x, self.y)
        for variable, value in zip(others, kept, strict=True):
            variable.assign(value)
        return float(loss), [gradient.numpy().astype(np.float64) for gradient in gradients]


def gradients(probe: Probe) -> Values:
    """Yield the norm of the gradient of each dense layer's weights."""
    for number, gradient in enumerate(probe.gradients(probe.kernels)[1], start=1):
        yield "gradient_norm", number, _norm(gradient)


def covariate_shift(probe: Probe) -> Values:
    """Yield internal covariate shift by two definitions, for every dense layer from the second.

    ``shift_norm`` and ``shift_cosine`` are Santurkar et al. 2018, definition 2.1: the norm of the
    difference, and the cosine, between a layer's gradient on the mini-batch before and after the
    layers below it have been updated for that mini-batch. A cosine of 1 is no shift.

    ``input_mean_drift`` and ``input_variance_drift`` are by how much the mean and variance of the
    layer's inputs changed since the measure was taken last: the mean over inputs of the change of
    the mean, in standard deviations, and of the absolute change of the variance's logarithm.
    Inputs that do not vary are left out. NaN where a gradient has vanished, or no input varies.
    """
    trainer, state = probe.trainer, probe.trainer.state()
    kernels, blocks = probe.kernels, probe.blocks
    before = probe.gradients(kernels)[1]
    weights = probe.network.trainable_variables
    every = probe.gradients([variable.value for variable in weights])[1]
    trainer.optimizer.apply([tf.constant(g, tf.float32) for g in every], weights)
    updated = [[variable.numpy() for variable in block] for block in blocks]
    trainer.restore(state)
    for number in range(2, len(kernels) + 1):
        for variable, value in zip(blocks[number - 2], updated[number - 2], strict=True):
            variable.assign(value)
        after = probe.gradients(kernels)[1][number - 1]
        own = before[number - 1]
        lengths = _norm(own) * _norm(after)
        yield "shift_norm", number, _norm(after - own)
        # A gradient that has vanished has no direction.
        cosine = float(np.sum(own * after) / lengths) if lengths else math.nan
        yield "shift_cosine", number, cosine
    trainer.restore(state)

    moments = [_moments(inputs) for inputs in _layer_inputs(probe)]
    trainer.restore(state)
    previous = probe.memory.get("moments")
    probe.memory["moments"] = moments
    if previous is None:
        return
    for number, (old, new) in enumerate(zip(previous, moments, strict=True), start=2):
        varies = (old[1] > 1e-12) & (new[1] > 1e-12)
        if not varies.any():
            yield "input_mean_drift", number, math.nan
            yield "input_variance_drift", number, math.nan
            continue
        mean = np.abs(new[0] - old[0])[varies] / np.sqrt(old[1][varies])
        variance = np.abs(np.log(new[1][varies] / old[1][varies]))
        yield "input_mean_drift", number, float(mean.mean())
        yield "input_variance_drift", number, float(variance.mean())


def smoothness(probe: Probe) -> Values:
    """Yield Santurkar et al.'s three measures of the landscape along the gradient (section 3.1).

    From the present weights, go ½, 1, 2 and 4 learning rates along the negative gradient of the
    mini-batch. ``loss_range``: largest minus smallest loss met. ``gradient_change``: largest norm
    of the gradient's change. ``beta_smoothness``: largest ratio of that norm to the distance.
    """
    trainer, state = probe.trainer, probe.trainer.state()
    weights = [variable.value for variable in probe.network.trainable_variables]
    rate = float(trainer.optimizer.learning_rate)
    loss, at_start = probe.gradients(weights)
    length = np.sqrt(sum(_norm(gradient) ** 2 for gradient in at_start))
    losses, changes, ratios = [loss], [], []
    for distance in DISTANCES:
        trainer.restore(state)
        for weight, gradient in zip(weights, at_start, strict=True):
            weight.assign_sub((distance * rate * gradient).astype(np.float32))
        there, gradients_there = probe.gradients(weights)
        change = np.sqrt(
            sum(_norm(new - old) ** 2 for new, old in zip(gradients_there, at_start, strict=True))
        )
        losses.append(there)
        changes.append(change)
        ratios.append(change / (distance * rate * length) if length else 0.0)
    trainer.restore(state)
    yield "loss_range", "all", max(losses) - min(losses)
    yield "gradient_change", "all", float(max(changes))
    yield "beta_smoothness", "all", float(max(ratios))


def inference_modes(probe: Probe) -> Values:
    """Yield the test accuracy of the same weights under four kinds of statistics.

    ``moving``: moving averages, as in inference. ``batch``: those of each mini-batch of the
    training size. ``population``: mean and variance recomputed over training examples, all at
    once. ``single``: those of mini-batches of one example, of which nothing is left but β.
    All on the test examples that fill mini-batches (``single``: the first 2 000 of them), so that
    networks without statistics have the same accuracy in all.
    """
    trainer, state, (x, y) = probe.trainer, probe.trainer.state(), probe.test
    size = min(trainer.batch_size, len(x))
    used = len(x) // size * size
    x, y = x[:used], y[:used]
    yield "accuracy_by_mode", "moving", trainer.evaluate(x, y)[1]
    yield "accuracy_by_mode", "batch", trainer.evaluate_in_batches(x, y, size)[1]
    yield (
        "accuracy_by_mode",
        "single",
        trainer.evaluate_in_batches(x[:_SINGLE], y[:_SINGLE], 1)[1],
    )
    trainer.restore(state)
    set_population_statistics(probe)
    yield "accuracy_by_mode", "population", trainer.evaluate(x, y)[1]
    trainer.restore(state)


def set_population_statistics(probe: Probe) -> None:
    """Set every moving average to the mean or variance over training examples (10 000 at most).

    In one pass in training mode, in which each layer normalizes by just these statistics.
    """
    layers = [
        layer
        for layer in probe.network.layers
        if isinstance(layer, keras.layers.BatchNormalization)
    ]
    for layer in layers:
        layer.moving_mean.assign(tf.zeros_like(layer.moving_mean.value))
        layer.moving_variance.assign(tf.zeros_like(layer.moving_variance.value))
    examples = tf.gather(probe.trainer.x, probe.order[:_POPULATION])
    with_batch_statistics(probe.network.layers, probe.trainer.scaled(examples))
    for layer in layers:
        # The update left (1 − momentum) of the statistic.
        share = 1 - layer.momentum
        layer.moving_mean.assign(layer.moving_mean.value / share)
        layer.moving_variance.assign(layer.moving_variance.value / share)


def order(probe: Probe) -> Values:
    """Yield by how much logits change when the examples of the mini-batch change places.

    The largest absolute difference between the logits of the mini-batch reversed, put back in
    place, and those of the mini-batch, in units of their largest absolute value.
    """
    state = probe.trainer.state()
    x = probe.trainer.scaled(probe.x)
    logits = with_batch_statistics(probe.network.layers, x).numpy()
    other = with_batch_statistics(probe.network.layers, x[::-1]).numpy()[::-1]
    probe.trainer.restore(state)
    scale = np.abs(logits).max()
    yield "order_difference", "all", float(np.abs(other - logits).max() / scale) if scale else 0.0


def _norm(values: np.ndarray) -> float:
    return float(np.sqrt(np.sum(np.square(values))))


def _moments(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return values.mean(axis=0), values.var(axis=0)


def _layer_inputs(probe: Probe) -> list[np.ndarray]:
    """Return the inputs of each dense layer from the second on, for a sample of the data."""
    examples = tf.gather(probe.trainer.x, probe.order[:_DRIFT_EXAMPLES])
    values, found = probe.trainer.scaled(examples), []
    for layer in probe.network.layers:
        if isinstance(layer, keras.layers.Dense):
            found.append(values.numpy().astype(np.float64))
        values = with_batch_statistics([layer], values)
    return found[1:]


#: The measures by name; ``bnmatrix.registry.MEASURES`` lists them for the configuration.
MEASURES: dict[str, Callable[[Probe], Values]] = {
    "gradients": gradients,
    "covariate_shift": covariate_shift,
    "smoothness": smoothness,
    "inference_modes": inference_modes,
    "order": order,
}
