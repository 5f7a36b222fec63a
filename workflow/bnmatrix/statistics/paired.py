"""Means and paired differences over replicates, with intervals."""

from dataclasses import dataclass

import numpy as np
from scipy import stats

CONFIDENCE = 0.95

#: A standard deviation that is rounding error: accuracies are counts over at most 10⁶ examples.
_NO_SPREAD = 1e-12


@dataclass(frozen=True)
class Estimate:
    """A mean over replicates.

    Attributes:
        n: number of values.
        mean: their mean.
        sd: their standard deviation (n − 1 in the denominator); NaN for one value.
        ci_low: lower end of the 95 % interval of the mean; NaN for one value, and for values
            that are all the same, whose spread says nothing of that of others.
        ci_high: its upper end.
    """

    n: int
    mean: float
    sd: float
    ci_low: float
    ci_high: float


@dataclass(frozen=True)
class PairedDifference(Estimate):
    """The mean of paired differences, treatment − control; ``n`` counts pairs.

    Attributes:
        p_value: two-sided, of no difference: the exact sign-flip permutation test; for
            cross-validation, the corrected t test. Of the former, with *n*
            pairs it cannot be below 2 / 2ⁿ: five pairs never reach 0.05.
        probability_of_improvement: share of pairs in which the treatment is higher, ties counted
            half.
    """

    p_value: float
    probability_of_improvement: float


def estimate(values: np.ndarray, test_share: float | None = None) -> Estimate:
    """Return the mean of values with Student's t interval.

    The t interval rather than a bootstrap one, because replicates are few: with five values a
    percentile bootstrap interval that is called 95 % covers the mean less than 85 % of the time
    (``tests/test_statistics.py`` measures both).

    Args:
        values: one a replicate, shape (n,), n ≥ 1, finite.
        test_share: for cross-validation, test examples a training example: folds share training
            examples, and the variance is corrected for that (Nadeau & Bengio 2003).
    """
    values = np.asarray(values, dtype=np.float64)
    n, mean = len(values), float(np.mean(values))
    if n < 2:
        return Estimate(n, mean, np.nan, np.nan, np.nan)
    sd = float(np.std(values, ddof=1))
    if sd <= _NO_SPREAD:
        return Estimate(n, mean, 0.0, np.nan, np.nan)
    half = float(stats.t.ppf((1 + CONFIDENCE) / 2, n - 1)) * _error(sd, n, test_share)
    return Estimate(n, mean, sd, mean - half, mean + half)


def _error(sd: float, n: int, test_share: float | None) -> float:
    """Return the standard error of a mean over replicates."""
    return sd * float(np.sqrt(1 / n + (test_share or 0.0)))


def paired_difference(
    treatment: np.ndarray, control: np.ndarray, test_share: float | None = None
) -> PairedDifference:
    """Return the mean paired difference with its interval, test and probability of improvement.

    Args:
        treatment: one value a replicate, shape (n,), n ≥ 1, finite.
        control: the same replicates' values without the treatment, shape (n,).
        test_share: as in :func:`estimate`; the test is then a t test with the same correction.

    Raises:
        ValueError: the two differ in shape, or are empty.
    """
    treatment, control = np.asarray(treatment, np.float64), np.asarray(control, np.float64)
    if treatment.shape != control.shape or treatment.ndim != 1 or not len(treatment):
        raise ValueError(f"pairs needed, got shapes {treatment.shape} and {control.shape}")
    differences = treatment - control
    base = estimate(differences, test_share)
    wins = np.mean(differences > 0) + np.mean(differences == 0) / 2
    return PairedDifference(
        n=base.n,
        mean=base.mean,
        sd=base.sd,
        ci_low=base.ci_low,
        ci_high=base.ci_high,
        p_value=_sign_flip_test(differences)
        if test_share is None
        else _corrected_test(base, test_share),
        probability_of_improvement=float(wins),
    )


def _corrected_test(base: Estimate, test_share: float) -> float:
    if not base.sd > _NO_SPREAD:
        return np.nan
    error = _error(base.sd, base.n, test_share)
    return 2 * float(stats.t.sf(abs(base.mean) / error, base.n - 1))


def _sign_flip_test(differences: np.ndarray) -> float:
    if len(differences) < 2:
        return np.nan
    result = stats.permutation_test(
        (differences,),
        np.mean,
        permutation_type="samples",
        vectorized=True,
        # Exact to 2¹³ sign flips, sampled beyond.
        n_resamples=8192,
        rng=np.random.default_rng(0),
    )
    return float(result.pvalue)
