"""Paired effects and verdicts against scipy, statsmodels, worked examples and simulation."""

import math
from collections import Counter

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.weightstats import ttost_paired

from bnmatrix.statistics import effects
from bnmatrix.statistics.effects import (
    CONDITIONAL,
    CONTRADICTED,
    EQUIVALENT,
    INCONCLUSIVE,
    NOT_MEASURED,
    SUPPORTED,
    adjust,
    combine,
    divergence,
    paired_effect,
    verdict,
    welch_interval,
)


def generator():
    return np.random.default_rng(0)


def effect_of(differences, margin=0.1, **more):
    """Return the effect of pairs with given differences."""
    d = np.asarray(differences, np.float64)
    return paired_effect(d, np.zeros(len(d)), margin, generator(), **more)


# --------------------------------------------------------------------------- paired effects


@pytest.mark.parametrize("n", [5, 12, 20])
def test_against_scipy_and_statsmodels(n):
    rng = np.random.default_rng(n)
    a, b = rng.normal(0.97, 0.01, n), rng.normal(0.96, 0.01, n)
    ours = paired_effect(a, b, 0.004, generator())
    assert ours.pairs == n
    assert ours.effect == pytest.approx((a - b).mean())
    assert ours.sd == pytest.approx((a - b).std(ddof=1))
    assert ours.p_wilcoxon == pytest.approx(stats.wilcoxon(a, b).pvalue)
    assert ours.p_equivalence == pytest.approx(ttost_paired(a, b, -0.004, 0.004)[0])
    assert ours.probability_of_improvement == np.mean(a > b)
    if n <= 14:
        theirs = stats.permutation_test(
            (a - b,), np.mean, permutation_type="samples", n_resamples=np.inf, vectorized=True
        )
        assert ours.p_value == pytest.approx(theirs.pvalue)
    else:
        assert ours.p_value == pytest.approx(stats.ttest_rel(a, b).pvalue, abs=0.002)


@pytest.mark.parametrize("n", [2, 5, 12, 14])
def test_the_sign_flip_test_is_exact_up_to_14_pairs(n):
    """All n differences are positive: of 2ⁿ sign patterns, all plus and all minus are as extreme.
    No generator has a say in it."""
    d = np.arange(1.0, n + 1)
    for seed in (0, 1):
        result = paired_effect(d, np.zeros(n), 0.1, np.random.default_rng(seed))
        assert result.p_value == pytest.approx(2 / 2**n)


def test_worked_example_of_the_sign_flip_test():
    """1, 2, 3 and −1: sums of at least 5 come from three of 16 patterns, as many below −5."""
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


def test_the_interval_is_expanded_for_small_samples():
    """The percentiles are Φ(√(n/(n−1)) t), for twelve pairs 1.08 % and 98.92 %; for normal
    differences it is about as wide as the t interval."""
    d = stats.norm.ppf((np.arange(12) + 0.5) / 12)
    ours = effect_of(d)
    means = np.random.default_rng(1).choice(d, (100_000, 12)).mean(axis=1)
    share = stats.norm.cdf(-math.sqrt(12 / 11) * 2.20098516)
    assert share == pytest.approx(0.01076, abs=1e-4)
    expected = np.quantile(means, [share, 1 - share])
    assert (ours.ci_low, ours.ci_high) == pytest.approx(tuple(expected), abs=0.04)
    t = stats.ttest_1samp(d, 0).confidence_interval()
    assert ours.ci_high - ours.ci_low == pytest.approx(t.high - t.low, rel=0.06)
    low, high = np.quantile(means, [0.025, 0.975])
    assert ours.ci_low < low < high < ours.ci_high


def test_the_same_seed_gives_the_same_numbers():
    a, b = np.random.default_rng(3).normal([[0.5], [0]], 1, (2, 20))
    first, again = (paired_effect(a, b, 0.1, np.random.default_rng(7)) for _ in range(2))
    assert first == again
    other = paired_effect(a, b, 0.1, np.random.default_rng(8))
    assert (other.ci_low, other.p_value) != (first.ci_low, first.p_value)
    assert (other.ci_low, other.p_value) == pytest.approx((first.ci_low, first.p_value), abs=0.03)
    assert (other.effect, other.p_wilcoxon, other.p_equivalence) == (
        *(first.effect, first.p_wilcoxon, first.p_equivalence),
    )


def test_swapping_the_arms_mirrors_the_effect():
    a, b = np.random.default_rng(4).normal([[0.5], [0]], 1, (2, 10))
    one, other = paired_effect(a, b, 0.1, generator()), paired_effect(b, a, 0.1, generator())
    assert other.effect == -one.effect
    assert other.p_value == one.p_value
    assert other.p_equivalence == pytest.approx(one.p_equivalence)
    assert other.probability_of_improvement == pytest.approx(1 - one.probability_of_improvement)
    assert (other.ci_low, other.ci_high) == pytest.approx((-one.ci_high, -one.ci_low), abs=0.05)


@pytest.mark.parametrize("share", [None, 0.25])
def test_differences_that_do_not_vary(share):
    """Five pairs each 0.1 apart: what signs alone can tell; of equivalence, nothing with folds."""
    told = 1 / 32 if share is None else 1
    ours = effect_of([0.1] * 5, margin=0.2, test_share=share)
    assert ours.sd == 0
    assert np.isnan([ours.ci_low, ours.ci_high]).all(), (
        "their spread says nothing of that of others"
    )
    assert ours.effect == pytest.approx(0.1)
    assert ours.p_value == pytest.approx(2 / 32)
    assert ours.p_equivalence == told
    assert effect_of([0.1] * 5, margin=0.05, test_share=share).p_equivalence == 1
    assert effect_of([0.25] * 5, margin=0.25, test_share=share).p_equivalence == 1
    same = effect_of([0.0] * 5, margin=0.05, test_share=share)
    assert (same.p_value, same.p_wilcoxon, same.p_equivalence) == (1, 1, told)
    assert same.probability_of_improvement == 0.5


def test_rounding_is_no_spread():
    """0.3 − 0.2 and 0.8 − 0.7 differ in the last bits alone."""
    ours = paired_effect([0.3, 0.8, 0.5], [0.2, 0.7, 0.4], 0.01, generator())
    assert ours.sd == 0
    assert ours.effect == pytest.approx(0.1)
    assert math.isnan(ours.ci_low)


def test_one_pair_has_an_effect_and_nothing_else():
    ours = paired_effect([0.9], [0.8], 0.01, generator())
    assert ours.pairs == 1
    assert ours.effect == pytest.approx(0.1)
    assert ours.probability_of_improvement == 1
    assert np.isnan(
        [ours.sd, ours.ci_low, ours.ci_high, ours.p_value, ours.p_wilcoxon, ours.p_equivalence]
    ).all()


def test_pairs_are_needed():
    for a, b in ([], []), ([1, 2], [1]), ([[1], [2]], [[1], [2]]):
        with pytest.raises(ValueError, match="pairs needed"):
            paired_effect(a, b, 0.1, generator())


# --------------------------------------------------------------------------- adjustment


def test_holm_by_hand():
    """0.01 · 3; 0.03 · 2; 0.04 · 1, but not less than the one before."""
    assert adjust([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert adjust([0.5, 0.6]) == pytest.approx([1, 1])


def test_adjustment_keeps_nan_and_leaves_it_out_of_the_count():
    assert adjust([math.nan, 0.01, 0.04, math.nan, 0.03]) == pytest.approx(
        [math.nan, 0.03, 0.06, math.nan, 0.06], nan_ok=True
    )
    assert np.isnan(adjust([math.nan, math.nan])).all()
    assert len(adjust([])) == 0


def test_adjustment_against_statsmodels():
    p = np.random.default_rng(5).beta(0.3, 2, 30)
    assert adjust(p) == pytest.approx(multipletests(p, method="holm")[1])


# --------------------------------------------------------------------------- verdicts

NO, YES = 0.5, 0.01

VERDICTS = [
    # direction, effect, p, p of equivalence, verdict
    ("greater", 0.1, YES, NO, SUPPORTED),
    ("greater", -0.1, YES, NO, CONTRADICTED),
    ("greater", 0.1, NO, YES, EQUIVALENT),
    ("greater", 0.1, YES, YES, EQUIVALENT),
    ("greater", 0.1, NO, NO, INCONCLUSIVE),
    ("less", -0.1, YES, NO, SUPPORTED),
    ("less", 0.1, YES, NO, CONTRADICTED),
    ("less", -0.1, NO, YES, EQUIVALENT),
    ("less", -0.1, YES, YES, EQUIVALENT),
    ("less", -0.1, NO, NO, INCONCLUSIVE),
    ("different", 0.1, YES, NO, SUPPORTED),
    ("different", -0.1, YES, NO, SUPPORTED),
    ("different", 0.1, NO, YES, EQUIVALENT),
    ("different", 0.1, YES, YES, EQUIVALENT),
    ("different", 0.1, NO, NO, INCONCLUSIVE),
    ("equal", 0.1, NO, YES, SUPPORTED),
    ("equal", 0.1, YES, YES, SUPPORTED),
    ("equal", 0.1, YES, NO, CONTRADICTED),
    ("equal", -0.1, YES, NO, CONTRADICTED),
    ("equal", 0.1, NO, NO, INCONCLUSIVE),
    *((way, 0.1, math.nan, math.nan, INCONCLUSIVE) for way in ("greater", "less", "equal")),
]


@pytest.mark.parametrize(("direction", "effect", "p", "equivalence", "expected"), VERDICTS)
def test_verdicts(direction, effect, p, equivalence, expected):
    assert verdict(effect, p, equivalence, direction) == expected


@pytest.mark.parametrize(
    ("mean", "sd", "direction", "expected"),
    [
        (0.10, 0.01, "greater", SUPPORTED),
        (0.10, 0.01, "less", CONTRADICTED),
        (0.10, 0.01, "different", SUPPORTED),
        (0.10, 0.01, "equal", CONTRADICTED),
        (0.005, 0.001, "greater", EQUIVALENT),
        (0.005, 0.001, "equal", SUPPORTED),
        (0.0, 0.2, "greater", INCONCLUSIVE),
        (0.0, 0.2, "equal", INCONCLUSIVE),
    ],
)
def test_verdicts_from_pairs(mean, sd, direction, expected):
    """Twelve pairs, evenly spread, and a margin of 0.02."""
    spread = np.linspace(-1, 1, 12)
    ours = effect_of(mean + sd * spread / spread.std(ddof=1), margin=0.02)
    assert verdict(ours.effect, ours.p_value, ours.p_equivalence, direction) == expected


COMBINATIONS = [
    (SUPPORTED, [], SUPPORTED),
    (SUPPORTED, [SUPPORTED, SUPPORTED], SUPPORTED),
    (SUPPORTED, [NOT_MEASURED], SUPPORTED),
    *((SUPPORTED, [SUPPORTED, v], CONDITIONAL) for v in (CONTRADICTED, EQUIVALENT)),
    (SUPPORTED, [SUPPORTED, INCONCLUSIVE], SUPPORTED),
    *((v, [SUPPORTED], CONDITIONAL) for v in (CONTRADICTED, EQUIVALENT, INCONCLUSIVE)),
    *((v, [], v) for v in (CONTRADICTED, EQUIVALENT, INCONCLUSIVE, NOT_MEASURED)),
    (EQUIVALENT, [CONTRADICTED, INCONCLUSIVE], EQUIVALENT),
    (INCONCLUSIVE, [CONTRADICTED], INCONCLUSIVE),
    (NOT_MEASURED, [SUPPORTED], NOT_MEASURED),
]


@pytest.mark.parametrize(("primary", "conditions", "expected"), COMBINATIONS)
def test_combinations(primary, conditions, expected):
    assert combine(primary, conditions) == expected


# --------------------------------------------------------------------------- shares and means


@pytest.mark.parametrize(("diverged", "runs"), [(0, 10), (3, 10), (10, 10), (1, 1)])
def test_wilson_by_hand(diverged, runs):
    share, low, high = divergence(diverged, runs)
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


# --------------------------------------------------------------------------- simulation

FAMILIES, CLAIMS, PAIRS = 50, 20, 12


def simulated_verdicts(mean, margin, directions, families=FAMILIES):
    """Return counts of (direction, verdict) of claims whose differences are normal with sd 1, and
    the number of families in which one at least was called different from zero."""
    rng, resampling = np.random.default_rng(11), np.random.default_rng(12)
    counts, wrong = Counter(), 0
    for _ in range(families):
        found = [
            paired_effect(d, np.zeros(PAIRS), margin, resampling)
            for d in rng.normal(mean, 1, (CLAIMS, PAIRS))
        ]
        p = adjust([item.p_value for item in found])
        equivalence = adjust([item.p_equivalence for item in found])
        wrong += bool((p < effects.ALPHA).any())
        for item, *adjusted in zip(found, p, equivalence, strict=True):
            counts.update((way, verdict(item.effect, *adjusted, way)) for way in directions)
    return counts, wrong


@pytest.mark.slow
def test_claims_of_effects_that_are_not_there(monkeypatch, record_property):
    """At most 5 % are called supported, and in about 5 % of the families one is called different.

    Margins are so small that equivalence never gets in the way; tests are exact.
    """
    monkeypatch.setattr(effects, "_BOOTSTRAP_RESAMPLES", 9)  # no verdict rests on intervals
    counts, wrong = simulated_verdicts(0, 1e-6, ("greater", "less", "different"))
    claims = FAMILIES * CLAIMS
    rates = {way: counts[way, SUPPORTED] / claims for way in ("greater", "less", "different")}
    print("no effect, no equivalence: supported", rates, "families", wrong / FAMILIES)
    record_property("supported", rates)
    assert max(rates.values()) <= 0.05
    assert not any(found == EQUIVALENT for _, found in counts)
    assert rates["greater"] + rates["less"] == rates["different"]
    assert counts["greater", CONTRADICTED] == counts["less", SUPPORTED]
    assert wrong / FAMILIES <= 0.1, "50 families: 5 % on average"


@pytest.mark.slow
def test_claims_of_effects_that_are_not_there_with_sizeable_margins(monkeypatch, record_property):
    """Equivalence takes most of them; and where the effect is as large as the margin, at most 5 %
    of the claims that there is none are supported."""
    monkeypatch.setattr(effects, "_BOOTSTRAP_RESAMPLES", 9)
    claims = FAMILIES * CLAIMS
    counts, _ = simulated_verdicts(0, 1.2, ("greater", "less", "different", "equal"))
    rates = {way: counts[way, SUPPORTED] / claims for way in ("greater", "less", "different")}
    equivalent = counts["different", EQUIVALENT] / claims
    print("no effect, margin 1.2 sd: supported", rates, "equivalent", equivalent)
    record_property("supported", rates)
    assert max(rates.values()) <= 0.05
    assert equivalent > 0.5
    assert counts["equal", SUPPORTED] == counts["different", EQUIVALENT]
    monkeypatch.setattr(effects, "_SIGN_FLIPS", 1)  # equality does not ask for that p-value
    counts, _ = simulated_verdicts(1.2, 1.2, ("equal",), families=20)
    rate = counts["equal", SUPPORTED] / (20 * CLAIMS)
    print("effect of the margin: called equal", rate)
    assert rate <= 0.05


DRAWS = {
    # Draw n values; their mean; bounds of the coverage.
    "normal": (lambda rng, n: rng.normal(0.3, 1, n), 0.3, (0.92, 0.975)),
    "skewed": (lambda rng, n: rng.lognormal(0, 0.5, n), math.exp(0.125), (0.91, 0.975)),
    "very skewed": (lambda rng, n: rng.exponential(1, n), 1.0, (0.88, 0.975)),
}


@pytest.mark.slow
@pytest.mark.parametrize("n", [12, 20])
@pytest.mark.parametrize("kind", DRAWS)
def test_coverage(monkeypatch, record_property, kind, n):
    """2 000 simulated studies with a known effect; the plain percentile interval covers less."""
    monkeypatch.setattr(effects, "_BOOTSTRAP_RESAMPLES", 999)
    monkeypatch.setattr(effects, "_SIGN_FLIPS", 1)  # no p-value is looked at
    draw, mean, (least, most) = DRAWS[kind]
    rng, studies = np.random.default_rng(13), 2000
    expanded = plain = 0
    for _ in range(studies):
        d = draw(rng, n)
        ours = paired_effect(d, np.zeros(n), 0.1, rng)
        expanded += ours.ci_low <= mean <= ours.ci_high
        low, high = np.quantile(rng.choice(d, (999, n)).mean(axis=1), [0.025, 0.975])
        plain += low <= mean <= high
    print(f"{kind}, {n} pairs: {expanded / studies:.4f}, plain {plain / studies:.4f}")
    record_property("coverage", (expanded / studies, plain / studies))
    assert least <= expanded / studies <= most
    assert plain < expanded
    if n == 12:
        assert plain / studies < 0.93
