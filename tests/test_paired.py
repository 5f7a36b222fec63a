"""Paired effects and means against scipy, statsmodels, worked examples and simulation."""

import dataclasses
import math

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.weightstats import ttost_paired

from bnmatrix.statistics.means import (
    estimate,
    prediction_interval,
    share_of_runs,
    welch_interval,
)
from bnmatrix.statistics.paired import paired_effect


def effect_of(differences, margin=0.1, **more):
    """Return the effect of pairs with given differences."""
    d = np.asarray(differences, np.float64)
    return paired_effect(d, np.zeros(len(d)), margin, **more)


@pytest.mark.parametrize("n", [5, 12, 20])
def test_against_scipy_and_statsmodels(n):
    rng = np.random.default_rng(n)
    a, b = rng.normal(0.97, 0.01, n), rng.normal(0.96, 0.01, n)
    ours = paired_effect(a, b, 0.004)
    assert ours.pairs == n
    assert ours.effect == pytest.approx((a - b).mean())
    assert ours.sd == pytest.approx((a - b).std(ddof=1))
    assert ours.p_wilcoxon == pytest.approx(stats.wilcoxon(a, b).pvalue)
    assert ours.p_equivalence == pytest.approx(ttost_paired(a, b, -0.004, 0.004)[0])
    assert ours.probability_of_improvement == np.mean(a > b)
    interval = stats.ttest_rel(a, b).confidence_interval(0.95)
    assert (ours.ci_low, ours.ci_high) == pytest.approx((interval.low, interval.high))
    if n <= 14:
        theirs = stats.permutation_test(
            (a - b,), np.mean, permutation_type="samples", n_resamples=np.inf, vectorized=True
        )
        assert ours.p_value == pytest.approx(theirs.pvalue)
    else:
        assert ours.p_value == pytest.approx(stats.ttest_rel(a, b).pvalue, abs=0.002)


@pytest.mark.parametrize("n", [2, 5, 12, 14])
def test_the_sign_flip_test_is_exact_up_to_14_pairs(n):
    """All differences are positive: of 2ⁿ sign patterns, all plus and all minus are as extreme."""
    assert effect_of(np.arange(1.0, n + 1)).p_value == pytest.approx(2 / 2**n)


def test_worked_example_of_the_sign_flip_test():
    """1, 2, 3 and −1: three of 16 patterns have a sum of at least 5, and three of at most −5."""
    assert effect_of([1, 2, 3, -1]).p_value == pytest.approx(6 / 16)


def test_worked_examples_of_wilcoxon():
    """Five positive ones: 2/2⁵. 1, 2, 3 and −4: the smaller rank sum is 4, and 7 of 16 patterns
    have one of at most 4."""
    assert effect_of([1, 2, 3, 4, 5]).p_wilcoxon == pytest.approx(2 / 32)
    assert effect_of([1, 2, 3, -4]).p_wilcoxon == pytest.approx(14 / 16)


def test_worked_example_of_equivalence():
    """Differences −1, 0 and 1 within ±2: both one-sided t are 2/(1/√3) = 2√3 on two degrees of
    freedom, whose tail is 1/2 − t/(2√(2 + t²))."""
    t = 2 * math.sqrt(3)
    expected = 0.5 - t / (2 * math.sqrt(2 + t**2))
    assert effect_of([-1, 0, 1], margin=2).p_equivalence == pytest.approx(expected)
    assert effect_of([1, 2, 3], margin=2).p_equivalence == pytest.approx(0.5), "at the margin"
    assert effect_of([4, 5, 6], margin=2).p_equivalence > 0.9


def test_probability_of_improvement_counts_ties_half():
    assert effect_of([1, 0, -1, 2]).probability_of_improvement == 0.625
    assert effect_of([0, 0, 0]).probability_of_improvement == 0.5
    assert effect_of([1, 2, 3]).probability_of_improvement == 1


def test_cross_validation_by_hand():
    """Nadeau & Bengio: differences of 1 … 5 points, a quarter as many test as training examples.

    The variance of the mean is (1/5 + 1/4) · 2.5 = 1.125 points², so that t = 3/√1.125 = 2√2 on
    four degrees of freedom; the uncorrected one would be 3/√0.5.
    """
    ours = effect_of(np.arange(1, 6) / 100, margin=0.08, test_share=0.25)
    error = math.sqrt(1.125) / 100
    assert (ours.ci_low, ours.ci_high) == pytest.approx(
        (0.03 - 2.7764451 * error, 0.03 + 2.7764451 * error)
    )
    assert ours.p_value == pytest.approx(2 * stats.t.sf(2 * math.sqrt(2), 4))
    assert ours.p_equivalence == pytest.approx(stats.t.sf(0.05 / error, 4))
    mirrored = effect_of(-np.arange(1, 6) / 100, margin=0.08, test_share=0.25)
    assert mirrored.p_equivalence == pytest.approx(ours.p_equivalence)
    plain = stats.ttest_1samp(np.arange(1, 6) / 100, 0).confidence_interval()
    assert ours.ci_low < plain.low < plain.high < ours.ci_high


def test_the_same_pairs_give_the_same_numbers():
    """Also if sign patterns are drawn at random."""
    a, b = np.random.default_rng(3).normal([[0.5], [0]], 1, (2, 20))
    np.random.default_rng(7).normal()
    assert paired_effect(a, b, 0.1) == paired_effect(a, b, 0.1)


def test_without_a_margin_equivalence_is_not_tested():
    rng = np.random.default_rng(3)
    for share in (None, 0.25):
        for d in (rng.normal(0, 1, 5), np.full(5, 0.01)):
            bare, with_margin = (effect_of(d, m, test_share=share) for m in (None, 0.1))
            assert math.isnan(bare.p_equivalence)
            changed = dataclasses.replace(bare, p_equivalence=with_margin.p_equivalence)
            np.testing.assert_equal(dataclasses.asdict(changed), dataclasses.asdict(with_margin))


def test_swapping_the_arms_mirrors_the_effect():
    a, b = np.random.default_rng(4).normal([[0.5], [0]], 1, (2, 10))
    one, other = paired_effect(a, b, 0.1), paired_effect(b, a, 0.1)
    assert other.effect == -one.effect
    assert other.p_value == one.p_value
    assert other.p_equivalence == pytest.approx(one.p_equivalence)
    assert other.probability_of_improvement == pytest.approx(1 - one.probability_of_improvement)
    assert (other.ci_low, other.ci_high) == pytest.approx((-one.ci_high, -one.ci_low))


@pytest.mark.parametrize("share", [None, 0.25])
def test_differences_that_do_not_vary(share):
    """Five pairs with difference 0.1: only signs are informative; with folds, no equivalence."""
    p_equivalence = 1 / 32 if share is None else 1
    ours = effect_of([0.1] * 5, margin=0.2, test_share=share)
    assert ours.sd == 0
    assert np.isnan([ours.ci_low, ours.ci_high]).all(), (
        "their spread says nothing of that of others"
    )
    assert ours.effect == pytest.approx(0.1)
    assert ours.p_value == pytest.approx(2 / 32)
    assert ours.p_equivalence == p_equivalence
    assert effect_of([0.1] * 5, margin=0.05, test_share=share).p_equivalence == 1
    assert effect_of([0.25] * 5, margin=0.25, test_share=share).p_equivalence == 1
    same = effect_of([0.0] * 5, margin=0.05, test_share=share)
    assert (same.p_value, same.p_wilcoxon, same.p_equivalence) == (1, 1, p_equivalence)
    assert same.probability_of_improvement == 0.5


def test_rounding_errors_are_not_a_spread():
    """0.3 − 0.2 and 0.8 − 0.7 differ only in the last bits."""
    ours = paired_effect([0.3, 0.8, 0.5], [0.2, 0.7, 0.4], 0.01)
    assert ours.sd == 0
    assert ours.effect == pytest.approx(0.1)
    assert math.isnan(ours.ci_low)


def test_one_pair_has_only_an_effect():
    ours = paired_effect([0.9], [0.8], 0.01)
    assert ours.pairs == 1
    assert ours.effect == pytest.approx(0.1)
    assert ours.probability_of_improvement == 1
    assert np.isnan(
        [ours.sd, ours.ci_low, ours.ci_high, ours.p_value, ours.p_wilcoxon, ours.p_equivalence]
    ).all()


def test_pairs_are_needed():
    for a, b in ([], []), ([1, 2], [1]), ([[1], [2]], [[1], [2]]):
        with pytest.raises(ValueError, match="pairs needed"):
            paired_effect(a, b, 0.1)


# --------------------------------------------------------------------------- means and shares


def test_a_mean_has_the_interval_of_students_t():
    values = np.random.default_rng(1).normal(0.97, 0.01, 8)
    theirs = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    ours = estimate(values)
    assert (ours.n, ours.mean, ours.sd) == (8, values.mean(), values.std(ddof=1))
    assert (ours.ci_low, ours.ci_high) == pytest.approx((theirs.low, theirs.high))


def test_the_same_pairs_have_the_same_interval_everywhere():
    a, b = np.random.default_rng(2).normal(0.9, 0.01, (2, 5))
    for share in (None, 0.25):
        ours, mean = paired_effect(a, b, test_share=share), estimate(a - b, share)
        assert (ours.pairs, ours.effect, ours.sd) == (mean.n, mean.mean, mean.sd)
        assert (ours.ci_low, ours.ci_high) == (mean.ci_low, mean.ci_high)


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


DRAWS = {
    # Draw n values; their mean; bounds of the coverage.
    "normal": (lambda rng, n: rng.normal(0.3, 1, n), 0.3, (0.935, 0.965)),
    "skewed": (lambda rng, n: rng.lognormal(0, 0.5, n), math.exp(0.125), (0.89, 0.965)),
    "very skewed": (lambda rng, n: rng.exponential(1, n), 1.0, (0.86, 0.965)),
}


def expanded_bootstrap(values, rng):
    """Return the percentile bootstrap interval, expanded for small samples (Hesterberg 2015)."""
    n = len(values)
    share = stats.norm.cdf(stats.t.ppf(0.025, n - 1) * math.sqrt(n / (n - 1)))
    return np.quantile(rng.choice(values, (999, n)).mean(axis=1), [share, 1 - share])


@pytest.mark.slow
@pytest.mark.parametrize("n", [3, 5, 12, 20])
@pytest.mark.parametrize("kind", DRAWS)
def test_coverage(record_property, kind, n):
    """2 000 simulated studies with a known effect. From 12 pairs on, an expanded bootstrap interval
    covers as often; of 5 normal pairs, no interval within their range can cover more than 15/16."""
    draw, mean, (least, most) = DRAWS[kind]
    rng, studies = np.random.default_rng(13), 2000
    covered = bootstrap = 0
    for _ in range(studies):
        d = draw(rng, n)
        ours = estimate(d)
        covered += ours.ci_low <= mean <= ours.ci_high
        low, high = expanded_bootstrap(d, rng)
        bootstrap += low <= mean <= high
    print(f"{kind}, {n} pairs: {covered / studies:.4f}, bootstrap {bootstrap / studies:.4f}")
    record_property("coverage", f"{covered / studies:.3f} {bootstrap / studies:.3f}")
    assert least <= covered / studies <= most
    if n <= 5:
        assert bootstrap < covered
    else:
        assert abs(bootstrap - covered) / studies < 0.02
