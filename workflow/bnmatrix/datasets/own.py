"""Data sets of one's own: looking into their files, and reading them.

What is wrong with a file is said when it is looked into, before anything is trained: which file,
which column, which row (rows are counted from 1, a header not counted), and what to do.
"""

import hashlib
from collections import Counter
from pathlib import Path

import numpy as np
import psutil
from pyarrow import ArrowException

from bnmatrix.config import Examples, InspectedDataset, OwnDataset, Split
from bnmatrix.datasets.inspection import file_of, paths_of
from bnmatrix.datasets.labelled import Labelled, classes_of, some
from bnmatrix.datasets.preparation import split
from bnmatrix.errors import UserError
from bnmatrix.files import sha256

#: Examples of a class that there must be: one for each of the three parts.
_LEAST_OF_CLASS = 3

#: Groups that there must be, to make three parts of them.
_LEAST_GROUPS = 6

#: Share of the memory that is free which data may take, and copies of it that are held at once.
_SHARE_OF_MEMORY, _COPIES = 0.8, 3


def inspect(name: str, entry: OwnDataset, raw: Path) -> InspectedDataset:
    """Look into a data set: read all of it, check it, and return what was found.

    Args:
        name: its name.
        entry: its entry in the configuration.
        raw: the folder of downloaded files.

    Raises:
        UserError: it is not fit to be learned from; names file, column or row, and what to do.
    """
    paths = paths_of(entry, raw)
    try:
        return _inspect(name, entry, paths)
    except (OSError, UnicodeError, ArrowException) as error:
        raise UserError(f"{entry.place}: cannot be read: {error}") from error


def _inspect(name: str, entry: OwnDataset, paths: list[Path]) -> InspectedDataset:
    if entry.sha256 and (digest := sha256(paths[0])) != entry.sha256:
        raise UserError(
            f"{paths[0]}: its SHA-256 is {digest} instead of {entry.sha256}; correct the entry, or "
            "get the right file"
        )
    parts = _read(entry, paths)
    classes = classes_of(parts[0].labels)
    _check_classes(entry, paths, parts, classes)
    rows = Counter(label for part in parts for label in part.labels)
    files = [file_of(entry)] if entry.url is not None else []
    groups = parts[0].groups
    sizes = _sizes(entry, paths, parts, classes) if groups is not None else None
    return InspectedDataset(
        title=entry.title or name,
        folder=name if files else None,
        files=files,
        examples=Examples(
            train=len(parts[0].labels), test=len(parts[1].labels) if len(parts) > 1 else 0
        ),
        shape=list(parts[0].x.shape[1:]),
        classes=classes,
        maximum=parts[0].maximum,
        homepage=entry.homepage,
        margin=entry.margin,
        own=entry,
        fingerprint=_fingerprint(paths, entry),
        notes=parts[0].notes,
        rows_by_class=[rows[label] for label in classes],
        test_split=None if len(parts) > 1 else _test_split(entry),
        grouped=groups is not None,
        sizes=sizes,
    )


def read(dataset: InspectedDataset, raw: Path) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Return examples × features, labels (int32) and groups of the data, and of its test part.

    The test part is there if it has a file of its own. Groups are numbers, int64; empty where the
    data has none.
    """
    place = {label: number for number, label in enumerate(dataset.classes)}
    found = []
    for part in _read(dataset.own, paths_of(dataset.own, raw)):
        y = np.array([place[label] for label in part.labels], np.int32)
        groups = np.zeros(0, np.int64)
        if part.groups is not None:
            groups = np.unique(part.groups, return_inverse=True)[1]
        found.append((part.x.reshape(len(part.x), -1), y, groups))
    return found


def _read(entry: OwnDataset, paths: list[Path]) -> list[Labelled]:
    """Read all parts of a data set, after a look at whether memory will do."""
    if entry.kind == "table":
        from bnmatrix.datasets.tables import estimate, read_tables

        _check_memory(entry, sum(estimate(entry, path) for path in paths))
        return read_tables(entry, paths)
    if entry.kind == "arrays":
        from bnmatrix.datasets.arrays import estimate, read_arrays

        _check_memory(entry, estimate(entry, paths))
        return read_arrays(entry, paths)
    from bnmatrix.datasets.images import estimate, read_images

    _check_memory(entry, sum(estimate(entry, path) for path in paths))
    return read_images(entry, paths)


def _check_memory(entry: OwnDataset, size: float) -> None:
    need, free = size * _COPIES / 1e9, psutil.virtual_memory().available / 1e9
    if need > free * _SHARE_OF_MEMORY:
        smaller = {
            "table": "take a sample of its rows, or fewer columns (`features`)",
            "arrays": "take a sample of its examples, or a smaller type (uint8 for pixels)",
            "images": "take a sample of the images, or a smaller `image_size`",
        }[entry.kind]
        raise UserError(
            f"{entry.place}: would take about {need:.1f} GB of memory, and {free:.1f} GB are free; "
            f"{smaller}"
        )


def _check_classes(
    entry: OwnDataset, paths: list[Path], parts: list[Labelled], classes: list[str]
) -> None:
    """Check that there is something to tell apart, and enough of it for three parts."""
    counts = Counter(parts[0].labels)
    if len(classes) < 2:
        raise UserError(
            f"{paths[0]}: {entry.target or 'the labels'}: all {len(parts[0].labels)} examples are "
            f"of one class, '{classes[0]}'; there is nothing to tell apart"
        )
    few = [label for label in classes if counts[label] < _LEAST_OF_CLASS]
    if few:
        rows = some([f"'{label}' has {counts[label]}" for label in few])
        raise UserError(
            f"{paths[0]}: {entry.target or 'the labels'}: each class needs {_LEAST_OF_CLASS} "
            f"examples, for training, validation and test: {rows}. Collect more, merge classes, or "
            "leave these out"
        )
    if len(parts) > 1:
        unknown = sorted(set(parts[1].labels) - set(classes))
        if unknown:
            raise UserError(
                f"{paths[1]}: has classes that {paths[0]} has not: {some(unknown)}; the two must "
                f"have the same ({some(classes)})"
            )
        missing = sorted(set(classes) - set(parts[1].labels))
        if missing:
            raise UserError(
                f"{paths[1]}: lacks classes that {paths[0]} has: {some(missing)}; the two must "
                "have the same"
            )
    else:
        examples = len(parts[0].labels)
        stay, apart = _test_split(entry).sizes(examples)
        if min(apart, Split(fraction=0.2).sizes(stay)[1]) < len(classes):
            raise UserError(
                f"{paths[0]}: {examples} examples of {len(classes)} classes are too few: a test "
                f"part of {apart} cannot hold each class"
            )


def _sizes(
    entry: OwnDataset, paths: list[Path], parts: list[Labelled], classes: list[str]
) -> list[int]:
    """Return the sizes of the parts that groups allow, and check that each has each class."""
    name, groups = entry.group or "groups", parts[0].groups
    if len(parts) > 1:
        other = parts[1].groups
        both = [] if other is None else sorted(set(groups) & set(other))
        if both:
            raise UserError(
                f"{paths[-1]}: group '{name}': {some(both)} are in the test part and in the other"
            )
    y = np.array([classes.index(label) for label in parts[0].labels])
    codes = np.unique(groups, return_inverse=True)[1]
    if len(set(codes)) < _LEAST_GROUPS:
        raise UserError(
            f"{paths[0]}: group '{name}' has {len(set(codes))} values; splitting by them into "
            f"three parts needs at least {_LEAST_GROUPS}"
        )
    try:
        stay = np.arange(len(y))
        if len(parts) == 1:
            stay, _ = split(y, _test_split(entry), codes)
        split(y[stay], Split(fraction=0.2, take="stratified"), codes[stay])
    except UserError as error:
        raise UserError(f"{paths[0]}: group '{name}': {error}") from None
    return [len(stay), len(parts[1].labels) if len(parts) > 1 else len(y) - len(stay)]


def _test_split(entry: OwnDataset) -> Split:
    return Split(fraction=entry.test_fraction, take="stratified", seed=entry.seed)


def _fingerprint(paths: list[Path], entry: OwnDataset) -> str:
    """Return a SHA-256 of all files' names and content."""
    digest = hashlib.sha256()
    for place in [*paths, *([Path(entry.labels)] if entry.labels else [])]:
        files = sorted(p for p in place.rglob("*") if p.is_file()) if place.is_dir() else [place]
        for file in files:
            name = file.relative_to(place).as_posix() if place.is_dir() else ""
            digest.update(f"{name}\0{sha256(file)}\n".encode())
    return digest.hexdigest()
