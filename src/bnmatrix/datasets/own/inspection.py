"""Looking into a user's own data set: reading and checking all of it.

Problems are reported here, before anything is trained. A message names the file, the column and the
row (rows are counted from 1, a header is not counted) with its line, and says what to do.
"""

import hashlib
from collections import Counter
from pathlib import Path

import numpy as np
from pyarrow import ArrowException

from bnmatrix.datasets.own.doubts import duplicates, giveaways, tied
from bnmatrix.datasets.own.labels import Labelled, classes_of
from bnmatrix.datasets.own.reading import group_codes, read_parts
from bnmatrix.datasets.own.rows import some
from bnmatrix.datasets.own.source import OwnSource
from bnmatrix.datasets.own.spec import Inspection
from bnmatrix.datasets.own.targets import measured
from bnmatrix.datasets.spec import ExampleCounts
from bnmatrix.datasets.splitting import Split, split
from bnmatrix.errors import UserError
from bnmatrix.files import sha256

#: Fewest examples of a class: one for each of the three parts.
_LEAST_OF_CLASS = 3

#: Fewest groups that are split into three parts.
_LEAST_GROUPS = 6

#: The validation part for which the data must suffice.
_VALIDATION = Split(fraction=0.2, take="stratified")


def inspect(source: OwnSource, raw: Path) -> Inspection:
    """Read and check a data set, and return what is found in it.

    Args:
        source: where the data is, and how it is read.
        raw: the folder of downloaded files.

    Raises:
        UserError: a classifier cannot learn from the data; names the file, column or row, and says
            what to do.
    """
    try:
        return _inspect(source, raw)
    except (OSError, UnicodeError, ArrowException) as error:
        raise UserError(f"{source.place}: cannot be read: {error}") from error


def _inspect(source: OwnSource, raw: Path) -> Inspection:
    paths = source.paths(raw)
    if source.sha256 and (digest := sha256(paths[0])) != source.sha256:
        raise UserError(
            f"{paths[0]}: its SHA-256 is {digest} instead of {source.sha256}; correct `sha256`, or "
            "get the right file"
        )
    parts = read_parts(source, raw)
    data = parts[0]
    regression = data.targets is not None
    classes = [] if regression else classes_of(data.labels)
    if not regression:
        _check_classes(source, paths, parts, classes)
    rows = Counter(label for part in parts for label in part.labels)
    has_test_part = len(parts) > 1
    sizes = _sizes(source, paths, parts, classes) if data.groups is not None else None
    tested = _tested(source, parts, classes)
    tested_rows = Counter(
        label
        for part, test in zip(parts, tested, strict=True)
        for label in np.array(part.labels, object)[test]
    )
    doubts = tied(data) if regression else giveaways(data, _numbers(data, classes))
    return Inspection(
        fingerprint=_fingerprint(source, raw),
        examples=ExampleCounts(
            train=len(data.labels), test=len(parts[1].labels) if has_test_part else 0
        ),
        shape=list(data.x.shape[1:]),
        classes=classes,
        rows_by_class=[rows[label] for label in classes],
        test_rows_by_class=[tested_rows[label] for label in classes],
        maximum=data.maximum,
        doubts=(*data.doubts, *doubts, *duplicates(parts, tested)),
        notes=tuple(data.notes),
        test_split=None if has_test_part else _test_split(source, data),
        target=measured(parts) if regression else None,
        grouped=data.groups is not None,
        sizes=sizes,
    )


def _numbers(part: Labelled, classes: list[str]) -> np.ndarray:
    """Return labels as numbers, from 0; of a regression, the targets."""
    if part.targets is not None:
        return part.targets
    numbers = {label: number for number, label in enumerate(classes)}
    return np.array([numbers[label] for label in part.labels])


def _tested(source: OwnSource, parts: list[Labelled], classes: list[str]) -> list[np.ndarray]:
    """Return for each part whether each of its examples is in the test part (bool)."""
    tested = [np.full(len(part.labels), number > 0) for number, part in enumerate(parts)]
    if len(parts) == 1:
        y = _numbers(parts[0], classes)
        _, apart = split(y, _test_split(source, parts[0]), group_codes(parts[0]))
        tested[0][apart] = True
    return tested


def _check_classes(
    source: OwnSource, paths: list[Path], parts: list[Labelled], classes: list[str]
) -> None:
    """Check that there are several classes, and enough examples of each for three parts."""
    counts = Counter(parts[0].labels)
    examples = len(parts[0].labels)
    where = f"{paths[0]}: {source.target or 'the labels'}"
    if len(classes) < 2:
        raise UserError(
            f"{where}: all {examples} examples are of one class, '{classes[0]}'; a classifier "
            "needs two or more"
        )
    few = [label for label in classes if counts[label] < _LEAST_OF_CLASS]
    if few:
        rows = some(
            [f"'{label}' has {counts[label]} ({_rows_of(parts[0], label)})" for label in few]
        )
        raise UserError(
            f"{where}: each class needs {_LEAST_OF_CLASS} examples, for training, validation and "
            f"test: {rows}. Collect more, merge classes, or remove the examples of these classes"
        )
    if len(parts) > 1:
        _check_test_classes(paths, parts, classes)
        return
    stay, apart = _test_split(source, parts[0]).sizes(examples)
    if min(apart, _VALIDATION.sizes(stay)[1]) < len(classes):
        raise UserError(
            f"{paths[0]}: {examples} examples of {len(classes)} classes are too few: a test "
            f"part of {apart} cannot hold each class"
        )


def _rows_of(part: Labelled, label: str) -> str:
    """Return the rows of a class, for messages."""
    return part.rows.text([n for n, other in enumerate(part.labels, start=1) if other == label])


def _check_test_classes(paths: list[Path], parts: list[Labelled], classes: list[str]) -> None:
    """Check that the data and its test part have the same classes."""
    unknown = sorted(set(parts[1].labels) - set(classes))
    if unknown:
        raise UserError(
            f"{paths[-1]}: has classes that {paths[0]} has not: {some(unknown)}; the two must "
            f"have the same ({some(classes)})"
        )
    missing = sorted(set(classes) - set(parts[1].labels))
    if missing:
        raise UserError(
            f"{paths[-1]}: lacks classes that {paths[0]} has: {some(missing)}; the two must "
            "have the same"
        )


def _sizes(
    source: OwnSource, paths: list[Path], parts: list[Labelled], classes: list[str]
) -> tuple[int, int]:
    """Return how many examples stay and are tested on, and check that parts hold each class."""
    name = source.group or "groups"
    data, test = parts[0], parts[1] if len(parts) > 1 else None
    groups = set(data.groups if data.groups is not None else ())
    both = sorted(groups & set(test.groups)) if test is not None and test.groups is not None else []
    if both:
        raise UserError(
            f"{paths[-1]}: group '{name}': {some(both)} are in the test part and in the other"
        )
    y = _numbers(data, classes)
    codes = group_codes(data)
    if len(groups) < _LEAST_GROUPS:
        raise UserError(
            f"{paths[0]}: group '{name}' has {len(groups)} values; splitting by them into "
            f"three parts needs at least {_LEAST_GROUPS}"
        )
    try:
        stay = np.arange(len(y))
        if test is None:
            stay, _ = split(y, _test_split(source, data), codes)
        split(y[stay], _validation(data), codes[stay])
    except UserError as error:
        raise UserError(f"{paths[0]}: group '{name}': {error}") from None
    return len(stay), len(y) - len(stay) if test is None else len(test.labels)


def _test_split(source: OwnSource, data: Labelled) -> Split:
    take = _validation(data).take
    return Split(fraction=source.test_fraction, take=take, seed=source.seed)


def _validation(data: Labelled) -> Split:
    """Return the usual validation split: a random one where there are no classes."""
    random = data.targets is not None
    return _VALIDATION.model_copy(update={"take": "random"}) if random else _VALIDATION


def _fingerprint(source: OwnSource, raw: Path) -> str:
    """Return a SHA-256 of the names and contents of all files."""
    digest = hashlib.sha256()
    for path in source.all_paths(raw):
        files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
        for file in files:
            name = file.relative_to(path).as_posix() if path.is_dir() else ""
            digest.update(f"{name}\0{sha256(file)}\n".encode())
    return digest.hexdigest()
