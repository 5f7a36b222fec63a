"""How well probabilities are calibrated, before and after temperature scaling."""

import numpy as np
from numpy.typing import NDArray

from bnmatrix.training.measures.probe import Probe
from bnmatrix.training.measures.registry import Values, measure
from bnmatrix.training.scores import expected_calibration_error, log_loss, probabilities

#: Range of the logarithm of temperatures.
_RANGE = 4.0


@measure("calibration_error", "log_loss", "temperature")
def calibration(probe: Probe) -> Values:
    """Yield calibration on test examples, as they are and with temperature scaling.

    ``calibration_error`` is the expected calibration error in 15 bins, ``log_loss`` the mean
    negative log likelihood. ``raw``: of the softmax of the logits. ``scaled``: of the softmax of
    the logits divided by the ``temperature`` that has the lowest log loss on validation examples
    (Guo et al. 2017, section 4.2).
    """
    temperature = _best_temperature(probe.logits("validation"), probe.labels("validation"))
    logits, y = probe.logits("test"), probe.labels("test")
    for part, divisor in (("raw", 1.0), ("scaled", temperature)):
        scaled = logits / np.float32(divisor)
        error = expected_calibration_error(probabilities(scaled), y)
        yield "calibration_error", part, error
        yield "log_loss", part, log_loss(scaled, y)
    yield "temperature", "scaled", temperature


def _best_temperature(logits: NDArray[np.float32], y: NDArray[np.int32]) -> float:
    """Return the temperature with the lowest log loss."""
    # Imported here: it takes longer than all else that a job without this measure needs.
    from scipy.optimize import minimize_scalar

    def loss(logarithm: float) -> float:
        return log_loss(logits / np.float32(np.exp(logarithm)), y)

    found = minimize_scalar(loss, bounds=(-_RANGE, _RANGE), method="bounded")
    return float(np.exp(found.x))
