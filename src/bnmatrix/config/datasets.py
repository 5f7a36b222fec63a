"""Data sets in ``config/datasets.yaml``."""

import math
from typing import Annotated, Self

from pydantic import model_validator

from bnmatrix.datasets.loaders import LOADERS
from bnmatrix.datasets.raw_files import Downloadable
from bnmatrix.datasets.spec import ExampleCounts
from bnmatrix.datasets.splitting import Split
from bnmatrix.models import Count, Fraction, Positive, one_of
from bnmatrix.tables.metrics import METRICS, Metric


class Dataset(Downloadable):
    """A data set: where its files are, and what they contain."""

    examples: ExampleCounts
    """Numbers of examples (checked against the data)."""
    shape: list[Count]
    """Shape of one example."""
    classes: list[str]
    """Names of the classes, by label."""
    maximum: Positive | None = None
    """Largest value of a pixel, by which `input_scaling: unit` divides; null if the features are
    not pixels."""
    test_split: Split | None = None
    """How the test part is split off, if the data set does not come with a test part."""
    homepage: str | None = None
    """Address of a page that describes the data set."""
    margin: Fraction = 0.01
    """The largest difference in accuracy that makes no practical difference, as a fraction."""

    @model_validator(mode="after")
    def _one_test_part(self) -> Self:
        if (self.examples.test == 0) != (self.test_split is not None):
            raise ValueError("give either `examples.test` above 0 or a `test_split`")
        return self

    @property
    def metric(self) -> Metric:
        """The primary metric of the test part."""
        return METRICS["accuracy"]

    @property
    def margin_of_accuracy(self) -> float:
        """The largest difference in accuracy that makes no practical difference, as a fraction."""
        return self.margin

    @property
    def outputs(self) -> int:
        """Number of outputs of a network: one for each class, and one for a regression."""
        return max(1, len(self.classes))

    @property
    def deviation(self) -> float:
        """Standard deviation of the target of a regression; NaN for classes."""
        return math.nan

    @property
    def features(self) -> int:
        """Number of features of one example, flattened."""
        return math.prod(self.shape)

    @property
    def pictures(self) -> bool:
        """Whether an example can be shown as a picture, either gray or RGB."""
        shape = self.shape
        return bool(self.maximum) and (len(shape) == 2 or (len(shape) == 3 and shape[2] == 3))

    def train_and_test(self) -> tuple[int, int]:
        """Return the number of examples to train and validate on, and to test on."""
        if self.test_split is None:
            return self.examples.train, self.examples.test
        return self.test_split.sizes(self.examples.train)


class DeclaredDataset(Dataset):
    """A data set with a loader; `datasets.yaml` declares its contents."""

    loader: Annotated[str, one_of(LOADERS)]
    """Function of `bnmatrix.datasets.loaders` that reads the data set."""
