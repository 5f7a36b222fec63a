"""A user's own tables: CSV and Parquet files."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import csv

from bnmatrix.datasets.own.labels import LARGEST, Labelled, label_texts, rows_text, some
from bnmatrix.datasets.own.source import OwnSource
from bnmatrix.errors import UserError, suggestion

#: Bytes of a CSV file from which the size of all of it is estimated.
_SAMPLE = 1 << 20

#: A column of text with more different values than this, and than a tenth of its rows, looks like
#: names or identifiers.
_MOST_CATEGORIES = 50
#: Most categories of a column, however many rows there are.
_NEVER_MORE = 1000

#: Name of the category of missing values.
MISSING = "(missing)"


def estimate(source: OwnSource, path: Path) -> float:
    """Return about how many bytes a table takes in memory.

    Raises:
        UserError: the file is empty, or not a Parquet file.
    """
    if path.suffix.lower() == ".parquet":
        metadata = _parquet(path).metadata
        columns = len(source.features or range(metadata.num_columns))
        return float(8 * metadata.num_rows * columns)
    with pa.input_stream(path) as file:  # decompresses
        sample = file.read(_SAMPLE)
    if not sample.strip():
        raise UserError(f"{path}: the file is empty")
    lines = sample.count(b"\n") or 1
    # Text of tables compresses to about a quarter.
    size = path.stat().st_size * (4 if path.suffix == ".gz" else 1)
    first_line = sample.split(b"\n", 1)[0]
    columns = len(source.features or range(first_line.count(_separator(source, path).encode()) + 1))
    return float(8.0 * size / len(sample) * lines * columns)


def read_tables(source: OwnSource, paths: list[Path]) -> list[Labelled]:
    """Read a table, and its test part if there are two paths.

    Numbers are kept, with NaN for missing ones. A column of categories becomes one column of zeros
    and ones for each category of either table; missing values are a category of their own.

    Raises:
        UserError: a file cannot be read, a column is missing or of an unknown type, or a cell has a
            value that its column cannot have.
    """
    target = source.target or ""
    tables = [_columns(source, path) for path in paths]
    names = _feature_names(source, paths, tables)
    blocks: list[list[np.ndarray]] = [[] for _ in paths]
    notes = _Notes()
    for name in names:
        columns = [
            _column(table[name], name in source.categorical, f"{path}: column '{name}'")
            for table, path in zip(tables, paths, strict=True)
        ]
        encoded = _encoded(name, columns, paths, notes)
        for block, values in zip(blocks, encoded, strict=True):
            block.append(values)
    return [
        Labelled(
            x=np.concatenate(block, axis=1),
            labels=label_texts(_values(table[target]), f"{path}: target '{target}'"),
            groups=_groups(table, source, path),
            notes=notes.sentences(),
        )
        for table, path, block in zip(tables, paths, blocks, strict=True)
    ]


def _feature_names(source: OwnSource, paths: list[Path], tables: list[pa.Table]) -> list[str]:
    """Return the columns to learn from; check that all tables have them."""
    not_features = (source.target, source.group)
    others = [name for name in tables[0].column_names if name not in not_features]
    names = list(source.features or others)
    for table, path in zip(tables, paths, strict=True):
        for name in names:
            if name not in table.column_names:
                raise UserError(f"{path}: has no column '{name}', which {paths[0]} has")
    if not names:
        raise UserError(f"{paths[0]}: has no column to learn from beside '{source.target}'")
    for column in not_features:
        if column in names:
            raise UserError(f"{paths[0]}: features: '{column}' cannot be one of them")
    return names


def _encoded(
    name: str, columns: list[np.ndarray], paths: list[Path], notes: "_Notes"
) -> list[np.ndarray]:
    """Return a column of each table as features, float64: rows × 1, or rows × categories.

    Args:
        name: name of the column.
        columns: the column of each table, as :func:`_column` returns it.
        paths: the files of the tables.
        notes: records how the column is interpreted.
    """
    are_texts = [column.dtype == object for column in columns]
    if any(are_texts) and not all(are_texts):
        raise UserError(
            f"{paths[-1]}: column '{name}' holds numbers in one of {paths[0]} and {paths[-1]}, "
            "and text in the other"
        )
    if are_texts[0]:
        encoded = _indicators(columns, f"{paths[0]}: column '{name}'")
        notes.categorical[name] = encoded[0].shape[1]
        return encoded
    notes.numeric += 1
    missing = sum(int(np.isnan(column).sum()) for column in columns)
    if missing:
        notes.missing[name] = missing
    return [column[:, None] for column in columns]


def _columns(source: OwnSource, path: Path) -> pa.Table:
    """Read a table, and check that it has each column that the entry names, once."""
    table = _parquet(path).read() if path.suffix.lower() == ".parquet" else _csv(source, path)
    # Columns that pandas writes for its index. In a table sorted by class, an index is a perfect
    # predictor of the class.
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
    wanted: dict[str, tuple[str, ...]] = {
        "target": (source.target or "",),
        "group": (source.group,) if source.group else (),
        "features": source.features or (),
        "categorical": source.categorical,
    }
    hint = "; if they are not separated by commas, set `separator`" if len(names) == 1 else ""
    for key, columns in wanted.items():
        for name in columns:
            if name not in names:
                raise UserError(
                    f"{path}: {key}: there is no column '{name}'{suggestion(name, names)}; there "
                    f"are {', '.join(names)}{hint}"
                )
    return table


def _parquet(path: Path) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(path)
    except pa.ArrowInvalid as error:
        raise UserError(f"{path}: not a Parquet file: {error}") from None


def _separator(source: OwnSource, path: Path) -> str:
    return source.separator or ("\t" if ".tsv" in path.suffixes else ",")


def _csv(source: OwnSource, path: Path) -> pa.Table:
    """Read a CSV file; rows with too few or too many values are an error."""
    ragged: list[csv.InvalidRow] = []

    def record(row: csv.InvalidRow) -> str:
        ragged.append(row)
        return "skip"

    try:
        table = csv.read_csv(
            path,
            # With one thread, rows are numbered in error messages.
            read_options=csv.ReadOptions(use_threads=False),
            parse_options=csv.ParseOptions(
                delimiter=_separator(source, path),
                newlines_in_values=True,
                invalid_row_handler=record,
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

    A column of text holds categories, or numbers that are stored as text; a mixture is an error.

    Args:
        column: the column.
        categorical: whether numbers stand for categories.
        where: how an error message begins.
    """
    kind = column.type
    if pa.types.is_null(kind) or column.null_count == len(column):
        raise UserError(f"{where}: is empty; leave it out (list the others under `features`)")
    if _is_bytes(kind):
        raise UserError(f"{where}: holds bytes that are not UTF-8; save the file as UTF-8")
    if categorical:
        return _texts(column)
    if _is_number(kind):
        values: np.ndarray = column.to_pandas().astype(np.float64).to_numpy()
        infinite = np.flatnonzero(np.abs(values) > LARGEST) + 1
        if len(infinite):
            raise UserError(
                f"{where}: infinite or beyond 1e30 in {rows_text(list(infinite))}; leave these "
                "cells empty, or correct them"
            )
        return values
    if not _is_text(kind):
        raise UserError(
            f"{where}: holds {kind}, neither numbers nor categories; turn it into numbers (days "
            "since a date, say), or leave it out (list the others under `features`)"
        )
    return _numbers_in_text(_texts(column), where)


def _is_bytes(kind: pa.DataType) -> bool:
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _is_number(kind: pa.DataType) -> bool:
    number = pa.types.is_integer(kind) or pa.types.is_floating(kind)
    return bool(number or pa.types.is_boolean(kind) or pa.types.is_decimal(kind))


def _is_text(kind: pa.DataType) -> bool:
    text = pa.types.is_string(kind) or pa.types.is_large_string(kind)
    return bool(text or pa.types.is_dictionary(kind))


def _numbers_in_text(texts: np.ndarray, where: str) -> np.ndarray:
    """Return texts as numbers (float64) if all of them are; as they are if none of them is."""
    given = np.array([text is not None for text in texts])
    parsed = pd.to_numeric(pd.Series(texts[given]), errors="coerce").to_numpy(np.float64)
    numbers = ~np.isnan(parsed)
    if numbers.all():
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
    """Return a column as texts (object), None where a value is missing."""
    texts = [None if value is None or value != value else _text(value) for value in _values(column)]
    return np.array(texts, object)


def _text(value: object) -> str:
    """Return a category as text; whole numbers of any type have no decimals."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _values(column: pa.ChunkedArray) -> np.ndarray:
    """Return a column as a NumPy array; texts as objects, None or NaN where one is missing."""
    if _is_bytes(column.type):
        raise UnicodeError("bytes that are not UTF-8; save the file as UTF-8")
    values: np.ndarray = column.to_pandas().to_numpy()
    return values


def _groups(table: pa.Table, source: OwnSource, path: Path) -> np.ndarray | None:
    """Return the group of each row as text; None if the entry names no column of groups."""
    if source.group is None:
        return None
    texts = _texts(table[source.group])
    missing = [number for number, text in enumerate(texts, start=1) if text is None]
    if missing:
        raise UserError(f"{path}: group '{source.group}': none in row {some(missing)}; fill it in")
    return texts.astype(str)


def _indicators(columns: list[np.ndarray], where: str) -> list[np.ndarray]:
    """Return rows × categories for each table, float64: 1 in the column of a row's category."""
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
    """How the columns of a table are interpreted."""

    def __init__(self) -> None:
        self.numeric = 0
        self.categorical: dict[str, int] = {}
        self.missing: dict[str, int] = {}

    def sentences(self) -> list[str]:
        """Return the notes in sentences for people."""
        columns = "column" if self.numeric == 1 else "columns"
        features = [f"{self.numeric} {columns} of numbers"] if self.numeric else []
        features += [f"'{name}' as {n} indicators" for name, n in self.categorical.items()]
        notes = [f"The features: {some(features)}."]
        if self.missing:
            cells = some([f"'{name}' {n}" for name, n in self.missing.items()])
            notes.append(
                f"Missing numbers ({cells}) are replaced by the median of the column in the "
                "training part."
            )
        return notes
