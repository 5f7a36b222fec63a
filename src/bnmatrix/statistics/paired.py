"""Paired effects: the one engine of intervals and tests, for all tables and all claims."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats
from statsmodels.stats.weightstats import DescrStatsW

from bnmatrix.statistics.means import estimate, standard_error

#: All sign patterns of up to 14 pairs; of more pairs, so many patterns are drawn.
_SIGN_PATTERNS = 2**14

Values = Sequence[float] | np.ndarray


@dataclass(frozen=True)
class PairedEffect:
    """A mean paired difference, treatment − control.

    Attributes:
        pairs: number of pairs.
        effect: mean difference.
        sd: standard deviation of the differences; NaN for one pair.
        ci_low: lower end of the 95 % interval (Student's t). NaN for one pair, and for equal
            differences: that they do not vary says nothing of how further ones would vary.
        ci_high: upper end of the interval.
        p_value: two-sided, of no difference: sign-flip permutation test, exact up to 14 pairs. It
            is at least 2 / 2ⁿ for n pairs: five pairs never reach 0.05. For cross-validation, the
            corrected t test.
        p_wilcoxon: two-sided, Wilcoxon's signed-rank test.
        p_equivalence: of a difference at least as large as the margin: two one-sided t tests
            (TOST); NaN without a margin.
        probability_of_improvement: share of pairs in which the treatment is higher; ties count
            half.
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
    treatment: Values,
    control: Values,
    margin: float | None = None,
    test_share: float | None = None,
) -> PairedEffect:
    """Return the mean paired difference with its interval and tests.

    The same pairs give the same numbers: random sign patterns, which more than 14 pairs need, come
    from a fixed seed.

    Args:
        treatment: one value per replicate, shape (n,), n ≥ 1, finite.
        control: the values of the same replicates in the other arm, shape (n,).
        margin: differences up to this, either way, make no practical difference; None: equivalence
            is not tested.
        test_share: see :func:`bnmatrix.statistics.means.estimate`; the interval and the tests are
            then corrected t intervals and tests.

    Raises:
        ValueError: the two differ in shape, or are empty.
    """
    treatment, control = np.asarray(treatment, np.float64), np.asarray(control, np.float64)
    if treatment.shape != control.shape or treatment.ndim != 1 or not len(treatment):
        raise ValueError(f"pairs needed, got shapes {treatment.shape} and {control.shape}")
    differences = treatment - control
    mean = estimate(differences, test_share)
    if mean.n < 2:
        p_value = p_wilcoxon = p_equivalence = math.nan
    else:
        p_wilcoxon = float(stats.wilcoxon(differences).pvalue) if np.any(differences) else 1.0
        p_equivalence = math.nan
        if test_share is not None and mean.sd > 0:
            error = standard_error(mean.sd, mean.n, test_share)
            p_value = 2 * float(stats.t.sf(abs(mean.mean) / error, mean.n - 1))
            if margin is not None:
                p_equivalence = _corrected_equivalence(mean.mean, error, margin, mean.n)
        else:
            p_value = _sign_flip_test(differences)
            if margin is not None:
                p_equivalence = _equivalence(differences, mean.sd, margin, test_share)
    wins = float(np.mean(differences > 0) + np.mean(differences == 0) / 2)
    return PairedEffect(
        pairs=mean.n,
        effect=mean.mean,
        sd=mean.sd,
        ci_low=mean.ci_low,
        ci_high=mean.ci_high,
        p_value=p_value,
        p_wilcoxon=p_wilcoxon,
        p_equivalence=p_equivalence,
        probability_of_improvement=wins,
    )


def _sign_flip_test(differences: np.ndarray) -> float:
    """Return the two-sided p-value of the sign-flip permutation test of a mean of zero."""
    result = stats.permutation_test(
        (differences,),
        np.mean,
        permutation_type="samples",
        vectorized=True,
        n_resamples=_SIGN_PATTERNS,
        rng=np.random.default_rng(0),
    )
    return float(result.pvalue)


def _equivalence(
    differences: np.ndarray, sd: float, margin: float, test_share: float | None
) -> float:
    """Return the p-value of two one-sided t tests against a margin.

    Equal differences have no scale for t: the test then rests on their signs alone, which say
    nothing where folds share training examples.
    """
    if sd > 0:
        return float(DescrStatsW(differences).ttost_mean(-margin, margin)[0])
    within = abs(differences.mean()) < margin and test_share is None
    return 0.5 ** len(differences) if within else 1.0


def _corrected_equivalence(mean: float, error: float, margin: float, n: int) -> float:
    """Return the p-value of two one-sided t tests with a given standard error of the mean."""
    sides = ((mean + margin) / error, (margin - mean) / error)
    return max(float(stats.t.sf(side, n - 1)) for side in sides)
