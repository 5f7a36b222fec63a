"""The normalization layers of networks in Keras."""

import math
from typing import Any

import keras
import tensorflow as tf

from bnmatrix.training.keras.convolution import by_pixels
from bnmatrix.training.normalizations import NORMALIZATIONS
from bnmatrix.training.settings import Settings


class BatchNormalization(keras.layers.BatchNormalization):
    """Keras's batch normalization; its statistics are over the rows of pixels × channels."""

    def build(self, input_shape: Any) -> None:
        """Create the weights, for inputs of any rank."""
        super().build((None, input_shape[-1]))
        self.input_spec = None

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Normalize each channel."""
        normalized = super().call
        used = None if mask is None else tf.reshape(mask, [-1])
        return by_pixels(lambda pixels: normalized(pixels, training, used), inputs)


class GhostBatchNormalization(BatchNormalization):
    """Batch normalization with statistics over parts of a mini-batch (Hoffer et al. 2017).

    Moving averages average the statistics of all parts. A mini-batch that parts of this size do not
    fill, such as a single example, has statistics of its own.

    Args:
        examples: number of examples in a part.
        arguments: those of Keras's layer.
    """

    def __init__(self, examples: int, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._examples = examples

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Normalize by the statistics of parts in training, else by moving averages."""
        rows = inputs.shape[0]
        if not training or not self.trainable or rows is None or rows % self._examples:
            return super().call(inputs, training, mask)
        # Of maps, all pixels count.
        counted = self._examples * math.prod(inputs.shape[1:-1])
        parts = tf.reshape(inputs, [-1, counted, inputs.shape[-1]])
        mean, variance = tf.nn.moments(parts, [1], keepdims=True)
        for average, values in ((self.moving_mean, mean), (self.moving_variance, variance)):
            new = tf.reduce_mean(values[:, 0], axis=0)
            average.assign(self.momentum * average + (1 - self.momentum) * new)
        scale = self.gamma * tf.math.rsqrt(variance + self.epsilon)
        return tf.reshape((parts - mean) * scale + self.beta, inputs.shape)


def normalizations(settings: Settings, maps: bool) -> list[keras.Layer]:
    """Return the normalization as a list of one layer, or of none.

    Args:
        settings: the variant's settings.
        maps: whether it normalizes maps, and not units. Layer normalization of maps is over
            channels, height and width, with a scale and a shift per channel: group normalization
            with one group (Wu & He 2018). Keras's own would be over channels alone.
    """
    entry = NORMALIZATIONS[settings.normalization]
    if entry.keras_layer is None:
        return []
    arguments = {argument: getattr(settings, name) for name, argument in entry.settings.items()}
    if maps and settings.normalization == "layer":
        return [keras.layers.GroupNormalization(groups=1, **arguments)]
    ghost = arguments.pop("ghost_batch_size", None)
    if ghost is not None:
        return [GhostBatchNormalization(ghost, **arguments)]
    if settings.normalization == "batch":
        return [BatchNormalization(**arguments)]
    if settings.normalization == "renorm":
        return [_renormalization(settings, **arguments)]
    return [getattr(keras.layers, entry.keras_layer)(**arguments)]


def _renormalization(settings: Settings, **arguments: Any) -> keras.Layer:
    """Return batch renormalization (Ioffe 2017), with constant limits of its corrections."""
    (scale, shift) = arguments.pop("limits")
    return BatchNormalization(
        renorm=True,
        renorm_clipping={"rmin": 1 / scale, "rmax": scale, "dmax": shift},
        renorm_momentum=settings.normalization_momentum,
        **arguments,
    )
