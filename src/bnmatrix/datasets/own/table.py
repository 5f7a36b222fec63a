"""A user's own tables: CSV and Parquet files."""

import re
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from bnmatrix.datasets.own.columns import Column, identifier, marks
from bnmatrix.datasets.own.csv_files import check_separator, read_csv
from bnmatrix.datasets.own.doubts import placeholder, spellings
from bnmatrix.datasets.own.labels import Labelled, label_texts
from bnmatrix.datasets.own.rows import Rows, some, yaml_line
from bnmatrix.datasets.own.source import OwnSource
from bnmatrix.errors import UserError, suggestion

#: Bytes of a CSV file from which the size of all of it is estimated.
_SAMPLE = 1 << 20

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
    columns = len(source.features or range(first_line.count(source.delimiter.encode()) + 1))
    return float(8.0 * size / len(sample) * lines * columns)


def read_tables(source: OwnSource, paths: list[Path]) -> list[Labelled]:
    """Read a table, and its test part if there are two paths.

    Numbers are kept, with NaN for missing ones. A column of categories becomes one column of zeros
    and ones for each category of either table; missing values are a category of their own.

    Raises:
        UserError: a file cannot be read, a column is missing, of an unknown type or an identifier,
            or a cell has a value that its column cannot have.
    """
    found: Counter[str] = Counter()
    tables = [
        {
            name: Column(name, values, Rows(path, source), found)
            for name, values in zip(table.column_names, table.columns, strict=True)
        }
        for path, table in ((path, _table(source, path)) for path in paths)
    ]
    names = _feature_names(source, paths, tables)
    parsed = {name: [table[name].parsed() for table in tables] for name in names}
    _check_identifiers(tables[0], {name: columns[0] for name, columns in parsed.items()})
    notes = _Notes(source)
    blocks = {name: _encoded(name, columns, paths, notes) for name, columns in parsed.items()}
    widths = tuple((name, block[0].shape[1]) for name, block in blocks.items())
    doubts = [
        doubt(tables[0][name], columns[0])
        for name, columns in parsed.items()
        for doubt in (placeholder, spellings)
    ]
    target = source.target or ""
    return [
        Labelled(
            x=np.concatenate([block[part] for block in blocks.values()], axis=1),
            labels=label_texts(table[target].labels(), table[target].where, Rows(path, source)),
            where=table[target].where,
            rows=Rows(path, source),
            groups=_groups(table, source),
            columns=widths,
            notes=notes.sentences(found),
            doubts=[doubt for doubt in doubts if doubt],
        )
        for part, (table, path) in enumerate(zip(tables, paths, strict=True))
    ]


def _feature_names(
    source: OwnSource, paths: list[Path], tables: list[dict[str, Column]]
) -> list[str]:
    """Return the columns to learn from; check that all tables have them."""
    not_features = (source.target, source.group)
    others = [name for name in tables[0] if name not in (*not_features, *source.exclude)]
    names = list(source.features or others)
    for table, path in zip(tables, paths, strict=True):
        for name in names:
            if name not in table:
                raise UserError(f"{path}: has no column '{name}', which {paths[0]} has")
    if not names:
        raise UserError(f"{paths[0]}: has no column to learn from beside '{source.target}'")
    for column in not_features:
        if column in names:
            raise UserError(f"{paths[0]}: features: '{column}' cannot be one of them")
    return names


def _check_identifiers(table: dict[str, Column], parsed: dict[str, np.ndarray]) -> None:
    """Check that no column looks like an identifier; a message names all that do."""
    for name, values in parsed.items():
        if name in table[name].source.numeric and values.dtype == object:
            raise UserError(f"{table[name].where}: numeric: holds texts; leave it out of `numeric`")
    reasons = {
        name: reason
        for name, values in parsed.items()
        if name not in table[name].source.numeric and (reason := identifier(values))
    }
    if not reasons:
        return
    column = table[next(iter(reasons))]
    shown = [f"column '{name}' holds {reason}" for name, reason in reasons.items()]
    numbers = [name for name in reasons if parsed[name].dtype != object]
    source = column.source
    keep = (
        f"; if they are measurements, add {yaml_line('numeric', (*source.numeric, *numbers))}"
        if numbers
        else ""
    )
    raise UserError(
        f"{column.rows.path}: {'; '.join(shown)}. That looks like names or identifiers, "
        "from which nothing can be learnt about other rows. Add "
        f"{yaml_line('exclude', (*source.exclude, *reasons))} to the entry{keep}"
    )


def _encoded(
    name: str, columns: list[np.ndarray], paths: list[Path], notes: "_Notes"
) -> list[np.ndarray]:
    """Return a column of each table as features, float64: rows × 1, or rows × categories.

    Args:
        name: name of the column.
        columns: the column of each table, as :meth:`Column.parsed` returns it.
        paths: the files of the tables.
        notes: records how the column is interpreted.
    """
    are_texts = [column.dtype == object for column in columns]
    if any(are_texts) and not all(are_texts):
        raise UserError(
            f"{paths[-1]}: column '{name}' holds numbers in one of {paths[0]} and {paths[-1]}, "
            "and text in the other"
        )
    missing = sum(int(pd.isna(column).sum()) for column in columns)
    if missing:
        (notes.missing_texts if are_texts[0] else notes.missing)[name] = missing
    if are_texts[0]:
        encoded = _indicators(columns)
        notes.categorical[name] = encoded[0].shape[1]
        return encoded
    notes.numeric += 1
    return [column[:, None] for column in columns]


def _table(source: OwnSource, path: Path) -> pa.Table:
    """Read a table, and check that it has each column that the entry names, once."""
    table = read_csv(source, path) if source.is_csv else _parquet(path).read()
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
        # What is left out may be missing in the test part.
        "exclude": () if str(path) == source.test_path else source.exclude,
        "numeric": source.numeric,
        "categorical": source.categorical,
    }
    for key, columns in wanted.items():
        for name in columns:
            if name not in names:
                if source.is_csv:
                    check_separator(source, path, name)
                raise UserError(
                    f"{path}: {key}: there is no column '{name}'{suggestion(name, names)}; there "
                    f"are {', '.join(names)}"
                )
    return table


def _parquet(path: Path) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(path)
    except pa.ArrowInvalid as error:
        raise UserError(f"{path}: not a Parquet file: {error}") from None


def _groups(table: dict[str, Column], source: OwnSource) -> np.ndarray | None:
    """Return the group of each row as text; None if the entry names no column of groups."""
    if source.group is None:
        return None
    column = table[source.group]
    texts = column.texts()
    missing = [place for place, text in enumerate(texts) if text is None]
    if missing:
        raise UserError(f"{column.at(missing)}: no group; fill it in, or remove these rows")
    return texts.astype(str)


def _indicators(columns: list[np.ndarray]) -> list[np.ndarray]:
    """Return rows × categories for each table, float64: 1 in the column of a row's category."""
    texts = np.concatenate(columns)
    categories = sorted({text for text in texts if text is not None})
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

    def __init__(self, source: OwnSource) -> None:
        self.source = source
        self.numeric = 0
        self.categorical: dict[str, int] = {}
        self.missing: dict[str, int] = {}
        self.missing_texts: dict[str, int] = {}

    def sentences(self, found: Counter[str]) -> list[str]:
        """Return the notes in sentences for people.

        Args:
            found: how often each value of the key `missing` occurs among the features.
        """
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
        if self.missing_texts:
            cells = some([f"'{name}' {n}" for name, n in self.missing_texts.items()])
            notes.append(f"Missing texts ({cells}) are a category of their own.")
        if self.source.missing:
            cells = some([f"'{mark}' in {found[mark]} cells" for mark in marks(self.source)])
            notes.append(f"Values that mean missing: {cells}. Their rows are kept.")
        if self.source.exclude:
            notes.append(f"Columns left out: {', '.join(self.source.exclude)}.")
        return notes
