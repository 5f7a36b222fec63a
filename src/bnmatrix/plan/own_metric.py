"""The primary metric of a user's own data set, its margin, and the reasons for both."""

from collections.abc import Sequence
from dataclasses import dataclass

from bnmatrix.config.own_data import OwnDataset
from bnmatrix.datasets.own.spec import Inspection, Measured
from bnmatrix.errors import UserError
from bnmatrix.tables.metrics import METRICS, Metric

#: A class is rare if it has less than this share of an even share of the examples.
_RARE = 1 / 5


@dataclass(frozen=True)
class Choice:
    """The primary metric of a data set.

    Attributes:
        metric: the metric.
        margin: the largest difference that makes no practical difference.
        reasons: why, as sentences for the page.
    """

    metric: Metric
    margin: float
    reasons: tuple[str, ...]


def primary_metric(declared: OwnDataset, found: Inspection, where: str) -> Choice:
    """Return the primary metric of a data set: the declared one, or one that fits the data.

    Args:
        declared: the entry of the data set.
        found: what is found in the data set.
        where: opens the message of errors.

    Raises:
        UserError: the declared metric is of another task, or the margin is no margin of it.
    """
    task = "regression" if found.target else "classification"
    rare = "" if found.target else rare_class(found.classes, found.rows_by_class)
    default = "rmse" if found.target else "balanced_accuracy" if rare else "accuracy"
    metric = METRICS[declared.metric or default]
    if metric.task != task:
        of_task = ", ".join(name for name, other in METRICS.items() if other.task == task)
        raise UserError(
            f"{where}: metric: {metric.name} is for {metric.task}, and the task of this data set "
            f"is {task}; use one of {of_task}"
        )
    if declared.margin is not None and declared.margin >= 1 and metric.unit == "points":
        raise UserError(
            f"{where}: margin: {declared.margin:g} must be below 1; it is a fraction, so that one "
            "point is 0.01"
        )
    margin = metric.margin if declared.margin is None else declared.margin
    if found.target:
        return _of_regression(declared, found.target, metric, margin)
    if metric.name == "accuracy" and not rare:
        return Choice(metric, margin, ())
    reasons = [rare] if rare else []
    if declared.metric:
        reasons.append(f"The metric is {metric.label}, as the entry of the data set says.")
    else:
        reasons.append(
            "The metric is therefore balanced accuracy, the mean over classes of the share of "
            "their examples that is recognized; `metric` in the entry of the data set chooses "
            "another."
        )
    if declared.margin is None:
        reasons.append(f"The margin is {metric.reason}.")
    return Choice(metric, margin, tuple(reasons))


def _of_regression(declared: OwnDataset, target: Measured, metric: Metric, margin: float) -> Choice:
    """Return the metric of a regression, with its margin in units of the target."""
    if declared.margin is None and metric.name == "rmse":
        margin = float(f"{metric.margin * target.deviation:.3g}")
    chosen = "as `task` says" if declared.task else "because it has many numbers, not all whole"
    reasons = [
        f"The target is a measurement (regression), {chosen}: from {target.low:.4g} to "
        f"{target.high:.4g}, with standard deviation {target.deviation:.4g}. Networks have one "
        "output and are trained on the squared error of the target, standardized on the training "
        "examples. What needs classes is left out: accuracy, confusion, recall, calibration, and "
        "claims about them.",
        f"The metric is {metric.label}"
        + (", in units of the target." if metric.name == "rmse" else "."),
    ]
    if declared.margin is None:
        reasons.append(f"The margin is {metric.reason}.")
    return Choice(metric, margin, tuple(reasons))


def rare_class(classes: Sequence[str], rows: Sequence[int]) -> str:
    """Return a sentence on the rarest class if it is rare; "" if none is.

    Args:
        classes: names of the classes.
        rows: number of examples of each.
    """
    every, fewest, most = sum(rows), min(rows), max(rows)
    if fewest >= _RARE * every / len(rows):
        return ""
    rarest, largest = classes[rows.index(fewest)], classes[rows.index(most)]
    return (
        f"The class '{rarest}' has {fewest} of {every} examples ({fewest / every * 100:.2g} %), "
        f"less than a fifth of an even share ({100 / len(rows):.2g} %). Who always answers "
        f"'{largest}' is right in {most / every * 100:.1f} % and recognizes no '{rarest}': "
        "accuracy hides what happens to it."
    )
