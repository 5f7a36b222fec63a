"""Arms, pairs, and computations that several endpoints share."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bnmatrix.errors import UserError
from bnmatrix.statistics.scoring import scored
from bnmatrix.tables.metrics import metric_of
from bnmatrix.training.initializers import NormalInitializer
from bnmatrix.training.settings import Settings

if TYPE_CHECKING:
    import pandas as pd

#: Lower bound of norms and factors, so that their logarithms are finite.
SMALLEST = 1e-12


@dataclass(frozen=True)
class Arm:
    """The tables of a study, or only their rows for one arm of a comparison.

    Attributes:
        variants: the settings of each variant, by the name in the column ``variant``.
        classes: number of classes; 1 for a regression.
        deviation: standard deviation of the target of a regression.
        runs, history, measurements, timings, step_times: see :mod:`bnmatrix.tables.schema`.
        correctness: see :mod:`bnmatrix.statistics.correctness`; None if it was not stored.
    """

    variants: Mapping[str, Settings]
    classes: int
    runs: pd.DataFrame
    history: pd.DataFrame
    measurements: pd.DataFrame
    timings: pd.DataFrame
    step_times: pd.DataFrame
    correctness: pd.DataFrame | None = None
    deviation: float = math.nan

    def select(self, selection: Mapping[str, Any]) -> Arm:
        """Return the rows of the selected variants, or with the selected values in other columns.

        Args:
            selection: values of settings, with the types of the settings (see
                :func:`has_values`), or values of other columns, such as ``part`` of a measurement.
                Other columns select only in tables that have them. A list selects several values.

        Raises:
            UserError: no run has the selected values.
        """
        axes = {name: value for name, value in selection.items() if name in Settings.model_fields}
        columns = {name: several(selection[name]) for name in selection if name not in axes}
        variants = {
            name: settings for name, settings in self.variants.items() if has_values(settings, axes)
        }

        def rows(table: pd.DataFrame) -> pd.DataFrame:
            if axes:
                table = table[table["variant"].isin(variants)]
            for column, values in columns.items():
                if column in table.columns:
                    table = table[table[column].isin(values)]
            return table

        runs = rows(self.runs)
        if runs.empty:
            raise UserError(f"no run has {dict(selection)}")
        return Arm(
            variants=variants,
            classes=self.classes,
            runs=runs,
            history=rows(self.history),
            measurements=rows(self.measurements),
            timings=rows(self.timings),
            step_times=rows(self.step_times),
            correctness=None if self.correctness is None else rows(self.correctness),
            deviation=self.deviation,
        )


def several(wanted: Any) -> list[Any]:
    """Return the selected values as a list; a single value becomes a list of one."""
    return wanted if isinstance(wanted, list) else [wanted]


def has_values(settings: Settings, selection: Mapping[str, Any]) -> bool:
    """Return whether each setting has the selected value, or one of several selected values.

    Args:
        settings: a variant's settings.
        selection: values by setting, with the type of the setting. None selects variants in which
            the setting has no effect or is None.
    """
    return all(settings.value(axis) in several(wanted) for axis, wanted in selection.items())


@dataclass(frozen=True)
class Pairs:
    """The values of an endpoint in two arms.

    Attributes:
        table: indexed by replicate; columns ``treatment`` and ``control`` (float64, finite).
        note: a remark for readers, such as the number of runs that missed a target.
        censored: whether each value of ``table`` is a lower bound only, with the same index and
            columns; None if all values are exact.
        resolution: standard error of the mean difference because values are read off a grid: all
            pairs can share this error, so that more pairs do not reduce it.
    """

    table: pd.DataFrame
    note: str = ""
    censored: pd.DataFrame | None = None
    resolution: float = 0.0


def paired(treatment: pd.Series, control: pd.Series | None, note: str = "") -> Pairs:
    """Return the pairs of values, one per replicate; without a second arm, pairs with zero."""
    import pandas as pd

    if control is None:
        control = pd.Series(0.0, index=treatment.index)
    return finite_pairs(pd.concat({"treatment": treatment, "control": control}, axis=1), note)


def finite_pairs(values: pd.DataFrame, note: str = "") -> Pairs:
    """Return the pairs with two finite values. The note gives the number of other pairs."""
    finite = values[np.isfinite(values).all(axis=1)].sort_index()
    if len(finite) < len(values):
        lost = len(values) - len(finite)
        note = f"{note} {lost} of {len(values)} pairs left out: a value is missing.".strip()
    return Pairs(finite, note)


def flagged(table: pd.DataFrame, arms: Sequence[pd.Series]) -> pd.DataFrame:
    """Return which values of pairs are lower bounds, with the index and columns of their table.

    Args:
        table: the pairs.
        arms: for each arm, whether the value of a replicate is a lower bound.
    """
    import pandas as pd

    flags = pd.DataFrame(dict(zip(table, arms, strict=False)))
    return flags.reindex(index=table.index, columns=table.columns, fill_value=False).astype(bool)


def scores(arm: Arm, column: str) -> pd.Series:
    """Return a column of the table of runs; diverged runs count as networks that know nothing.

    ``generalization_gap`` is training minus test accuracy, and NaN for diverged runs.
    """
    if column == "generalization_gap":
        return arm.runs["train_accuracy"] - arm.runs["test_accuracy"]
    if column.endswith("accuracy") or metric_of(column):
        return scored(arm.runs, column, arm.classes, arm.deviation)
    return arm.runs[column].astype(np.float64)


def by_replicate(arm: Arm, values: pd.Series) -> pd.Series:
    """Return the mean over the variants of an arm, for each replicate.

    Args:
        arm: the arm.
        values: one value per row of ``arm.runs``.
    """
    return values.groupby(arm.runs["replicate"]).mean()


def axis_numbers(arm: Arm, axis: str) -> dict[str, float]:
    """Return the value of an axis as a number for each variant; NaN if the axis has no effect.

    For an initializer such as ``{normal: 0.05}``, the number is the standard deviation.

    Raises:
        UserError: a value is not a number.
    """
    return {name: _number(axis, settings.value(axis)) for name, settings in arm.variants.items()}


def _number(axis: str, value: Any) -> float:
    if value is None:
        return math.nan
    if isinstance(value, NormalInitializer):
        return value.normal
    if isinstance(value, int | float):
        return float(value)
    raise UserError(f"axis: a value of '{axis}' is not a number: {value}")


def grid(arm: Arm, axis: str, column: str) -> pd.DataFrame:
    """Return a table of a column's values: one row per replicate, one column per value of the axis.

    The values of the axis are in ascending order. Each entry of the table is a mean over the
    variants with this value.
    """
    at = arm.runs["variant"].map(axis_numbers(arm, axis))
    table = arm.runs.assign(_value=scores(arm, column), _at=at)
    return table.pivot_table(
        index="replicate", columns="_at", values="_value", aggfunc="mean"
    ).sort_index(axis=1)
