"""The tables of a training job as two files: one row a variant, with its rows of every table.

A matrix of thousands of jobs is put together in the time that it takes to open their files, so a
job leaves few, however many tables it has, and in Arrow's own format, which is thirty times as fast
to read as Parquet for files of this size (``make scale``).
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
from bnmatrix.results import RUN_KEYS, TABLES

#: The files of a job, and the tables in each; of the first, every variant has rows. Results are the
#: same each time, times never.
FILES = {
    "results": ("runs", "history", "tuning", "measurements", "predictions"),
    "times": ("timings", "step_times"),
}

_MACHINE = b"bnmatrix.machine"

#: Files that are read before they are put together.
_BATCH = 500


def save(folder: Path, tables: Mapping[str, pd.DataFrame], machine: dict[str, Any]) -> None:
    """Write a job's tables, and what machine it ran on, into ``folder``.

    Args:
        folder: where the files go.
        tables: the tables of :data:`bnmatrix.results.TABLES`, by name; rows of a variant together.
        machine: facts to keep beside the times.
    """
    for file, names in FILES.items():
        packed = _pack(tables, names)
        if file == "times":
            packed = packed.replace_schema_metadata({_MACHINE: json.dumps(machine).encode()})
        with (
            atomic_path(folder / f"{file}.arrow") as temporary,
            ipc.new_file(temporary, packed.schema) as writer,
        ):
            writer.write_table(packed)


def write_table(table: pa.Table, path: Path) -> None:
    """Write an Arrow table as Parquet, atomically; the same table gives the same bytes."""
    with atomic_path(path) as temporary:
        # Readers need no Arrow types: texts that repeat are texts to them.
        pq.write_table(table, temporary, compression="zstd", store_schema=False)


def _pack(tables: Mapping[str, pd.DataFrame], names: tuple[str, ...]) -> pa.Table:
    first = tables[names[0]]
    axes = first.columns[: first.columns.get_loc("replicate")]
    keys = [*axes, *(name for name in ("variant", "baseline") if name in first)]
    variants = first.drop_duplicates("variant")
    packed = pa.Table.from_pandas(variants[keys], preserve_index=False).replace_schema_metadata()
    for name in names:
        table, schema = tables[name], pa.schema(_own(name))
        rows = pa.Table.from_pandas(table[schema.names], schema=schema, preserve_index=False)
        counts = table["variant"].value_counts(sort=False).reindex(variants["variant"])
        ends = counts.fillna(0).astype("int32").cumsum()
        offsets = pa.array(np.r_[0, ends], type=pa.int32())
        packed = packed.append_column(
            name, pa.ListArray.from_arrays(offsets, rows.to_struct_array().combine_chunks())
        )
    return packed


def _own(name: str) -> dict[str, pa.DataType]:
    """Return the columns of a table that are not the variant's."""
    return {k: kind for k, kind in TABLES[name].items() if k not in ("variant", "baseline")}


def load(paths: list[Path], order: list[str]) -> pa.Table:
    """Read files of one kind and put them together: a row a variant, in the order of ``order``."""
    # A table of one row costs far more memory than its row.
    batches = (paths[start : start + _BATCH] for start in range(0, len(paths), _BATCH))
    packed = _together(_together(map(_read, batch)).combine_chunks() for batch in batches)
    place = {name: number for number, name in enumerate(order)}
    places = [place[name] for name in packed["variant"].to_pylist()]
    return packed.take(np.argsort(places, kind="stable"))


def _together(tables: Iterable[pa.Table]) -> pa.Table:
    return pa.concat_tables(tables, promote_options="permissive")


def _read(path: Path) -> pa.Table:
    return ipc.open_file(path.read_bytes()).read_all()


def unpack(packed: pa.Table, name: str) -> pa.Table:
    """Return one of the tables: study, data set and axes first, then its own columns.

    Args:
        packed: what :func:`load` returns.
        name: a key of :data:`bnmatrix.results.TABLES`.
    """
    lists = packed[name].combine_chunks()
    parents = pc.list_parent_indices(lists)
    own = dict(zip(_own(name), pc.list_flatten(lists).flatten(), strict=True))

    def of_variant(key: str) -> pa.Array:
        values = packed[key].combine_chunks()
        # Texts are kept once, and not once a row.
        texts = pa.types.is_string(values.type)
        return (values.dictionary_encode() if texts else values).take(parents)

    keys = packed.column_names[: packed.column_names.index("variant")]
    axes = dict.fromkeys(["normalization", "batch_size", *keys[len(RUN_KEYS) :]])
    columns = {key: of_variant(key) for key in (*RUN_KEYS, *axes)}
    columns |= {key: own[key] if key in own else of_variant(key) for key in TABLES[name]}
    return pa.table(columns)


def machine_of(path: Path) -> dict[str, Any]:
    """Return the facts about a job's machine that are beside its times."""
    return json.loads(_read(path).schema.metadata[_MACHINE])
