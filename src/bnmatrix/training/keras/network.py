"""From settings to a Keras network and optimizer, and a replicate's initial weights."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from bnmatrix.training.initializers import initial_weights
from bnmatrix.training.normalizations import NORMALIZATIONS
from bnmatrix.training.optimizers import OPTIMIZERS
from bnmatrix.training.seeds import Purpose, Streams
from bnmatrix.training.settings import Settings


class Dropout(keras.layers.Dropout):
    """Keras's dropout, with masks drawn by ThreeFry.

    TensorFlow's default generator, compiled by XLA for a processor, takes 200 times as long: most
    of a step's time.
    """

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Drop units while training, and scale up the others by 1 / (1 − rate)."""
        if not training:
            return inputs
        seed = tf.cast(self.seed_generator.next(), tf.int32)
        return tf.nn.experimental.stateless_dropout(
            inputs, self.rate, seed=seed, rng_alg="threefry"
        )


def build_network(settings: Settings, features: int, classes: int) -> keras.Sequential:
    """Return a dense network that maps features to logits.

    A hidden layer is dense → normalization → activation → dropout, or, with the normalization
    placed after the activation, dense → activation → normalization → dropout; with the dropout
    ordered before, it follows the dense layer.

    Args:
        settings: the variant's settings.
        features: number of input features.
        classes: number of logits.
    """
    layers: list[Any] = [keras.Input((features,))]
    for units in settings.hidden_layers:
        layers.append(keras.layers.Dense(units, use_bias=settings.biases))
        activation = keras.layers.Activation(settings.activation)
        normalization = _normalization(settings)
        # initialize() sets the seed for each replicate.
        dropout = [Dropout(settings.dropout, seed=0)] if settings.dropout else []
        if settings.dropout_order == "before":
            layers += dropout
            dropout = []
        if normalization is None:
            layers.append(activation)
        elif settings.placement == "before":
            layers += [normalization, activation]
        else:
            layers += [activation, normalization]
        layers += dropout
    layers.append(keras.layers.Dense(classes, use_bias=settings.biases))
    return keras.Sequential(layers)


def _normalization(settings: Settings) -> keras.Layer | None:
    entry = NORMALIZATIONS[settings.normalization]
    if entry.keras_layer is None:
        return None
    arguments = {argument: getattr(settings, name) for name, argument in entry.settings.items()}
    return getattr(keras.layers, entry.keras_layer)(**arguments)


def with_batch_statistics(layers: Sequence[keras.Layer], x: Any) -> Any:
    """Return the layers' output under the statistics of the mini-batch, with no unit dropped.

    Moving averages change, as they do in training.
    """
    for layer in layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            x = layer(x, training=True)
        else:
            x = layer(x, training=False) if isinstance(layer, Dropout) else layer(x)
    return x


def build_optimizer(settings: Settings, steps: int) -> tuple[keras.Optimizer, keras.Variable]:
    """Return the optimizer, with Keras's defaults except for the learning rate, and its rate.

    Args:
        settings: the variant's settings.
        steps: the number of steps in the whole training, over which a schedule extends.

    Returns:
        The optimizer, and the variable that holds the learning rate: that of the first step, if the
        rate follows a schedule.
    """
    entry = OPTIMIZERS[settings.optimizer]
    optimizer = getattr(keras.optimizers, entry.keras_class)
    if settings.schedule == "constant":
        built = optimizer(settings.learning_rate, **entry.arguments)
        return built, built.learning_rate
    rate = keras.Variable(settings.learning_rate, trainable=False, name="learning_rate")
    schedule = keras.optimizers.schedules.CosineDecay(rate, steps)
    return optimizer(schedule, **entry.arguments), rate


def initialize(network: keras.Sequential, settings: Settings, streams: Streams) -> None:
    """Give a new network the initial weights of a run, and its dropout layers the run's seeds.

    Weights of the *i*-th dense layer depend on the run's streams and on *i*, not on other layers,
    and so do the seeds of the *i*-th dropout layer: networks with and without normalization start
    from the same weights and drop the same units.
    """
    dense = [layer for layer in network.layers if isinstance(layer, keras.layers.Dense)]
    shapes = [tuple(layer.kernel.shape) for layer in dense]
    kernels = initial_weights(settings.initializer, shapes, streams)
    for layer, kernel in zip(dense, kernels, strict=True):
        layer.kernel.assign(kernel)
    dropout = [layer for layer in network.layers if isinstance(layer, Dropout)]
    for number, layer in enumerate(dropout):
        mask_seed = streams.integer(Purpose.DROPOUT, number)
        # A new generator's state: the seed, and a count of draws.
        layer.seed_generator.state.assign([mask_seed, 0])
