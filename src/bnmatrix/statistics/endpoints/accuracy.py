"""Endpoints from accuracies and other columns of the tables of runs and evaluations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bnmatrix.errors import UserError
from bnmatrix.statistics.endpoints.registry import of_both_arms, of_each_arm
from bnmatrix.statistics.endpoints.values import (
    Arm,
    Pairs,
    by_replicate,
    finite_pairs,
    grid,
    scores,
)

if TYPE_CHECKING:
    import pandas as pd


@of_each_arm("points", "{column}")
def final(arm: Arm, column: str = "test_accuracy") -> pd.Series:
    """Return the value at the end of training, as a mean over the arm's variants."""
    return by_replicate(arm, scores(arm, column))


@of_each_arm("points", "change of {column} from {axis} {reference} to {at}")
def gain_along(
    arm: Arm, axis: str, at: Any, reference: Any, column: str = "test_accuracy"
) -> pd.Series:
    """Return the value at ``at`` minus the value at ``reference`` on an axis."""
    end, start = arm.select({axis: at}), arm.select({axis: reference})
    return by_replicate(end, scores(end, column)) - by_replicate(start, scores(start, column))


@of_each_arm("points", "spread of {column} over {axis}")
def spread_over(arm: Arm, axis: str, column: str = "test_accuracy") -> pd.Series:
    """Return the largest minus the smallest value over an axis."""
    table = arm.runs.assign(_value=scores(arm, column))
    by_value = table.pivot_table(index="replicate", columns=axis, values="_value")
    return by_value.max(axis=1) - by_value.min(axis=1)


@of_each_arm("points a doubling", "slope of {column} on log₂ {axis}")
def slope_on_log2(
    arm: Arm, axis: str, column: str = "test_accuracy", over: Sequence[float] | None = None
) -> pd.Series:
    """Return the least-squares slope on log₂ of an axis, over all values of the axis or some."""
    values = grid(arm, axis, column)
    values = (values[list(over)] if over else values).dropna()
    x = np.log2(values.columns.to_numpy(np.float64))
    centered = x - x.mean()
    return (values * centered).sum(axis=1) / np.sum(centered**2)


@of_each_arm("count", "{column}")
def count(arm: Arm, column: str) -> pd.Series:
    """Return a count."""
    return by_replicate(arm, scores(arm, column))


@of_each_arm("factor of 2", "{column}")
def size(arm: Arm, column: str) -> pd.Series:
    """Return log₂ of a count."""
    return by_replicate(arm, np.log2(scores(arm, column)))


@of_each_arm("points", "{column} at epoch {epoch}")
def at_epoch(arm: Arm, column: str, epoch: float) -> pd.Series:
    """Return the value at the evaluation after ``epoch`` epochs."""
    return arm.history[arm.history["epoch"] == epoch].groupby("replicate")[column].mean()


@of_each_arm("points", "best {column} of all evaluations")
def best_epoch(arm: Arm, column: str) -> pd.Series:
    """Return the largest value of all evaluations."""
    return arm.history.groupby("replicate")[column].max()


@of_both_arms("points", "training minus validation accuracy at equal loss", needs_control=True)
def gap_at_matched_loss(treatment: Arm, control: Arm) -> Pairs:
    """Return training minus validation accuracy where both arms have the same training loss.

    For each replicate, the common loss is the lowest loss that both arms reach. The gap of an arm
    is the gap where the arm first reaches this loss. Loss and gap are interpolated linearly
    between evaluations. Before the first step, the loss is ln K (K classes) and the gap is 0.

    Raises:
        UserError: an arm has several variants.
    """
    import pandas as pd

    for arm in (treatment, control):
        variants = arm.history["variant"].nunique()
        if variants > 1:
            raise UserError(f"gap_at_matched_loss needs one variant per arm, not {variants}")
    first, second = _curves(treatment), _curves(control)
    gaps: dict[int, tuple[float, float]] = {}
    for replicate in sorted(set(first) & set(second)):
        curves = first[replicate], second[replicate]
        level = max(curve["train_loss"].min() for curve in curves)
        gaps[replicate] = (
            _gap_at(curves[0], level, treatment.classes),
            _gap_at(curves[1], level, treatment.classes),
        )
    table = pd.DataFrame.from_dict(gaps, orient="index", columns=["treatment", "control"])
    return finite_pairs(table)


def _curves(arm: Arm) -> dict[int, pd.DataFrame]:
    """Return the evaluations that have a training loss, in order of steps, by replicate."""
    evaluations = arm.history.dropna(subset=["train_loss"])
    return {number: curve.sort_values("step") for number, curve in evaluations.groupby("replicate")}


def _gap_at(curve: pd.DataFrame, level: float, classes: int) -> float:
    """Return the gap where a curve first reaches a training loss."""
    loss = np.concatenate([[np.log(classes)], curve["train_loss"].to_numpy()])
    gap = (curve["train_accuracy"] - curve["validation_accuracy"]).to_numpy()
    gap = np.concatenate([[0.0], gap])
    place = int(np.argmax(loss <= level))
    if place == 0 or loss[place - 1] == loss[place]:
        return float(gap[place])
    share = (loss[place - 1] - level) / (loss[place - 1] - loss[place])
    return float(gap[place - 1] + share * (gap[place] - gap[place - 1]))


@of_each_arm("nats", "mean rise of the validation loss between evaluations")
def roughness(arm: Arm) -> pd.Series:
    """Return the mean rise of the validation loss from one evaluation to the next."""
    changes = arm.history.sort_values(["variant", "replicate", "step"]).assign(
        change=lambda t: t.groupby(["variant", "replicate"])["validation_loss"].diff()
    )
    return (
        changes.dropna(subset=["change"])
        .groupby("replicate")["change"]
        .agg(lambda change: change.clip(lower=0).mean())
    )
