"""Verify, read and split a built-in data set."""

from pathlib import Path

from bnmatrix.datasets.built_in import Preparation
from bnmatrix.datasets.loaders import LOADERS
from bnmatrix.datasets.preparation import write_prepared


def run(spec: Preparation, *, raw: Path, output: Path) -> None:
    """Read a data set, split it into training, validation and test parts, and write the parts.

    Args:
        spec: the specification of the preparation.
        raw: the folder of the data set's files.
        output: the file to write (.npz).
    """
    write_prepared(spec, LOADERS[spec.loader], raw, output)
