"""What a run counts with, also if it diverged."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from bnmatrix.tables.metrics import metric_of
from bnmatrix.tables.status import DIVERGED

if TYPE_CHECKING:
    import pandas as pd


def scored(runs: pd.DataFrame, column: str, classes: int, deviation: float = math.nan) -> pd.Series:
    """Return an accuracy or another metric of each run; a diverged run knows nothing.

    It has the accuracy of chance, 1 / ``classes``; of other metrics, see
    :meth:`bnmatrix.tables.metrics.Metric.of_nothing`.

    Args:
        runs: a table of runs (see :mod:`bnmatrix.tables.schema`).
        column: the accuracy or metric, a column of ``runs``.
        classes: number of classes.
        deviation: standard deviation of the target of a regression.
    """
    metric = metric_of(column)
    nothing = metric.of_nothing(classes, deviation) if metric else 1 / classes
    return runs[column].where(runs["status"] != DIVERGED, nothing)
