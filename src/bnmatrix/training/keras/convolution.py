"""Convolution and max pooling by operations that XLA compiles to fast code for a processor.

XLA's own convolution takes a hundred times as long there. Here, a convolution is a product of
matrices (im2col, Chellapilla, Puri & Simard 2006), and so is its gradient.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf


class Convolution(keras.layers.Conv2D):
    """Keras's convolution of square kernels with zeros around the image (``same``)."""

    def call(self, inputs: Any) -> Any:
        """Convolve maps, examples × height × width × channels."""
        outputs = convolved(inputs, tf.convert_to_tensor(self.kernel), self.strides[0])
        if self.use_bias:
            outputs = by_pixels(lambda pixels: pixels + self.bias, outputs)
        return outputs


class MaxPooling(keras.layers.MaxPooling2D):
    """Keras's max pooling of squares that do not overlap (``valid``)."""

    def call(self, inputs: Any) -> Any:
        """Return the largest value of each square: examples × height × width × channels."""
        return pooled(inputs, self.pool_size[0])


def by_pixels(function: Callable[[tf.Tensor], tf.Tensor], maps: tf.Tensor) -> tf.Tensor:
    """Apply a function of pixels × channels to maps, examples × height × width × channels.

    XLA sums over rows of a matrix several times as fast as over examples, height and width.
    """
    pixels = function(tf.reshape(maps, [-1, maps.shape[-1]]))
    return tf.reshape(pixels, [-1, *maps.shape[1:]])


@dataclass(frozen=True)
class _Side:
    """One side of an image, height or width, as a convolution passes it.

    Pixels are put into blocks of ``stride`` pixels, so that the kernel moves by whole blocks.

    Attributes:
        size: pixels.
        kernel: pixels of the kernel.
        stride: pixels from one output to the next.
    """

    size: int
    kernel: int
    stride: int

    @property
    def outputs(self) -> int:
        return -(-self.size // self.stride)

    @property
    def reach(self) -> int:
        """Blocks that the kernel covers."""
        return -(-self.kernel // self.stride)

    @property
    def blocks(self) -> int:
        """Blocks that all positions of the kernel cover."""
        return self.outputs + self.reach - 1

    @property
    def before(self) -> int:
        """Zeros before the first pixel: half of those that are needed, rounded down."""
        return max((self.outputs - 1) * self.stride + self.kernel - self.size, 0) // 2

    @property
    def after(self) -> int:
        """Zeros after the last pixel, up to the last block's end."""
        return self.blocks * self.stride - self.before - self.size

    @property
    def first(self) -> int:
        """The first block that has pixels."""
        return self.before // self.stride

    @property
    def filled(self) -> int:
        """The number of blocks from there on that have pixels."""
        return (self.before + self.size - 1) // self.stride - self.first + 1


def convolved(maps: tf.Tensor, kernel: tf.Tensor, stride: int) -> tf.Tensor:
    """Return the convolution of maps, with zeros around them, as ``tf.nn.conv2d`` pads.

    Args:
        maps: examples × height × width × channels.
        kernel: height × width × channels × filters.
        stride: pixels from one output to the next.

    Returns:
        Examples × ⌈height / stride⌉ × ⌈width / stride⌉ × filters.
    """
    height = _Side(maps.shape[1], kernel.shape[0], stride)
    width = _Side(maps.shape[2], kernel.shape[1], stride)

    @tf.custom_gradient
    def product(maps: tf.Tensor, kernel: tf.Tensor) -> tuple[tf.Tensor, Callable[..., Any]]:
        filters = kernel.shape[3]
        patches = _patches(maps, height, width)
        flat = tf.reshape(kernel, [patches.shape[1], filters])
        outputs = tf.matmul(patches, flat)

        def gradient(upstream: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            in_kernel = tf.matmul(patches, tf.reshape(upstream, [-1, filters]), transpose_a=True)
            return (
                _in_maps(upstream, kernel, height, width),
                tf.reshape(in_kernel, kernel.shape),
            )

        return tf.reshape(outputs, [-1, height.outputs, width.outputs, filters]), gradient

    return product(maps, kernel)


def _patches(maps: tf.Tensor, height: _Side, width: _Side) -> tf.Tensor:
    """Return what the kernel sees at each position: positions × (pixels of the kernel · channels).

    Blocks make each slice contiguous: slices by steps, and their gradient, take several times as
    long.
    """
    stride, channels = height.stride, maps.shape[3]
    padded = _padded(maps, (height.before, height.after), (width.before, width.after))
    blocks = tf.reshape(padded, [-1, height.blocks, stride, width.blocks, stride, channels])
    slices = [
        blocks[
            :,
            row // stride : row // stride + height.outputs,
            row % stride,
            column // stride : column // stride + width.outputs,
            column % stride,
        ]
        for row in range(height.kernel)
        for column in range(width.kernel)
    ]
    return tf.reshape(tf.concat(slices, axis=-1), [-1, len(slices) * channels])


def _in_maps(upstream: tf.Tensor, kernel: tf.Tensor, height: _Side, width: _Side) -> tf.Tensor:
    """Return the gradient in the maps, which is a convolution too: by blocks, with stride 1.

    Args:
        upstream: the gradient in the outputs.
        kernel: the kernel.
        height: how the height is passed.
        width: how the width is passed.
    """
    stride, (channels, filters) = height.stride, kernel.shape[2:]
    # Block b gets what the outputs b − reach + 1 … b pass back to it.
    padded = _padded(upstream, *(_missing_outputs(side) for side in (height, width)))
    slices = [
        padded[:, row : row + height.filled, column : column + width.filled]
        for row in reversed(range(height.reach))
        for column in reversed(range(width.reach))
    ]
    patches = tf.reshape(tf.concat(slices, axis=-1), [-1, len(slices) * filters])
    missing = [(0, side.reach * stride - side.kernel) for side in (height, width)]
    blocks = tf.reshape(
        tf.pad(kernel, [*missing, (0, 0), (0, 0)]),
        [height.reach, stride, width.reach, stride, channels, filters],
    )
    flat = tf.reshape(tf.transpose(blocks, [0, 2, 5, 1, 3, 4]), [patches.shape[1], -1])
    found = tf.reshape(
        tf.matmul(patches, flat), [-1, height.filled, width.filled, stride, stride, channels]
    )
    pixels = tf.reshape(
        tf.transpose(found, [0, 1, 3, 2, 4, 5]),
        [-1, height.filled * stride, width.filled * stride, channels],
    )
    row, column = (side.before - side.first * stride for side in (height, width))
    return pixels[:, row : row + height.size, column : column + width.size]


def _missing_outputs(side: _Side) -> tuple[int, int]:
    """Return how many outputs are missing before and after, for blocks that have pixels."""
    return side.reach - 1 - side.first, side.first + side.filled - side.outputs


def _padded(maps: tf.Tensor, rows: tuple[int, int], columns: tuple[int, int]) -> tf.Tensor:
    """Return maps with zeros around them."""
    return tf.pad(maps, [(0, 0), rows, columns, (0, 0)])


def pooled(maps: tf.Tensor, size: int) -> tf.Tensor:
    """Return the largest value of each square of maps; the first of equal ones gets the gradient.

    Args:
        maps: examples × height × width × channels; what fills no square has no effect.
        size: pixels of a square's side.

    Returns:
        Examples × ⌊height / size⌋ × ⌊width / size⌋ × channels.
    """
    height, width, channels = maps.shape[1:]
    rows, columns = height // size, width // size

    @tf.custom_gradient
    def largest_of(maps: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], tf.Tensor]]:
        inside = maps[:, : rows * size, : columns * size]
        squares = tf.reshape(inside, [-1, rows, size, columns, size, channels])
        largest = squares[:, :, 0, :, 0]
        place = tf.zeros_like(largest, tf.int32)
        for number in range(1, size**2):
            value = squares[:, :, number // size, :, number % size]
            place = tf.where(value > largest, number, place)
            largest = tf.maximum(value, largest)

        def gradient(upstream: tf.Tensor) -> tf.Tensor:
            # One place after the other: XLA would find the place anew for each value of a square.
            places = [tf.where(place == number, upstream, 0.0) for number in range(size**2)]
            lines = [tf.stack(places[at : at + size], axis=3) for at in range(0, size**2, size)]
            found = tf.stack(lines, axis=2)
            spread = tf.reshape(found, [-1, rows * size, columns * size, channels])
            outside = [(0, height - rows * size), (0, width - columns * size)]
            return tf.pad(spread, [(0, 0), *outside, (0, 0)])

        return largest, gradient

    return largest_of(maps)
