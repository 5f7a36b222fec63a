"""Splitting a data set into training, validation and test parts, once for all variants."""

import logging
from collections.abc import Callable
from pathlib import Path

from bnmatrix.datasets.data import Arrays, Prepared, save
from bnmatrix.datasets.raw_files import verify
from bnmatrix.datasets.spec import PreparationBase
from bnmatrix.datasets.splitting import split
from bnmatrix.errors import UserError

log = logging.getLogger(__name__)


def write_prepared(
    spec: PreparationBase, read: Callable[[Path], Arrays], raw: Path, output: Path
) -> None:
    """Verify, read, check and split a data set, and write its parts.

    Args:
        spec: how the data set is prepared.
        read: reads the data set from the folder of its files.
        raw: the folder of the data set's files.
        output: the file to write (.npz).

    Raises:
        UserError: a file does not verify, or the data is not as the specification says.
    """
    for file in spec.files:
        verify(raw / file.name, file)
    prepared = prepare(spec, read(raw))
    save(prepared, output)
    log.info(
        "%s: %d training, %d validation and %d test examples",
        output,
        len(prepared.x_train),
        len(prepared.x_validation),
        len(prepared.x_test),
    )


def prepare(spec: PreparationBase, arrays: Arrays) -> Prepared:
    """Split a data set; the test part does not depend on the validation part.

    Raises:
        UserError: the data is not as the specification says.
    """
    _check(spec, arrays)
    x, y, x_test, y_test = arrays.x, arrays.y, arrays.x_test, arrays.y_test
    groups, groups_test = arrays.groups, arrays.groups_test
    if spec.test_split is not None:
        stay, apart = split(y, spec.test_split, groups)
        x, y, x_test, y_test = x[stay], y[stay], x[apart], y[apart]
        if len(groups):
            groups, groups_test = groups[stay], groups[apart]
    stay, apart = split(y, spec.validation, groups)
    return Prepared(
        x_train=x[stay],
        y_train=y[stay],
        x_validation=x[apart],
        y_validation=y[apart],
        x_test=x_test,
        y_test=y_test,
        classes=spec.classes,
        maximum=spec.maximum or 0.0,
        shape=spec.shape,
        groups_test=groups_test,
    )


def _check(spec: PreparationBase, arrays: Arrays) -> None:
    """Check that data has the declared numbers of examples, features and classes."""
    classes = 1 if arrays.y.dtype.kind == "f" else int(arrays.y.max()) + 1
    numbers = {
        "examples.train": (len(arrays.x), spec.examples.train),
        "examples.test": (len(arrays.x_test), spec.examples.test),
        "features (the product of shape)": (arrays.x.shape[1], spec.features),
        "number of classes": (classes, spec.classes),
    }
    for what, (actual, declared) in numbers.items():
        if actual != declared:
            raise UserError(
                f"{spec.dataset}: {what}: the data has {actual}, the configuration says {declared}"
            )
