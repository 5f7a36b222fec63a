"""Paired effects with intervals and tests, their adjustment, and the verdict that they allow."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint
from statsmodels.stats.weightstats import DescrStatsW

ALPHA = 0.05

#: A standard deviation that is rounding error.
_NO_SPREAD = 1e-12

_BOOTSTRAP_RESAMPLES = 9999
_SIGN_FLIPS = 2**14

SUPPORTED, CONTRADICTED, EQUIVALENT = "supported", "contradicted", "equivalent"
CONDITIONAL, INCONCLUSIVE, NOT_MEASURED = "conditional", "inconclusive", "not measured"
VERDICTS = (SUPPORTED, CONDITIONAL, EQUIVALENT, CONTRADICTED, INCONCLUSIVE, NOT_MEASURED)


@dataclass(frozen=True)
class Effect:
    """A mean paired difference, treatment − control.

    Attributes:
        pairs: number of pairs.
        effect: mean difference.
        sd: standard deviation of the differences; NaN for one pair.
        ci_low, ci_high: ends of its 95 % interval; NaN for one pair, and for pairs that all differ
            by the same, whose spread says nothing of that of others.
        p_value: two-sided, of no difference: sign-flip permutation test (exact up to 14 pairs).
        p_wilcoxon: two-sided, of Wilcoxon's signed-rank test.
        p_equivalence: of a difference as large as the margin: two one-sided t tests (TOST).
        probability_of_improvement: share of pairs in which the treatment is higher, ties half.
    """

    pairs: int
    effect: float
    sd: float
    ci_low: float
    ci_high: float
    p_value: float
    p_wilcoxon: float
    p_equivalence: float
    probability_of_improvement: float


def paired_effect(
    treatment: np.ndarray,
    control: np.ndarray,
    margin: float,
    rng: np.random.Generator,
    test_share: float | None = None,
) -> Effect:
    """Return the mean paired difference with its interval and tests.

    The interval is a percentile bootstrap interval, expanded for small samples (Hesterberg 2015,
    "What teachers should know about the bootstrap", section 4.3): without that, twelve pairs cover
    92 %, not 95.

    Args:
        treatment: one value a replicate, shape (n,), n ≥ 1, finite.
        control: the same replicates' values in the other arm, shape (n,).
        margin: differences up to this, either way, make no practical difference.
        rng: generator of resamples.
        test_share: for cross-validation, test examples a training example. Folds share training
            examples, and the variance is corrected for that (Nadeau & Bengio 2003): interval and
            tests are then t intervals and tests.

    Raises:
        ValueError: the two differ in shape, or are empty.
    """
    treatment, control = np.asarray(treatment, np.float64), np.asarray(control, np.float64)
    if treatment.shape != control.shape or treatment.ndim != 1 or not len(treatment):
        raise ValueError(f"pairs needed, got shapes {treatment.shape} and {control.shape}")
    d = treatment - control
    n, mean = len(d), float(d.mean())
    wins = float(np.mean(d > 0) + np.mean(d == 0) / 2)
    if n < 2:
        return Effect(n, mean, *[math.nan] * 6, wins)
    sd = float(d.std(ddof=1))
    spread = sd > _NO_SPREAD
    wilcoxon = float(stats.wilcoxon(d).pvalue) if np.any(d) else 1.0
    if test_share is not None and spread:
        error = sd * math.sqrt(1 / n + test_share)
        half = float(stats.t.ppf(1 - ALPHA / 2, n - 1)) * error
        p = 2 * float(stats.t.sf(abs(mean) / error, n - 1))
        sides = ((mean + margin) / error, (margin - mean) / error)
        p_equivalence = max(float(stats.t.sf(side, n - 1)) for side in sides)
        return Effect(n, mean, sd, mean - half, mean + half, p, wilcoxon, p_equivalence, wins)
    p = float(
        stats.permutation_test(
            (d,),
            np.mean,
            permutation_type="samples",
            vectorized=True,
            n_resamples=_SIGN_FLIPS,
            rng=rng,
        ).pvalue
    )
    if not spread:
        # Nothing varies, and t has no scale: what signs alone can tell. Folds are not independent,
        # and their signs tell nothing.
        told = abs(mean) < margin and test_share is None
        p_equivalence = 0.5**n if told else 1.0
        return Effect(n, mean, 0.0, math.nan, math.nan, p, wilcoxon, p_equivalence, wins)
    p_equivalence = float(DescrStatsW(d).ttost_mean(-margin, margin)[0])
    low, high = _bootstrap_interval(d, rng)
    return Effect(n, mean, sd, low, high, p, wilcoxon, p_equivalence, wins)


def _bootstrap_interval(values: np.ndarray, rng: np.random.Generator) -> tuple[float, float]:
    n = len(values)
    quantile = stats.t.ppf(ALPHA / 2, n - 1) * math.sqrt(n / (n - 1))
    result = stats.bootstrap(
        (values,),
        np.mean,
        n_resamples=_BOOTSTRAP_RESAMPLES,
        confidence_level=1 - 2 * float(stats.norm.cdf(quantile)),
        method="percentile",
        vectorized=True,
        rng=rng,
    ).confidence_interval
    return float(result.low), float(result.high)


def adjust(p_values: Sequence[float]) -> np.ndarray:
    """Return Holm's adjustment of a family of p-values; NaN where there is none."""
    p = np.asarray(p_values, np.float64)
    adjusted, known = np.full(len(p), np.nan), ~np.isnan(p)
    if known.any():
        adjusted[known] = multipletests(p[known], method="holm")[1]
    return adjusted


def verdict(effect: float, p: float, p_equivalence: float, direction: str) -> str:
    """Return what an analysis says of a claim.

    Equivalence goes first: a difference that is surely within the margin makes no practical
    difference, however surely it is not zero.

    Args:
        effect: the mean difference.
        p: of no difference, adjusted.
        p_equivalence: of a difference as large as the margin, adjusted.
        direction: what the claim says of the effect: ``greater`` or ``less`` than zero,
            ``different`` from zero, or ``equal`` to it.
    """
    if p_equivalence < ALPHA:
        return SUPPORTED if direction == "equal" else EQUIVALENT
    if not p < ALPHA:
        return INCONCLUSIVE
    if direction == "different":
        return SUPPORTED
    if direction == "equal":
        return CONTRADICTED
    return SUPPORTED if (effect > 0) == (direction == "greater") else CONTRADICTED


def combine(primary: str, conditions: Sequence[str]) -> str:
    """Return a claim's verdict from those of its primary analysis and of its conditions.

    It is conditional when the primary analysis supports it and a condition speaks against it
    (contradicted or equivalent), or when a condition supports it and the primary analysis does not.
    A condition that is inconclusive speaks for nothing.
    """
    if primary == SUPPORTED:
        against = {CONTRADICTED, EQUIVALENT} & set(conditions)
        return CONDITIONAL if against else SUPPORTED
    if primary != NOT_MEASURED and SUPPORTED in conditions:
        return CONDITIONAL
    return primary


def divergence(diverged: int, runs: int) -> tuple[float, float, float]:
    """Return the share of runs that diverged, with its 95 % Wilson interval."""
    low, high = proportion_confint(diverged, runs, ALPHA, method="wilson")
    return diverged / runs, float(low), float(high)


def welch_interval(
    mean: float, sd: float, n: int, other_mean: float, other_sd: float, other_n: int
) -> tuple[float, float]:
    """Return the 95 % interval of a difference of two means from their summaries (Welch)."""
    first, second = sd**2 / n, other_sd**2 / other_n
    error = math.sqrt(first + second)
    if error == 0:
        return mean - other_mean, mean - other_mean
    freedom = error**4 / (first**2 / (n - 1) + second**2 / (other_n - 1))
    half = float(stats.t.ppf(1 - ALPHA / 2, freedom)) * error
    return mean - other_mean - half, mean - other_mean + half
