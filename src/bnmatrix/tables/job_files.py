"""The tables of a training job as two files, each with one row per variant.

A row holds the variant's rows of several tables, as lists. The time to combine thousands of jobs is
the time to open their files. Therefore a job writes only two files, in Arrow's format, which is
thirty times faster to read than Parquet for files of this size (``make scale``).
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyarrow import ipc

from bnmatrix.files import atomic_path
from bnmatrix.tables.recipe import RECIPE
from bnmatrix.tables.schema import RUN_KEYS, TABLES

#: The files of a job, and the tables in each file. Every variant has rows in the first table of
#: each file. Results are the same in each execution; times differ.
FILES = {
    "results": ("runs", "history", "tuning", "measurements", "correctness", "predictions"),
    "times": ("timings", "step_times"),
}

_MACHINE = b"bnmatrix.machine"

#: Columns with the number of a run, where it is not ``replicate``; None: there is no such column.
_REPLICATE_COLUMNS = {"tuning": "block", "step_times": None}

#: Number of files that are read before they are combined.
_BATCH = 500


def save(
    folder: Path, tables: Mapping[str, pd.DataFrame], machine: dict[str, Any], recipe: str
) -> None:
    """Write the tables of a job, its recipe, and facts about its machine, into ``folder``.

    Args:
        folder: the folder for the files.
        tables: the tables of :data:`bnmatrix.tables.schema.TABLES`, by name. The rows of
            each variant must be consecutive.
        machine: facts about the machine, stored with the times.
        recipe: the recipe of the job, stored with the results.
    """
    metadata = {"results": {RECIPE: recipe}, "times": {_MACHINE: json.dumps(machine)}}
    for file, names in FILES.items():
        packed = _pack(tables, names).replace_schema_metadata(metadata[file])
        with (
            atomic_path(folder / f"{file}.arrow") as temporary,
            ipc.new_file(temporary, packed.schema) as writer,
        ):
            writer.write_table(packed)


def write_table(table: pa.Table, path: Path) -> None:
    """Write an Arrow table as Parquet, atomically; the same table gives the same bytes."""
    with atomic_path(path) as temporary:
        # Without Arrow's schema, readers see dictionary-encoded texts as plain texts.
        pq.write_table(table, temporary, compression="zstd", store_schema=False)


def _pack(tables: Mapping[str, pd.DataFrame], names: tuple[str, ...]) -> pa.Table:
    first = tables[names[0]]
    axes = first.columns[: first.columns.get_loc("replicate")]
    keys = [*axes, *(name for name in ("variant", "baseline") if name in first)]
    variants = first.drop_duplicates("variant")
    packed = pa.Table.from_pandas(variants[keys], preserve_index=False).replace_schema_metadata()
    for name in names:
        table, schema = tables[name], pa.schema(_own_columns(name))
        rows = pa.Table.from_pandas(table[schema.names], schema=schema, preserve_index=False)
        counts = table["variant"].value_counts(sort=False).reindex(variants["variant"])
        ends = counts.fillna(0).astype("int32").cumsum()
        offsets = pa.array(np.r_[0, ends], type=pa.int32())
        packed = packed.append_column(
            name, pa.ListArray.from_arrays(offsets, rows.to_struct_array().combine_chunks())
        )
    return packed


def _own_columns(name: str) -> dict[str, pa.DataType]:
    """Return the columns of a table that differ between the rows of a variant."""
    columns = TABLES[name].items()
    return {column: kind for column, kind in columns if column not in ("variant", "baseline")}


def load(paths: list[Path], order: list[str]) -> pa.Table:
    """Read files of one kind and combine them.

    Args:
        paths: the files; those of one job in the order of their replicates.
        order: names of the variants.

    Returns:
        One row per variant and file, in the order of ``order``, and then of ``paths``.
    """
    # A table of one row needs far more memory than the row.
    batches = (paths[start : start + _BATCH] for start in range(0, len(paths), _BATCH))
    packed = _together(_together(map(_read, batch)).combine_chunks() for batch in batches)
    place = {name: number for number, name in enumerate(order)}
    places = [place[name] for name in packed["variant"].to_pylist()]
    return packed.take(np.argsort(places, kind="stable"))


def _together(tables: Iterable[pa.Table]) -> pa.Table:
    return pa.concat_tables(tables, promote_options="permissive")


def _read(path: Path) -> pa.Table:
    return ipc.open_file(path.read_bytes()).read_all()


def unpack(packed: pa.Table, name: str, replicates: int | None = None) -> pa.Table:
    """Return one of the tables: study, data set and axes first, then the columns of the table.

    Args:
        packed: the result of :func:`load`.
        name: a key of :data:`bnmatrix.tables.schema.TABLES`.
        replicates: number of the last replicate to return; if None, all are returned.
    """
    lists = packed[name].combine_chunks()
    parents = pc.list_parent_indices(lists)
    row_columns = dict(zip(_own_columns(name), pc.list_flatten(lists).flatten(), strict=True))

    def of_variant(key: str) -> pa.Array:
        values = packed[key].combine_chunks()
        # Each distinct text is stored once.
        texts = pa.types.is_string(values.type)
        return (values.dictionary_encode() if texts else values).take(parents)

    keys = packed.column_names[: packed.column_names.index("variant")]
    axes = dict.fromkeys(["normalization", "batch_size", *keys[len(RUN_KEYS) :]])
    columns = {key: of_variant(key) for key in (*RUN_KEYS, *axes)}
    columns |= {
        key: row_columns[key] if key in row_columns else of_variant(key) for key in TABLES[name]
    }
    table = pa.table(columns)
    column = _REPLICATE_COLUMNS.get(name, "replicate")
    if replicates is None or column is None:
        return table
    return table.filter(pc.less_equal(table[column], replicates))


def machine_of(path: Path) -> dict[str, Any]:
    """Return the facts about a job's machine from the file of times."""
    machine: dict[str, Any] = json.loads(_read(path).schema.metadata[_MACHINE])
    return machine
