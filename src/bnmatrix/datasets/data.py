"""A data set as arrays: as it is read, and as it is split and stored for training."""

from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from bnmatrix.files import atomic_path


@dataclass(frozen=True)
class Arrays:
    """A data set as it is read.

    Attributes:
        x: examples × features, uint8 for pixels and float64 otherwise (float32 where a user's own
            data set has that).
        y: labels, int32, one per example; of a regression the target, float64.
        x_test: the examples of the data set's own test part; no rows if it has none.
        y_test: their labels.
        groups: numbers, int64, one per example of ``x``: examples with the same number must stay in
            one part; empty if there are no groups.
        groups_test: the same of ``x_test``.
    """

    x: np.ndarray
    y: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    groups: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    groups_test: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))


@dataclass(frozen=True)
class Prepared:
    """A data set split for training.

    Attributes:
        x_train, x_validation, x_test: examples × features, with the dtype of :class:`Arrays`.
        y_train, y_validation, y_test: labels, int32; of a regression the target, float64.
        classes: number of classes; 1 for a regression.
        maximum: largest value of a pixel; 0 if features are not pixels.
        shape: shape of an example, of which the product is the number of features; empty if an
            example is just its features.
        groups_test: the group of each test example, int64; empty if there are no groups.
    """

    x_train: np.ndarray
    y_train: np.ndarray
    x_validation: np.ndarray
    y_validation: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    classes: int
    maximum: float
    shape: tuple[int, ...] = ()
    groups_test: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))


def save(prepared: Prepared, path: Path) -> None:
    """Write a prepared data set as ``.npz``, atomically; equal arrays give equal bytes."""
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.savez(file, **asdict(prepared))


def load_prepared(path: Path) -> Prepared:
    """Read what :func:`save` wrote."""
    with np.load(path, allow_pickle=False) as content:
        arrays = {name: content[name] for name in content.files}
    classes, maximum, shape = (arrays.pop(name) for name in ("classes", "maximum", "shape"))
    return Prepared(
        classes=int(classes),
        maximum=float(maximum),
        shape=tuple(int(size) for size in shape),
        **arrays,
    )
