"""Learning curves over replicates."""

from collections.abc import Sequence

import pandas as pd


def over_replicates(history: pd.DataFrame, metrics: Sequence[str]) -> pd.DataFrame:
    """Return the mean and range of metrics over a variant's replicates, a row for each epoch.

    Args:
        history: evaluations of one variant (:data:`bnmatrix.tables.schema.HISTORY_COLUMNS`).
        metrics: columns of ``history``.

    Returns:
        A table with the index ``epoch`` and, for each metric, the columns ``(metric, "mean")``,
        ``(metric, "min")`` and ``(metric, "max")``; NaN where no replicate has a value.
    """
    return history.groupby("epoch")[list(metrics)].agg(["mean", "min", "max"])


def paired_differences(
    history: pd.DataFrame, baseline: pd.DataFrame, metrics: Sequence[str]
) -> pd.DataFrame:
    """Return the differences of the replicates of a variant from those of its baseline.

    Args:
        history: evaluations of one variant (:data:`bnmatrix.tables.schema.HISTORY_COLUMNS`).
        baseline: evaluations of its baseline.
        metrics: columns of both.

    Returns:
        The columns ``replicate``, ``epoch`` and the metrics, a row for each evaluation of both.
    """
    keys = ["replicate", "epoch"]
    first, second = (table.set_index(keys)[list(metrics)] for table in (history, baseline))
    return (first - second.reindex(first.index)).reset_index()


def final_means(history: pd.DataFrame, by: Sequence[str], metric: str) -> pd.Series:
    """Return the mean of a metric at each variant's last evaluation, in order of the rows.

    Args:
        history: evaluations (:data:`bnmatrix.tables.schema.HISTORY_COLUMNS`).
        by: columns; variants that share their values are averaged.
        metric: a column of ``history``.
    """
    last = history["epoch"] == history.groupby("variant")["epoch"].transform("max")
    return history[last].groupby(list(by), sort=False)[metric].mean()
