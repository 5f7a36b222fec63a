"""How often intervals hold the effect: sets of replicates of one long experiment."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

    from bnmatrix.statistics.paired import PairedEffect


def sets_of_blocks(
    blocks: pd.Series, number: int, sets: int, rng: np.random.Generator
) -> Iterator[pd.Index]:
    """Yield the replicates of random sets of complete tuning blocks.

    Args:
        blocks: the block of each replicate, indexed by replicate.
        number: how many different blocks a set has.
        sets: how many sets to yield.
        rng: the source of randomness.

    Raises:
        ValueError: there are not so many complete blocks.
    """
    sizes = blocks.value_counts()
    members = {
        name: rows.index for name, rows in blocks.groupby(blocks) if len(rows) == sizes.max()
    }
    if len(members) < number:
        raise ValueError(f"{number} complete blocks needed, got {len(members)}")
    names = list(members)
    for _ in range(sets):
        chosen = rng.choice(len(names), number, replace=False)
        parts = [members[names[place]] for place in chosen]
        yield parts[0].append(parts[1:])


def tally(effects: Iterable[PairedEffect], truth: float) -> dict[str, float]:
    """Return how often intervals hold an effect.

    Args:
        effects: one for each set of replicates.
        truth: the effect that the intervals should hold.

    Returns:
        ``hold``: the share of intervals that hold it; ``below``, ``above``: the shares that lie
        below and above it; ``without``: the share of sets without an interval, which count as
        holding it; ``mean_square``: of the errors over standard errors, 1 if these are right;
        ``half_width``: of the intervals, on average.
    """
    found = list(effects)
    low, high = (
        np.array([getattr(effect, end) for effect in found]) for end in ("ci_low", "ci_high")
    )
    z = [(effect.effect - truth) / effect.uncertainty.error for effect in found]
    below, above = float(np.mean(high < truth)), float(np.mean(low > truth))
    return {
        "hold": 1 - below - above,
        "below": below,
        "above": above,
        "without": float(np.mean(np.isnan(low))),
        "mean_square": float(np.nanmean(np.square(z))),
        "half_width": float(np.nanmean(high - low)) / 2,
    }
