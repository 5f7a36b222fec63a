"""Tables of many runs: put together, written and read."""

from pathlib import Path

import pandas as pd

from bnmatrix.files import atomic_path
from bnmatrix.results import RUN_KEYS


def write_csv(table: pd.DataFrame, path: str | Path) -> None:
    """Write a table as CSV, atomically; numbers as short as they read back exactly."""
    with atomic_path(path) as temporary:
        table.to_csv(temporary, index=False, lineterminator="\n", encoding="utf-8")


def read_runs(path: str | Path) -> pd.DataFrame:
    """Read a table of runs from CSV, names that look like numbers or nothing included."""
    return pd.read_csv(path, keep_default_na=False, na_values=[""])


def stack(tables: list[pd.DataFrame]) -> pd.DataFrame:
    """Put tables one under another; an axis that some lack is empty there.

    Normalization and batch size stand first among the axes, others as they first come.
    """
    axes = ["normalization", "batch_size", *(name for table in tables for name in axes_of(table))]
    columns = list(tables[0].columns)
    ordered = [*RUN_KEYS, *dict.fromkeys(axes), *columns[columns.index("replicate") :]]
    filled = [table.dropna(axis="columns", how="all") for table in tables]
    return pd.concat(filled, ignore_index=True).reindex(columns=ordered)


def axes_of(table: pd.DataFrame) -> list[str]:
    """Return the names of a table's axes: the columns between ``dataset`` and ``replicate``."""
    columns = list(table.columns)
    return columns[columns.index("dataset") + 1 : columns.index("replicate")]


def columns_before(table: pd.DataFrame, column: str) -> list[str]:
    """Return the columns before one: the axes of a summary (``diverged``) or of comparisons
    (``endpoint``).
    """
    return list(table.columns[: list(table.columns).index(column)])
