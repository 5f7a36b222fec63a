"""Endpoints for axes with a best value, such as learning rates and scales of initial weights."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from bnmatrix.statistics.endpoints.registry import of_both_arms, of_each_arm
from bnmatrix.statistics.endpoints.values import Arm, Pairs, flagged, grid, paired

if TYPE_CHECKING:
    import pandas as pd


def _best(arm: Arm, axis: str) -> float:
    """Return the value of an axis with the best mean validation accuracy."""
    return float(grid(arm, axis, "validation_accuracy").mean().idxmax())


@of_each_arm("points", "{column} at the best {axis}")
def best_over(arm: Arm, axis: str, column: str = "test_accuracy") -> pd.Series:
    """Return the value of ``column`` at the arm's best value of an axis.

    The best value of the axis has the highest mean validation accuracy.
    """
    return grid(arm, axis, column)[_best(arm, axis)]


@of_both_arms("points", "{column} at the control's best {axis}", needs_control=True)
def at_best_of_control(
    treatment: Arm, control: Arm, axis: str, column: str = "test_accuracy"
) -> Pairs:
    """Return the values of both arms at the control's best value of an axis.

    The best value of the axis has the highest mean validation accuracy. Bjorck et al. (2018) ask in
    this way whether normalization helps by allowing larger learning rates.
    """
    best = _best(control, axis)
    note = f"The control's best {axis.replace('_', ' ')} is {best:g}."
    return paired(grid(treatment, axis, column)[best], grid(control, axis, column)[best], note)


def _working(arm: Arm, axis: str, within: float) -> pd.DataFrame:
    """Return whether validation accuracy is within ``within`` of the replicate's best.

    The table of booleans has the rows and columns of ``grid``.
    """
    values = grid(arm, axis, "validation_accuracy")
    # Accuracies are ratios of counts. The tolerance includes a value exactly ``within`` below the
    # best regardless of rounding errors.
    return values.ge(values.max(axis=1) - within - 1e-9, axis=0)


def _largest(working: pd.DataFrame) -> pd.Series:
    return np.log10(working.mul(working.columns.to_numpy(), axis=1).max(axis=1))


def _width(working: pd.DataFrame) -> pd.Series:
    return working.sum(axis=1) * _step(working)


def _step(working: pd.DataFrame) -> float:
    """Return the decades between two values of the axis."""
    at = np.log10(working.columns.to_numpy(np.float64))
    return float((at[-1] - at[0]) / (len(at) - 1)) if len(at) > 1 else 0.0


def _read_off(
    value: Callable[[pd.DataFrame], pd.Series],
    edges: int,
    arms: tuple[Arm, Arm | None],
    axis: str,
    within: float,
) -> Pairs:
    """Return what is read off the grid of values that work, with the error of reading it off.

    The value at which an arm stops to work lies anywhere between two values of the grid: its error
    is uniform, with variance step² / 12, for each edge that is read off, and in each arm. Where a
    value at the end of the grid works, what is read off is a lower bound.
    """
    first = _working(arms[0], axis, within)
    second = None if arms[1] is None else _working(arms[1], axis, within)
    grids = [first] if second is None else [first, second]
    size = f"{max(map(_step, grids)):.2g}"
    note = f"Values are read off a grid with steps of {size} decade{'s' if size != '1' else ''}."
    at_end = [_at_end(grid, edges) for grid in grids]
    ends = [works for arm in at_end for works in arm]
    if any(ends):
        note += (
            f" In {sum(ends)} of {len(ends)} series of runs, a value at the end of the grid works: "
            "values beyond it may work, too."
        )
    pairs = paired(value(first), None if second is None else value(second), note)
    variance = sum(edges * _step(grid) ** 2 / 12 for grid in grids)
    return replace(pairs, resolution=math.sqrt(variance), censored=flagged(pairs.table, at_end))


def _at_end(working: pd.DataFrame, edges: int) -> pd.Series:
    """Return, by replicate, whether the last value works; with two edges, or the first one."""
    last = working.iloc[:, -1]
    return last | working.iloc[:, 0] if edges == 2 else last


@of_both_arms(
    "factor of 10",
    "largest {axis} within {within} of the best validation accuracy",
    needs_control=False,
)
def largest_working(treatment: Arm, control: Arm | None, axis: str, within: float) -> Pairs:
    """Return log₁₀ of the largest value of an axis that works.

    A value works if its validation accuracy is within ``within`` of the replicate's best.
    """
    return _read_off(_largest, 1, (treatment, control), axis, within)


@of_both_arms(
    "factor of 10",
    "range of {axis} within {within} of the best validation accuracy",
    needs_control=False,
)
def working_width(treatment: Arm, control: Arm | None, axis: str, within: float) -> Pairs:
    """Return the number of decades of an axis that work (see :func:`largest_working`).

    Each value of the axis that works counts as one step of the grid. Gaps do not count.
    """
    return _read_off(_width, 2, (treatment, control), axis, within)
