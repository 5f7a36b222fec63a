"""How far the training sets of replicates overlap, for intervals that correct for it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Overlap:
    """The training sets of replicates share most of their examples (Nadeau & Bengio 2003).

    Attributes:
        ratio: test examples per example of training and validation.
        of_folds: whether test examples differ between replicates, as folds do. The correction then
            stands for other test examples, too; otherwise it stands for training examples alone.
    """

    ratio: float
    of_folds: bool


def largest(overlaps: Iterable[Overlap | None]) -> Overlap | None:
    """Return the overlap with the largest ratio; None if there is none."""
    found = [overlap for overlap in overlaps if overlap is not None]
    return max(found, key=lambda overlap: overlap.ratio, default=None)
