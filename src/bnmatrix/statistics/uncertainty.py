"""How far a mean over replicates may be from its expectation: the one engine of all intervals.

The variance of a mean has a replicate part and up to two further parts:

- The *test part*: where all replicates share test examples, other examples would give another mean.
  The variance over test examples comes from a jackknife over groups of them. Together with the
  replicate part it makes a two-way variance (Cameron, Gelbach & Miller 2011; Owen 2007).
- The *overlap part*, where the training sets of replicates share most of their examples (Nadeau &
  Bengio 2003). In cross-validation it stands for other test examples, too: there is no test part.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

#: Level of all tests; intervals hold with probability 1 − ``ALPHA``.
ALPHA = 0.05

#: Standard deviations up to this are rounding error: accuracies are counts of at most 10⁶ examples.
NO_SPREAD = 1e-12

#: From this number of replicates on, the sample shows most kinds of outcomes that matter.
_ENOUGH = 20

Values = Sequence[float] | np.ndarray


@dataclass(frozen=True)
class Uncertainty:
    """The distribution of the error of a mean over replicates.

    Attributes:
        replicates: number of replicates, n.
        replicate_variance: variance of the mean over replicates.
        replicate_freedom: degrees of freedom of this variance.
        fixed_variance: the test part or the overlap part, which further replicates do not reduce.
        freedom: degrees of freedom of the total variance (Satterthwaite).
        skewness: skewness of the mean (third cumulant in units of the total standard error).
        constant: whether the values do not vary. There is no standard error then.
        independent: whether the training sets of replicates share at most half of their examples.
    """

    replicates: int
    replicate_variance: float
    replicate_freedom: float
    fixed_variance: float
    freedom: float
    skewness: float
    constant: bool
    independent: bool

    @property
    def error(self) -> float:
        """The standard error of the mean; NaN for one value and for values that do not vary."""
        if self.replicates < 2 or self.constant:
            return math.nan
        return math.sqrt(self.replicate_variance + self.fixed_variance)

    def bounds(self, mean: float, tail: float) -> tuple[float, float]:
        """Return the ends of an interval, each of which fails with probability ``tail``.

        Each end is the wider one of Student's t and of Hall's (1992) correction for skewness. For
        values that do not vary, the interval is the point itself if the sign test excludes all
        others at this level; otherwise, and for one value, both ends are NaN. Replicates that agree
        on zero say nothing where their training sets overlap.
        """
        telling = self.independent or abs(mean) > NO_SPREAD
        if self.constant and telling and 0.5**self.replicates <= tail:
            return mean, mean
        error = self.error
        if math.isnan(error):
            return math.nan, math.nan
        quantile = float(special.stdtrit(self.freedom, 1 - tail))
        low = max(quantile, _unskewed(quantile, self.skewness))
        high = min(-quantile, _unskewed(-quantile, self.skewness))
        return mean - error * low, mean - error * high

    def p_value(self, mean: float) -> float:
        """Return the two-sided p-value of an expectation of zero: the inverse of :meth:`bounds`."""
        if self.constant and self.replicates > 1:
            return 1.0 if abs(mean) <= NO_SPREAD else float(2 * 0.5**self.replicates)
        error = self.error
        if math.isnan(error):
            return math.nan
        t = mean / error
        sign = 1.0 if t >= 0 else -1.0
        quantile = min(sign * t, sign * _skewed(t, self.skewness))
        return min(1.0, 2 * float(special.stdtr(self.freedom, -quantile)))


def uncertainty(
    values: Values,
    blocks: Values | None = None,
    overlap: float | None = None,
    without: np.ndarray | None = None,
) -> Uncertainty:
    """Return the uncertainty of the mean of values.

    Args:
        values: one per replicate, shape (n,), n ≥ 1, finite.
        blocks: the tuning block of each replicate, shape (n,); None: each is by itself.
        overlap: test examples per training and validation example, if the training sets of
            replicates overlap (:func:`bnmatrix.plan.sizes.overlap`).
        without: the same values without each group of test examples in turn, shape (n, groups);
            None: test examples are taken as given, or each replicate has others (folds).
    """
    values = np.asarray(values, np.float64)
    n = len(values)
    spread = float(values.std(ddof=1)) if n > 1 else 0.0
    constant, independent = spread <= NO_SPREAD, overlap is None
    if constant:
        return Uncertainty(n, 0.0, 0.0, 0.0, 0.0, 0.0, True, independent)
    ratio, freedom = _between_blocks(values, spread, blocks)
    variance = ratio * spread**2 / n * float(unseen(n))
    shared = (overlap or 0.0) * spread**2
    test, uncertain = (0.0, 0.0) if without is None else _test_part(values, without)
    fixed = shared + test
    total_freedom = (variance + fixed) ** 2 / ((variance + shared) ** 2 / freedom + uncertain)
    # The third cumulant of the mean is that of the replicate part.
    share = (spread**2 / n / (variance + fixed)) ** 1.5
    skewness = _skewness(values, spread) / math.sqrt(n) * share
    return Uncertainty(n, variance, freedom, fixed, total_freedom, skewness, constant, independent)


def unseen(n: float | np.ndarray) -> np.ndarray:
    """Return the factor of the variance that allows for outcomes that no replicate shows.

    If a tenth of the runs fails, 12 replicates show none of it in 28 % of the cases, and 20 in
    12 %; the spread is then far too small. The factor is chosen by simulation
    (``tests/test_uncertainty.py``).
    """
    return np.maximum(1.0, 2 - np.asarray(n) / _ENOUGH)


def _between_blocks(
    values: np.ndarray, spread: float, blocks: Values | None
) -> tuple[float, float]:
    """Return the factor of the variance for blocks, and its degrees of freedom.

    Replicates of a block share a tuned learning rate, so that the means of blocks may vary more
    than single replicates let expect. The factor is F, the mean square between blocks over the
    total one, but at least 1. The degrees of freedom go from n − 1 at F = 1 to the number of
    blocks − 1 at large F.
    """
    n = len(values)
    names, place = np.unique(np.arange(n) if blocks is None else blocks, return_inverse=True)
    if len(names) in (1, n):
        return 1.0, n - 1.0
    sizes = np.bincount(place)
    means = np.bincount(place, values) / sizes
    between = float(np.sum(sizes * (means - values.mean()) ** 2)) / (len(names) - 1)
    ratio = max(1.0, between / spread**2)
    return ratio, ratio**2 / (1 / (n - 1) + ratio * (ratio - 1) / (len(names) - 1))


def _test_part(values: np.ndarray, without: np.ndarray) -> tuple[float, float]:
    """Return the variance of the mean over test examples, and its square per degree of freedom.

    The replicate part already has the interaction of replicates and test examples, which is
    therefore subtracted from the jackknife's variance.
    """
    n, groups = without.shape
    pseudo = groups * values[:, None] - (groups - 1) * without
    columns = pseudo.mean(axis=0)
    jackknife = float(columns.var(ddof=1)) / groups
    rest = pseudo - pseudo.mean(axis=1, keepdims=True) - columns + pseudo.mean()
    freedom = (n - 1) * (groups - 1)
    interaction = float(np.sum(rest**2)) / freedom / (n * groups)
    if jackknife <= interaction:
        return 0.0, 0.0
    return jackknife - interaction, jackknife**2 / (groups - 1) + interaction**2 / freedom


def _skewness(values: np.ndarray, spread: float) -> float:
    """Return the skewness of values, less its standard error; 0 for fewer than four values.

    Most of a small skewness is chance, and correcting for it would widen all intervals.
    """
    n = len(values)
    if n < 4:
        return 0.0
    skewness = n / ((n - 1) * (n - 2)) * float(np.sum(((values - values.mean()) / spread) ** 3))
    chance = math.sqrt(6 * n * (n - 1) / ((n - 2) * (n + 1) * (n + 3)))
    return math.copysign(max(0.0, abs(skewness) - chance), skewness)


def _skewed(t: float, skewness: float) -> float:
    """Return Hall's monotone transformation of t, which removes its skewness."""
    return t + skewness * (2 * t**2 + 1) / 6 + skewness**2 * t**3 / 27


def _unskewed(x: float, skewness: float) -> float:
    """Return the t that Hall's transformation makes ``x`` of."""
    if abs(skewness) < 1e-6:
        return x
    return 3 / skewness * (float(np.cbrt(1 + skewness * (x - skewness / 6))) - 1)
