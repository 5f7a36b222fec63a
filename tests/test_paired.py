"""Paired effects and means against scipy, worked examples and simulation."""

import math

import numpy as np
import pytest
from scipy import stats

from bnmatrix.statistics.means import (
    estimate,
    prediction_interval,
    share_of_runs,
    welch_interval,
)
from bnmatrix.statistics.overlaps import Overlap
from bnmatrix.statistics.paired import paired_effect

#: Twenty values without skewness: quantiles of the normal distribution.
SYMMETRIC = stats.norm.ppf((np.arange(20) + 0.5) / 20)


def effect_of(differences, **more):
    """Return the effect of pairs with given differences."""
    d = np.asarray(differences, np.float64)
    return paired_effect(d, np.zeros(len(d)), **more)


@pytest.mark.parametrize("tail", [0.025, 0.0025])
def test_against_scipy(tail):
    """Twenty pairs without skewness have the interval and the p-value of the paired t test."""
    b = np.random.default_rng(3).normal(0.96, 0.01, 20)
    a = b + 0.003 + 0.01 * SYMMETRIC
    ours, theirs = paired_effect(a, b, tail), stats.ttest_rel(a, b)
    assert (ours.pairs, ours.effect) == (20, pytest.approx((a - b).mean()))
    assert ours.sd == pytest.approx((a - b).std(ddof=1))
    assert ours.probability_of_improvement == np.mean(a > b)
    interval = theirs.confidence_interval(1 - 2 * tail)
    assert (ours.ci_low, ours.ci_high) == pytest.approx((interval.low, interval.high))
    assert ours.p_value == pytest.approx(theirs.pvalue)


def test_probability_of_improvement_counts_ties_half():
    assert effect_of([1, 0, -1, 2]).probability_of_improvement == 0.625
    assert effect_of([0, 0, 0]).probability_of_improvement == 0.5
    assert effect_of([1, 2, 3]).probability_of_improvement == 1


def test_swapping_the_arms_mirrors_the_effect():
    a, b = np.random.default_rng(4).exponential([[0.5], [2]], (2, 10))
    one, other = paired_effect(a, b), paired_effect(b, a)
    assert other.effect == -one.effect
    assert other.p_value == one.p_value
    assert other.probability_of_improvement == pytest.approx(1 - one.probability_of_improvement)
    assert (other.ci_low, other.ci_high) == pytest.approx((-one.ci_high, -one.ci_low))


def test_rounding_errors_are_not_a_spread():
    """0.3 − 0.2 and 0.8 − 0.7 differ only in the last bits."""
    ours = paired_effect([0.3, 0.8, 0.5], [0.2, 0.7, 0.4])
    assert ours.sd == 0
    assert ours.effect == pytest.approx(0.1)
    assert math.isnan(ours.ci_low)


def test_one_pair_has_only_an_effect():
    ours = paired_effect([0.9], [0.8])
    assert (ours.pairs, ours.effect) == (1, pytest.approx(0.1))
    assert ours.probability_of_improvement == 1
    assert np.isnan([ours.sd, ours.ci_low, ours.ci_high, ours.p_value]).all()


def test_pairs_are_needed():
    for a, b in ([], []), ([1, 2], [1]), ([[1], [2]], [[1], [2]]):
        with pytest.raises(ValueError, match="pairs needed"):
            paired_effect(a, b)


# --------------------------------------------------------------------------- means and shares


def test_a_mean_has_the_interval_of_its_uncertainty():
    """Twenty values without skewness: Student's t."""
    values = 0.97 + 0.01 * stats.norm.ppf((np.arange(20) + 0.5) / 20)
    theirs = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    ours = estimate(values)
    assert (ours.n, ours.mean, ours.sd) == (20, values.mean(), values.std(ddof=1))
    assert (ours.ci_low, ours.ci_high) == pytest.approx((theirs.low, theirs.high))


def test_the_same_pairs_have_the_same_interval_everywhere():
    a, b = np.random.default_rng(2).normal(0.9, 0.01, (2, 5))
    for overlap in (None, Overlap(0.25, of_folds=True)):
        ours, mean = paired_effect(a, b, overlap=overlap), estimate(a - b, overlap=overlap)
        assert (ours.pairs, ours.effect, ours.sd) == (mean.n, mean.mean, mean.sd)
        assert (ours.ci_low, ours.ci_high) == (mean.ci_low, mean.ci_high)


def test_a_mean_of_equal_values_has_no_interval():
    ours = estimate([0.9] * 20)
    assert (ours.mean, ours.sd) == (pytest.approx(0.9), 0)
    assert np.isnan([ours.ci_low, ours.ci_high]).all()


def test_a_further_run_varies_more_than_the_mean():
    """t on four degrees of freedom times s √(1 + 1/5)."""
    low, high = prediction_interval(0.9, 0.01, 5)
    half = 2.7764451 * 0.01 * math.sqrt(6 / 5)
    assert (low, high) == pytest.approx((0.9 - half, 0.9 + half))


@pytest.mark.parametrize(("diverged", "runs"), [(0, 10), (3, 10), (10, 10), (1, 1)])
def test_wilson_by_hand(diverged, runs):
    share, low, high = share_of_runs(diverged, runs)
    z, p = 1.959964, diverged / runs
    centre = (p + z**2 / (2 * runs)) / (1 + z**2 / runs)
    half = z / (1 + z**2 / runs) * math.sqrt(p * (1 - p) / runs + z**2 / (4 * runs**2))
    assert share == p
    assert (low, high) == pytest.approx((centre - half, centre + half), abs=1e-6)
    assert low <= share + 1e-12 and share - 1e-12 <= high
    assert low >= 0 and high <= 1
    if diverged == 0:
        assert high == pytest.approx(z**2 / (runs + z**2), abs=1e-6)


def test_welch_against_scipy():
    rng = np.random.default_rng(6)
    a, b = rng.normal(0.9, 0.02, 7), rng.normal(0.85, 0.05, 15)
    summaries = (a.mean(), a.std(ddof=1), 7, b.mean(), b.std(ddof=1), 15)
    theirs = stats.ttest_ind(a, b, equal_var=False).confidence_interval(0.95)
    assert welch_interval(*summaries) == pytest.approx((theirs.low, theirs.high))
    low, _ = welch_interval(*summaries)
    shifted = (a.mean() - low, *summaries[1:])
    p = stats.ttest_ind_from_stats(*shifted, equal_var=False).pvalue
    assert p == pytest.approx(0.05), "the end of the interval is just not rejected"


def test_welch_without_spread():
    assert welch_interval(0.9, 0, 5, 0.8, 0, 5) == pytest.approx((0.1, 0.1))
    low, high = welch_interval(0.9, 0, 5, 0.8, 0.01, 5)
    assert (low, high) == pytest.approx(
        (0.1 - 2.7764451 * 0.01 / math.sqrt(5), 0.1 + 2.7764451 * 0.01 / math.sqrt(5))
    )
