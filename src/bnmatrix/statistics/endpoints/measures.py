"""Endpoints from measures: quantities of a network other than accuracy and loss."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bnmatrix.statistics.endpoints.registry import of_each_arm
from bnmatrix.statistics.endpoints.values import SMALLEST, Arm

if TYPE_CHECKING:
    import pandas as pd


@of_each_arm("plain", "{measure}")
def measured(
    arm: Arm, measure: str, step: int | None = None, parts: Sequence[Any] | None = None
) -> pd.Series:
    """Return the mean of a measure, over steps and parts or some of them."""
    return _mean(_rows(arm, measure, step, parts))


@of_each_arm("plain", "change of {measure} from {axis} {reference} to {at}")
def measured_along(
    arm: Arm, measure: str, axis: str, at: Any, reference: Any, parts: Sequence[Any] | None = None
) -> pd.Series:
    """Return the mean of a measure at ``at`` minus its mean at ``reference`` on an axis."""
    end = _mean(_rows(arm.select({axis: at}), measure, None, parts))
    start = _mean(_rows(arm.select({axis: reference}), measure, None, parts))
    return end - start


@of_each_arm("factor of 10", "{measure}")
def log_measured(
    arm: Arm, measure: str, step: int | None = None, parts: Sequence[Any] | None = None
) -> pd.Series:
    """Return the mean of log₁₀ of a measure, over steps and parts or some of them."""
    table = _rows(arm, measure, step, parts)
    return _mean(table.assign(value=np.log10(table["value"].clip(lower=SMALLEST))))


@of_each_arm(
    "factor of 10",
    "ratio of the first and the last layer's gradient norm, either way",
    measure="gradient_norm",
)
def gradient_imbalance(arm: Arm, step: int) -> pd.Series:
    """Return |log₁₀| of the ratio of the gradient norms of the first and the last layer.

    The value is a mean over variants. It is missing if both gradients have vanished.
    """
    table = _rows(arm, "gradient_norm", step, None)
    layers = table.assign(layer=table["part"].astype(int)).groupby(["replicate", "variant"])
    first = _norms(table.loc[layers["layer"].idxmin()])
    last = _norms(table.loc[layers["layer"].idxmax()])
    ratio = np.log10(first / last).abs().mask((first == SMALLEST) & (last == SMALLEST))
    return _mean(ratio.rename("value").reset_index())


def _norms(rows: pd.DataFrame) -> pd.Series:
    return rows.set_index(["replicate", "variant"])["value"].clip(lower=SMALLEST)


def _rows(arm: Arm, measure: str, step: int | None, parts: Sequence[Any] | None) -> pd.DataFrame:
    """Return the rows of a measure, for all steps and parts or some of them."""
    table = arm.measurements[arm.measurements["measure"] == measure]
    if step is not None:
        table = table[table["step"] == step]
    if parts is not None:
        table = table[table["part"].isin([str(part) for part in parts])]
    return table


def _mean(rows: pd.DataFrame) -> pd.Series:
    """Return a mean per replicate; NaN for a replicate with fewer values than other replicates.

    A diverged run has no values for later steps, so that its mean would not be comparable.
    """
    groups = rows["value"].groupby(rows["replicate"])
    counts = groups.count()
    return groups.mean().where(counts == counts.max())
