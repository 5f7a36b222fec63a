"""Norms of arrays."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def norm(values: NDArray[np.float64]) -> float:
    """Return the Euclidean (Frobenius) norm."""
    return float(np.sqrt(np.sum(np.square(values))))


def joint_norm(arrays: Sequence[NDArray[np.float64]]) -> float:
    """Return the Euclidean norm of arrays as one vector."""
    return float(np.sqrt(sum(norm(values) ** 2 for values in arrays)))
