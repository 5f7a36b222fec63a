"""Rows of a user's own table in messages, and the YAML that mends an entry."""

import csv
import gzip
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import yaml

from bnmatrix.datasets.own.source import OwnSource

#: Number of items that a message names before it counts the rest.
_NAMED = 5


def some(items: Sequence[Any]) -> str:
    """Return the first few items as text, and how many more there are."""
    more = f" and {len(items) - _NAMED} more" if len(items) > _NAMED else ""
    return ", ".join(str(item) for item in items[:_NAMED]) + more


def yaml_line(key: str, value: Any) -> str:
    """Return a line of YAML for an entry of datasets.yaml, between backquotes.

    Args:
        key: the key.
        value: its value: a text, a number or a sequence of them.
    """
    value = list(value) if isinstance(value, tuple | list) else value
    text = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=10_000)
    return f"`{key}: {text.strip().removesuffix('...').strip()}`"


@dataclass(frozen=True)
class Rows:
    """How messages name examples.

    Attributes:
        path: the file.
        source: how the file is read.
        names: names of the examples, if each has a file of its own.
    """

    path: Path
    source: OwnSource
    names: tuple[str, ...] = ()

    def text(self, numbers: Sequence[int]) -> str:
        """Return "row 3 (line 4)" or "rows 3, 5 (lines 4, 6)" for rows of a table.

        Rows are counted from 1 without the header, lines of a CSV file from 1 with it. Other
        tables have no lines. Examples of arrays are counted from 1, too. Images have names.

        Args:
            numbers: the rows, in ascending order.
        """
        if self.names:
            return some([self.names[number - 1] for number in numbers])
        plural = "s" if len(numbers) > 1 else ""
        if self.source.kind != "table":
            return f"example{plural} {some(numbers)} (counted from 1)"
        if not self.source.is_csv:
            return f"row{plural} {some(numbers)}"
        try:
            lines = self._lines(numbers[:_NAMED])
        except csv.Error:
            # A value of more than 128 KB: the line is unknown.
            return f"row{plural} {some(numbers)}"
        return f"row{plural} {some(numbers)} (line{'s' if len(lines) > 1 else ''} {some(lines)})"

    def _lines(self, numbers: Sequence[int]) -> list[int]:
        """Return the line on which each row begins: values may contain line breaks."""
        wanted = set(numbers)
        with open_text(self.path, self.source.encoding) as file:
            reader = csv.reader(file, delimiter=self.source.delimiter)
            return [line for row, line in _starts(reader) if row in wanted]


def _starts(reader: Any) -> Iterator[tuple[int, int]]:
    """Yield each row (the header is row 0) with the line on which it begins; skip empty lines."""
    row, line = 0, 1
    for values in reader:
        if values:
            yield row, line
            row += 1
        line = reader.line_num + 1


def open_bytes(path: Path) -> gzip.GzipFile | io.BufferedReader:
    """Open a file, compressed with gzip or not."""
    return gzip.open(path) if path.suffix == ".gz" else path.open("rb")


def open_text(path: Path, encoding: str) -> TextIO:
    """Open a CSV file as text; what cannot be decoded is replaced."""
    encoding = "utf-8-sig" if encoding == "utf-8" else encoding
    return io.TextIOWrapper(open_bytes(path), encoding, errors="replace", newline="")
