"""A user's own data sets, in ``config/datasets.yaml``."""

import math
from typing import Annotated, Self

from pydantic import model_validator

from bnmatrix.config.datasets import Dataset
from bnmatrix.datasets.own.source import LABEL_RULES, OwnSource
from bnmatrix.datasets.own.spec import Measured
from bnmatrix.models import Positive, one_of
from bnmatrix.tables.metrics import METRICS, Metric

#: Keys that only one kind of data has.
KEYS_OF_KINDS = {
    "table": (
        *("target", "features", "exclude", "numeric", "categorical", "group"),
        *("missing", "separator", "decimal", "encoding"),
    ),
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
    def _each_column_once(self) -> Self:
        chosen = {"target": (self.target,), "group": (self.group,), "features": self.features or ()}
        chosen |= {"categorical": self.categorical, "numeric": self.numeric}
        for key, columns in chosen.items():
            for column in columns:
                if column in self.exclude:
                    raise ValueError(f"exclude: '{column}' is also named by `{key}`; remove one")
        for column in self.numeric:
            if column in self.categorical:
                raise ValueError(f"numeric: '{column}' is also named by `categorical`; remove one")
        if self.separator is not None and self.separator == self.decimal:
            raise ValueError(f"decimal: '{self.decimal}' is also the `separator`; they must differ")
        return self

    @model_validator(mode="after")
    def _keys_fit_kind(self) -> Self:
        kind = self.kind
        for other, keys in KEYS_OF_KINDS.items():
            for key in keys if other != kind else ():
                if key in self.model_fields_set:
                    raise ValueError(f"{key}: is for {other}, but '{self.place}' is {kind}")
        if kind == "table" and self.target is None:
            raise ValueError("target: give the column that holds the classes")
        labels_file = self.labels is not None and self.labels not in LABEL_RULES
        if self.place.endswith(".npy") and not labels_file:
            raise ValueError("labels: give the .npy file that holds the classes")
        if labels_file and kind != "arrays":
            raise ValueError(
                f"labels: is {' or '.join(LABEL_RULES)} (it is '{self.labels}'); only a .npy file "
                "has another file with its classes"
            )
        if labels_file and self.test_path is not None:
            raise ValueError("test_path: for .npy files, put both parts into one .npz file instead")
        if self.place.endswith(".parquet"):
            for key in ("separator", "encoding"):
                if key in self.model_fields_set:
                    raise ValueError(f"{key}: is for CSV files, but '{self.place}' is Parquet")
        if self.task == "regression":
            for key in ("classes", "labels") if kind != "arrays" else ("classes",):
                if key in self.model_fields_set:
                    raise ValueError(f"{key}: is for classes, and `task` is regression; remove one")
            if kind == "images":
                raise ValueError("task: images are in folders of classes, and have no other target")
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
    target: Measured | None = None
    """The target of a regression; None for classes."""
    reasons: tuple[str, ...] = ()
    """Why this metric and this margin, as sentences for the page."""
    doubts: tuple[str, ...] = ()
    """What makes the data doubtful, as sentences for the page and the console."""
    rows_by_class: list[int]
    """Number of examples of each class, the test part included; none for a regression."""
    test_rows_by_class: list[int]
    """Number of examples of each class in the test part."""
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
    def deviation(self) -> float:
        """Standard deviation of the target of a regression; NaN for classes."""
        return math.nan if self.target is None else self.target.deviation

    @property
    def margin_of_accuracy(self) -> float:
        """The largest difference in accuracy that makes no practical difference, as a fraction."""
        return self.margin if self.metric.unit == "points" else METRICS["accuracy"].margin

    def train_and_test(self) -> tuple[int, int]:
        """Return the number of examples to train and validate on, and to test on."""
        return self.sizes or super().train_and_test()

    def tested_by_class(self, folds: int | None) -> list[int]:
        """Return the number of tested examples of each class.

        Args:
            folds: number of folds in which all examples are tested in turn; None for a test part.
        """
        return self.rows_by_class if folds else self.test_rows_by_class

    def majority(self, folds: int | None) -> tuple[str, float]:
        """Return the most frequent class to train on, and its share of the tested examples.

        A network that always answers this class has this accuracy.
        """
        tested = self.tested_by_class(folds)
        others = [every - test for every, test in zip(self.rows_by_class, tested, strict=True)]
        trained = self.rows_by_class if folds else others
        most = max(range(len(self.classes)), key=trained.__getitem__)
        return self.classes[most], tested[most] / sum(tested)
