"""Metrics: what a run is scored by on its test part, and how each is read and written.

The columns are those of the table of runs. A job computes all metrics of its task
(:mod:`bnmatrix.training.testing`); a data set has one of them as its primary metric.
"""

import math
from dataclasses import dataclass
from typing import Literal

Task = Literal["classification", "regression"]


@dataclass(frozen=True)
class Metric:
    """A metric of the test part.

    Attributes:
        name: its name in the configuration.
        label: what pages call it, without "test".
        column: its column in the table of runs.
        unit: the unit of differences (:mod:`bnmatrix.statistics.units`).
        task: the task that has it.
        margin: the largest difference that makes no practical difference, if a data set declares no
            other; for ``rmse``, in standard deviations of the target.
        reason: why this margin.
        lower_is_better: whether a lower value is better.
    """

    name: str
    label: str
    column: str
    unit: str
    task: Task
    margin: float
    reason: str
    lower_is_better: bool = False

    def better(self, difference: float) -> float:
        """Return a difference with the sign that is positive where the first value is better."""
        return -difference if self.lower_is_better else difference

    def of_nothing(self, classes: int, deviation: float = math.nan) -> float:
        """Return the value of a network that has learned nothing, as which a diverged run counts.

        It gives all of K classes the same probability, or predicts the mean of the target. Its
        calibration error would be zero, which no reader expects of a run that failed: there, it is
        that of a network that is always certain and right by chance.

        Args:
            classes: number of classes, K.
            deviation: standard deviation of the target of a regression.
        """
        chance = 1 / max(classes, 1)
        return {
            "auc": 0.5,
            "log_loss": math.log(max(classes, 1)),
            # Half the sum over classes of squared errors: ((1 − 1/K)² + (K − 1)/K²) / 2.
            "brier": (1 - chance) / 2,
            "ece": 1 - chance,
            "r2": 0.0,
            "rmse": deviation,
        }.get(self.name, chance)


_POINT = "one point, which few users would notice"

_ALL = (
    Metric("accuracy", "accuracy", "test_accuracy", "points", "classification", 0.01, _POINT),
    Metric(
        "balanced_accuracy",
        "balanced accuracy",
        "test_balanced_accuracy",
        "points",
        "classification",
        0.01,
        _POINT,
    ),
    Metric("macro_f1", "macro F1", "test_macro_f1", "points", "classification", 0.01, _POINT),
    Metric(
        "auc",
        "area under the ROC curve",
        "test_auc",
        "points",
        "classification",
        0.01,
        _POINT,
    ),
    Metric(
        "log_loss",
        "log loss",
        "test_loss",
        "nats",
        "classification",
        0.01,
        "0.01 nats: the true class gets one per cent more or less probability, in the geometric "
        "mean",
        lower_is_better=True,
    ),
    Metric(
        "brier",
        "Brier score",
        "test_brier",
        "plain",
        "classification",
        0.01,
        "0.01: as much as one point of accuracy, if all answers were certain",
        lower_is_better=True,
    ),
    Metric(
        "ece",
        "expected calibration error",
        "test_ece",
        "points",
        "classification",
        0.01,
        "one point between confidence and accuracy",
        lower_is_better=True,
    ),
    Metric(
        "rmse",
        "root mean squared error",
        "test_rmse",
        "target units",
        "regression",
        0.01,
        "one per cent of the standard deviation of the target",
        lower_is_better=True,
    ),
    Metric(
        "r2",
        "R²",
        "test_r2",
        "plain",
        "regression",
        0.01,
        "one per cent of the variance of the target",
    ),
)

#: Metrics by the name that the key ``metric`` of a data set takes.
METRICS = {metric.name: metric for metric in _ALL}

#: Columns of all metrics, in the order of tables. Accuracy and loss come first in the table of
#: runs; the log loss is the loss.
COLUMNS = tuple(metric.column for metric in _ALL)

#: Metrics that the table of correctness has without each group of test examples, in its order.
#: Accuracy follows from which examples are correct.
BY_GROUP = COLUMNS[1:]


def metric_of(column: str) -> Metric | None:
    """Return the metric of a column of runs; None if the column is no metric."""
    return next((metric for metric in _ALL if metric.column == column), None)
