"""Weights of classes in the loss."""

import numpy as np
from numpy.typing import NDArray

#: Values of the setting ``class_weights``.
CLASS_WEIGHTS = ("none", "balanced")


def balanced_weights(y: NDArray[np.int32], classes: int) -> NDArray[np.float64]:
    """Return n / (K n_k) for each class k, with n examples of K classes, n_k of them of class k.

    The mean weight of an example is 1, as of scikit-learn's ``class_weight="balanced"``. A class
    without examples has the weight 0.

    Args:
        y: the labels to fit the weights on.
        classes: number of classes, K.
    """
    counts = np.bincount(y, minlength=classes).astype(np.float64)
    weights: NDArray[np.float64] = np.divide(
        len(y), classes * counts, out=np.zeros(classes), where=counts > 0
    )
    return weights
