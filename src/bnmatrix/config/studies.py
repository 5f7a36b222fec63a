"""Studies, in ``config/studies.yaml``."""

from typing import Annotated, Any, Literal, Self

from pydantic import model_validator

from bnmatrix.errors import suggestion
from bnmatrix.models import Count, Fraction, Model, Seed, one_of
from bnmatrix.training.measures.catalog import MEASURES
from bnmatrix.training.normalizations import NORMALIZATION_SETTINGS, NORMALIZATIONS
from bnmatrix.training.settings import RUN_TIME_SETTINGS, Settings
from bnmatrix.training.spec import Step, Tuning


class Printed(Model):
    """A figure that a source reports."""

    normalization: Annotated[str, one_of(NORMALIZATIONS)]
    """The normalization of the network."""
    batch_size: Count
    """The batch size of the training."""
    test_accuracy: Fraction
    """The accuracy, as a fraction."""
    note: str = ""
    """How the source obtained the figure."""


class Source(Model):
    """The document whose experiment a study repeats, and the errors of the document."""

    title: str
    """Name of the document."""
    protocol: str
    """The protocol of the document."""
    printed: list[Printed] = []
    """Test accuracies that the document reports."""
    errors: list[str] = []
    """Errors of the document, and what this study does instead."""


class Study(Model):
    """A question, a data set, fixed settings, and axes whose values are combined."""

    title: str
    """Name on pages."""
    question: str
    """The question that the study answers."""
    dataset: str
    """A data set of `datasets.yaml`."""
    settings: dict[str, Any] = {}
    """Settings that all variants share; settings that are not given have their defaults."""
    reasons: dict[str, str] = {}
    """Reasons for settings and axes, which the page of the study shows."""
    axes: dict[str, list[Any]]
    """Settings that vary, each with a list of values; `normalization` and `batch_size` are
    required."""
    role: Literal["matrix", "experiment"] = "matrix"
    """`matrix`: the study has a page and a place on the overview; `experiment`: the study provides
    data for claims and replications, and its page is made only on request."""
    replicates: Count = 5
    """Number of times that each variant is trained, with different seeds."""
    seed: Seed = 0
    """Seed from which the seeds of all replicates are derived."""
    source: Source | None = None
    """The document whose experiment the study repeats."""
    further: list[dict[str, list[Any]]] = []
    """Further variants, in addition to the product of `axes`: each entry has values for the same
    axes and adds their product."""
    tuning: Tuning = Tuning()
    """How the learning rate of tuned variants is chosen."""
    measures: dict[
        Annotated[str, one_of(MEASURES)],
        tuple[Step, ...],
    ] = {}
    """Measures of the study, and the steps after which they are taken (`last`: the end of
    training)."""
    together: list[str] = list(RUN_TIME_SETTINGS)
    """Axes whose values are trained in one job, one after another. Each combination of values of
    the other axes has a separate job, which takes the time of one start of TensorFlow; for small
    data, name more axes here."""

    predictions: bool | None = None
    """Whether to keep the predictions of each run for the test examples, for the confusion matrix;
    by default, true if `role` is `matrix`. Cross-validated studies keep no predictions, because
    each replicate has a different test part."""

    @property
    def frameworks(self) -> set[str]:
        """Frameworks in which the variants are trained."""
        if "framework" not in self.axes:
            return {self.settings.get("framework", Settings.model_fields["framework"].default)}
        return {value for block in (self.axes, *self.further) for value in block["framework"]}

    @property
    def tunes(self) -> bool:
        """Whether the learning rate of a variant may be tuned."""
        blocks = [block.get("tuned", []) for block in (self.axes, *self.further)]
        return True in (self.settings.get("tuned"), *(value for block in blocks for value in block))

    @property
    def keeps_predictions(self) -> bool:
        """Whether each run's predictions are kept."""
        return self.role == "matrix" if self.predictions is None else self.predictions

    @model_validator(mode="after")
    def _known_axes(self) -> Self:
        known = tuple(Settings.model_fields)
        for part, keys in (("settings", self.settings), ("axes", self.axes)):
            for key in keys:
                if key not in known:
                    raise ValueError(
                        f"{part}: unknown setting '{key}'{suggestion(key, known)}; "
                        f"the settings are {', '.join(known)}"
                    )
        for axis in ("normalization", "batch_size"):
            if axis not in self.axes:
                raise ValueError(f"axes: '{axis}' must be an axis of every study")
        for axis, values in self.axes.items():
            if axis in self.settings:
                raise ValueError(f"'{axis}' is both a setting and an axis: keep one")
            if not values:
                raise ValueError(f"axes: '{axis}' has no values")
        beside = [axis for axis in self.axes if axis in NORMALIZATION_SETTINGS]
        if "varied" in self.axes and beside:
            raise ValueError(
                f"axes: '{beside[0]}' cannot be an axis beside 'varied', because each "
                "normalization is one arm there; make it a setting"
            )
        for block in self.further:
            if set(block) != set(self.axes) or not all(block.values()):
                raise ValueError(
                    f"further: each entry needs values for the axes {', '.join(self.axes)}"
                )
        for axis in self.together:
            if axis not in known:
                raise ValueError(f"together: unknown setting '{axis}'{suggestion(axis, known)}")
        for axis, reason in (
            ("validation", "one validation part"),
            # Triton, a dependency of PyTorch's build for CUDA, crashes in TensorFlow's process.
            ("framework", "one framework"),
        ):
            if axis in self.together:
                raise ValueError(f"together: a job has {reason}; leave '{axis}' out")
        return self
