"""Claims, in ``config/claims.yaml``."""

import string
from collections.abc import Collection, Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator
from pydantic.json_schema import SkipJsonSchema

from bnmatrix.config import selections
from bnmatrix.config.selections import Selection
from bnmatrix.models import Model, Positive, one_of
from bnmatrix.statistics.endpoints.declared import ENDPOINTS
from bnmatrix.statistics.units import UNITS


class Analysis(Model):
    """A comparison that is declared before it is made: one endpoint of two arms."""

    label: str
    """The circumstances of the comparison, in words that complete the sentence "It holds …"."""
    studies: list[str]
    """Studies of the comparison, at most one per data set."""
    endpoint: Annotated[str, one_of(ENDPOINTS)]
    """The endpoint: a function in `bnmatrix.statistics.endpoints`."""
    arguments: dict[str, Any] = {}
    """The endpoint's arguments; a mapping from data sets to values gives each data set another
    value."""
    treatment: Selection = {"normalization": "batch"}
    """Values of axes that select the first arm; the endpoint is averaged over several cells."""
    control: Selection | None = {"normalization": "none"}
    """Values of axes that select the second arm; null: the first arm is compared with zero."""
    where: Selection = {}
    """Values of axes that select the runs of both arms."""
    direction: Literal["greater", "less", "different", "equal", "at most"]
    """What the claim says about the endpoint of the first arm, compared with the second arm:
    beyond the margin (`greater`, `less`, `different`), within it (`equal`), or greater by at most
    the margin (`at most`)."""
    margin: Positive | dict[str, Positive]
    """The largest difference, in either direction, that makes no practical difference; a mapping
    gives each data set another margin. In the endpoint's unit: fractions for accuracies, logarithms
    for factors."""
    unit: Annotated[str, one_of(UNITS)] | None = None
    """The unit in which differences are written; by default, the endpoint's unit."""
    wall_clock: bool = False
    """Whether the endpoint depends on wall-clock time, which differs from run to run. Such an
    analysis is judged and written separately."""
    fact: bool = False
    """Whether the endpoint is a fact that does not vary, such as a count. It is judged by its
    extreme over all pairs, without a test. Conditions, requirements and exploratory analyses do
    not inherit this key."""

    @property
    def written_unit(self) -> str:
        """The unit in which differences are written."""
        return self.unit or ENDPOINTS[self.endpoint].unit

    @property
    def of_accuracies(self) -> bool:
        """Whether accuracies, or differences of them, are compared."""
        return self.written_unit.startswith("points")

    def margin_on(self, dataset: str) -> float:
        """Return the margin for a data set."""
        return self.margin[dataset] if isinstance(self.margin, dict) else self.margin

    def arguments_on(self, dataset: str, datasets: Collection[str]) -> dict[str, Any]:
        """Return the endpoint's arguments for a data set (see :func:`selections.arguments_on`).

        Args:
            dataset: name of the data set.
            datasets: names of the data sets of all studies of the analysis.
        """
        return selections.arguments_on(self.arguments, dataset, datasets)


class Plot(Model):
    """The figure of a claim: values over one axis or over time, with one colour per arm."""

    table: Literal["runs", "history", "measurements"]
    """The table of the study from which the figure is drawn."""
    x: str
    """Column on the horizontal axis."""
    y: str
    """Column on the vertical axis."""
    where: Selection = {}
    """Rows that are drawn."""
    hue: str = "normalization"
    """Column whose values have different colours."""
    panels: str | list[str] | None = None
    """Column, or columns, with one panel per value."""
    scale: Literal["linear", "log", "log2"] = "linear"
    """Scale of the horizontal axis."""
    y_scale: Literal["linear", "log"] = "linear"
    """Scale of the vertical axis."""


#: A thread on GitHub.
THREAD = r"^[\w.-]+/[\w.-]+#\d+$"

#: Roles of the analyses that decide about a data set and a kind of network. They are one family.
DECIDING = ("primary", "convolutional")

#: Groups of the scorecard, in its order.
GROUPS = {
    "learning": "Learning rate and initialization",
    "depth": "Depth",
    "generalization": "Generalization",
    "batch size": "Batch size",
    "mechanics": "Mechanics and cost",
    "practice": "Asked in practice",
}


class Finding(Model):
    """Sentences without a full stop that say what was found, or what to do, chosen by the sign of
    the effect.

    `{amount}` stands for the size of the effect ("1.2 points", "4.8 times"), and `{share}`, where
    the endpoint is a factor, for its inverse ("21 %").
    """

    higher: str
    """What is found if the endpoint of the first arm is higher."""
    lower: str
    """What is found if it is lower."""
    same: str
    """What is found if the difference is within the margin."""

    @model_validator(mode="after")
    def _known_placeholders(self) -> Self:
        for key, template in self.model_dump().items():
            names = {name for _, name, _, _ in string.Formatter().parse(template) if name}
            if names - {"amount", "share"}:
                raise ValueError(
                    f"{key}: unknown placeholder {{{min(names - {'amount', 'share'})}}}; the "
                    "placeholders are {amount} and {share}"
                )
        return self


class Claim(Model):
    """A claim about batch normalization, and the analyses that test it."""

    title: str
    """The claim in a few words."""
    wording: str
    """The claim as the sources state it."""
    question: str
    """The question, and how the experiment answers it."""
    reason: str
    """The reasons for the endpoint, the arms and the margin."""
    literature: str
    """Results in the literature, with references."""
    group: Annotated[str, one_of(GROUPS)] | None = None
    """The group of the scorecard that the claim belongs to."""
    finding: Finding | None = None
    """Sentences for the scorecard that say what was found."""
    advice: Finding | None = None
    """Sentences that say what to do."""
    asked: list[Annotated[str, Field(pattern=THREAD)]] = []
    """Threads on GitHub that ask it: `owner/repository#number`."""
    primary: Analysis
    """The analysis that decides about the claim."""
    convolutional: Analysis | None = None
    """The analysis that decides about convolutional networks. If its effect differs from that of
    `primary`, the verdict on dense networks is conditional. Keys that are not given have the values
    of `primary`."""
    conditions: list[Analysis] = []
    """Further analyses that decide whether the claim holds only under some conditions. Keys that
    are not given have the values of `primary`."""
    requires: list[Analysis] = []
    """Preconditions: analyses whose effect must be real, in their direction, for the claim to be
    testable. Keys that are not given have the values of `primary`."""
    exploratory: list[Analysis] = []
    """Analyses that are shown and do not affect the verdict. Keys that are not given have the
    values of `primary`."""
    by_batch_size: Analysis | None = None
    """An analysis that is made at each batch size of its studies, for each normalization; the
    overview's answer rests on it. Keys that are not given have the values of `primary`."""
    own_data: dict[str, Any] | None = None
    """The analysis in studies of a user's own data. Keys that are not given have the values of
    `primary`; the margin is that of the data set. Batch sizes are `smallest`, `middle` and
    `largest`."""
    plot: Plot | None = None
    """The figure of the claim."""
    own: SkipJsonSchema[list[Analysis]] = []
    """Analyses in studies of a user's own data, made from `own_data`."""

    @model_validator(mode="before")
    @classmethod
    def _inherit(cls, data: Any) -> Any:
        if not isinstance(data, Mapping) or not isinstance(data.get("primary"), Mapping):
            return data
        primary = {key: value for key, value in data["primary"].items() if key != "fact"}
        parts = {
            key: [{**primary, **item} if isinstance(item, Mapping) else item for item in part]
            for key in ("conditions", "requires", "exploratory")
            if isinstance(part := data.get(key, []), list)
        }
        single = {
            key: {**primary, **item}
            for key in ("convolutional", "by_batch_size")
            if isinstance(item := data.get(key), Mapping)
        }
        return {**data, **parts, **single}

    @model_validator(mode="after")
    def _time_decides_nothing(self) -> Self:
        for role, analysis in self.analyses:
            if analysis.wall_clock and role != "exploratory":
                raise ValueError(
                    f"{role}: wall_clock: wall-clock time differs from run to run and cannot "
                    "decide about a claim; make the analysis exploratory"
                )
            if analysis.fact and analysis.wall_clock:
                raise ValueError(f"{role}: fact: wall-clock time varies and is no fact")
        return self

    @model_validator(mode="after")
    def _requirements_hold_everywhere(self) -> Self:
        if self.requires and self.own_data is not None:
            raise ValueError(
                "requires: a claim with `own_data` cannot have preconditions, since they are not "
                "analysed in a user's own data; leave one of the two out"
            )
        return self

    @property
    def family(self) -> str:
        """The family of the claims that are judged together: the sources' claims, or the questions
        of practitioners."""
        return "practice" if self.group == "practice" else "sources"

    @property
    def analyses(self) -> list[tuple[str, Analysis]]:
        """All analyses, each with its role."""
        return [
            ("primary", self.primary),
            *([("convolutional", self.convolutional)] if self.convolutional else []),
            *[("condition", item) for item in self.conditions],
            *[("requirement", item) for item in self.requires],
            *[("exploratory", item) for item in self.exploratory],
            *[("primary", item) for item in self.own],
        ]
