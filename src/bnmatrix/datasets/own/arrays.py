"""A user's own NumPy arrays: .npz files with x and y, or a .npy file and one of labels."""

import zipfile
from pathlib import Path

import numpy as np

from bnmatrix.datasets.own.doubts import identifiers
from bnmatrix.datasets.own.labels import LARGEST, Labelled, label_texts
from bnmatrix.datasets.own.rows import Rows, some
from bnmatrix.datasets.own.source import LABEL_RULES, OwnSource
from bnmatrix.errors import UserError

#: Arrays that a .npz file may hold: examples, their labels, the same of a test part, and groups.
_NAMES = ("x", "y", "x_test", "y_test", "groups")


def estimate(path: Path) -> float:
    """Return how many bytes the arrays of a file take in memory, from its header."""
    try:
        if path.suffix.lower() == ".npz":
            with zipfile.ZipFile(path) as archive:
                return float(sum(info.file_size for info in archive.infolist()))
        return float(np.load(path, mmap_mode="r", allow_pickle=False).nbytes)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise UserError(f"{path}: cannot be read as NumPy arrays: {error}") from None


def read_arrays(source: OwnSource, paths: list[Path]) -> list[Labelled]:
    """Read the arrays; the second item is the test part, if there is one.

    Raises:
        UserError: arrays are missing or unknown, do not fit together, or are not numbers.
    """
    if source.labels is not None and source.labels not in LABEL_RULES:
        return [_read_npy(source, paths[0], Path(source.labels))]
    elsewhere = len(paths) > 1
    parts = [part for path in paths for part in _read_npz(source, path, elsewhere)]
    if len({part.maximum for part in parts}) > 1:
        raise UserError(f"{paths[-1]}: x holds pixels (uint8) and x_test does not, or the reverse")
    shapes = {part.x.shape[1:] for part in parts}
    if len(shapes) > 1:
        raise UserError(f"{paths[-1]}: examples of the test part have another shape: {shapes}")
    return parts


def _read_npy(source: OwnSource, examples: Path, labels: Path) -> Labelled:
    """Read a .npy file of examples and one of labels."""
    for path in (examples, labels):
        if path.suffix.lower() != ".npy":
            raise UserError(f"{path}: `labels` goes with .npy files; a .npz file holds both")
    x, y = _load(examples)["array"], _load(labels)["array"]
    return _labelled(x, y, None, str(examples), Rows(labels, source), str(labels))


def _read_npz(source: OwnSource, path: Path, test_elsewhere: bool) -> list[Labelled]:
    """Read a .npz file, which may hold a test part if no separate file does."""
    arrays = _load(path)
    for name in ("x", "y"):
        if name not in arrays:
            raise UserError(
                f"{path}: has no array '{name}'; it has {some(sorted(arrays))}. Save it as "
                "np.savez(file, x=examples, y=classes)"
            )
    for name in sorted(arrays):
        if name not in _NAMES or (name.endswith("_test") and test_elsewhere):
            raise UserError(
                f"{path}: has an array '{name}', which means nothing here; there can be "
                f"{', '.join(_NAMES)} (a test part here or in `test_path`, not in both)"
            )
    if ("x_test" in arrays) != ("y_test" in arrays):
        raise UserError(f"{path}: has one of x_test and y_test; give both, or neither")
    groups = arrays.get("groups")
    rows = Rows(path, source)
    parts = [_labelled(arrays["x"], arrays["y"], groups, f"{path}: x", rows, f"{path}: y")]
    if "x_test" in arrays:
        x, y = arrays["x_test"], arrays["y_test"]
        parts.append(_labelled(x, y, None, f"{path}: x_test", rows, f"{path}: y_test"))
    return parts


def _load(path: Path) -> dict[str, np.ndarray]:
    """Read the arrays of a file by name (of a .npy file: ``array``); unknown ones stay empty."""
    try:
        content = np.load(path, allow_pickle=False)
        if isinstance(content, np.ndarray):
            return {"array": content}
        with content:
            return {name: content[name] for name in content.files if name in _NAMES} | {
                name: np.zeros(0) for name in content.files if name not in _NAMES
            }
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        objects = "Object arrays" in str(error)
        hint = "; it holds Python objects, save numbers or texts" if objects else ""
        raise UserError(f"{path}: cannot be read as NumPy arrays: {error}{hint}") from None


def _labelled(
    x: np.ndarray, y: np.ndarray, groups: np.ndarray | None, at_x: str, rows: Rows, at_y: str
) -> Labelled:
    """Check examples (examples × shape) and labels, and return them.

    Args:
        x: the examples; uint8 with two dimensions or more per example are pixels.
        y: the labels.
        groups: the groups, if there are any.
        at_x: how an error message about the examples begins.
        rows: names examples in messages.
        at_y: how an error message about the labels begins.
    """
    _check_shapes(x, y, groups, at_x, at_y)
    pixels = x.dtype == np.uint8 and x.ndim > 2
    if not pixels:
        x = x if x.dtype == np.float32 else x.astype(np.float64)
        infinite = np.flatnonzero((np.abs(x) > LARGEST).reshape(len(x), -1).any(axis=1))
        if len(infinite):
            raise UserError(
                f"{at_x}: infinite or beyond 1e30 in example {some(list(infinite))} (from 0)"
            )
    notes = [f"Examples of shape {' × '.join(map(str, x.shape[1:]))}."]
    missing = 0 if pixels else int(np.isnan(x).sum())
    if missing:
        notes.append(
            f"Missing numbers ({missing}) are replaced by the median of the feature in the "
            "training part."
        )
    doubts = identifiers(x, at_x) if x.ndim == 2 else []
    return Labelled(
        x,
        label_texts(y, at_y, rows),
        at_y,
        rows,
        groups,
        255.0 if pixels else None,
        notes=notes,
        doubts=doubts,
    )


def _check_shapes(
    x: np.ndarray, y: np.ndarray, groups: np.ndarray | None, at_x: str, at_y: str
) -> None:
    """Check shapes and types of arrays; arguments as for :func:`_labelled`."""
    if x.ndim < 2 or 0 in x.shape:
        raise UserError(f"{at_x}: has shape {x.shape}; examples × features are needed")
    if y.ndim != 1:
        one_hot = y.ndim == 2 and y.shape[1] > 1
        hint = "; of one-hot rows, save y.argmax(axis=1)" if one_hot else "; save y.ravel()"
        raise UserError(f"{at_y}: has shape {y.shape}; one class per example is needed{hint}")
    for name, array in (("y", y), ("groups", groups)):
        if array is not None and len(array) != len(x):
            raise UserError(f"{at_x}: {len(x)} examples, and {name} has {len(array)}")
    if groups is not None and (groups.ndim != 1 or (groups != groups).any()):
        raise UserError(f"{at_x}: groups: one value per example is needed, none of them missing")
    if x.dtype.kind not in "fiub":
        raise UserError(f"{at_x}: holds {x.dtype}, not numbers")
