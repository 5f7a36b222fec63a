"""How far a mean over replicates may be from its expectation: the one engine of all intervals.

The variance of a mean has a replicate part and further parts:

- The *test part*: where replicates share test examples, other examples would give another mean.
  The variance over test examples comes from a jackknife over groups of them. Together with the
  replicate part it makes a two-way variance (Cameron, Gelbach & Miller 2011; Owen 2007).
- The *resolution*, where values are read off a grid, as the largest learning rate that works is: an
  error that all replicates can share (JCGM 100:2008, 4.3.7).
- The *overlap part*, where the training sets of replicates share most of their examples (Nadeau &
  Bengio 2003). In cross-validation it stands for other test examples, too: there is no test part.

Replicates of a tuning block share a learning rate, and a fold in cross-validation. The variance is
the larger one of two: with replicates as units, and with blocks as units
(:mod:`bnmatrix.statistics.blocks`).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from bnmatrix.statistics.blocks import MeanSquares, UsualRatio
from bnmatrix.statistics.overlaps import Overlap

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
        fixed_variance: the other parts, which further replicates do not reduce.
        freedom: degrees of freedom of the total variance (Satterthwaite).
        skewness: skewness of the mean (third cumulant in units of the total standard error).
        constant: whether the values do not vary. There is no standard error then, but that of the
            grid that they are read off.
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
        if self.replicates < 2 or (self.constant and not self.fixed_variance):
            return math.nan
        return math.sqrt(self.replicate_variance + self.fixed_variance)

    def bounds(self, mean: float, tail: float) -> tuple[float, float]:
        """Return the ends of an interval, each of which fails with probability ``tail``.

        Each end is the wider one of Student's t and of Hall's (1992) correction for skewness. For
        values that do not vary, the interval is the point itself, or as wide as the grid that they
        are read off lets expect, if the sign test excludes all others at this level; otherwise, and
        for one value, both ends are NaN. Replicates that agree on zero say nothing where their
        training sets overlap.
        """
        error = self.error
        if self.constant:
            if 0.5**self.replicates > tail or not (self.independent or abs(mean) > NO_SPREAD):
                return math.nan, math.nan
            error = math.sqrt(self.fixed_variance)
        if math.isnan(error):
            return math.nan, math.nan
        quantile = float(special.stdtrit(self.freedom, 1 - tail))
        low = max(quantile, _unskewed(quantile, self.skewness))
        high = min(-quantile, _unskewed(-quantile, self.skewness))
        return mean - error * low, mean - error * high

    def p_value(self, mean: float) -> float:
        """Return the two-sided p-value of an expectation of zero: the inverse of :meth:`bounds`."""
        sign_test = 0.0
        if self.constant and self.replicates > 1:
            sign_test = 1.0 if abs(mean) <= NO_SPREAD else float(2 * 0.5**self.replicates)
            if not self.fixed_variance:
                return sign_test
        error = self.error
        if math.isnan(error):
            return math.nan
        t = mean / error
        sign = 1.0 if t >= 0 else -1.0
        quantile = min(sign * t, sign * _skewed(t, self.skewness))
        return min(1.0, max(sign_test, 2 * float(special.stdtr(self.freedom, -quantile))))


def uncertainty(
    values: Values,
    blocks: Values | None = None,
    overlap: Overlap | None = None,
    without: np.ndarray | None = None,
    resolution: float = 0.0,
    usual: UsualRatio | None = None,
) -> Uncertainty:
    """Return the uncertainty of the mean of values.

    Args:
        values: one per replicate, shape (n,), n ≥ 1, finite.
        blocks: the tuning block of each replicate, shape (n,); None: each is by itself.
        overlap: of the training sets of replicates (:func:`bnmatrix.plan.sizes.overlap`); None if
            they share at most half of their examples.
        without: the same values without each group of test examples in turn, shape (n, groups);
            None: test examples are taken as given. If one is NaN, such as the accuracy without a
            group that has all test examples, or with a single group that has examples, a mean that
            needs the test part has no error.
        resolution: standard error of the mean because values are read off a grid.
        usual: how blocks vary in other analyses of the data set; None: these values alone tell.
    """
    values = np.asarray(values, np.float64)
    n = len(values)
    spread = float(values.std(ddof=1)) if n > 1 else 0.0
    constant, independent = spread <= NO_SPREAD, overlap is None
    if constant:
        return Uncertainty(n, 0.0, 0.0, resolution**2, math.inf, 0.0, True, independent)
    table = None
    if without is not None and np.isfinite(without).all():
        table = _TwoWay.of(values, without)
    ratio, freedom = _between_blocks(values, spread, blocks, table, usual)
    variance = ratio * spread**2 / n * float(unseen(n))
    shared, test, uncertain = 0.0, 0.0, 0.0
    if overlap is not None:
        shared = overlap.ratio * spread**2
    if without is not None and not (overlap is not None and overlap.of_folds):
        test, uncertain = (math.nan, math.nan) if table is None else table.test_part()
    fixed = shared + test + resolution**2
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
    values: np.ndarray,
    spread: float,
    blocks: Values | None,
    table: "_TwoWay | None",
    usual: UsualRatio | None,
) -> tuple[float, float]:
    """Return the factor of the variance for blocks, and its degrees of freedom.

    The factor is the mean square between blocks, moderated if there is a usual ratio, over the
    total one, but at least 1. What the mean square owes to test examples that the replicates of a
    block share is subtracted first: another part of the variance has it. The degrees of freedom go
    from n − 1 where the factor is 1 to those of the mean square where it is large.
    """
    n = len(values)
    _, place = np.unique(np.arange(n) if blocks is None else blocks, return_inverse=True)
    squares = MeanSquares.of(values, place)
    if squares is None:
        return 1.0, n - 1.0
    shared = n * max(0.0, table.of_cells(place) - table.interaction) if table else 0.0
    between, freedom = squares.between - shared, float(squares.freedom[0])
    if usual is not None:
        between, freedom = usual.moderate(squares, shared)
    ratio = max(1.0, between / spread**2)
    return ratio, ratio**2 / (1 / (n - 1) + ratio * (ratio - 1) / freedom)


@dataclass(frozen=True)
class _TwoWay:
    """The variance of the mean over groups of test examples.

    Attributes:
        jackknife: variance of the mean over groups.
        rest: what is left of the pseudo-values without the effects of replicates and groups,
            shape (n, groups).
    """

    jackknife: float
    rest: np.ndarray

    @classmethod
    def of(cls, values: np.ndarray, without: np.ndarray) -> "_TwoWay | None":
        """Return the parts of the jackknife's pseudo-values; None for fewer than two groups.

        Groups without which all values stay the same are empty, and do not count.
        """
        empty = np.isclose(without, values[:, None], rtol=0, atol=NO_SPREAD).all(axis=0)
        without = without[:, ~empty]
        groups = without.shape[1]
        if groups < 2:
            return None
        pseudo = groups * values[:, None] - (groups - 1) * without
        columns = pseudo.mean(axis=0)
        rest = pseudo - pseudo.mean(axis=1, keepdims=True) - columns + pseudo.mean()
        return cls(float(columns.var(ddof=1)) / groups, rest)

    @property
    def interaction(self) -> float:
        """The variance of the mean that cells of one replicate and one group have by themselves."""
        return self.of_cells(np.arange(len(self.rest)))

    def of_cells(self, place: np.ndarray) -> float:
        """Return the same for cells of one block and one group.

        Args:
            place: the number of each replicate's block, from 0, shape (n,).
        """
        groups = self.rest.shape[1]
        sums = np.zeros((int(place.max()) + 1, groups))
        np.add.at(sums, place, self.rest)
        scale = sums.size / ((sums.shape[0] - 1) * (groups - 1))
        return float(np.sum(sums**2) * scale / self.rest.size**2)

    def test_part(self) -> tuple[float, float]:
        """Return the variance of the mean over test examples, and its square per degree of freedom.

        The replicate part already has the interaction of replicates and test examples, which is
        therefore subtracted from the jackknife's variance.
        """
        n, groups = self.rest.shape
        if self.jackknife <= self.interaction:
            return 0.0, 0.0
        uncertain = self.jackknife**2 / (groups - 1)
        uncertain += self.interaction**2 / ((n - 1) * (groups - 1))
        return self.jackknife - self.interaction, uncertain


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
