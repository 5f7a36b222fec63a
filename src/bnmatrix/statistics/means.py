"""Means and shares over the runs of one arm, and differences of published summaries."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

#: Level of all tests; intervals hold with probability 1 − ``ALPHA``.
ALPHA = 0.05

#: Standard deviations up to this are rounding error: accuracies are counts of at most 10⁶ examples.
NO_SPREAD = 1e-12


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


def estimate(values: Sequence[float] | np.ndarray, test_share: float | None = None) -> Estimate:
    """Return the mean of values with Student's t interval.

    A t interval rather than a bootstrap interval, since replicates are few. Of intervals that claim
    95 %, simulated with normal values (``tests/test_paired.py``), these shares hold the mean:

    ====== ========= =========================================
    values Student's bootstrap, expanded as in Hesterberg 2015
    ====== ========= =========================================
    3      .96       .75
    5      .95       .91
    12     .95       .95
    20     .95       .95
    ====== ========= =========================================

    Args:
        values: one per replicate, shape (n,), n ≥ 1, finite.
        test_share: for cross-validation, the number of test examples per training example. Folds
            share training examples, and the variance is corrected for that (Nadeau & Bengio 2003).
    """
    values = np.asarray(values, dtype=np.float64)
    n, mean = len(values), float(np.mean(values))
    if n < 2:
        return Estimate(n, mean, math.nan, math.nan, math.nan)
    sd = float(np.std(values, ddof=1))
    if sd <= NO_SPREAD:
        return Estimate(n, mean, 0.0, math.nan, math.nan)
    half = float(stats.t.ppf(1 - ALPHA / 2, n - 1)) * standard_error(sd, n, test_share)
    return Estimate(n, mean, sd, mean - half, mean + half)


def standard_error(sd: float, n: int, test_share: float | None) -> float:
    """Return the standard error of a mean over replicates (see :func:`estimate`)."""
    return sd * math.sqrt(1 / n + (test_share or 0.0))


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
