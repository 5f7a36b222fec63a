"""Initial weights of dense layers, drawn in NumPy: the same for every framework.

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

Draw = Callable[[np.random.Generator, tuple[int, int]], NDArray[np.float64]]


def _normal(sd: float) -> Draw:
    return lambda rng, shape: rng.normal(0.0, sd, shape)


def _truncated_normal(
    rng: np.random.Generator, shape: tuple[int, int], sd: float
) -> NDArray[np.float64]:
    """Draw from a normal distribution of this standard deviation, truncated at ±2 of them."""
    # Imported here: each start of Snakemake reads the names of the initializers.
    from scipy.special import ndtr, ndtri

    low, high = ndtr([-2.0, 2.0])
    values: NDArray[np.float64] = sd * ndtri(rng.uniform(low, high, shape))
    return values


def _scaled(scale: float, fan: str, distribution: str) -> Draw:
    """Return a draw of variance ``scale`` / fan (Glorot & Bengio 2010, He et al. 2015)."""

    def draw(rng: np.random.Generator, shape: tuple[int, int]) -> NDArray[np.float64]:
        inputs, units = shape
        variance = scale / (inputs if fan == "in" else (inputs + units) / 2)
        if distribution == "uniform":
            limit = math.sqrt(3 * variance)
            return rng.uniform(-limit, limit, shape)
        return _truncated_normal(rng, shape, math.sqrt(variance) / _TRUNCATED_SD)

    return draw


def _orthogonal(rng: np.random.Generator, shape: tuple[int, int]) -> NDArray[np.float64]:
    """Draw a matrix with orthonormal rows or columns (Saxe et al. 2014)."""
    q, r = np.linalg.qr(rng.normal(size=(max(shape), min(shape))))
    q = q * np.sign(np.diag(r))  # without it the distribution is not uniform
    return q if shape[0] >= shape[1] else q.T


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
    shapes: Sequence[tuple[int, int]],
    streams: Streams,
) -> list[NDArray[np.float32]]:
    """Return a run's initial weights of each dense layer.

    Weights of the *i*-th layer depend on the run's streams and on *i*, not on other layers:
    networks with and without normalization start from the same weights, in every framework.

    Args:
        initializer: a name of :data:`INITIALIZERS`, or a normal distribution.
        shapes: inputs × units of each layer.
        streams: the run's random streams.

    Returns:
        A float32 array of inputs × units for each layer.
    """
    if isinstance(initializer, NormalInitializer):
        draw = _normal(initializer.normal)
    else:
        draw = INITIALIZERS[initializer]
    return [
        draw(streams.generator(Purpose.WEIGHTS, number), shape).astype(np.float32)
        for number, shape in enumerate(shapes)
    ]
