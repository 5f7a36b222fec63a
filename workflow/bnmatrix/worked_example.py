"""Batch normalization by hand: five rows, two features, a layer of two units.

The table (cgpa, iq) is that of the third source, which stops at the formulas; the weights are
chosen so that both features count. Names follow Ioffe & Szegedy 2015, algorithms 1 and 2.
"""

from dataclasses import dataclass

import numpy as np

FEATURES = ("cgpa", "iq")
X = np.array([[3.0, 120], [3.5, 125], [4.0, 130], [3.2, 127], [3.7, 132]])
WEIGHTS = np.array([[1.2, -0.6], [0.04, 0.05]])
BIAS = np.array([-8.0, -4.0])
#: Keras starts from γ = 1 and β = 0; these are as if learned.
GAMMA, BETA = np.array([1.5, 0.8]), np.array([0.2, -0.1])
#: Keras's defaults, but for the momentum (0.99), so that three mini-batches change something.
EPSILON, MOMENTUM = 1e-3, 0.9
#: Rows of the mini-batches that the moving averages follow; the last begins a second epoch.
MINIBATCHES = ((0, 1), (2, 3), (4, 0))


@dataclass(frozen=True)
class Steps:
    """What each step gives, for all rows (rows × units) or over them (units).

    Attributes:
        z: what the layer computes, x W + b.
        mean: μ, the mean over the mini-batch.
        variance: σ², its biased variance (divided by the number of rows).
        normalized: x̂ = (z − μ) / √(σ² + ε).
        scaled: y = γ x̂ + β.
        activation: ReLU of y.
    """

    z: np.ndarray
    mean: np.ndarray
    variance: np.ndarray
    normalized: np.ndarray
    scaled: np.ndarray
    activation: np.ndarray


def pre_activation(x: np.ndarray) -> np.ndarray:
    """Return x W + b, rows × units."""
    return x @ WEIGHTS + BIAS


def normalize(
    z: np.ndarray, mean: np.ndarray | None = None, variance: np.ndarray | None = None
) -> Steps:
    """Normalize by the mini-batch's own statistics, or by given ones (as in inference)."""
    mean = z.mean(axis=0) if mean is None else mean
    variance = z.var(axis=0) if variance is None else variance
    normalized = (z - mean) / np.sqrt(variance + EPSILON)
    scaled = GAMMA * normalized + BETA
    return Steps(z, mean, variance, normalized, scaled, np.maximum(scaled, 0))


@dataclass(frozen=True)
class Averages:
    """Moving averages after a mini-batch.

    Attributes:
        rows: the rows of the mini-batch, counted from 1.
        mean, variance: the mini-batch's, per unit.
        moving_mean, moving_variance: the averages after it, per unit.
    """

    rows: tuple[int, ...]
    mean: np.ndarray
    variance: np.ndarray
    moving_mean: np.ndarray
    moving_variance: np.ndarray


def moving_averages() -> list[Averages]:
    """Return the moving averages after each mini-batch, from Keras's start of 0 and 1."""
    mean, variance, found = np.zeros(2), np.ones(2), []
    for rows in MINIBATCHES:
        steps = normalize(pre_activation(X[list(rows)]))
        mean = MOMENTUM * mean + (1 - MOMENTUM) * steps.mean
        variance = MOMENTUM * variance + (1 - MOMENTUM) * steps.variance
        places = tuple(row + 1 for row in rows)
        found.append(Averages(places, steps.mean, steps.variance, mean, variance))
    return found
