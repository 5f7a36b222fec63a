"""How the means of tuning blocks vary, in the light of all analyses of a data set.

Replicates of a block share a tuned learning rate, so that the means of blocks vary more than single
replicates let expect. Four blocks tell with three degrees of freedom by how much: an interval is
then wide or narrow by chance. All analyses of a data set together know the usual ratio far better.
The mean square between the blocks of an analysis is therefore moderated towards the usual one, as
the variances of genes are (Smyth 2004). An analysis whose ratio is too large for the others stands
by itself (Phipson et al. 2016).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

#: Degrees of freedom that the usual ratio is worth for a single analysis: four if the logarithms of
#: ratios have a variance of 0.64 beyond chance, more if they differ less. `make stability` prints
#: the variance, which is smaller on digits. One run cannot tell it.
FREEDOM = 4.0

#: From this number of studies on, whose learning rates are tuned apart, there is a usual ratio.
LEAST_STUDIES = 5

#: Smaller ratios than chance gives in one of 100 cases count as this one has.
_RARE = 0.01


@dataclass(frozen=True)
class MeanSquares:
    """The mean squares of one analysis.

    Attributes:
        between: between the means of blocks, weighted by their sizes.
        within: of replicates within blocks.
        blocks: number of blocks.
        replicates: number of replicates.
    """

    between: float
    within: float
    blocks: int
    replicates: int

    @classmethod
    def of(cls, values: np.ndarray, place: np.ndarray) -> "MeanSquares | None":
        """Return the mean squares of values; None for one block, and for blocks of one replicate.

        Args:
            values: one per replicate, shape (n,).
            place: the number of each replicate's block, from 0, shape (n,).
        """
        sizes = np.bincount(place)
        if len(sizes) in (1, len(values)):
            return None
        means = np.bincount(place, values) / sizes
        between = float(np.sum(sizes * (means - values.mean()) ** 2)) / (len(sizes) - 1)
        within = float(np.sum((values - means[place]) ** 2)) / (len(values) - len(sizes))
        return cls(between, within, len(sizes), len(values))

    @property
    def ratio(self) -> float:
        """F: the mean square between blocks over that within; infinite if replicates are alike."""
        return self.between / self.within if self.within > 0 else math.inf

    @property
    def freedom(self) -> tuple[int, int]:
        """The degrees of freedom of both mean squares, between and within."""
        return self.blocks - 1, self.replicates - self.blocks


@dataclass(frozen=True)
class UsualRatio:
    """The ratios F of the analyses of a data set.

    Attributes:
        ratio: the geometric mean of the ratios without chance, at least 1.
        seen: the ratio of each analysis, in ascending order.
    """

    ratio: float
    seen: tuple[float, ...]

    def moderate(self, squares: MeanSquares, shared: float = 0.0) -> tuple[float, float]:
        """Return the moderated mean square between the blocks of an analysis.

        Args:
            squares: the mean squares of the analysis.
            shared: what its mean square between blocks owes to test examples that the replicates of
                a block share, which is subtracted from it.

        Returns:
            The mean of the analysis's own mean square and the usual one, each weighted by its
            degrees of freedom; and the degrees of freedom of this mean (Satterthwaite).
        """
        own, within = squares.freedom
        usual = FREEDOM * self.fit_of(squares)
        if usual <= 0:
            return squares.between - shared, own
        weight = usual / (usual + own)
        common, single = weight * self.ratio * squares.within, (1 - weight) * squares.between
        uncertain = common**2 * (1 / usual + 1 / within) + single**2 / own
        return common + single - (1 - weight) * shared, (common + single) ** 2 / uncertain

    def fit_of(self, squares: MeanSquares) -> float:
        """Return how well an analysis fits: near 0 if its ratio is much too large for the others.

        It is the expected share of analyses with so large a ratio, over the share that has it; or
        what this is at a smaller ratio of the others, if that is less.
        """
        own, within = squares.freedom
        other = 1 / (1 / FREEDOM + 1 / within)
        less = np.array(self.seen)[np.array(self.seen) < squares.ratio]
        expected = special.fdtrc(own, other, np.append(less, squares.ratio) / self.ratio)
        share = 1 - np.arange(len(less) + 1) / len(self.seen)
        return float(min(1.0, *(expected / np.maximum(share, 1 / len(self.seen)))))


def usual_ratio(found: Sequence[tuple[str, MeanSquares]]) -> UsualRatio | None:
    """Return the usual ratio of the analyses of a data set; None for too few studies.

    Args:
        found: the study and the mean squares of each analysis.
    """
    useful = [(study, one) for study, one in found if one.ratio < math.inf]
    if len({study for study, _ in useful}) < LEAST_STUDIES:
        return None
    freedom = np.array([one.freedom for _, one in useful], np.float64)
    ratios = np.array([one.ratio for _, one in useful])
    least = special.fdtri(freedom[:, 0], freedom[:, 1], _RARE)
    chance = special.digamma(freedom / 2) - np.log(freedom / 2)
    logs = np.log(np.maximum(ratios, least)) - (chance[:, 0] - chance[:, 1])
    return UsualRatio(max(1.0, math.exp(logs.mean())), tuple(sorted(ratios.tolist())))
