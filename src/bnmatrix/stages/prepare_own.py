"""Verify, read and split a user's own data set."""

from functools import partial
from pathlib import Path

from bnmatrix.datasets.own.reading import read_own
from bnmatrix.datasets.own.spec import OwnPreparation
from bnmatrix.datasets.preparation import write_prepared


def run(spec: OwnPreparation, *, raw: Path, output: Path) -> None:
    """Read a data set, split it into training, validation and test parts, and write the parts.

    Args:
        spec: the specification of the preparation.
        raw: the folder of the data set's downloaded files.
        output: the file to write (.npz).
    """
    write_prepared(spec, partial(read_own, spec), raw, output)
