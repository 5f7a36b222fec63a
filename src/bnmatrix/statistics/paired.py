"""Paired effects: the one engine of intervals and tests, for all tables and all claims."""

import math
from dataclasses import dataclass

import numpy as np
from scipy import special

from bnmatrix.statistics.blocks import UsualRatio
from bnmatrix.statistics.means import spread
from bnmatrix.statistics.overlaps import Overlap
from bnmatrix.statistics.uncertainty import ALPHA, Uncertainty, Values, uncertainty, unseen

#: Numbers of pairs that a plan considers one by one; beyond, quantiles are those of the normal.
_MOST_PAIRS = 2000


@dataclass(frozen=True)
class PairedEffect:
    """A mean paired difference, treatment − control.

    Attributes:
        pairs: number of pairs.
        effect: mean difference.
        sd: standard deviation of the differences; NaN for one pair.
        ci_low: lower end of the interval; see
            :meth:`bnmatrix.statistics.uncertainty.Uncertainty.bounds`.
        ci_high: upper end of the interval.
        p_value: two-sided, of no difference, from the same distribution as the interval.
        probability_of_improvement: share of pairs in which the treatment is higher; ties count
            half.
        uncertainty: the distribution that the interval and the test rest on.
    """

    pairs: int
    effect: float
    sd: float
    ci_low: float
    ci_high: float
    p_value: float
    probability_of_improvement: float
    uncertainty: Uncertainty


def paired_effect(
    treatment: Values,
    control: Values,
    tail: float = ALPHA / 2,
    blocks: Values | None = None,
    overlap: Overlap | None = None,
    without: np.ndarray | None = None,
    resolution: float = 0.0,
    usual: UsualRatio | None = None,
) -> PairedEffect:
    """Return the mean paired difference with its interval and test.

    Args:
        treatment: one value per replicate, shape (n,), n ≥ 1, finite.
        control: the values of the same replicates in the other arm, shape (n,).
        tail: the probability with which each end of the interval fails.
        blocks, overlap, resolution, usual: see
            :func:`bnmatrix.statistics.uncertainty.uncertainty`.
        without: the differences without each group of test examples, shape (n, groups), or None.

    Raises:
        ValueError: the two differ in shape, or are empty.
    """
    treatment, control = np.asarray(treatment, np.float64), np.asarray(control, np.float64)
    if treatment.shape != control.shape or treatment.ndim != 1 or not len(treatment):
        raise ValueError(f"pairs needed, got shapes {treatment.shape} and {control.shape}")
    differences = treatment - control
    mean = float(differences.mean())
    found = uncertainty(differences, blocks, overlap, without, resolution, usual)
    low, high = found.bounds(mean, tail)
    return PairedEffect(
        pairs=len(differences),
        effect=mean,
        sd=spread(differences),
        ci_low=low,
        ci_high=high,
        p_value=found.p_value(mean),
        probability_of_improvement=float(np.mean(differences > 0) + np.mean(differences == 0) / 2),
        uncertainty=found,
    )


def difference(
    first: tuple[float, Uncertainty], second: tuple[float, Uncertainty], tail: float
) -> tuple[float, float, float]:
    """Return the difference of two independent means, first − second, with its interval.

    Args:
        first, second: each mean with its uncertainty, in the same unit.
        tail: the probability with which each end of the interval fails.

    Returns:
        The difference and both ends of its interval (Welch 1947); NaN for the ends if one of the
        means has no standard error.
    """
    effect = first[0] - second[0]
    parts = [item[1] for item in (first, second)]
    variances = [part.error**2 for part in parts]
    total = sum(variances)
    if not total > 0:
        return effect, math.nan, math.nan
    # Degrees of freedom are infinite where the grid alone makes the error.
    terms = sum(v**2 / part.freedom for v, part in zip(variances, parts, strict=True))
    freedom = total**2 / terms if terms else math.inf
    half = float(special.stdtrit(freedom, 1 - tail)) * math.sqrt(total)
    return effect, effect - half, effect + half


def pairs_needed(found: Uncertainty, half_width: float, tail: float, tested: float = 1.0) -> float:
    """Return how many pairs an interval of a given half width needs, by the variance found.

    Args:
        found: the uncertainty of the present mean.
        half_width: the half width to reach.
        tail: the probability with which each end of the interval fails.
        tested: the share of the examples that can be tested which the present pairs test, above 0.
            Below 1 in cross-validation with fewer blocks than folds; further pairs test the others,
            by which the part of the variance over test examples falls.

    Returns:
        A whole number; NaN if the spread is not known, if the values do not vary, or if the part of
        the variance that further pairs do not reduce is too large by itself.
    """
    normal = float(special.ndtri(1 - tail))
    fixed = found.fixed_variance * tested
    if found.constant or not found.error > 0 or normal**2 * fixed >= half_width**2:
        return math.nan
    single = found.replicate_variance * found.replicates / unseen(found.replicates)
    pairs = np.arange(2.0, _MOST_PAIRS)
    freedom = found.replicate_freedom * (pairs - 1) / (found.replicates - 1)
    variance = single / pairs * unseen(pairs) + fixed
    half = special.stdtrit(np.maximum(freedom, 1.0), 1 - tail) * np.sqrt(variance)
    enough = np.flatnonzero(half <= half_width)
    if len(enough):
        return float(pairs[enough[0]])
    # Where test examples or the overlap contribute, their degrees of freedom do not grow.
    needed = math.ceil(single / ((half_width / normal) ** 2 - fixed))
    return float(max(needed, _MOST_PAIRS))
