"""Reading, writing and combining of tables of runs."""

from pathlib import Path

import pandas as pd
import pyarrow as pa
from pyarrow import csv as arrow_csv

from bnmatrix.files import atomic_path
from bnmatrix.tables.job_files import write_table
from bnmatrix.tables.schema import RUN_KEYS


def write_csv(table: pd.DataFrame, path: str | Path) -> None:
    """Write a table as CSV, atomically.

    Each number has the fewest digits that give exactly the same number when read.
    """
    with atomic_path(path) as temporary:
        table.to_csv(temporary, index=False, lineterminator="\n", encoding="utf-8")


def write_arrow_csv(table: pa.Table, path: str | Path) -> None:
    """Write an Arrow table as CSV, atomically, and many times faster than pandas."""
    with atomic_path(path) as temporary:
        arrow_csv.write_csv(table, temporary)


def write_parquet(table: pd.DataFrame, path: Path) -> None:
    """Write a table as Parquet, atomically; the same table gives the same bytes."""
    write_table(pa.Table.from_pandas(table, preserve_index=False), path)


def read_runs(path: str | Path) -> pd.DataFrame:
    """Read a table of runs from CSV. Only empty fields are missing; "NA" stays a text."""
    return pd.read_csv(path, keep_default_na=False, na_values=[""])


def stack(tables: list[pd.DataFrame]) -> pd.DataFrame:
    """Concatenate tables. An axis that a table lacks is empty in the rows of that table.

    Normalization and batch size are the first axes; other axes follow in order of appearance.
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


def compress(source: Path, target: Path) -> None:
    """Write a file compressed with Zstandard, atomically; the same file gives the same bytes."""
    with atomic_path(target) as temporary:
        packed = pa.Codec("zstd", 19).compress(source.read_bytes(), asbytes=True)
        temporary.write_bytes(packed)


def decompress(source: Path, target: Path) -> None:
    """Write the file that :func:`compress` read, atomically."""
    with atomic_path(target) as temporary, pa.CompressedInputStream(str(source), "zstd") as stream:
        temporary.write_bytes(stream.read())
