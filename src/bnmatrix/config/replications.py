"""Published experiments that studies repeat, in ``config/replications.yaml``."""

from typing import Annotated, Any

from pydantic import Field

from bnmatrix.config import selections
from bnmatrix.config.selections import Selection
from bnmatrix.models import Count, Model, Positive, one_of
from bnmatrix.statistics.endpoints.declared import ENDPOINTS


class Published(Model):
    """A published figure, and how the study computes the corresponding figure."""

    what: str
    """What the figure is."""
    value: float
    """The published figure, in the endpoint's unit: fractions for accuracies."""
    sd: Positive | None = None
    """Standard deviation over executions, if published."""
    executions: Count | None = None
    """Number of executions, if published."""
    tolerance: Annotated[float, Field(ge=0)] = 0.0
    """The largest difference that counts as agreement."""
    endpoint: Annotated[str, one_of(ENDPOINTS)] = "final"
    """A function in `bnmatrix.statistics.endpoints`."""
    arguments: dict[str, Any] = {}
    """The endpoint's arguments."""
    treatment: Selection
    """Values of axes that select the runs."""
    control: Selection | None = None
    """Values of axes that select the runs whose values are subtracted, pair by pair."""
    wall_clock: bool = False
    """Whether the endpoint depends on wall-clock time."""

    @property
    def typed_arguments(self) -> dict[str, Any]:
        """The endpoint's arguments, in which values of an axis have the types of the setting."""
        return selections.arguments_on(self.arguments, "", ())


class Replication(Model):
    """A published experiment that a study repeats."""

    title: str
    """Name of the experiment."""
    reference: str
    """The publication."""
    study: str
    """The study that repeats the experiment."""
    protocol: str
    """The published protocol, and how the study differs from it."""
    figures: list[Published]
    """The published figures."""
