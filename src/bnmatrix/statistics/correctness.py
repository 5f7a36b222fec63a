"""Test accuracies without one group of test examples at a time, for the variance over examples."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

#: Number of groups of test examples. Each has about the same number of examples.
GROUPS = 20


def without_groups(runs: pd.DataFrame, correctness: pd.DataFrame) -> np.ndarray:
    """Return the test accuracy of each run without each group of test examples.

    Groups are the same for all runs of a study: a position of the test examples is the same example
    everywhere.

    Args:
        runs: a table of runs, shape (n, …).
        correctness: columns ``variant``, ``replicate``, and packed bits for each test position:
            ``tested`` (whether the example was in the test part) and ``correct``.

    Returns:
        Shape (n, :data:`GROUPS`); rows of NaN for runs without correctness, such as diverged runs.
    """
    table = runs[["variant", "replicate"]].merge(
        correctness, on=["variant", "replicate"], how="left", validate="many_to_one"
    )
    accuracy = np.full((len(table), GROUPS), np.nan)
    known = table["tested"].notna().to_numpy()
    if not known.any():
        return accuracy
    in_test, right = (_bits(table.loc[known, name]) for name in ("tested", "correct"))
    tested, correct = _by_group(in_test), _by_group(in_test & right)
    left = tested.sum(axis=1, keepdims=True) - tested
    others = correct.sum(axis=1, keepdims=True) - correct
    # A test part that is one group has no accuracy without it.
    accuracy[known] = np.divide(others, left, out=np.full(left.shape, np.nan), where=left > 0)
    return accuracy


def _bits(packed: pd.Series) -> np.ndarray:
    """Return packed bits as an array of 0 and 1, shape (n, positions)."""
    return np.unpackbits(np.stack([np.frombuffer(row, np.uint8) for row in packed]), axis=1)


def _by_group(bits: np.ndarray) -> np.ndarray:
    """Return the number of bits that are set in each group, shape (n, groups), float64."""
    positions = bits.shape[1]
    group = np.random.default_rng(0).permutation(positions) % GROUPS
    members = np.zeros((positions, GROUPS), np.float32)
    members[np.arange(positions), group] = 1
    return (bits.astype(np.float32) @ members).astype(np.float64)


def blocks_of(runs: pd.DataFrame) -> pd.Series | None:
    """Return the tuning block of each replicate, or None if nothing was tuned.

    Args:
        runs: the runs of one or both arms, with the column ``tuning_block`` (0: not tuned).
    """
    blocks = runs.groupby("replicate")["tuning_block"].max()
    return blocks if (blocks > 0).any() else None
