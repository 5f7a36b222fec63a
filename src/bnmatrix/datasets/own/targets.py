"""Targets of regressions: measurements instead of classes."""

from dataclasses import replace

import numpy as np

from bnmatrix.datasets.own.labels import LARGEST, Labelled
from bnmatrix.datasets.own.spec import Measured
from bnmatrix.errors import UserError

#: Most different numbers that can be neither classes nor measurements without being asked.
_FEW = 10

#: Fewest examples of a regression.
_LEAST = 20


def is_regression(part: Labelled) -> bool:
    """Return whether labels are measurements: as the entry of the data set says, or by themselves.

    Numbers that are not all whole, and of which there are many, are measurements.
    """
    source = part.rows.source
    if source.task is not None or source.classes or source.kind == "images":
        return source.task == "regression"
    try:
        numbers = {float(label) for label in set(part.labels)}
    except ValueError:
        return False
    return len(numbers) > _FEW and not all(number.is_integer() for number in numbers)


def with_targets(parts: list[Labelled]) -> list[Labelled]:
    """Return the parts of a data set with targets, float64.

    Raises:
        UserError: a target is no number, or too large; there are too few examples, or all targets
            are equal.
    """
    found = [replace(part, targets=_numbers(part)) for part in parts]
    first = found[0]
    if len(first.labels) < _LEAST:
        raise UserError(
            f"{first.where}: {len(first.labels)} examples are too few for a regression, which "
            f"needs {_LEAST}"
        )
    if not np.ptp(_targets(first)):
        raise UserError(
            f"{first.where}: all {len(first.labels)} examples have the target {first.labels[0]}; "
            "there is nothing to predict"
        )
    return found


def measured(parts: list[Labelled]) -> Measured:
    """Return the distribution of the targets of all parts."""
    every = np.concatenate([_targets(part) for part in parts])
    low, high = float(every.min()), float(every.max())
    return Measured(mean=float(every.mean()), deviation=float(every.std()), low=low, high=high)


def _targets(part: Labelled) -> np.ndarray:
    if part.targets is None:
        raise ValueError("the data has classes")
    return part.targets


def _numbers(part: Labelled) -> np.ndarray:
    try:
        numbers = np.array([float(label) for label in part.labels])
    except ValueError:
        place = next(n for n, label in enumerate(part.labels, start=1) if not _is_number(label))
        raise UserError(
            f"{part.where}, {part.rows.text([place])}: '{part.labels[place - 1]}' is not a number, "
            "which `task: regression` needs. Correct it, or leave `task` out to predict classes"
        ) from None
    wrong = np.flatnonzero(~(np.abs(numbers) <= LARGEST)) + 1
    if len(wrong):
        raise UserError(
            f"{part.where}: not finite or beyond 1e30 in {part.rows.text(list(wrong))}; correct "
            "them"
        )
    return numbers


def _is_number(label: str) -> bool:
    try:
        float(label)
    except ValueError:
        return False
    return True
