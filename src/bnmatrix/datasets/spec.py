"""What every preparation is told: all that decides how a data set is verified and split."""

import math
from typing import Annotated

from pydantic import Field

from bnmatrix.datasets.raw_files import CheckedFile
from bnmatrix.datasets.splitting import Split
from bnmatrix.models import Count, Model, Positive


class ExampleCounts(Model):
    """How many examples a data set has."""

    train: Count
    """Examples to train and validate on (all examples, if the data set has no test part)."""
    test: Annotated[int, Field(strict=True, ge=0)] = 0
    """Examples in the data set's own test part; 0 if it has none (then set `test_split`)."""


class PreparationBase(Model):
    """How a data set is verified and split: common to built-in data sets and a user's own.

    Descriptions for people are left out, so that editing them prepares nothing again.
    """

    dataset: str
    """Name of the data set."""
    files: tuple[CheckedFile, ...] = ()
    """Downloaded files to verify before anything is read."""
    examples: ExampleCounts
    """Numbers of examples that the data must have."""
    shape: tuple[Count, ...]
    """Shape of one example."""
    classes: Count
    """Number of classes; 1 for a regression."""
    maximum: Positive | None = None
    """Largest value of a pixel; None if features are not pixels."""
    test_split: Split | None = None
    """How the test part is set apart; None if the data set has its own."""
    validation: Split
    """How the validation part is set apart from the training data."""

    @property
    def features(self) -> int:
        """Number of features of one example, flattened."""
        return math.prod(self.shape)

    @property
    def stage(self) -> str:
        """The module of :mod:`bnmatrix.stages` that prepares the data set."""
        raise NotImplementedError
