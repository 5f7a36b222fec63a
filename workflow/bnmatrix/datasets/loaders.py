"""Reading verified files into arrays; a loader is a function of this module, named in config/."""

import gzip
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from bnmatrix.config import Dataset, InspectedDataset
from bnmatrix.errors import UserError


@dataclass(frozen=True)
class Arrays:
    """A data set as its source gives it.

    Attributes:
        x: examples × features, uint8 for pixels and float64 otherwise.
        y: labels, int32, one an example.
        x_test: the same of the data set's own test part; no rows if it has none.
        y_test: its labels.
        groups: what must stay in one part, numbers, one an example of x; none if empty.
    """

    x: np.ndarray
    y: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    groups: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))


def load(dataset: Dataset, raw: Path) -> Arrays:
    """Read a data set from its files in ``raw``, and check it against its declaration.

    Raises:
        UserError: the content is not what ``config/datasets.yaml`` declares.
    """
    if isinstance(dataset, InspectedDataset):
        arrays = _own(dataset, raw)
    else:
        arrays = globals()[dataset.loader](raw)
    found = {
        "examples.train": (len(arrays.x), dataset.examples.train),
        "examples.test": (len(arrays.x_test), dataset.examples.test),
        "features (the product of shape)": (arrays.x.shape[1], dataset.features),
        "number of classes": (int(arrays.y.max()) + 1, len(dataset.classes)),
    }
    for what, (actual, declared) in found.items():
        if actual != declared:
            raise UserError(
                f"{dataset.title}: {what}: the data has {actual}, the configuration says {declared}"
            )
    return arrays


def _own(dataset: InspectedDataset, raw: Path) -> Arrays:
    from bnmatrix.datasets.own import read

    (x, y, groups), *test = read(dataset, raw)
    x_test, y_test, _ = test[0] if test else (x[:0], y[:0], groups)
    return Arrays(x, y, x_test, y_test, groups)


def idx(raw: Path) -> Arrays:
    """Read MNIST's four files (the format is described on the MNIST page)."""
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


def cifar10_binary(raw: Path) -> Arrays:
    """Read CIFAR-10's binary version: a label byte and 3 planes of 32×32 an example.

    Features are ordered height, width, channel, as Keras has them.
    """
    train = [raw / f"data_batch_{number}.bin" for number in range(1, 6)]
    x, y = _cifar10(train)
    x_test, y_test = _cifar10([raw / "test_batch.bin"])
    return Arrays(x, y, x_test, y_test)


def _cifar10(paths: list[Path]) -> tuple[np.ndarray, np.ndarray]:
    records = np.concatenate([np.fromfile(path, np.uint8).reshape(-1, 3073) for path in paths])
    planes = records[:, 1:].reshape(-1, 3, 32, 32)
    return planes.transpose(0, 2, 3, 1).reshape(len(records), -1), records[:, 0].astype(np.int32)


def sklearn_iris(_raw: Path) -> Arrays:
    """Return Iris as scikit-learn ships it (Fisher's values; UCI's file has two errors)."""
    from sklearn.datasets import load_iris

    x, y = load_iris(return_X_y=True)
    return Arrays(x, y.astype(np.int32), x[:0], y[:0].astype(np.int32))


def sklearn_digits(_raw: Path) -> Arrays:
    """Return scikit-learn's digits: 8×8 pixels from 0 to 16."""
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    x, y = x.astype(np.uint8), y.astype(np.int32)
    return Arrays(x, y, x[:0], y[:0])
