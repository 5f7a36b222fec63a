"""Which layers a Keras network has, and by which statistics they normalize."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
import tensorflow as tf


def flat_layers(network: keras.Model) -> list[keras.Layer]:
    """Return all layers that have no layers in them, from the input on."""
    found = network._flatten_layers(include_self=False, recursive=True)
    return [layer for layer in found if not list(layer._flatten_layers(include_self=False))]


def weighted_layers(network: keras.Model) -> list[keras.Layer]:
    """Return the layers that have a weight matrix: dense layers and convolutions."""
    return [layer for layer in flat_layers(network) if getattr(layer, "kernel", None) is not None]


@contextmanager
def nothing_dropped(network: keras.Model) -> Iterator[None]:
    """Let the network drop nothing where it is traced until the block ends."""
    layers = [layer for layer in flat_layers(network) if getattr(layer, "rate", None)]
    rates = [layer.rate for layer in layers]
    for layer in layers:
        layer.rate = 0.0
    try:
        yield
    finally:
        for layer, rate in zip(layers, rates, strict=True):
            layer.rate = rate


@contextmanager
def statistics_kept(network: keras.Model, kept: bool) -> Iterator[None]:
    """Let batch normalization use moving averages, and keep them, until the block ends.

    Args:
        network: the network, which is traced in the block.
        kept: whether to do so.
    """
    layers = batch_normalizations(network) if kept else []
    for layer in layers:
        layer.trainable = False
    try:
        yield
    finally:
        for layer in layers:
            layer.trainable = True


def batch_normalizations(network: keras.Model) -> list[keras.layers.BatchNormalization]:
    """Return the layers that normalize by the statistics of mini-batches, from the input on."""
    kind = keras.layers.BatchNormalization
    return [layer for layer in flat_layers(network) if isinstance(layer, kind)]


def set_population_statistics(network: keras.Model, features: tf.Tensor) -> None:
    """Set moving averages to the statistics of examples, in one pass.

    Each layer normalizes by just these statistics. Variances are biased.

    Args:
        network: the network.
        features: its input.
    """
    layers = batch_normalizations(network)
    for layer in layers:
        for average in _averages(layer):
            average.assign(tf.zeros_like(average.value))
    with_batch_statistics(network, features)
    for layer in layers:
        # The update left (1 − momentum) of the statistic.
        for average in _averages(layer):
            average.assign(average.value / (1 - layer.momentum))
        if layer.renorm:
            variance = tf.square(layer.moving_stddev.value) - layer.epsilon
            layer.moving_variance.assign(tf.nn.relu(variance))


def _averages(layer: keras.layers.BatchNormalization) -> tuple[keras.Variable, keras.Variable]:
    """Return the moving averages that a layer updates in training."""
    spread = layer.moving_stddev if layer.renorm else layer.moving_variance
    return layer.moving_mean, spread


def with_batch_statistics(network: keras.Model, x: Any) -> Any:
    """Return the output of a network under the statistics of the mini-batch, with nothing dropped.

    Moving averages change, as they do in training.
    """
    with nothing_dropped(network):
        return network(x, training=True)
