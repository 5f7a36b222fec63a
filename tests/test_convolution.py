"""Convolution and pooling as products of matrices: the same as TensorFlow's own operations."""

import numpy as np
import pytest
from support import configured

#: Height, width, channels, filters, side of the kernel, stride.
CONVOLUTIONS = [
    (8, 8, 3, 5, 3, 1),
    (28, 28, 1, 8, 3, 2),
    (7, 9, 2, 4, 3, 2),  # odd sides: other zeros before and after
    (7, 8, 2, 4, 5, 2),
    (9, 9, 2, 4, 1, 2),  # a stride that passes over pixels
    (10, 10, 2, 3, 5, 3),
    (6, 6, 2, 3, 4, 1),  # an even kernel
    (7, 7, 2, 3, 2, 3),
    (3, 3, 2, 3, 5, 1),  # a kernel larger than the image
]
#: Height, width, side of a square.
POOLINGS = [(8, 8, 2), (7, 9, 2), (7, 7, 3)]


@pytest.fixture(scope="module", autouse=True)
def keras():
    configured("keras")


def with_gradients(function, *arguments):
    """Return the outputs, and the gradients of a weighted sum of them in the arguments."""
    import tensorflow as tf

    arguments = [tf.constant(argument.astype(np.float32)) for argument in arguments]
    with tf.GradientTape() as tape:
        tape.watch(arguments)
        outputs = function(*arguments)
        weights = np.random.default_rng(1).normal(size=outputs.shape).astype(np.float32)
        total = tf.reduce_sum(outputs * weights)
    return [outputs, *tape.gradient(total, arguments)]


@pytest.mark.parametrize("case", CONVOLUTIONS)
def test_convolution(case):
    import tensorflow as tf

    from bnmatrix.training.keras.convolution import convolved

    height, width, channels, filters, side, stride = case
    generator = np.random.default_rng(0)
    maps = generator.normal(size=(4, height, width, channels))
    kernel = generator.normal(size=(side, side, channels, filters))
    ours = with_gradients(lambda x, k: convolved(x, k, stride), maps, kernel)
    theirs = with_gradients(lambda x, k: tf.nn.conv2d(x, k, stride, "SAME"), maps, kernel)
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("case", POOLINGS)
def test_pooling(case):
    """The values repeat, so that squares have several largest ones."""
    import tensorflow as tf

    from bnmatrix.training.keras.convolution import pooled

    height, width, size = case
    maps = np.random.default_rng(0).integers(0, 3, (4, height, width, 3))
    ours = with_gradients(lambda x: pooled(x, size), maps)
    theirs = with_gradients(lambda x: tf.nn.max_pool2d(x, size, size, "VALID"), maps)
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(one, other)
