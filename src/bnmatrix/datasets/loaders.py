"""Reading verified files into arrays.

A loader is a function with the decorator :func:`loader`. Its name is a value of the key ``loader``
in ``config/datasets.yaml``. To add one, write it here: nothing else lists loaders.
"""

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np

from bnmatrix.datasets.data import Arrays
from bnmatrix.errors import UserError

#: A loader: the folder of a data set's verified files → its arrays.
Loader = Callable[[Path], Arrays]

#: All loaders by name.
LOADERS: dict[str, Loader] = {}


def loader(function: Loader) -> Loader:
    """Register a loader under its name."""
    LOADERS[function.__name__] = function
    return function


@loader
def idx(raw: Path) -> Arrays:
    """Read MNIST's four files (http://yann.lecun.com/exdb/mnist describes the format)."""
    return Arrays(
        _idx(raw / "train-images-idx3-ubyte.gz", 3),
        _idx(raw / "train-labels-idx1-ubyte.gz", 1),
        _idx(raw / "t10k-images-idx3-ubyte.gz", 3),
        _idx(raw / "t10k-labels-idx1-ubyte.gz", 1),
    )


def _idx(path: Path, dimensions: int) -> np.ndarray:
    """Return a gzipped idx file of unsigned bytes: images flattened, labels as int32."""
    with gzip.open(path) as file:
        content = file.read()
    # Magic number: two zero bytes, 0x08 for unsigned bytes, the number of dimensions.
    if content[:4] != bytes([0, 0, 8, dimensions]):
        raise UserError(f"{path}: not an idx file of {dimensions}-dimensional unsigned bytes")
    shape = np.frombuffer(content, ">i4", dimensions, offset=4)
    values = np.frombuffer(content, np.uint8, offset=4 + 4 * dimensions)
    return values.astype(np.int32) if dimensions == 1 else values.reshape(shape[0], -1)


@loader
def cifar10_binary(raw: Path) -> Arrays:
    """Read CIFAR-10's binary version: for each example a label byte and 3 planes of 32×32 pixels.

    Features are ordered height, width, channel, as in Keras. Source of the format:
    https://www.cs.toronto.edu/~kriz/cifar.html
    """
    x, y = _cifar10([raw / f"data_batch_{number}.bin" for number in range(1, 6)])
    x_test, y_test = _cifar10([raw / "test_batch.bin"])
    return Arrays(x, y, x_test, y_test)


def _cifar10(paths: list[Path]) -> tuple[np.ndarray, np.ndarray]:
    """Return flattened images (uint8) and labels (int32) of some files."""
    records = np.concatenate([np.fromfile(path, np.uint8).reshape(-1, 3073) for path in paths])
    planes = records[:, 1:].reshape(-1, 3, 32, 32)
    return planes.transpose(0, 2, 3, 1).reshape(len(records), -1), records[:, 0].astype(np.int32)


@loader
def sklearn_iris(_raw: Path) -> Arrays:
    """Return Iris as scikit-learn ships it (Fisher's values; UCI's file has two errors)."""
    from sklearn.datasets import load_iris

    return _without_test_part(*load_iris(return_X_y=True))


@loader
def sklearn_digits(_raw: Path) -> Arrays:
    """Return scikit-learn's digits: 8×8 pixels from 0 to 16."""
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    return _without_test_part(x.astype(np.uint8), y)


def _without_test_part(x: np.ndarray, y: np.ndarray) -> Arrays:
    """Return a data set without a separate test part; labels become int32."""
    y = y.astype(np.int32)
    return Arrays(x, y, x[:0], y[:0])
