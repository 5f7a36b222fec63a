"""The columns of a user's own table, as numbers or as texts."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pyarrow as pa

from bnmatrix.datasets.own.labels import LARGEST
from bnmatrix.datasets.own.rows import Rows, some, yaml_line
from bnmatrix.datasets.own.source import OwnSource
from bnmatrix.errors import UserError

#: A number with a decimal comma or with commas between thousands, and one with such commas.
_COMMA, _THOUSANDS = re.compile(r"[+-]?\d*,\d+"), re.compile(r"[+-]?\d{1,3}(,\d{3})+")
_WHOLE = re.compile(r"[+-]?\d+")

#: A column of text with more different values than this, and than a tenth of its rows, looks like
#: names or identifiers.
_MOST_CATEGORIES = 50
#: Most categories of a column, however many rows there are.
_NEVER_MORE = 1000

#: Most different texts among numbers that may be a sign for missing values.
_FEW_TEXTS = 2

#: Fewest values of which an order is no chance: ten values are in order once in 3.6 million times.
_ORDERED = 10
#: Whole numbers that are all different look like identifiers if equally frequent ones would all
#: differ less often than once in e ** this number.
_NO_CHANCE = 12.0


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        name: its name.
        values: its values.
        rows: names rows in messages.
        found: counts the cells that each value of the key `missing` marks as missing.
    """

    name: str
    values: pa.ChunkedArray
    rows: Rows
    found: Counter[str] = field(default_factory=Counter)

    @property
    def source(self) -> OwnSource:
        """The entry of the data set."""
        return self.rows.source

    @property
    def role(self) -> str:
        """What the column is to the entry."""
        roles = {self.source.target: "target", self.source.group: "group"}
        return roles.get(self.name, "column")

    @property
    def where(self) -> str:
        """How an error message begins."""
        return f"{self.rows.path}: {self.role} '{self.name}'"

    def at(self, places: Sequence[int]) -> str:
        """Return how an error message about cells begins; places count from 0."""
        return f"{self.where}, {self.rows.text([place + 1 for place in places])}"

    def leave_out(self) -> str:
        """Return the advice to leave the column out."""
        return f"leave it out with {yaml_line('exclude', (*self.source.exclude, self.name))}"

    def parsed(self) -> np.ndarray:
        """Return the column as numbers (float64, NaN if missing) or as texts (object, or None).

        A column of text holds categories, or numbers that are stored as text.

        Raises:
            UserError: the column is empty, of another type, or a mixture of numbers and texts.
        """
        kind = self.values.type
        if _is_bytes(kind):
            raise UserError(f"{self.where}: holds bytes; save the file with texts (UTF-8)")
        if self.name in self.source.categorical:
            values = self.texts()
        elif _is_number(kind):
            values = self._numbers()
        elif _is_text(kind) or pa.types.is_null(kind):
            values = self._numbers_in_text(self.texts())
        else:
            raise UserError(
                f"{self.where}: holds {kind}, neither numbers nor categories; turn it into numbers "
                f"(days since a date, say), or {self.leave_out()}"
            )
        if pd.isna(values).all():
            raise UserError(f"{self.where}: is empty; {self.leave_out()}")
        return values

    def labels(self) -> np.ndarray:
        """Return the column as labels: numbers as they are, texts as objects, None if missing.

        Raises:
            UserError: the column holds bytes, or numbers with a decimal comma.
        """
        if _is_bytes(self.values.type):
            raise UserError(f"{self.where}: holds bytes; save the file with texts (UTF-8)")
        if not _is_text(self.values.type):
            values: np.ndarray = self.values.to_pandas().to_numpy()
            if pa.types.is_floating(self.values.type):
                self._check_finite(values)
            if _is_number(self.values.type) and np.isin(values, self._marks()).any():
                return self.texts()
            return values
        texts = self.texts()
        self._check_commas(texts)
        return texts

    def texts(self) -> np.ndarray:
        """Return the column as texts (object), None where a value is missing."""
        signs = set(marks(self.source))
        texts: list[str | None] = []
        for value in self.values.to_pandas().to_numpy():
            text = None if value is None or value != value else _text(value)
            if text is not None and text.strip() in signs:
                self.found[text.strip()] += 1
                text = None
            texts.append(text)
        return np.array(texts, object)

    def _numbers(self) -> np.ndarray:
        """Return a column of numbers as float64, NaN where a value is missing."""
        values: np.ndarray = self.values.to_pandas().astype(np.float64).to_numpy(copy=True)
        for mark in self._marks():
            marked = values == mark
            self.found[_text(mark)] += int(marked.sum())
            values[marked] = np.nan
        self._check_finite(values)
        return values

    def _marks(self) -> list[float]:
        """Return the numbers that mean that a value is missing."""
        numbers = pd.to_numeric(pd.Series(self.source.missing, dtype=object), errors="coerce")
        return [float(number) for number in numbers.dropna()]

    def _check_finite(self, values: np.ndarray) -> None:
        infinite = np.flatnonzero(np.abs(values) > LARGEST)
        if len(infinite):
            raise UserError(
                f"{self.at(list(infinite))}: infinite or beyond 1e30; leave these cells empty, or "
                "correct them"
            )

    def _numbers_in_text(self, texts: np.ndarray) -> np.ndarray:
        """Return texts as numbers (float64) if all of them are; as they are if none of them is."""
        given = np.flatnonzero([text is not None for text in texts])
        self._check_commas(texts)
        written = pd.Series(texts[given], dtype=object)
        if self.source.decimal == ",":
            # A point is no decimal mark then.
            written = written.str.replace(".", "?").str.replace(",", ".")
        parsed = pd.to_numeric(written, errors="coerce").to_numpy(np.float64)
        numbers = ~np.isnan(parsed)
        if not numbers.any():
            return texts
        if numbers.all():
            values = np.full(len(texts), np.nan)
            values[given] = parsed
            self._check_finite(values)
            return values
        bad = given[~numbers]
        others = sorted({texts[place].strip() for place in bad})
        advice = f"if the column holds categories, add {self._proposal('categorical')}"
        if len(others) <= _FEW_TEXTS:
            line = yaml_line("missing", (*self.source.missing, *others))
            advice = f"if it means that the value is missing, add {line} to the entry; {advice}"
        raise UserError(
            f"{self.at(list(bad))}: '{texts[bad[0]]}' is not a number. Correct it or leave the "
            f"cell empty; {advice}"
        )

    def _proposal(self, key: str) -> str:
        return yaml_line(key, (*getattr(self.source, key), self.name))

    def _check_commas(self, texts: np.ndarray) -> None:
        """Check that texts are not all numbers, some of them with a decimal comma."""
        given = [(place, text.strip()) for place, text in enumerate(texts) if text is not None]
        commas = [(place, text) for place, text in given if _COMMA.fullmatch(text)]
        whole = sum(bool(_WHOLE.fullmatch(text)) for _, text in given)
        if self.source.decimal == "," or not commas or len(commas) + whole < len(given):
            return
        place, text = commas[0]
        thousands = all(_THOUSANDS.fullmatch(text) for _, text in commas)
        other = (
            "; if the commas are between thousands, write the numbers without them"
            if thousands
            else ""
        )
        raise UserError(
            f"{self.at([place])}: '{text}' looks like a number with a decimal comma. Add "
            f"{yaml_line('decimal', ',')} to the entry{other}"
        )


def marks(source: OwnSource) -> list[str]:
    """Return the values of the key `missing` as texts."""
    return [_text(value).strip() for value in source.missing]


def identifier(values: np.ndarray) -> str:
    """Return why values look like identifiers, in words; an empty text if they do not.

    Whole numbers are identifiers if all of them differ, and they either increase or decrease by
    row, or are so dense that measurements would be equal here and there: n of R possible values all
    differ with a probability of about exp(−n² / 2R) (the birthday problem). Texts are, if all of
    them differ, or more than a tenth of them and more than fifty.

    Args:
        values: a column, as :meth:`Column.parsed` returns it.
    """
    given = values[~pd.isna(values)]
    different = len(pd.unique(given))
    if len(given) < _ORDERED:
        return ""
    if given.dtype == object:
        many = max(_MOST_CATEGORIES, min(len(values) / 10, _NEVER_MORE))
        return (
            f"{different} different texts in {len(given)} rows"
            if different == len(given) or different > many
            else ""
        )
    if different < len(given) or (given != np.floor(given)).any():
        return ""
    shown = f"{some([f'{number:.0f}' for number in given[:3]])}, …"
    steps = np.diff(given)
    if (steps > 0).all() or (steps < 0).all():
        order = "increase" if steps[0] > 0 else "decrease"
        return f"whole numbers that are all different and {order} by row ({shown})"
    if len(given) ** 2 / (2 * (given.max() - given.min() + 1)) > _NO_CHANCE:
        return f"whole numbers that are all different and leave few out ({shown})"
    return ""


def _is_bytes(kind: pa.DataType) -> bool:
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _is_number(kind: pa.DataType) -> bool:
    number = pa.types.is_integer(kind) or pa.types.is_floating(kind)
    return bool(number or pa.types.is_boolean(kind) or pa.types.is_decimal(kind))


def _is_text(kind: pa.DataType) -> bool:
    text = pa.types.is_string(kind) or pa.types.is_large_string(kind)
    return bool(text or pa.types.is_dictionary(kind))


def _text(value: object) -> str:
    """Return a category as text; whole numbers of any type have no decimals."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
