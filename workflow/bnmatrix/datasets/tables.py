"""Tables of one's own: CSV and Parquet files."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import csv

from bnmatrix.config import OwnDataset, suggestion
from bnmatrix.datasets.labelled import LARGEST, Labelled, label_texts, rows_text, some
from bnmatrix.errors import UserError

#: Bytes of a CSV file from which the size of all of it is estimated.
_SAMPLE = 1 << 20

#: Texts a column of categories may have before it looks like names or identifiers.
_MOST_CATEGORIES = 50
#: And whatever the number of rows.
_NEVER_MORE = 1000

#: What a missing category is called among the categories of a column.
MISSING = "(missing)"


def estimate(entry: OwnDataset, path: Path) -> float:
    """Return about how many bytes a table takes in memory.

    Raises:
        UserError: the file is empty, or no Parquet file.
    """
    if path.suffix.lower() == ".parquet":
        metadata = _parquet(path).metadata
        return 8.0 * metadata.num_rows * len(entry.features or range(metadata.num_columns))
    with pa.input_stream(path) as file:  # uncompressed
        sample = file.read(_SAMPLE)
    if not sample.strip():
        raise UserError(f"{path}: the file is empty")
    lines = sample.count(b"\n") or 1
    # A compressed table is some four times as large.
    size = path.stat().st_size * (4 if path.suffix == ".gz" else 1)
    columns = sample.split(b"\n", 1)[0].count(_separator(entry, path).encode()) + 1
    return 8.0 * size / len(sample) * lines * len(entry.features or range(columns))


def read_tables(entry: OwnDataset, paths: list[Path]) -> list[Labelled]:
    """Read a table, and its test part; categories are those of both.

    Numbers stay as they are, NaN where one is missing; a column of categories becomes one column
    of zeros and ones for each. A missing category is a category.

    Raises:
        UserError: see :mod:`bnmatrix.datasets.own`.
    """
    tables = [_columns(entry, path) for path in paths]
    names = entry.features or [
        name for name in tables[0].column_names if name not in (entry.target, entry.group)
    ]
    for table, path in zip(tables, paths, strict=True):
        for name in names:
            if name not in table.column_names:
                raise UserError(f"{path}: has no column '{name}', which {paths[0]} has")
    if not names:
        raise UserError(f"{paths[0]}: has no column to learn from beside '{entry.target}'")
    for name in (entry.target, entry.group):
        if name in names:
            raise UserError(f"{paths[0]}: features: '{name}' cannot be one of them")
    blocks: list[list[np.ndarray]] = [[] for _ in paths]
    notes = _Notes()
    for name in names:
        columns = [
            _column(table[name], name in entry.categorical, f"{path}: column '{name}'")
            for table, path in zip(tables, paths, strict=True)
        ]
        kinds = {column.dtype == object for column in columns}
        if len(kinds) > 1:
            raise UserError(
                f"{paths[-1]}: column '{name}' holds numbers in one of {paths[0]} and {paths[-1]}, "
                "and text in the other"
            )
        if True in kinds:
            encoded = _indicators(columns, f"{paths[0]}: column '{name}'")
            notes.categorical[name] = encoded[0].shape[1]
        else:
            encoded = [column[:, None] for column in columns]
            notes.numeric += 1
            missing = sum(int(np.isnan(column).sum()) for column in columns)
            if missing:
                notes.missing[name] = missing
        for block, values in zip(blocks, encoded, strict=True):
            block.append(values)
    return [
        Labelled(
            x=np.concatenate(block, axis=1),
            labels=label_texts(_values(table[entry.target]), f"{path}: target '{entry.target}'"),
            groups=_groups(table, entry, path),
            notes=notes.sentences(),
        )
        for table, path, block in zip(tables, paths, blocks, strict=True)
    ]


def _columns(entry: OwnDataset, path: Path) -> pa.Table:
    """Read a table's columns, and check that those that are named are there, once each."""
    table = _parquet(path).read() if path.suffix.lower() == ".parquet" else _csv(entry, path)
    # What pandas keeps of its index; in the order of the classes, it would give them away.
    index = [name for name in table.column_names if re.fullmatch(r"__index_level_\d+__", name)]
    table = table.drop_columns(index)
    names = table.column_names
    if not all(name.strip() for name in names):
        raise UserError(
            f"{path}: has a column without a name (an index that pandas wrote?); name it, or write "
            "the file without it (index=False)"
        )
    if not table.num_rows:
        raise UserError(f"{path}: has a header and no rows")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UserError(f"{path}: has several columns of the same name: {some(twice)}")
    wanted = {
        "target": [entry.target],
        "group": [entry.group] if entry.group else [],
        "features": entry.features or [],
        "categorical": entry.categorical,
    }
    for key, columns in wanted.items():
        for name in columns:
            if name not in names:
                other = (
                    ""
                    if len(names) > 1
                    else "; if they are not separated by commas, set `separator`"
                )
                raise UserError(
                    f"{path}: {key}: there is no column '{name}'{suggestion(name, names)}; there "
                    f"are {', '.join(names)}{other}"
                )
    return table


def _parquet(path: Path) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(path)
    except pa.ArrowInvalid as error:
        raise UserError(f"{path}: not a Parquet file: {error}") from None


def _separator(entry: OwnDataset, path: Path) -> str:
    return entry.separator or ("\t" if ".tsv" in path.suffixes else ",")


def _csv(entry: OwnDataset, path: Path) -> pa.Table:
    ragged = []

    def note(row: csv.InvalidRow) -> str:
        ragged.append(row)
        return "skip"

    try:
        table = csv.read_csv(
            path,
            # One thread counts rows.
            read_options=csv.ReadOptions(use_threads=False),
            parse_options=csv.ParseOptions(
                delimiter=_separator(entry, path),
                newlines_in_values=True,
                invalid_row_handler=note,
            ),
            convert_options=csv.ConvertOptions(strings_can_be_null=True),
        )
    except pa.ArrowInvalid as error:
        raise UserError(f"{path}: cannot be read as CSV: {error}") from None
    if ragged:
        first = ragged[0]
        line = f"line {first.number}" if first.number else "a line"
        more = f" (and {len(ragged) - 1} more such lines)" if len(ragged) > 1 else ""
        raise UserError(
            f"{path}: {line} has {first.actual_columns} values instead of "
            f"{first.expected_columns}: '{first.text.splitlines()[0][:80]}'{more}"
        )
    return table


def _column(column: pa.ChunkedArray, categorical: bool, where: str) -> np.ndarray:
    """Return a column as numbers (float64, NaN if missing) or as texts (object, None if missing).

    Text is categories, unless some of it is numbers: then the rest is a mistake.
    """
    kind = column.type
    if pa.types.is_null(kind) or column.null_count == len(column):
        raise UserError(f"{where}: is empty; leave it out (list the others under `features`)")
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        raise UserError(f"{where}: holds bytes that are not UTF-8; save the file as UTF-8")
    numeric = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)
    numeric = numeric or pa.types.is_decimal(kind)
    if categorical:
        return _texts(column)
    if numeric:
        values = column.to_pandas().astype(np.float64).to_numpy()
        infinite = np.flatnonzero(np.abs(values) > LARGEST) + 1
        if len(infinite):
            raise UserError(
                f"{where}: infinite or beyond 1e30 in {rows_text(list(infinite))}; leave these "
                "cells empty, or correct them"
            )
        return values
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)) and not (
        pa.types.is_dictionary(kind)
    ):
        raise UserError(
            f"{where}: holds {kind}, neither numbers nor categories; turn it into numbers (days "
            "since a date, say), or leave it out (list the others under `features`)"
        )
    texts = _texts(column)
    given = np.array([text is not None for text in texts])
    parsed = pd.to_numeric(pd.Series(texts[given]), errors="coerce").to_numpy(np.float64)
    numbers = ~np.isnan(parsed)
    if numbers.all():  # numbers that are stored as text
        values = np.full(len(texts), np.nan)
        values[given] = parsed
        return values
    if numbers.any():
        bad = np.flatnonzero(given)[~numbers]
        more = f" (and {len(bad) - 1} more)" if len(bad) > 1 else ""
        raise UserError(
            f"{where}, row {bad[0] + 1}: '{texts[bad[0]]}' is not a number{more}. Correct it or "
            "leave the cell empty; if the column holds categories, list it under `categorical`"
        )
    return texts


def _texts(column: pa.ChunkedArray) -> np.ndarray:
    values = _values(column)
    return np.array(
        [None if value is None or value != value else _plain(value) for value in values], object
    )


def _plain(value: object) -> str:
    """Return a category as text; a whole number without decimals, whatever its type."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _values(column: pa.ChunkedArray) -> np.ndarray:
    """Return a column as NumPy has it; texts as objects, None or NaN where one is missing."""
    if pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type):
        raise UnicodeError("bytes that are not UTF-8; save the file as UTF-8")
    return column.to_pandas().to_numpy()


def _groups(table: pa.Table, entry: OwnDataset, path: Path) -> np.ndarray | None:
    if entry.group is None:
        return None
    texts = _texts(table[entry.group])
    missing = [number for number, text in enumerate(texts, start=1) if text is None]
    if missing:
        raise UserError(f"{path}: group '{entry.group}': none in row {some(missing)}; fill it in")
    return texts.astype(str)


def _indicators(columns: list[np.ndarray], where: str) -> list[np.ndarray]:
    """Return a column a category, 1 where the row is of it and 0 elsewhere."""
    texts = np.concatenate(columns)
    categories = sorted({text for text in texts if text is not None})
    few = len(categories) <= max(_MOST_CATEGORIES, min(len(texts) / 10, _NEVER_MORE))
    if not few:
        raise UserError(
            f"{where}: {len(categories)} different texts in {len(texts)} rows look like names or "
            "identifiers, not categories; leave it out (list the others under `features`)"
        )
    if len(categories) < len({*texts}):
        categories.append(MISSING)
    place = {category: number for number, category in enumerate(categories)}
    encoded = []
    for column in columns:
        codes = np.array([place[MISSING if text is None else text] for text in column])
        encoded.append(np.eye(len(categories))[codes])
    return encoded


class _Notes:
    """What was made of a table's columns."""

    def __init__(self) -> None:
        self.numeric = 0
        self.categorical: dict[str, int] = {}
        self.missing: dict[str, int] = {}

    def sentences(self) -> list[str]:
        columns = "column" if self.numeric == 1 else "columns"
        found = [f"{self.numeric} {columns} of numbers"] if self.numeric else []
        found += [f"'{name}' as {n} indicators" for name, n in self.categorical.items()]
        notes = [f"The features: {some(found)}."]
        if self.missing:
            cells = some([f"'{name}' {n}" for name, n in self.missing.items()])
            notes.append(
                f"Missing numbers ({cells}) are replaced by the median of the column in the "
                "training part."
            )
        return notes
