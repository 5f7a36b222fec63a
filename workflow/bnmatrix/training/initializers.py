"""Initial weights of dense layers, drawn in NumPy: the same for every framework.

A function here draws one layer's weights; :data:`INITIALIZERS` lists them by the names of their
counterparts in ``keras.initializers``, whose distributions and default arguments they have.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from scipy.special import ndtr, ndtri

from bnmatrix.training import seeds

#: Standard deviation of a standard normal variable that is truncated at ±2.
_TRUNCATED_SD = 0.87962566103423978

#: Standard deviation and bound of ``random_normal``, ``truncated_normal`` and ``random_uniform``.
_SMALL = 0.05

Draw = Callable[[np.random.Generator, tuple[int, int]], np.ndarray]


def _normal(sd: float) -> Draw:
    return lambda rng, shape: rng.normal(0.0, sd, shape)


def _truncated_normal(rng: np.random.Generator, shape: tuple[int, int], sd: float) -> np.ndarray:
    """Draw from a normal distribution of this standard deviation, truncated at ±2 of them."""
    low, high = ndtr([-2.0, 2.0])
    return sd * ndtri(rng.uniform(low, high, shape))


def _scaled(scale: float, fan: str, distribution: str) -> Draw:
    """Return a draw of variance ``scale`` / fan (Glorot & Bengio 2010, He et al. 2015)."""

    def draw(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
        inputs, units = shape
        variance = scale / (inputs if fan == "in" else (inputs + units) / 2)
        if distribution == "uniform":
            limit = math.sqrt(3 * variance)
            return rng.uniform(-limit, limit, shape)
        return _truncated_normal(rng, shape, math.sqrt(variance) / _TRUNCATED_SD)

    return draw


def _orthogonal(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
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


def initial_weights(
    initializer: str | Mapping[str, Any],
    shapes: Sequence[tuple[int, int]],
    seed: int,
    replicate: int,
) -> list[np.ndarray]:
    """Return a replicate's initial weights of each dense layer.

    Weights of the *i*-th layer depend on the study's seed, the replicate and *i*, not on other
    layers: networks with and without normalization start from the same weights, in every
    framework.

    Args:
        initializer: a name of :data:`INITIALIZERS`, or ``{"normal": standard deviation}``.
        shapes: inputs × units of each layer.
        seed: the study's seed.
        replicate: the replicate's number.

    Returns:
        A float32 array of inputs × units a layer.
    """
    named = isinstance(initializer, str)
    draw = INITIALIZERS[initializer] if named else _normal(initializer["normal"])
    return [
        draw(seeds.generator(seed, replicate, seeds.Purpose.WEIGHTS, number), shape).astype(
            np.float32
        )
        for number, shape in enumerate(shapes)
    ]
