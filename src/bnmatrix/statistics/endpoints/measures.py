"""Endpoints from measures: quantities of a network other than accuracy and loss."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bnmatrix.errors import UserError
from bnmatrix.statistics.endpoints.registry import of_each_arm
from bnmatrix.statistics.endpoints.values import SMALLEST, Arm
from bnmatrix.training.settings import Settings

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
    "ratio of gradient norms over the equal hidden layers, either way",
    measure="gradient_norm",
)
def gradient_imbalance(arm: Arm, step: int) -> pd.Series:
    """Return |log₁₀| of the ratio of gradient norms between the ends of the equal hidden layers.

    Equal layers have as many inputs as units, so that neither widths nor the output layer, which is
    not normalized, affect the norms. The ratio is that of the least-squares line of log₁₀ of the
    norms on the number of the layer. The value is a mean over variants. It is missing if all
    gradients have vanished.

    Raises:
        UserError: a variant has fewer than three equal hidden layers.
    """
    table = _rows(arm, "gradient_norm", step, None)
    layers = table["part"].astype(int)
    equal = {name: _equal_layers(settings) for name, settings in arm.variants.items()}
    for name, numbers in equal.items():
        if len(numbers) < 3:
            raise UserError(
                "gradient_imbalance needs three hidden layers with as many inputs as units; "
                f"{name} has {len(numbers)}"
            )
    kept = [
        layer in equal[variant] for layer, variant in zip(layers, table["variant"], strict=True)
    ]
    table = table.assign(layer=layers, norm=table["value"].clip(lower=SMALLEST))[kept]
    grid = table.pivot_table(index=["replicate", "variant"], columns="layer", values="norm")
    return _mean(_ends(grid).rename("value").reset_index())


def _equal_layers(settings: Settings) -> list[int]:
    """Return the numbers of the hidden layers that have as many inputs as units, from 1."""
    widths = settings.hidden_layers
    return [
        number for number in range(2, len(widths) + 1) if widths[number - 2] == widths[number - 1]
    ]


def _ends(norms: pd.DataFrame) -> pd.Series:
    """Return the fitted change of log₁₀ from the first to the last column, without its sign."""
    present = norms.notna()
    x = present.mul(norms.columns.to_numpy(np.float64), axis=1).where(present)
    centered = x.sub(x.mean(axis=1), axis=0)
    slope = (np.log10(norms) * centered).sum(axis=1) / (centered**2).sum(axis=1)
    span = x.max(axis=1) - x.min(axis=1)
    return (slope * span).abs().mask((norms.fillna(SMALLEST) <= SMALLEST).all(axis=1))


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
