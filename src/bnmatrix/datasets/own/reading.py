"""Reading a user's own data set, of any kind."""

from pathlib import Path

import numpy as np
import psutil

from bnmatrix.datasets.data import Arrays
from bnmatrix.datasets.own import arrays, images, table
from bnmatrix.datasets.own.labels import Labelled, checked_labels
from bnmatrix.datasets.own.source import OwnSource
from bnmatrix.datasets.own.spec import OwnPreparation
from bnmatrix.datasets.own.targets import is_regression, with_targets
from bnmatrix.errors import UserError

#: Share of the free memory that the data may take.
_SHARE_OF_MEMORY = 0.8

#: Copies of the data that are in memory at once while it is read and split.
_COPIES = 3


def read_own(spec: OwnPreparation, raw: Path) -> Arrays:
    """Read a data set as arrays: labels become the numbers of their classes, or targets.

    Args:
        spec: how the data set is prepared.
        raw: the folder of downloaded files.

    Raises:
        UserError: the files cannot be read (see :func:`bnmatrix.datasets.own.inspection.inspect`).
    """
    numbers = {label: number for number, label in enumerate(spec.class_names)}
    parts = read_parts(spec.source, raw)
    xs = [part.x.reshape(len(part.x), -1) for part in parts]
    ys = [
        np.array([numbers[label] for label in part.labels], np.int32)
        if part.targets is None
        else part.targets
        for part in parts
    ]
    x_test, y_test = (xs[1], ys[1]) if len(parts) > 1 else (xs[0][:0], ys[0][:0])
    groups = [group_codes(part) for part in parts]
    groups_test = groups[1] if len(parts) > 1 else groups[0][:0]
    return Arrays(xs[0], ys[0], x_test, y_test, groups[0], groups_test)


def group_codes(part: Labelled) -> np.ndarray:
    """Return the groups of examples as numbers, int64; empty if there are no groups."""
    if part.groups is None:
        return np.zeros(0, np.int64)
    codes: np.ndarray = np.unique(part.groups, return_inverse=True)[1]
    return codes


def read_parts(source: OwnSource, raw: Path) -> list[Labelled]:
    """Read the data, and its test part if there is one, after a check of the free memory.

    Raises:
        UserError: the data is too large for the memory, or cannot be read, or its labels are no
            classes.
    """
    parts = _parts(source, raw)
    return with_targets(parts) if is_regression(parts[0]) else checked_labels(parts)


def _parts(source: OwnSource, raw: Path) -> list[Labelled]:
    """Read the data, and its test part if there is one."""
    paths = source.paths(raw)
    if source.kind == "table":
        _check_memory(
            source,
            sum(table.estimate(source, path) for path in paths),
            "take a sample of its rows, or fewer columns (`features`)",
        )
        return table.read_tables(source, paths)
    if source.kind == "arrays":
        _check_memory(
            source,
            sum(arrays.estimate(path) for path in source.all_paths(raw)),
            "take a sample of its examples, or a smaller type (uint8 for pixels)",
        )
        return arrays.read_arrays(source, paths)
    _check_memory(
        source,
        sum(images.estimate(source, path) for path in paths),
        "take a sample of the images, or a smaller `image_size`",
    )
    return [images.read_images(source, path) for path in paths]


def _check_memory(source: OwnSource, size: float, smaller: str) -> None:
    """Check that data of ``size`` bytes fits in the free memory; ``smaller`` says what to do."""
    need, free = size * _COPIES / 1e9, psutil.virtual_memory().available / 1e9
    if need > free * _SHARE_OF_MEMORY:
        raise UserError(
            f"{source.place}: would take about {need:.1f} GB of memory, and {free:.1f} GB are "
            f"free; {smaller}"
        )
