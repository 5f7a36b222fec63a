"""Metrics without one group of test examples at a time, for the variance over examples."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bnmatrix.tables.example_groups import GROUPS, groups_of
from bnmatrix.tables.metrics import BY_GROUP

if TYPE_CHECKING:
    import pandas as pd


def without_groups(
    runs: pd.DataFrame, correctness: pd.DataFrame, column: str = "test_accuracy"
) -> np.ndarray:
    """Return a metric of each run without each group of test examples.

    Groups are the same for all runs of a study that are tested on the same examples.

    Args:
        runs: a table of runs, shape (n, …).
        correctness: see :data:`bnmatrix.tables.schema.CORRECTNESS_COLUMNS`.
        column: the metric, a column of runs.

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
    if column in BY_GROUP:
        stored = np.stack([np.frombuffer(row, "<f8") for row in table.loc[known, "without"]])
        accuracy[known] = stored.reshape(len(stored), -1, GROUPS)[:, BY_GROUP.index(column)]
        return accuracy
    in_test, right = (_bits(table.loc[known, name]) for name in ("tested", "correct"))
    group = _groups(table.loc[known, "clusters"].iloc[0], in_test.shape[1])
    tested, correct = _by_group(in_test, group), _by_group(in_test & right, group)
    left = tested.sum(axis=1, keepdims=True) - tested
    others = correct.sum(axis=1, keepdims=True) - correct
    # A test part that is one group has no accuracy without it.
    accuracy[known] = np.divide(others, left, out=np.full(left.shape, np.nan), where=left > 0)
    return accuracy


def sampling_variances(
    correctness: pd.DataFrame, control: pd.DataFrame | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the variance of each run's test accuracy over samples of test examples.

    The network stays the same. For a single arm it is the binomial variance p(1 − p)/m; for a
    paired difference, the variance of the examples' differences (−1, 0 or 1) over m. It takes
    examples as independent, also those of one cluster.

    Args:
        correctness: the columns ``tested``, ``correct`` and ``clusters`` of n completed runs.
        control: those of the runs that are subtracted, in the same order; None: a single arm.

    Returns:
        Shape (n,), the variances in squared fractions; and shape (n, :data:`GROUPS`), the same
        from all but one group of test examples, NaN where no other group has examples.
    """
    tested, correct = (_bits(correctness[name]) for name in ("tested", "correct"))
    difference = correct.astype(np.int8)
    if control is not None:
        other, other_correct = (_bits(control[name]) for name in ("tested", "correct"))
        tested, difference = tested & other, difference - other_correct.astype(np.int8)
    difference *= tested
    group = _groups(correctness["clusters"].iloc[0], tested.shape[1])
    counts, sums, squares = (_by_group(bits, group) for bits in (tested, difference, difference**2))
    number = counts.sum(axis=1, keepdims=True)

    def variances(sums: np.ndarray, squares: np.ndarray, counts: np.ndarray) -> np.ndarray:
        counts = np.where(counts > 0, counts, np.nan)
        found: np.ndarray = (squares / counts - (sums / counts) ** 2) / number
        return found

    whole = [part.sum(axis=1, keepdims=True) for part in (sums, squares, counts)]
    rest = [total - part for total, part in zip(whole, (sums, squares, counts), strict=True)]
    return variances(*whole)[:, 0], variances(*rest)


def share_tested(correctness: pd.DataFrame, testable: int) -> float:
    """Return the share of the examples that can be tested which any of the runs tests.

    Args:
        correctness: the column ``tested`` of the runs.
        testable: how many examples can be tested.
    """
    return float(_bits(correctness["tested"]).any(axis=0).sum()) / testable


def _bits(packed: pd.Series) -> np.ndarray:
    """Return packed bits as an array of 0 and 1, shape (n, positions)."""
    return np.unpackbits(np.stack([np.frombuffer(row, np.uint8) for row in packed]), axis=1)


def _groups(clusters: bytes, positions: int) -> np.ndarray:
    """Return the group of each position (:func:`bnmatrix.tables.example_groups.groups_of`).

    Args:
        clusters: of each position, as in the column ``clusters``.
        positions: number of positions; the last ones can be padding.
    """
    return groups_of(positions, np.frombuffer(clusters, "<i4"))


def _by_group(bits: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Return the sum of the bits, or small numbers, of each group: shape (n, groups), float64."""
    members = np.zeros((len(group), GROUPS), np.float32)
    members[np.arange(len(group)), group] = 1
    return (bits.astype(np.float32) @ members).astype(np.float64)


def blocks_of(runs: pd.DataFrame) -> pd.Series | None:
    """Return the tuning block of each replicate, or None if nothing was tuned.

    Args:
        runs: the runs of one or both arms, with the column ``tuning_block`` (0: not tuned).
    """
    blocks = runs.groupby("replicate")["tuning_block"].max()
    return blocks if (blocks > 0).any() else None
