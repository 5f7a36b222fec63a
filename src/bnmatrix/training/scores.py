"""Loss, accuracy and probabilities from a network's logits, in float64: no framework is needed.

Compiling these few operations would take longer than a whole job spends in them.
"""

import math

import numpy as np
from numpy.typing import NDArray


def scores(
    logits: NDArray[np.float32], y: NDArray[np.int32], weights: NDArray[np.float64] | None = None
) -> tuple[float, float]:
    """Return the mean cross-entropy and the accuracy.

    Of a regression, it is the mean squared error of the standardized target, and NaN.

    Args:
        logits: examples × classes; they need not be finite.
        y: labels, one per example; or standardized targets, float64.
        weights: of the losses of each class; None: 1.
    """
    if y.dtype.kind == "f":
        with np.errstate(invalid="ignore", over="ignore"):
            return float(np.mean((logits[:, 0].astype(np.float64) - y) ** 2)), math.nan
    if weights is None:
        return log_loss(logits, y), accuracy(logits, y)
    return float((losses(logits, y) * weights[y]).mean()), accuracy(logits, y)


def log_loss(logits: NDArray[np.float32], y: NDArray[np.int32]) -> float:
    """Return the mean negative log likelihood of the labels: the mean cross-entropy."""
    return float(losses(logits, y).mean())


def losses(logits: NDArray[np.float32], y: NDArray[np.int32]) -> NDArray[np.float64]:
    """Return the cross-entropy of each example in nats; NaN or infinite where a logit is."""
    exponents = _below_largest(logits)
    with np.errstate(invalid="ignore", divide="ignore"):
        every: NDArray[np.float64] = (
            np.log(np.exp(exponents).sum(axis=1)) - exponents[np.arange(len(y)), y]
        )
    return every


def guessed_loss(classes: int) -> float:
    """Return the loss of a network that has learned nothing.

    It gives all classes the same probability; of a regression (one output), it predicts the mean,
    and the standardized target has the variance 1.
    """
    return math.log(classes) if classes > 1 else 1.0


def accuracy(logits: NDArray[np.float32], y: NDArray[np.int32]) -> float:
    """Return the share of examples whose label has the largest logit."""
    return float(np.mean(logits.argmax(axis=1) == y))


def probabilities(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the softmax, examples × classes."""
    powers = np.exp(_below_largest(logits))
    shares: NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
    return shares


#: Bins of confidence of the calibration error, of equal width (Guo, Pleiss, Sun & Weinberger 2017:
#: On Calibration of Modern Neural Networks, ICML).
BINS = 15


def confidence_bins(confidence: NDArray[np.float64], bins: int = BINS) -> NDArray[np.int64]:
    """Return the bin of each confidence, from 0; bin m is from m / bins to (m + 1) / bins, which it
    includes.
    """
    return np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)


def expected_calibration_error(
    shares: NDArray[np.float64], y: NDArray[np.int32], bins: int = BINS
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
    places = confidence_bins(confidence, bins)
    return float(np.abs(np.bincount(places, gaps, bins)).sum() / len(y))


def _below_largest(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return logits minus the largest of each example, so that no power overflows."""
    values = logits.astype(np.float64)
    with np.errstate(invalid="ignore"):
        below: NDArray[np.float64] = values - values.max(axis=1, keepdims=True)
    return below
