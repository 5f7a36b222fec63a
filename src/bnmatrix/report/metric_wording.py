"""How figures and pages write a metric of the test part: its name, values and differences."""

from dataclasses import dataclass

from bnmatrix.report import wording
from bnmatrix.statistics import units
from bnmatrix.tables.metrics import METRICS, Metric

#: Words for the unit of differences, in headings and after numbers; "" if there is none.
_UNITS = {"points": "points", "nats": "nats", "plain": "", "target units": "units of the target"}


@dataclass(frozen=True)
class MetricWording:
    """How a metric is written."""

    metric: Metric

    @property
    def name(self) -> str:
        """What sentences call it: "test accuracy"."""
        return f"test {self.metric.label}"

    @property
    def heading(self) -> str:
        """What headings call it: "Test accuracy"."""
        return f"Test {self.metric.label}"

    @property
    def in_points(self) -> bool:
        """Whether it is a fraction, of which differences are in percentage points."""
        return self.metric.unit == "points"

    @property
    def unit(self) -> str:
        """The unit of differences in brackets, or nothing: " (points)"."""
        words = _UNITS[self.metric.unit]
        return f" ({words})" if words else ""

    @property
    def axis(self) -> str:
        """The label of an axis of values: "test accuracy (%)"."""
        return f"{self.name}{' (%)' if self.in_points else self.unit}"

    @property
    def about(self) -> str:
        """A sentence on what differences are differences of, for notes on pages."""
        if self.in_points:
            return f"Points are percentage points of {self.name}."
        lower = " Lower is better." if self.metric.lower_is_better else ""
        return f"Differences are those of {self.name}{self.unit}.{lower}"

    def value(self, value: float) -> str:
        """Return a value: "97.20 %", "0.123"."""
        return wording.percent(value) if self.in_points else units.value(value, self.metric.unit)

    def difference(self, value: float) -> str:
        """Return a difference with its sign and without its unit: "+1.20"."""
        return wording.points(value) if self.in_points else units.number(value, self.metric.unit)

    def interval(self, low: float, high: float) -> str:
        """Return an interval of differences without its unit."""
        if self.in_points:
            return wording.interval(low, high)
        return units.interval(low, high, self.metric.unit)

    def amount(self, value: float) -> str:
        """Return the size of a difference or margin with its unit: "1 point", "0.01 nats"."""
        number = f"{abs(value) * (100 if self.in_points else 1):.3g}"
        words = _UNITS[self.metric.unit]
        if words == "points" and number == "1":
            return "1 point"
        return f"{number} {words}".strip()

    def reach(self, half_width: float) -> str:
        """Return the half width of an interval with its unit, rounded for a sentence."""
        if self.in_points:
            return f"{half_width * 100:.1f} points"
        return f"{half_width:.2g} {_UNITS[self.metric.unit]}".strip()

    def direction(self, low: float, high: float) -> str:
        """Return whether an interval says better ("up"), worse ("down") or neither ("")."""
        ends = sorted((self.metric.better(low), self.metric.better(high)))
        return "up" if ends[0] > 0 else "down" if ends[1] < 0 else ""


#: How test accuracy is written.
ACCURACY = MetricWording(METRICS["accuracy"])
