"""Batch normalization by hand: five rows, two features, a layer of two units.

The table (cgpa, iq) comes from the third source, which gives only formulas. The weights are ours,
chosen so that both features matter. Names follow Ioffe & Szegedy 2015, algorithms 1 and 2.
"""

from dataclasses import dataclass

import numpy as np

FEATURES = ("cgpa", "iq")
X = np.array([[3.0, 120], [3.5, 125], [4.0, 130], [3.2, 127], [3.7, 132]])
WEIGHTS = np.array([[1.2, -0.6], [0.04, 0.05]])
BIAS = np.array([-8.0, -4.0])
#: These stand for learned values; Keras starts from γ = 1 and β = 0.
GAMMA, BETA = np.array([1.5, 0.8]), np.array([0.2, -0.1])
#: Keras's ε; Keras's momentum is 0.99, with which three mini-batches would change little.
EPSILON, MOMENTUM = 1e-3, 0.9
#: Rows of each mini-batch, for the moving averages; the last one begins a second epoch.
MINIBATCHES = ((0, 1), (2, 3), (4, 0))

#: ∂L/∂y of each row and unit, for the backward pass: whatever the layers above sent back.
UPSTREAM = np.array([[1.0, 0.2], [0.0, -0.4], [-1.0, 0.0], [0.5, 0.6], [0.0, -0.1]])


@dataclass(frozen=True)
class Steps:
    """The result of each step: arrays of rows × units, and of units for mean and variance.

    Attributes:
        z: the output of the dense layer, x W + b.
        mean: μ, the mean over the mini-batch.
        variance: σ², the biased variance over the mini-batch (divided by the number of rows).
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
    z: np.ndarray = x @ WEIGHTS + BIAS
    return z


def normalize(
    z: np.ndarray, mean: np.ndarray | None = None, variance: np.ndarray | None = None
) -> Steps:
    """Normalize with the statistics of the mini-batch, or with given ones (as in inference).

    Args:
        z: outputs of the dense layer, rows × units.
        mean: the mean of each unit; if None, that of ``z``.
        variance: the variance of each unit; if None, that of ``z``.
    """
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
        mean, variance: the statistics of the mini-batch, one for each unit.
        moving_mean, moving_variance: the averages after it, one for each unit.
    """

    rows: tuple[int, ...]
    mean: np.ndarray
    variance: np.ndarray
    moving_mean: np.ndarray
    moving_variance: np.ndarray


def moving_averages() -> list[Averages]:
    """Return the moving averages after each mini-batch; they start from 0 and 1, as in Keras."""
    mean, variance = np.zeros(2), np.ones(2)
    averages = []
    for rows in MINIBATCHES:
        steps = normalize(pre_activation(X[list(rows)]))
        mean = MOMENTUM * mean + (1 - MOMENTUM) * steps.mean
        variance = MOMENTUM * variance + (1 - MOMENTUM) * steps.variance
        numbers = tuple(row + 1 for row in rows)
        averages.append(Averages(numbers, steps.mean, steps.variance, mean, variance))
    return averages


@dataclass(frozen=True)
class Gradients:
    """The result of the backward pass: arrays of rows × units, and of units for γ and β.

    Attributes:
        upstream: ∂L/∂y.
        normalized: ∂L/∂x̂ = γ ∂L/∂y.
        z: ∂L/∂z.
        gamma: ∂L/∂γ, the sum over rows of ∂L/∂y · x̂.
        beta: ∂L/∂β, the sum over rows of ∂L/∂y.
    """

    upstream: np.ndarray
    normalized: np.ndarray
    z: np.ndarray
    gamma: np.ndarray
    beta: np.ndarray


def backward(steps: Steps, upstream: np.ndarray) -> Gradients:
    """Return the gradients of a mini-batch in training mode.

    Args:
        steps: the forward pass (:func:`normalize` without given statistics).
        upstream: ∂L/∂y, rows × units.
    """
    normalized = GAMMA * upstream
    without = normalized.mean(axis=0)
    along = steps.normalized * (normalized * steps.normalized).mean(axis=0)
    z = (normalized - without - along) / np.sqrt(steps.variance + EPSILON)
    gamma, beta = (upstream * steps.normalized).sum(axis=0), upstream.sum(axis=0)
    return Gradients(upstream, normalized, z, gamma, beta)


def fold(mean: np.ndarray, variance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the weights and biases of one dense layer that computes both layers in inference.

    Args:
        mean, variance: the moving averages, one for each unit.
    """
    scale = GAMMA / np.sqrt(variance + EPSILON)
    return WEIGHTS * scale, (BIAS - mean) * scale + BETA
