"""Means and shares over the runs of one arm, and differences of published summaries."""

import math
from dataclasses import dataclass

import numpy as np
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from bnmatrix.statistics.overlaps import Overlap
from bnmatrix.statistics.uncertainty import ALPHA, NO_SPREAD, Values, uncertainty


@dataclass(frozen=True)
class Estimate:
    """A mean over replicates.

    Attributes:
        n: number of values.
        mean: their mean.
        sd: their standard deviation (n − 1 in the denominator); NaN for one value.
        ci_low: lower end of the 95 % interval of the mean. NaN for a single value, and for equal
            values: that they do not vary says nothing of how further values would vary.
        ci_high: upper end of the interval.
    """

    n: int
    mean: float
    sd: float
    ci_low: float
    ci_high: float


def estimate(
    values: Values,
    blocks: Values | None = None,
    overlap: Overlap | None = None,
    without: np.ndarray | None = None,
) -> Estimate:
    """Return the mean of values with its 95 % interval.

    Args:
        values: one per replicate, shape (n,), n ≥ 1, finite.
        blocks, overlap, without: see :func:`bnmatrix.statistics.uncertainty.uncertainty`.
    """
    values = np.asarray(values, dtype=np.float64)
    mean, found = float(np.mean(values)), uncertainty(values, blocks, overlap, without)
    low, high = (math.nan, math.nan) if found.constant else found.bounds(mean, ALPHA / 2)
    return Estimate(len(values), mean, spread(values), low, high)


def spread(values: np.ndarray) -> float:
    """Return the standard deviation of values; NaN for one, and 0 if only rounding differs."""
    if len(values) < 2:
        return math.nan
    sd = float(np.std(values, ddof=1))
    return sd if sd > NO_SPREAD else 0.0


def welch_interval(
    mean: float, sd: float, n: int, other_mean: float, other_sd: float, other_n: int
) -> tuple[float, float]:
    """Return the 95 % interval of a difference of two means from their summaries (Welch 1947)."""
    first, second = sd**2 / n, other_sd**2 / other_n
    error = math.sqrt(first + second)
    if error == 0:
        return mean - other_mean, mean - other_mean
    freedom = error**4 / (first**2 / (n - 1) + second**2 / (other_n - 1))
    half = float(stats.t.ppf(1 - ALPHA / 2, freedom)) * error
    return mean - other_mean - half, mean - other_mean + half


def prediction_interval(mean: float, sd: float, n: int) -> tuple[float, float]:
    """Return the interval that holds the value of one further run with probability 95 %."""
    half = float(stats.t.ppf(1 - ALPHA / 2, n - 1)) * sd * math.sqrt(1 + 1 / n)
    return mean - half, mean + half


def share_of_runs(number: int, runs: int) -> tuple[float, float, float]:
    """Return the share of runs, ``number`` of ``runs``, with its 95 % interval (Wilson 1927)."""
    low, high = proportion_confint(number, runs, ALPHA, method="wilson")
    return number / runs, float(low), float(high)
