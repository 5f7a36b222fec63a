"""Examples with labels as text: what every kind of a user's own data is read into."""

import re
from collections import Counter
from dataclasses import dataclass, field, replace

import numpy as np

from bnmatrix.datasets.own.rows import Rows, some, yaml_line
from bnmatrix.errors import UserError

#: Largest magnitude of a feature: larger numbers are no measurements, and their squares overflow.
LARGEST = 1e30

_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?(e[+-]?\d+)?")

#: Most different whole numbers that are taken for classes: if they count from 0 or 1, and others.
_MOST_COUNTED, _MOST_OTHERS = 20, 10
#: Fewest rows that whole numbers have in the median, if they are classes.
_LEAST_ROWS = 3


@dataclass(frozen=True)
class Labelled:
    """Examples with labels.

    Attributes:
        x: examples × shape; uint8 for pixels, float32 or float64 otherwise, NaN for missing.
        labels: the class or target of each example, as text.
        where: how an error message about the labels begins.
        rows: names examples in messages.
        groups: one value per example; examples with the same value must stay in one part. None if
            there are no groups.
        maximum: largest value of a pixel; None if x holds no pixels.
        columns: the columns of a table, each with its number of features; empty otherwise.
        notes: how the data was interpreted, in sentences for people.
        doubts: what makes the data doubtful, in sentences for people.
        targets: the target of each example, float64; None for classes.
    """

    x: np.ndarray
    labels: list[str]
    where: str
    rows: Rows
    groups: np.ndarray | None = None
    maximum: float | None = None
    columns: tuple[tuple[str, int], ...] = ()
    notes: list[str] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)
    targets: np.ndarray | None = None


def classes_of(labels: list[str]) -> list[str]:
    """Return the classes in order: numerically if all are whole numbers, otherwise as text."""
    distinct = set(labels)
    if all(re.fullmatch(r"-?\d+", label) for label in distinct):
        return sorted(distinct, key=lambda label: (int(label), label))
    return sorted(distinct)


def label_texts(values: np.ndarray, where: str, rows: Rows) -> list[str]:
    """Return labels as text.

    Args:
        values: labels of any type, one per example; None or NaN for missing.
        where: how an error message begins.
        rows: names examples in messages.

    Raises:
        UserError: some are missing, or bytes.
    """
    missing = [
        number
        for number, value in enumerate(values, start=1)
        if value is None or value == "" or value != value
    ]
    if missing:
        raise UserError(
            f"{where}: no class in {rows.text(missing)}; fill it in, or remove these rows"
        )
    values = np.asarray(values)
    kind = values.dtype.kind
    if kind in "fiu":
        return [
            str(int(value)) if float(value).is_integer() else str(value)
            for value in values.tolist()
        ]
    if kind == "S" or any(isinstance(value, bytes) for value in values):
        raise UserError(f"{where}: classes are bytes that are not text; save them as text (UTF-8)")
    return [str(value) for value in values]


def checked_labels(parts: list[Labelled]) -> list[Labelled]:
    """Return the parts of a data set with checked labels, merged where the entry asks for it.

    Raises:
        UserError: labels are measurements, or some differ only in case or in spaces around them.
    """
    source = parts[0].rows.source
    if not source.classes and source.task is None and source.kind != "images":
        _check_measurements(parts[0])
    if source.labels == "as_written":
        return parts
    spellings = _spellings(parts)
    if source.labels != "strip_case":
        _check_spellings(parts, spellings)
        return parts
    merged = [written for written in spellings.values() if len(written) > 1]
    notes = [f"`labels: strip_case` merged these spellings of a class: {_quoted(merged)}."]
    return [
        replace(
            part,
            labels=[_merged(label) for label in part.labels],
            notes=[*part.notes, *(notes if merged else [])],
        )
        for part in parts
    ]


def _merged(label: str) -> str:
    return label.strip().casefold()


def _spellings(parts: list[Labelled]) -> dict[str, list[str]]:
    """Return the spellings of each class, sorted, by what `strip_case` makes of them."""
    spellings: dict[str, list[str]] = {}
    for label in sorted({label for part in parts for label in part.labels}):
        spellings.setdefault(_merged(label), []).append(label)
    return spellings


def _quoted(several: list[list[str]]) -> str:
    return some([" = ".join(f"'{label}'" for label in written) for written in several])


def _check_spellings(parts: list[Labelled], spellings: dict[str, list[str]]) -> None:
    """Check that no two labels differ only in case or in spaces around them."""
    several = [written for written in spellings.values() if len(written) > 1]
    if not several:
        return
    part = next(part for part in parts if several[0][-1] in part.labels)
    first = part.rows.text([part.labels.index(several[0][-1]) + 1])
    classes = sum(map(len, spellings.values()))
    has_key = not part.rows.source.place.endswith(".npy")
    merge = f"add {yaml_line('labels', 'strip_case')}" if has_key else "write them alike"
    apart = f"; {yaml_line('labels', 'as_written')} keeps them apart" if has_key else ""
    raise UserError(
        f"{part.where}, {first}: '{several[0][-1]}' differs from '{several[0][0]}' only in case or "
        f"in spaces around it, which would make {classes} classes of {len(spellings)}. To merge "
        f"{_quoted(several)}, {merge}{apart}"
    )


def _check_measurements(part: Labelled) -> None:
    """Check that labels which are numbers are classes rather than measurements.

    Whole numbers are classes if they are few, and each has some rows. Ages, years and amounts are
    not; ratings from 1 to 10 are.
    """
    counts = Counter(part.labels)
    if not all(_NUMBER.fullmatch(label) for label in counts):
        return
    numbers = sorted(map(float, counts))
    whole = all(number == int(number) for number in numbers)
    counted = whole and numbers[0] in (0, 1) and numbers[-1] - numbers[0] == len(numbers) - 1
    few = len(numbers) <= (_MOST_COUNTED if counted else _MOST_OTHERS)
    if whole and few and (len(numbers) <= 2 or np.median([*counts.values()]) >= _LEAST_ROWS):
        return
    first, second = part.labels[0], next((x for x in part.labels if x != part.labels[0]), "")
    raise UserError(
        f"{part.where}: {len(numbers)} different numbers ({first}, {second}, …) in "
        f"{len(part.labels)} rows look like measurements. If they are classes, add `classes: yes` "
        "to the entry; to predict measurements, add `task: regression`, or cut them into classes"
    )
