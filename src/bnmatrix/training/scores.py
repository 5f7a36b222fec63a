"""Loss, accuracy and probabilities from a network's logits, in float64: no framework is needed.

Compiling these few operations would take longer than a whole job spends in them.
"""

import numpy as np
from numpy.typing import NDArray


def scores(logits: NDArray[np.float32], y: NDArray[np.int32]) -> tuple[float, float]:
    """Return the mean cross-entropy and the accuracy.

    Args:
        logits: examples × classes; they need not be finite.
        y: labels, one per example.
    """
    return log_loss(logits, y), accuracy(logits, y)


def log_loss(logits: NDArray[np.float32], y: NDArray[np.int32]) -> float:
    """Return the mean negative log likelihood of the labels: the mean cross-entropy."""
    exponents = _below_largest(logits)
    with np.errstate(invalid="ignore", divide="ignore"):
        losses = np.log(np.exp(exponents).sum(axis=1)) - exponents[np.arange(len(y)), y]
    return float(losses.mean())


def accuracy(logits: NDArray[np.float32], y: NDArray[np.int32]) -> float:
    """Return the share of examples whose label has the largest logit."""
    return float(np.mean(logits.argmax(axis=1) == y))


def probabilities(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the softmax, examples × classes."""
    powers = np.exp(_below_largest(logits))
    shares: NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
    return shares


def expected_calibration_error(
    shares: NDArray[np.float64], y: NDArray[np.int32], bins: int = 15
) -> float:
    """Return the expected calibration error (Guo et al. 2017, equation 3).

    The mean absolute difference between confidence and accuracy, over bins of equal width of the
    confidence, weighted by their numbers of examples.

    Args:
        shares: probabilities, examples × classes.
        y: labels, one per example.
        bins: number of bins.
    """
    confidence = shares.max(axis=1)
    gaps = (shares.argmax(axis=1) == y) - confidence
    places = np.minimum((confidence * bins).astype(int), bins - 1)
    return float(np.abs(np.bincount(places, gaps, bins)).sum() / len(y))


def _below_largest(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return logits minus the largest of each example, so that no power overflows."""
    values = logits.astype(np.float64)
    with np.errstate(invalid="ignore"):
        below: NDArray[np.float64] = values - values.max(axis=1, keepdims=True)
    return below
