"""Examples with labels as text: what every kind of a user's own data is read into."""

import re
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bnmatrix.errors import UserError

#: Largest magnitude of a feature: larger numbers are no measurements, and their squares overflow.
LARGEST = 1e30

#: Number of items that a message names before it counts the rest.
_NAMED = 5


@dataclass(frozen=True)
class Labelled:
    """Examples with labels.

    Attributes:
        x: examples × shape; uint8 for pixels, float32 or float64 otherwise, NaN for missing.
        labels: the class of each example, as text.
        groups: one value per example; examples with the same value must stay in one part. None if
            there are no groups.
        maximum: largest value of a pixel; None if x holds no pixels.
        notes: how the data was interpreted, in sentences for people.
    """

    x: np.ndarray
    labels: list[str]
    groups: np.ndarray | None = None
    maximum: float | None = None
    notes: list[str] = field(default_factory=list)


def some(items: list[Any]) -> str:
    """Return the first few items as text, and how many more there are."""
    more = f" and {len(items) - _NAMED} more" if len(items) > _NAMED else ""
    return ", ".join(str(item) for item in items[:_NAMED]) + more


def rows_text(numbers: list[int]) -> str:
    """Return "row 3" or "rows 3, 5" for row numbers."""
    return f"row{'s' if len(numbers) > 1 else ''} {some(numbers)}"


def classes_of(labels: list[str]) -> list[str]:
    """Return the classes in order: numerically if all are whole numbers, otherwise as text."""
    distinct = set(labels)
    if all(re.fullmatch(r"-?\d+", label) for label in distinct):
        return sorted(distinct, key=lambda label: (int(label), label))
    return sorted(distinct)


def label_texts(values: np.ndarray, where: str) -> list[str]:
    """Return labels as text.

    Args:
        values: labels of any type, one per example; None or NaN for missing.
        where: how an error message begins.

    Raises:
        UserError: some are missing, or they are measurements rather than classes.
    """
    missing = [
        number
        for number, value in enumerate(values, start=1)
        if value is None or value == "" or value != value
    ]
    if missing:
        raise UserError(
            f"{where}: no class in {rows_text(missing)}; fill it in, or remove these rows"
        )
    kind = np.asarray(values).dtype.kind
    if kind in "fiu":
        _check_classes(np.asarray(values, np.float64), where)
        return [str(int(number)) for number in np.asarray(values)]
    if kind == "S" or any(isinstance(value, bytes) for value in values):
        raise UserError(f"{where}: classes are bytes that are not text; save them as text (UTF-8)")
    return [str(value) for value in values]


def _check_classes(numbers: np.ndarray, where: str) -> None:
    """Check that labels which are numbers (float64) are classes rather than measurements."""
    distinct, counts = np.unique(numbers, return_counts=True)
    whole = bool(np.all(numbers == np.floor(numbers)))
    if whole and (len(distinct) <= 30 or np.median(counts) >= 10):
        return
    others = distinct[numbers[0] != distinct][:1]
    shown = ", ".join(f"{value:g}" for value in (numbers[0], *others))
    raise UserError(
        f"{where}: {len(distinct)} different numbers ({shown}, …) in {len(numbers)} rows look like "
        "measurements, and predicting them is regression, which bnmatrix does not do: it compares "
        "classifiers. Give a column of classes, or cut this one into classes"
    )
