"""Endpoints for axes with a best value, such as learning rates and scales of initial weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bnmatrix.statistics.endpoints.registry import of_both_arms, of_each_arm
from bnmatrix.statistics.endpoints.values import Arm, Pairs, grid, paired

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


@of_each_arm("factor of 10", "largest {axis} within {within} of the best validation accuracy")
def largest_working(arm: Arm, axis: str, within: float) -> pd.Series:
    """Return log₁₀ of the largest value of an axis that works.

    A value works if its validation accuracy is within ``within`` of the replicate's best.
    """
    working = _working(arm, axis, within)
    return np.log10(working.mul(working.columns.to_numpy(), axis=1).max(axis=1))


@of_each_arm("factor of 10", "range of {axis} within {within} of the best validation accuracy")
def working_width(arm: Arm, axis: str, within: float) -> pd.Series:
    """Return the number of decades of an axis that work (see :func:`largest_working`).

    Each value of the axis that works counts as one step of the grid. Gaps do not count.
    """
    working = _working(arm, axis, within)
    at = np.log10(working.columns.to_numpy(np.float64))
    return working.sum(axis=1) * (at[-1] - at[0]) / (len(at) - 1)
