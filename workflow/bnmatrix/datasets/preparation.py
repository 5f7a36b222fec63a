"""Splitting a data set into training, validation and test parts, once for all variants."""

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from bnmatrix.config import Dataset, Split
from bnmatrix.datasets.loaders import Arrays
from bnmatrix.errors import UserError
from bnmatrix.files import atomic_path

#: Random splits of groups of which the best is taken.
_GROUP_SPLITS = 100


@dataclass(frozen=True)
class Prepared:
    """A data set split for training.

    Attributes:
        x_train, x_validation, x_test: examples × features, uint8 for pixels, float64 otherwise.
        y_train, y_validation, y_test: labels, int32.
        classes: number of classes.
        maximum: largest value of a pixel; 0 if features are not pixels.
    """

    x_train: np.ndarray
    y_train: np.ndarray
    x_validation: np.ndarray
    y_validation: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    classes: int
    maximum: float


def split(
    y: np.ndarray, part: Split, groups: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the indices of the examples that stay, and of those set apart.

    A random split is scikit-learn's ``train_test_split`` with the same seed and fraction; one of
    the last examples is Keras's ``validation_split``. With groups, none is divided: whole groups
    are set apart, such that classes are shared out as evenly as that allows.

    Args:
        y: labels, one an example.
        part: how much is set apart, and how.
        groups: what must stay together, one number an example; none if None or empty.

    Raises:
        UserError: a class has too few examples to be in both.
    """
    stay, apart = part.sizes(len(y))
    if part.take == "last":
        return np.arange(stay), np.arange(stay, len(y))
    from sklearn.model_selection import train_test_split

    if groups is not None and len(groups):
        return _split_by_groups(y, groups, apart / len(y), part.seed)
    classes = y if part.take == "stratified" else None
    try:
        return tuple(
            train_test_split(
                np.arange(len(y)), test_size=apart, random_state=part.seed, stratify=classes
            )
        )
    except ValueError as error:
        raise UserError(
            f"{apart} of {len(y)} examples cannot be set apart with equal shares of each class: "
            f"{error} Use `take: random`, or more data"
        ) from None


def _split_by_groups(
    y: np.ndarray, groups: np.ndarray, share: float, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the best of many random splits: that which comes nearest to a share of each class."""
    from sklearn.model_selection import GroupShuffleSplit

    share = min(max(share, 1 / len(set(groups))), 1 - 1 / len(set(groups)))
    tries = GroupShuffleSplit(_GROUP_SPLITS, test_size=share, random_state=seed).split(y, y, groups)
    wanted = share * np.bincount(y)

    def off(parts: tuple[np.ndarray, np.ndarray]) -> float:
        return float(np.abs(np.bincount(y[parts[1]], minlength=len(wanted)) - wanted).sum())

    stay, apart = min(tries, key=off)
    for name, own in (("stay", stay), ("are set apart", apart)):
        missing = len(wanted) - len(set(y[own]))
        if missing:
            raise UserError(
                f"{len(set(groups))} groups are too few to split: none of the examples that {name} "
                f"is of {missing} of the classes"
            )
    return stay, apart


def prepare(dataset: Dataset, arrays: Arrays, validation: Split) -> Prepared:
    """Split a data set; the test part is the same whatever the validation part."""
    x, y, x_test, y_test = arrays.x, arrays.y, arrays.x_test, arrays.y_test
    groups = arrays.groups
    if dataset.test_split is not None:
        stay, apart = split(y, dataset.test_split, groups)
        x, y, x_test, y_test = x[stay], y[stay], x[apart], y[apart]
        groups = groups[stay] if len(groups) else groups
    stay, apart = split(y, validation, groups)
    return Prepared(
        x_train=x[stay],
        y_train=y[stay],
        x_validation=x[apart],
        y_validation=y[apart],
        x_test=x_test,
        y_test=y_test,
        classes=len(dataset.classes),
        maximum=dataset.maximum or 0.0,
    )


def save(prepared: Prepared, path: Path) -> None:
    """Write as ``.npz``, atomically; the same arrays give the same bytes."""
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.savez(file, **asdict(prepared))


def load_prepared(path: Path) -> Prepared:
    """Read what :func:`save` wrote."""
    with np.load(path, allow_pickle=False) as content:
        arrays = {name: content[name] for name in content.files}
    return Prepared(
        **{name: value for name, value in arrays.items() if name not in ("classes", "maximum")},
        classes=int(arrays["classes"]),
        maximum=float(arrays["maximum"]),
    )
