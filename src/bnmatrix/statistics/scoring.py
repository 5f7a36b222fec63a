"""The accuracy that a run counts with, also if it diverged."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bnmatrix.tables.status import DIVERGED

if TYPE_CHECKING:
    import pandas as pd


def scored(runs: pd.DataFrame, column: str, classes: int) -> pd.Series:
    """Return an accuracy of each run; a diverged run has that of chance, 1 / ``classes``.

    Args:
        runs: a table of runs (see :mod:`bnmatrix.tables.schema`).
        column: the accuracy, a column of ``runs``.
        classes: number of classes.
    """
    return runs[column].where(runs["status"] != DIVERGED, 1 / classes)
