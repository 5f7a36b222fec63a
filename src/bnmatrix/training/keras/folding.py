"""Folding: batch normalization merged into the layers with weights, for inference."""

import keras
import numpy as np
from numpy.typing import NDArray

from bnmatrix.training.keras.layers import flat_layers, weighted_layers


def fold(network: keras.Model, placement: str) -> None:
    """Fold each batch normalization into a layer with weights; it then changes nothing.

    In inference, batch normalization is y = a x + c with a = γ / √(variance + ε) and
    c = β − a · mean, of each unit or channel. Before the activation, it belongs to the layer
    before: the columns of the kernel become a times as large, and the biases b become a b + c.
    After the activation, it belongs to the layer after: the rows become a times as large, and the
    biases grow by c times the kernel. The latter is exact for dense layers, and not for
    convolutions, whose zeros around an image are not normalized, nor across max pooling where a is
    negative.

    Args:
        network: a network without branches, in which layers with weights have biases.
        placement: `before` or `after` the activation.
    """
    weighted = weighted_layers(network)
    passed = 0
    for layer in flat_layers(network):
        if layer in weighted:
            passed += 1
        elif isinstance(layer, keras.layers.BatchNormalization):
            scale, shift = _neutralize(layer)
            if placement == "before":
                _fold_into_outputs(weighted[passed - 1], scale, shift)
            else:
                _fold_into_inputs(weighted[passed], scale, shift)


def _neutralize(
    layer: keras.layers.BatchNormalization,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Make a layer change nothing in inference; return the a and the c that it had."""
    mean, variance, gamma, beta = (
        np.asarray(value, np.float64)
        for value in (layer.moving_mean, layer.moving_variance, layer.gamma, layer.beta)
    )
    scale = gamma / np.sqrt(variance + layer.epsilon)
    layer.moving_mean.assign(np.zeros_like(mean))
    layer.moving_variance.assign(np.full_like(variance, 1 - layer.epsilon))
    layer.gamma.assign(np.ones_like(gamma))
    layer.beta.assign(np.zeros_like(beta))
    return scale, beta - scale * mean


def _fold_into_outputs(
    layer: keras.Layer, scale: NDArray[np.float64], shift: NDArray[np.float64]
) -> None:
    layer.kernel.assign(np.asarray(layer.kernel) * scale)
    layer.bias.assign(np.asarray(layer.bias) * scale + shift)


def _fold_into_inputs(
    layer: keras.Layer, scale: NDArray[np.float64], shift: NDArray[np.float64]
) -> None:
    kernel = np.asarray(layer.kernel, np.float64)
    # The features of flattened maps are pixels, each with all channels.
    repeats = kernel.shape[-2] // len(scale)
    scale, shift = np.tile(scale, repeats), np.tile(shift, repeats)
    layer.kernel.assign(kernel * scale[:, None])
    added = (kernel * shift[:, None]).sum(axis=tuple(range(kernel.ndim - 1)))
    layer.bias.assign(np.asarray(layer.bias) + added)
