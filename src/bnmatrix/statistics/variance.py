"""Where the spread of test accuracies comes from: runs in which one source of variance is alone.

The design is that of Bouthillier et al. (2021), "Accounting for Variance in Machine Learning
Benchmarks".
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import special, stats

from bnmatrix.statistics.comparisons import scored_values, without_each_group
from bnmatrix.statistics.correctness import blocks_of, sampling_variances
from bnmatrix.statistics.means import estimate, spread
from bnmatrix.statistics.overlaps import Overlap
from bnmatrix.statistics.paired import pairs_needed
from bnmatrix.statistics.uncertainty import ALPHA, uncertainty
from bnmatrix.tables.status import DIVERGED
from bnmatrix.training.seeds import SOURCES

if TYPE_CHECKING:
    from collections.abc import Mapping

#: The source that needs no runs of its own: other test examples, for the same network.
SAMPLING = "test_sampling"

#: The arm of paired differences, batch normalization − none.
DIFFERENCE = "difference"

#: Columns of the table of components. Standard deviations are fractions. Rows of the source ``all``
#: have the last four. ``seeds_needed`` is empty if no number of replicates suffices, or if
#: the runs do not vary. ``factor`` is the standard deviation over that of the source ``weights``.
COLUMNS = (
    *("arm", "source", "sd", "sd_low", "sd_high", "runs"),
    *("seeds_needed", "factor", "factor_low", "factor_high"),
)

#: Bonett's interval needs so many values.
_FEWEST = 5


@dataclass(frozen=True)
class Deviation:
    """A standard deviation with its 95 % interval.

    Attributes:
        sd: the standard deviation (n − 1 in the denominator); NaN for one value.
        low: lower end of the interval. NaN for fewer than five values, and for equal values.
        high: upper end of the interval.
        log_error: standard error of the logarithm of the variance; NaN like the interval.
    """

    sd: float
    low: float
    high: float
    log_error: float


def deviation(values: np.ndarray) -> Deviation:
    """Return the standard deviation of values with Bonett's (2006) interval.

    The chi-squared interval holds only for a normal distribution. Accuracies after tuning take few
    values, and failed runs lie far from the others. Bonett's interval allows for the kurtosis.

    Args:
        values: one per replicate, shape (n,), n ≥ 1, finite.
    """
    n, sd = len(values), spread(values)
    if n < _FEWEST or sd == 0:
        return Deviation(sd, math.nan, math.nan, math.nan)
    trimmed = float(stats.trim_mean(values, 1 / (2 * math.sqrt(n - 4))))
    squares = float(np.sum((values - values.mean()) ** 2))
    kurtosis = n * float(np.sum((values - trimmed) ** 4)) / squares**2
    correction = n / (n - _quantile())
    error = correction * math.sqrt((kurtosis - (n - 3) / n) / (n - 1))
    middle, half = sd * math.sqrt(correction), math.exp(_quantile() * error / 2)
    return Deviation(sd, middle / half, middle * half, error)


def ratio(first: Deviation, second: Deviation) -> tuple[float, float, float]:
    """Return the ratio of two standard deviations with the ends of its 95 % interval.

    The interval is that of Bonett for independent samples; NaN where a deviation has none.
    """
    if not second.sd > 0:
        return math.nan, math.nan, math.nan
    half = math.exp(_quantile() * math.hypot(first.log_error, second.log_error) / 2)
    found = first.sd / second.sd
    return found, found / half, found * half


def _quantile() -> float:
    return float(special.ndtri(1 - ALPHA / 2))


def components(
    runs: pd.DataFrame,
    correctness: pd.DataFrame,
    classes: int,
    margin: float,
    overlap: Overlap | None = None,
) -> pd.DataFrame:
    """Return the spread of test accuracy by source of variance, for each arm of a cell.

    The arms are the normalizations and, if both are there, batch normalization − none. A diverged
    run counts at chance, except for the sampling of test examples, where it does not count.

    Args:
        runs: the runs of one cell, with one variant for each ``normalization`` and ``varied``.
        correctness: see :data:`bnmatrix.tables.schema.CORRECTNESS_COLUMNS`.
        classes: number of classes, for chance.
        margin: half width of the interval that the number of seeds is for, a fraction.
        overlap: see :func:`bnmatrix.statistics.uncertainty.uncertainty`.

    Returns:
        The columns :data:`COLUMNS`, a row for each arm and source that has runs.

    Raises:
        ValueError: several variants have the same normalization and the same source.
    """
    keys = runs[["normalization", "varied", "variant"]].drop_duplicates()
    if keys.duplicated(["normalization", "varied"]).any():
        raise ValueError("one variant for each normalization and source needed")
    by_variant = scored_values(runs, "test_accuracy", classes, correctness)
    arms: dict[str, dict[str, pd.DataFrame]] = {}
    for row in keys.itertuples(index=False):
        arms.setdefault(row.normalization, {})[row.varied] = by_variant[row.variant]
    if {"none", "batch"} <= set(arms):
        arms[DIFFERENCE] = {
            source: _paired(arms["batch"][source], arms["none"][source])
            for source in arms["none"]
            if source in arms["batch"]
        }
    rows = []
    for arm, tables in arms.items():
        rows += _rows(arm, tables, runs, margin, overlap)
        rows += _sampling(arm, runs, correctness)
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype({"seeds_needed": "Int64"})


def _paired(treatment: pd.DataFrame, control: pd.DataFrame) -> pd.DataFrame:
    """Return treatment − control for the replicates that both have."""
    common = treatment.index.intersection(control.index).sort_values()
    return treatment.loc[common] - control.loc[common]


def _rows(
    arm: str,
    tables: Mapping[str, pd.DataFrame],
    runs: pd.DataFrame,
    margin: float,
    overlap: Overlap | None,
) -> list[dict[str, Any]]:
    """Return the rows of an arm for the sources that have runs of their own."""
    found = {
        source: deviation(tables[source]["score"].to_numpy(np.float64))
        for source in SOURCES
        if source in tables
    }
    rows: list[dict[str, Any]] = []
    for source, value in found.items():
        row = {"arm": arm, "source": source, "sd": value.sd, "sd_low": value.low}
        rows.append(row | {"sd_high": value.high, "runs": len(tables[source])})
        if source != "all":
            continue
        members = ["none", "batch"] if arm == DIFFERENCE else [arm]
        same = runs[runs["normalization"].isin(members) & (runs["varied"] == "all")]
        needed = _seeds_needed(tables["all"], blocks_of(same), margin, overlap)
        rows[-1]["seeds_needed"] = None if math.isnan(needed) else int(needed)
        if "weights" in found:
            names = ("factor", "factor_low", "factor_high")
            rows[-1] |= dict(zip(names, ratio(value, found["weights"]), strict=True))
    return rows


def _seeds_needed(
    table: pd.DataFrame, blocks: pd.Series | None, margin: float, overlap: Overlap | None
) -> float:
    """Return how many replicates bring the 95 % interval of the mean to ± ``margin``."""
    without = without_each_group([table])
    found = uncertainty(
        table["score"].to_numpy(np.float64),
        None if blocks is None else blocks.loc[table.index].to_numpy(),
        overlap,
        without if without is not None and np.isfinite(without).all() else None,
    )
    return pairs_needed(found, margin, ALPHA / 2)


def _sampling(arm: str, runs: pd.DataFrame, correctness: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the row of an arm for the sampling of test examples; none without completed runs."""
    completed = runs[(runs["varied"] == "all") & (runs["status"] != DIVERGED)]
    names = ["batch", "none"] if arm == DIFFERENCE else [arm]
    tables = [
        completed[completed["normalization"] == name][["variant", "replicate"]]
        .merge(correctness, on=["variant", "replicate"], validate="one_to_one")
        .set_index("replicate")
        for name in names
    ]
    common = tables[0].index.intersection(tables[-1].index).sort_values()
    if common.empty:
        return []
    variances, without = sampling_variances(*(table.loc[common] for table in tables))
    found = estimate(variances, without=without if np.isfinite(without).all() else None)
    ends = [math.sqrt(max(end, 0.0)) for end in (found.mean, found.ci_low, found.ci_high)]
    row = {"arm": arm, "source": SAMPLING, "runs": len(common)}
    return [row | dict(zip(("sd", "sd_low", "sd_high"), ends, strict=True))]
