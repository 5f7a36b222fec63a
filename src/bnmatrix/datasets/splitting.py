"""Splitting examples into parts: how a split is declared, how large its parts are, and which
examples they hold.
"""

import math
from typing import Literal, Self

import numpy as np
from pydantic import model_validator

from bnmatrix.errors import UserError
from bnmatrix.models import Count, Fraction, Model, Seed

#: Number of random splits by groups, of which the best is taken.
_GROUP_SPLITS = 100


class Split(Model):
    """How a part of the examples is set apart."""

    fraction: Fraction | None = None
    """Share of the examples that is set apart (rounded up); or give `examples`."""
    examples: Count | None = None
    """Number of examples that is set apart."""
    take: Literal["random", "stratified", "last"] = "random"
    """`random`: as scikit-learn's `train_test_split` with this seed; `stratified`: the same, with
    equal shares of each class; `last`: the last ones, as Keras's `validation_split`."""
    seed: Seed = 42
    """Seed of a random split; where each replicate draws its own, this seed has no effect."""

    @model_validator(mode="after")
    def _one_size(self) -> Self:
        if (self.fraction is None) == (self.examples is None):
            raise ValueError("give the size as either `fraction` or `examples`")
        return self

    def sizes(self, examples: int) -> tuple[int, int]:
        """Return how many of ``examples`` stay, and how many are set apart."""
        if self.examples is not None:
            apart = self.examples
        else:
            # Rounded first: 0.1 × 3 is 0.30000000000000004 in floating point.
            apart = math.ceil(round(examples * (self.fraction or 0), 6))
        return examples - apart, apart


def split(
    y: np.ndarray, part: Split, groups: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the indices of the examples that stay, and of those set apart.

    A random split is scikit-learn's ``train_test_split`` with the same seed and fraction; one of
    the last examples is Keras's ``validation_split``. Groups are never divided: whole groups are
    set apart, so that the share of each class is as close to the wanted one as possible.

    Args:
        y: labels, one per example; of a regression the target (floating point), which a split by
            groups does not look at.
        part: how many examples are set apart, and which.
        groups: one number per example; examples with the same number stay in one part. None or
            empty if there are no groups.

    Returns:
        Two arrays of indices, int64.

    Raises:
        UserError: a class has too few examples or groups to be in both parts.
    """
    stay, apart = part.sizes(len(y))
    if part.take == "last":
        return np.arange(stay), np.arange(stay, len(y))
    from sklearn.model_selection import train_test_split

    if groups is not None and len(groups):
        y = np.zeros(len(y), np.int32) if y.dtype.kind == "f" else y
        return _split_by_groups(y, groups, apart / len(y), part.seed)
    classes = y if part.take == "stratified" else None
    try:
        kept, set_apart = train_test_split(
            np.arange(len(y)), test_size=apart, random_state=part.seed, stratify=classes
        )
    except ValueError as error:
        raise UserError(
            f"{apart} of {len(y)} examples cannot be set apart with equal shares of each class: "
            f"{error} Use `take: random`, or more data"
        ) from None
    return kept, set_apart


def _split_by_groups(
    y: np.ndarray, groups: np.ndarray, share: float, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the one of many random splits by groups that is closest to ``share`` in each class."""
    from sklearn.model_selection import GroupShuffleSplit

    share = min(max(share, 1 / len(set(groups))), 1 - 1 / len(set(groups)))
    tries = GroupShuffleSplit(_GROUP_SPLITS, test_size=share, random_state=seed).split(y, y, groups)
    wanted = share * np.bincount(y)

    def distance(parts: tuple[np.ndarray, np.ndarray]) -> float:
        """Return how many examples are in the wrong part, summed over classes."""
        return float(np.abs(np.bincount(y[parts[1]], minlength=len(wanted)) - wanted).sum())

    stay, apart = min(tries, key=distance)
    for name, part in (("stay", stay), ("are set apart", apart)):
        missing = len(wanted) - len(set(y[part]))
        if missing:
            raise UserError(
                f"{len(set(groups))} groups are too few to split: {missing} of the classes have no "
                f"example among those that {name}"
            )
    return stay, apart
