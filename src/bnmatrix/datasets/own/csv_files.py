"""Reading CSV files: their encoding, and the character that separates their columns."""

import codecs
import csv as python_csv
from pathlib import Path

import pyarrow as pa
from pyarrow import csv

from bnmatrix.datasets.own.rows import open_bytes, open_text, yaml_line
from bnmatrix.datasets.own.source import OwnSource
from bnmatrix.errors import UserError

#: Characters that may separate columns, and what messages call them.
_SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}

#: Lines of which separators are recognized, and the share that must have the columns of the header.
_LINES, _ALIKE = 200, 0.9

#: Bytes of a file that are decoded at a time.
_CHUNK = 1 << 20

#: Bytes that are printed characters in cp1252 and control characters in latin-1.
_OF_CP1252 = frozenset(range(0x80, 0xA0)) - {0x81, 0x8D, 0x8F, 0x90, 0x9D}

#: Byte order marks, and the encodings that write them.
_MARKS = {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


def read_csv(source: OwnSource, path: Path) -> pa.Table:
    """Read a CSV file.

    Raises:
        UserError: the file is not in the encoding of the entry, its columns are separated by
            another character, or rows have too few or too many values. The message proposes the
            line of YAML.
    """
    check_encoding(source, path)
    ragged: list[csv.InvalidRow] = []

    def record(row: csv.InvalidRow) -> str:
        ragged.append(row)
        return "skip"

    try:
        table = csv.read_csv(
            path,
            # With one thread, rows are numbered in error messages.
            read_options=csv.ReadOptions(use_threads=False, encoding=source.encoding),
            parse_options=csv.ParseOptions(
                delimiter=source.delimiter, newlines_in_values=True, invalid_row_handler=record
            ),
            convert_options=csv.ConvertOptions(
                strings_can_be_null=True, decimal_point=source.decimal
            ),
        )
    except pa.ArrowInvalid as error:
        raise UserError(f"{path}: cannot be read as CSV: {error}") from None
    if ragged or table.num_columns == 1:
        check_separator(source, path)
    if ragged:
        first = ragged[0]
        line = f"line {first.number}" if first.number else "a line"
        more = f" (and {len(ragged) - 1} more such lines)" if len(ragged) > 1 else ""
        raise UserError(
            f"{path}: {line} has {first.actual_columns} values instead of "
            f"{first.expected_columns}: '{first.text.splitlines()[0][:80]}'{more}. Correct these "
            "lines; a value that contains the separator needs quotation marks"
        )
    return table


def check_separator(source: OwnSource, path: Path, column: str | None = None) -> None:
    """Check that no other character separates the columns of a file better.

    Args:
        source: the entry.
        path: the file.
        column: a column that the entry names, and the table lacks.

    Raises:
        UserError: another character does; the message proposes the line of YAML.
    """
    with open_text(path, source.encoding) as file:
        lines = [line for line, _ in zip(file, range(_LINES), strict=False)]
    present = len(_columns(lines, source.delimiter))
    found = {other: _columns(lines, other) for other in _SEPARATORS if other != source.delimiter}
    best = max(found, key=lambda other: (column in found[other], len(found[other])))
    columns = len(found[best])
    if columns > 1 and (columns > present or column in found[best]):
        raise UserError(
            f"{path}: line 1: the columns seem to be separated by {_SEPARATORS[best]}: that makes "
            f"{columns} columns of the header and of the lines below. Add "
            f"{yaml_line('separator', best)} to the entry"
        )


def _columns(lines: list[str], separator: str) -> list[str]:
    """Return the header of a file, split by a separator; nothing if lines differ from it."""
    try:
        rows = [row for row in python_csv.reader(lines, delimiter=separator) if row]
    except python_csv.Error:
        return []
    if len(lines) == _LINES:
        # The last row may be cut in a value with line breaks.
        rows = rows[:-1]
    header, others = (rows or [[]])[0], rows[1:]
    alike = sum(len(row) == len(header) for row in others)
    return header if alike >= _ALIKE * len(others) else []


def check_encoding(source: OwnSource, path: Path) -> None:
    """Check that a file can be decoded.

    Raises:
        UserError: it cannot be; the message names the line, and proposes the line of YAML.
    """
    decoder = codecs.getincrementaldecoder(source.encoding)()
    with open_bytes(path) as file:
        start = file.read(4)
        mark = next((name for mark, name in _MARKS.items() if start.startswith(mark)), None)
        # Without a mark: every second byte of ASCII characters is zero.
        zeros = {start[1:4:2]: "utf-16-le", start[0:4:2]: "utf-16-be"}
        wide = mark or zeros.get(b"\0\0")
        if wide and "16" not in source.encoding:
            raise UserError(
                f"{path}: line 1: the file is in UTF-16. Add {yaml_line('encoding', wide)} to the "
                "entry"
            )
        file.seek(0)
        line = 1
        while chunk := file.read(_CHUNK):
            try:
                decoder.decode(chunk, final=False)
            except UnicodeDecodeError as error:
                raise UserError(_encoding_message(source, path, error, line)) from None
            line += chunk.count(b"\n")
        try:
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            raise UserError(
                f"{path}: line {line}: the file ends within a character of {source.encoding}; "
                "correct `encoding`, or get the whole file"
            ) from None


def _encoding_message(source: OwnSource, path: Path, error: UnicodeDecodeError, line: int) -> str:
    """Return a message about a byte that cannot be decoded.

    Args:
        source: the entry.
        path: the file.
        error: the error; its object begins in line ``line``, or shortly before.
        line: number of a line.
    """
    content: bytes = error.object
    line += content.count(b"\n", 0, error.start)
    text = content[content.rfind(b"\n", 0, error.start) + 1 :].split(b"\n", 1)[0].rstrip(b"\r")
    controls = set(content) & set(range(0x80, 0xA0))
    proposed = "cp1252" if controls and controls <= _OF_CP1252 else "latin-1"
    return (
        f"{path}: line {line} is not in {source.encoding}. Read as {proposed}, it is "
        f"'{text.decode(proposed, 'replace')[:80]}'. If that is right, add "
        f"{yaml_line('encoding', proposed)} to the entry; otherwise name the encoding in which "
        "the file was saved"
    )
