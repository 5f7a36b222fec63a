"""How a built-in data set is prepared."""

from typing import Annotated

from bnmatrix.datasets.loaders import LOADERS
from bnmatrix.datasets.spec import PreparationBase
from bnmatrix.models import one_of


class Preparation(PreparationBase):
    """How a built-in data set is read and split."""

    loader: Annotated[str, one_of(LOADERS)]
    """Function of :mod:`bnmatrix.datasets.loaders` that reads it."""

    @property
    def stage(self) -> str:
        """The module of :mod:`bnmatrix.stages` that prepares the data set."""
        return "prepare"
