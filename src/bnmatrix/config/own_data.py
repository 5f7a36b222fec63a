"""A user's own data sets, in ``config/datasets.yaml``."""

from typing import Annotated, Self

from pydantic import model_validator

from bnmatrix.config.datasets import Dataset
from bnmatrix.datasets.own.source import OwnSource
from bnmatrix.models import Positive, one_of
from bnmatrix.tables.metrics import METRICS, Metric

#: Keys that only one kind of data has.
_KEYS_OF_KINDS = {
    "table": ("target", "features", "categorical", "group", "separator"),
    "arrays": ("labels",),
    "images": ("image_size", "image_mode", "most_unreadable"),
}


class OwnDataset(OwnSource):
    """A user's own data set: a CSV or Parquet file, NumPy arrays, or a folder of images for each
    class.

    The numbers of examples, classes and features are read from the data.
    """

    title: str | None = None
    """Name on pages; by default, the name of the data set."""
    homepage: str | None = None
    """Address of a page that describes the data set."""
    metric: Annotated[str, one_of(METRICS)] | None = None
    """The primary metric of the test part, by which networks are compared. By default accuracy,
    balanced accuracy if a class is rare, and root mean squared error for a regression."""
    margin: Positive | None = None
    """The largest difference in the primary metric that makes no practical difference: a fraction
    for accuracies, in units of the target for a root mean squared error. By default 0.01, or a
    hundredth of the standard deviation of the target."""

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if (self.path is None) == (self.url is None):
            raise ValueError("give the place of the data as either `path` or `url`")
        if self.url is not None and not self.url.startswith(("http://", "https://")):
            raise ValueError(f"url: must start with http:// or https:// (it is '{self.url}')")
        if self.url is not None and self.sha256 is None:
            raise ValueError("url: needs `sha256`, the file's SHA-256 in hexadecimal (sha256sum)")
        if self.url is not None and self.test_path is not None:
            raise ValueError("test_path: can be given with `path`, not with `url`")
        return self

    @model_validator(mode="after")
    def _keys_fit_kind(self) -> Self:
        kind = self.kind
        for other, keys in _KEYS_OF_KINDS.items():
            for key in keys if other != kind else ():
                if key in self.model_fields_set:
                    raise ValueError(f"{key}: is for {other}, but '{self.place}' is {kind}")
        if kind == "table" and self.target is None:
            raise ValueError("target: give the column that holds the classes")
        if self.place.endswith(".npy") and self.labels is None:
            raise ValueError("labels: give the .npy file that holds the classes")
        if self.labels is not None and self.test_path is not None:
            raise ValueError("test_path: for .npy files, put both parts into one .npz file instead")
        if kind == "images" and self.sha256 is not None and not self.place.endswith(".zip"):
            raise ValueError("sha256: a folder has no SHA-256; leave it out")
        return self


class InspectedDataset(Dataset):
    """A user's own data set, and the result of its inspection."""

    source: OwnSource
    """The place of the data, and how to read it."""
    fingerprint: str
    """SHA-256 of the names and contents of the files."""
    notes: tuple[str, ...] = ()
    """How the data was interpreted, as sentences for the page."""
    primary: Annotated[str, one_of(METRICS)] = "accuracy"
    """Name of the primary metric."""
    margin: Positive = 0.01
    """The largest difference in the primary metric that makes no practical difference."""
    reasons: tuple[str, ...] = ()
    """Why this metric and this margin, as sentences for the page."""
    rows_by_class: list[int]
    """Number of examples of each class, the test part included."""
    grouped: bool = False
    """Whether examples belong to groups that must not be divided."""
    sizes: tuple[int, int] | None = None
    """Number of examples to train and validate on, and number to test on, where groups decide the
    numbers."""

    @property
    def metric(self) -> Metric:
        """The primary metric of the test part."""
        return METRICS[self.primary]

    @property
    def margin_of_accuracy(self) -> float:
        """The largest difference in accuracy that makes no practical difference, as a fraction."""
        return self.margin if self.metric.unit == "points" else METRICS["accuracy"].margin

    def train_and_test(self) -> tuple[int, int]:
        """Return the number of examples to train and validate on, and to test on."""
        return self.sizes or super().train_and_test()
