"""What is found in a user's own data set, and how the data set is prepared."""

from bnmatrix.datasets.own.source import OwnSource
from bnmatrix.datasets.spec import ExampleCounts, PreparationBase
from bnmatrix.datasets.splitting import Split
from bnmatrix.models import Count, Model, Positive


class Measured(Model):
    """The distribution of the target of a regression, the test part included."""

    mean: float
    """Its mean."""
    deviation: Positive
    """Its standard deviation."""
    low: float
    """The lowest value."""
    high: float
    """The highest value."""


class Inspection(Model):
    """What is found in a data set when all of it is read and checked."""

    fingerprint: str
    """SHA-256 of the names and contents of all files."""
    examples: ExampleCounts
    """Numbers of examples."""
    shape: list[Count]
    """Shape of one example."""
    classes: list[str]
    """Names of the classes, by label; none for a regression."""
    target: Measured | None = None
    """The target of a regression; None for classes."""
    rows_by_class: list[int]
    """Examples of each class, the test part included."""
    test_rows_by_class: list[int]
    """Examples of each class in the test part."""
    maximum: Positive | None = None
    """Largest value of a pixel; None if features are not pixels."""
    notes: tuple[str, ...] = ()
    """How the data was interpreted, in sentences for people."""
    doubts: tuple[str, ...] = ()
    """What makes the data doubtful, in sentences for people."""
    test_split: Split | None = None
    """How the test part is set apart; None if the data set has its own."""
    grouped: bool = False
    """Whether examples come in groups that must not be divided."""
    sizes: tuple[int, int] | None = None
    """Examples to train and validate on, and to test on, where groups decide the numbers."""


class OwnPreparation(PreparationBase):
    """How a user's own data set is read and split."""

    source: OwnSource
    """Where the data is, and how it is read."""
    class_names: tuple[str, ...]
    """Names of the classes, by label; none for a regression."""
    fingerprint: str
    """SHA-256 of the content: a changed file is prepared again."""

    @property
    def stage(self) -> str:
        """The module of :mod:`bnmatrix.stages` that prepares the data set."""
        return "prepare_own"
