"""Initial weights of dense layers and convolutions, drawn in NumPy: the same for every framework.

:data:`INITIALIZERS` lists functions that draw one layer's weights. Names, distributions and default
arguments are those of ``keras.initializers``.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from bnmatrix.models import Model, Positive
from bnmatrix.training.seeds import Purpose, Streams

#: Standard deviation of a standard normal variable that is truncated at ±2.
_TRUNCATED_SD = 0.87962566103423978

#: Standard deviation and bound of ``random_normal``, ``truncated_normal`` and ``random_uniform``.
_SMALL = 0.05

#: Shape of a layer's weights: inputs × units, or height × width × inputs × filters.
Shape = tuple[int, ...]

Draw = Callable[[np.random.Generator, Shape], NDArray[np.float64]]


def _normal(sd: float) -> Draw:
    return lambda rng, shape: rng.normal(0.0, sd, shape)


def _truncated_normal(rng: np.random.Generator, shape: Shape, sd: float) -> NDArray[np.float64]:
    """Draw from a normal distribution of this standard deviation, truncated at ±2 of them."""
    # Imported here: each start of Snakemake reads the names of the initializers.
    from scipy.special import ndtr, ndtri

    low, high = ndtr([-2.0, 2.0])
    values: NDArray[np.float64] = sd * ndtri(rng.uniform(low, high, shape))
    return values


def _scaled(scale: float, fan: str, distribution: str) -> Draw:
    """Return a draw of variance ``scale`` / fan (Glorot & Bengio 2010, He et al. 2015).

    A filter's inputs are those of all pixels of its kernel.
    """

    def draw(rng: np.random.Generator, shape: Shape) -> NDArray[np.float64]:
        inputs, units = (math.prod(shape[:-2]) * size for size in shape[-2:])
        variance = scale / (inputs if fan == "in" else (inputs + units) / 2)
        if distribution == "uniform":
            limit = math.sqrt(3 * variance)
            return rng.uniform(-limit, limit, shape)
        return _truncated_normal(rng, shape, math.sqrt(variance) / _TRUNCATED_SD)

    return draw


def _orthogonal(rng: np.random.Generator, shape: Shape) -> NDArray[np.float64]:
    """Draw a matrix with orthonormal rows or columns (Saxe et al. 2014).

    The rows of a convolution's matrix are the inputs of all pixels of the kernel.
    """
    rows, columns = math.prod(shape[:-1]), shape[-1]
    q, r = np.linalg.qr(rng.normal(size=(max(rows, columns), min(rows, columns))))
    q = q * np.sign(np.diag(r))  # without it the distribution is not uniform
    return (q if rows >= columns else q.T).reshape(shape)


INITIALIZERS: dict[str, Draw] = {
    "glorot_uniform": _scaled(1.0, "average", "uniform"),
    "glorot_normal": _scaled(1.0, "average", "normal"),
    "he_uniform": _scaled(2.0, "in", "uniform"),
    "he_normal": _scaled(2.0, "in", "normal"),
    "lecun_uniform": _scaled(1.0, "in", "uniform"),
    "lecun_normal": _scaled(1.0, "in", "normal"),
    "orthogonal": _orthogonal,
    "random_normal": _normal(_SMALL),
    "random_uniform": lambda rng, shape: rng.uniform(-_SMALL, _SMALL, shape),
    "truncated_normal": lambda rng, shape: _truncated_normal(rng, shape, _SMALL),
}


class NormalInitializer(Model):
    """Initial weights from a normal distribution of mean 0."""

    normal: Positive
    """Its standard deviation."""


def initial_weights(
    initializer: str | NormalInitializer,
    shapes: Sequence[Shape],
    streams: Streams,
) -> list[NDArray[np.float32]]:
    """Return a run's initial weights of each dense layer and convolution.

    Weights of the *i*-th layer depend on the run's streams and on *i*, not on other layers:
    networks with and without normalization start from the same weights, in every framework.

    Args:
        initializer: a name of :data:`INITIALIZERS`, or a normal distribution.
        shapes: shape of the weights of each layer.
        streams: the run's random streams.

    Returns:
        A float32 array for each layer.
    """
    if isinstance(initializer, NormalInitializer):
        draw = _normal(initializer.normal)
    else:
        draw = INITIALIZERS[initializer]
    return [
        draw(streams.generator(Purpose.WEIGHTS, number), shape).astype(np.float32)
        for number, shape in enumerate(shapes)
    ]
