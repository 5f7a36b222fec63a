"""Endpoints of claims: from the tables of two arms to one value a replicate and arm.

Each is a function of this module, named in ``config/claims.yaml`` and listed in
``bnmatrix.registry.ENDPOINTS``. It takes the two arms (the second may be None: then the first is
compared with zero) and its arguments, and returns :class:`Pairs`. To add one, write it here and
list it there.
"""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from bnmatrix.errors import UserError
from bnmatrix.results import DIVERGED
from bnmatrix.variants import plain_value

#: What a norm or a factor counts as at least, so that it has a logarithm.
_SMALLEST = 1e-12


@dataclass(frozen=True)
class Arm:
    """The tables of a study, cut to one arm's rows.

    Attributes:
        runs, history, measurements, timings, step_times: see :mod:`bnmatrix.results`.
        classes: number of classes: a diverged run has the accuracy of chance.
    """

    runs: pd.DataFrame
    history: pd.DataFrame
    measurements: pd.DataFrame
    timings: pd.DataFrame
    step_times: pd.DataFrame
    classes: int

    def select(self, selection: dict[str, Any]) -> "Arm":
        """Return the rows in which columns have the given values (or one of several; None: empty).

        Raises:
            UserError: no run is left.
        """

        def cut(table: pd.DataFrame) -> pd.DataFrame:
            for column, wanted in selection.items():
                if column in table.columns:
                    table = table[is_any_of(table[column], wanted)]
            return table

        arm = Arm(
            *(cut(t) for t in (self.runs, self.history, self.measurements, self.timings)),
            cut(self.step_times),
            self.classes,
        )
        if arm.runs.empty:
            raise UserError(f"no run has {selection}")
        return arm


def is_any_of(column: pd.Series, wanted: Any) -> pd.Series:
    """Return where a column has a value, or one of several; None means empty."""
    values = [plain_value(value) for value in (wanted if isinstance(wanted, list) else [wanted])]
    found = column.isin([value for value in values if value is not None])
    return found | column.isna() if None in values else found


@dataclass(frozen=True)
class Pairs:
    """An endpoint's values.

    Attributes:
        table: indexed by replicate; columns ``treatment`` and ``control``, float64. Replicates
            that one arm lacks are left out.
        note: what a reader has to know of them, such as runs that never reached a target.
    """

    table: pd.DataFrame
    note: str = ""


Values = pd.Series  # one a replicate


def _pairs(treatment: Values, control: Values | None, note: str = "") -> Pairs:
    if control is None:
        control = pd.Series(0.0, index=treatment.index)
    return _finite(pd.concat({"treatment": treatment, "control": control}, axis=1), note)


def _finite(values: pd.DataFrame, note: str = "") -> Pairs:
    """Return the pairs of which both values are finite, and say how many are not."""
    kept = values[np.isfinite(values).all(axis=1)].sort_index()
    if len(kept) < len(values):
        lost = len(values) - len(kept)
        note = f"{note} {lost} of {len(values)} pairs left out, for want of a value.".strip()
    return Pairs(kept, note)


def _by_arm(function: Callable[..., Values]) -> Callable[..., Pairs]:
    """Make an endpoint of a function of one arm."""

    @functools.wraps(function)
    def endpoint(treatment: Arm, control: Arm | None, **arguments: Any) -> Pairs:
        second = None if control is None else function(control, **arguments)
        return _pairs(function(treatment, **arguments), second)

    return endpoint


def scores(arm: Arm, column: str) -> pd.Series:
    """Return a column of the runs, accuracies of diverged runs at chance.

    ``generalization_gap`` is training minus test accuracy; a diverged run has none.
    """
    runs = arm.runs
    if column == "generalization_gap":
        return runs["train_accuracy"] - runs["test_accuracy"]
    if column.endswith("accuracy"):
        return runs[column].where(runs["status"] != DIVERGED, 1 / arm.classes)
    return runs[column].astype(np.float64)


def _grid(arm: Arm, axis: str, column: str) -> pd.DataFrame:
    """Return a column's values, a row a replicate and a column a value of the axis, ascending."""
    table = arm.runs.assign(_value=scores(arm, column), _at=axis_numbers(arm.runs[axis]))
    return table.pivot_table(
        index="replicate", columns="_at", values="_value", aggfunc="mean"
    ).sort_index(axis=1)


def axis_numbers(values: pd.Series) -> pd.Series:
    """Return an axis's values as numbers; an initializer ``normal-0.05`` as its deviation."""
    return pd.to_numeric(values.astype(str).str.removeprefix("normal-"))


@_by_arm
def final(arm: Arm, column: str = "test_accuracy") -> Values:
    """Return the value at the end of training, a mean over the arm's cells."""
    return scores(arm, column).groupby(arm.runs["replicate"]).mean()


@_by_arm
def size(arm: Arm, column: str) -> Values:
    """Return log₂ of a count."""
    return np.log2(scores(arm, column)).groupby(arm.runs["replicate"]).mean()


@_by_arm
def count(arm: Arm, column: str) -> Values:
    """Return a count."""
    return scores(arm, column).groupby(arm.runs["replicate"]).mean()


@_by_arm
def at_epoch(arm: Arm, column: str, epoch: float) -> Values:
    """Return the value at the evaluation after so many epochs."""
    return arm.history[arm.history["epoch"] == epoch].groupby("replicate")[column].mean()


@_by_arm
def best_epoch(arm: Arm, column: str) -> Values:
    """Return the largest value of all evaluations."""
    return arm.history.groupby("replicate")[column].max()


@_by_arm
def gain_along(
    arm: Arm, axis: str, at: Any, reference: Any, column: str = "test_accuracy"
) -> Values:
    """Return by how much the value at one point of an axis exceeds that at another."""
    there, here = (
        scores(part, column).groupby(part.runs["replicate"]).mean()
        for part in (arm.select({axis: at}), arm.select({axis: reference}))
    )
    return there - here


@_by_arm
def spread_over(arm: Arm, axis: str, column: str = "test_accuracy") -> Values:
    """Return the largest minus the smallest value over an axis."""
    table = arm.runs.assign(_value=scores(arm, column))
    by_value = table.pivot_table(index="replicate", columns=axis, values="_value")
    return by_value.max(axis=1) - by_value.min(axis=1)


@_by_arm
def slope_on_log2(
    arm: Arm, axis: str, column: str = "test_accuracy", over: Sequence[float] | None = None
) -> Values:
    """Return the least-squares slope on log₂ of an axis, over all its values or some."""
    grid = _grid(arm, axis, column)
    grid = (grid[list(over)] if over else grid).dropna()
    x = np.log2(grid.columns.to_numpy(np.float64))
    centered = x - x.mean()
    return (grid * centered).sum(axis=1) / np.sum(centered**2)


def _best(arm: Arm, axis: str) -> float:
    """Return the point of an axis with the best mean validation accuracy."""
    return _grid(arm, axis, "validation_accuracy").mean().idxmax()


@_by_arm
def best_over(arm: Arm, axis: str, column: str = "test_accuracy") -> Values:
    """Return the value at the arm's best point of an axis, chosen by validation accuracy."""
    return _grid(arm, axis, column)[_best(arm, axis)]


def at_best_of_control(
    treatment: Arm, control: Arm, axis: str, column: str = "test_accuracy"
) -> Pairs:
    """Return the values of both at the control's best point, chosen by validation accuracy.

    Bjorck et al. 2018 ask so whether what normalization brings comes from larger learning rates.
    """
    best = _best(control, axis)
    first, second = (_grid(arm, axis, column)[best] for arm in (treatment, control))
    return _pairs(first, second, f"The control's best {axis.replace('_', ' ')} is {best:g}.")


def _working(arm: Arm, axis: str, within: float) -> pd.DataFrame:
    grid = _grid(arm, axis, "validation_accuracy")
    # Accuracies are ratios of counts: exactly so far below the best is near, whatever the rounding.
    return grid.ge(grid.max(axis=1) - within - 1e-9, axis=0)


@_by_arm
def largest_working(arm: Arm, axis: str, within: float) -> Values:
    """Return log₁₀ of the largest value whose validation accuracy is near the replicate's best."""
    working = _working(arm, axis, within)
    return np.log10(working.mul(working.columns.to_numpy(), axis=1).max(axis=1))


@_by_arm
def working_width(arm: Arm, axis: str, within: float) -> Values:
    """Return how many decades of an axis are near the replicate's best validation accuracy.

    Each value of the grid that is near stands for one step of the grid, gaps are not bridged.
    """
    working = _working(arm, axis, within)
    at = np.log10(working.columns.to_numpy(np.float64))
    return working.sum(axis=1) * (at[-1] - at[0]) / (len(at) - 1)


def _reached(table: pd.DataFrame, target: float, clock: str, start: float) -> pd.DataFrame:
    """Return where on a clock each replicate first reached a target, a row a replicate and cell.

    Between evaluations by straight lines, from ``start`` (the accuracy of chance) at zero.

    Returns:
        ``at``, NaN where it never got there.
    """
    rows = []
    for (replicate, variant), part in table.groupby(["replicate", "variant"], sort=False):
        when = np.concatenate([[0.0], part[clock].to_numpy(np.float64)])
        accuracy = np.concatenate([[start], part["validation_accuracy"].to_numpy(np.float64)])
        hits = np.flatnonzero(accuracy >= target)
        at = np.nan
        if len(hits):
            place = max(int(hits[0]), 1)
            low, high = accuracy[place - 1], accuracy[place]
            share = (target - low) / (high - low) if high > low else 1.0
            at = when[place - 1] + share * (when[place] - when[place - 1])
        rows.append({"replicate": replicate, "variant": variant, "at": at})
    return pd.DataFrame(rows)


def _time_to(
    treatment: Arm, control: Arm | None, target: float, clock: str, tables: list[pd.DataFrame]
) -> Pairs:
    """Return log₂ of the time to a target; a run that never gets there has the longest of any.

    What is known of it is that it took at least so long. A pair of which neither got there tells
    nothing, and is left out.
    """
    end = max(float(table[clock].max()) for table in tables)
    values, never, missed = [], [], []
    for arm, table in zip((treatment, control), tables, strict=False):
        found = _reached(table, target, clock, 1 / arm.classes)
        never.append(f"{int(found['at'].isna().sum())} of {len(found)}")
        missed.append(found["at"].isna().groupby(found["replicate"]).all())
        filled = found["at"].fillna(end).clip(lower=end * 1e-6)
        values.append(np.log2(filled.groupby(found["replicate"]).mean()))
    if len(missed) == 2:
        neither = (missed[0] & missed[1]).reindex(values[0].index, fill_value=False)
        values[0] = values[0].mask(neither)
    note = f"Never reached in {' and '.join(never)} runs (first arm, second arm)."
    return _pairs(values[0], values[1] if len(values) == 2 else None, note)


def steps_to(treatment: Arm, control: Arm | None, target: float) -> Pairs:
    """Return log₂ of the steps to a validation accuracy, censored at the end of training.

    A run that diverged has the whole length as well: it would not have got there.
    """
    tables = [arm.history for arm in (treatment, control) if arm is not None]
    return _time_to(treatment, control, target, "step", tables)


def steps_to_share(treatment: Arm, control: Arm, share: float) -> Pairs:
    """Return log₂ of the steps to a share of the way from chance to what both arms end with.

    For data of which nobody knows beforehand what can be reached.
    """
    chance = 1 / treatment.classes
    both = min(scores(arm, "validation_accuracy").mean() for arm in (treatment, control))
    return steps_to(treatment, control, chance + share * (both - chance))


def seconds_to(treatment: Arm, control: Arm | None, target: float) -> Pairs:
    """Return log₂ of the seconds of training to a validation accuracy, censored at the end."""

    def table(arm: Arm) -> pd.DataFrame:
        keys = ["variant", "replicate"]
        order = [*keys, "step"]
        timings = arm.timings.sort_values(order)
        # The first replicate's first stretch holds the compilation: the others' take its place.
        typical = timings.groupby(["variant", "step"])["training_seconds"].transform("median")
        timings = timings.assign(seconds=typical)
        timings["seconds"] = timings.groupby(keys)["seconds"].cumsum()
        return arm.history.merge(timings[[*order, "seconds"]], on=order)

    tables = [table(arm) for arm in (treatment, control) if arm is not None]
    return _time_to(treatment, control, target, "seconds", tables)


def gap_at_matched_loss(treatment: Arm, control: Arm) -> Pairs:
    """Return training minus validation accuracy where both arms have the same training loss.

    For each replicate, the loss is the lowest that both arms reach; each arm's gap is that where it
    first is so low, between evaluations by straight lines, from a loss of ln K (K classes) and no
    gap before the first step.

    Raises:
        UserError: an arm has several cells.
    """
    for arm in (treatment, control):
        cells = arm.history["variant"].nunique()
        if cells > 1:
            raise UserError(f"gap_at_matched_loss compares one cell with one, not with {cells}")
    values: dict[int, tuple[float, float]] = {}
    curves = [
        dict(tuple(arm.history.dropna(subset=["train_loss"]).groupby("replicate")))
        for arm in (treatment, control)
    ]
    for replicate in sorted(set(curves[0]) & set(curves[1])):
        parts = [curve[replicate].sort_values("step") for curve in curves]
        level = max(part["train_loss"].min() for part in parts)
        values[replicate] = tuple(_gap_at(part, level, treatment.classes) for part in parts)
    table = pd.DataFrame.from_dict(values, orient="index", columns=["treatment", "control"])
    return _finite(table)


def _gap_at(part: pd.DataFrame, level: float, classes: int) -> float:
    loss = np.concatenate([[np.log(classes)], part["train_loss"].to_numpy()])
    gap = (part["train_accuracy"] - part["validation_accuracy"]).to_numpy()
    gap = np.concatenate([[0.0], gap])
    place = int(np.argmax(loss <= level))
    if place == 0 or loss[place - 1] == loss[place]:
        return float(gap[place])
    share = (loss[place - 1] - level) / (loss[place - 1] - loss[place])
    return float(gap[place - 1] + share * (gap[place] - gap[place - 1]))


@_by_arm
def roughness(arm: Arm) -> Values:
    """Return the mean rise of the validation loss from one evaluation to the next."""
    changes = arm.history.sort_values(["variant", "replicate", "step"]).assign(
        change=lambda t: t.groupby(["variant", "replicate"])["validation_loss"].diff()
    )
    return (
        changes.dropna(subset=["change"])
        .groupby("replicate")["change"]
        .agg(lambda change: change.clip(lower=0).mean())
    )


def _measurements(
    arm: Arm, measure: str, step: int | None, parts: Sequence[Any] | None
) -> pd.DataFrame:
    table = arm.measurements[arm.measurements["measure"] == measure]
    if step is not None:
        table = table[table["step"] == step]
    if parts is not None:
        table = table[table["part"].isin([str(part) for part in parts])]
    return table


def _mean_of_all(values: pd.Series, replicates: pd.Series) -> Values:
    """Return a mean a replicate; NaN for one that lacks values that others have.

    A run that diverged was not measured to its end: its mean would be one of other steps.
    """
    groups = values.groupby(replicates)
    counts = groups.count()
    return groups.mean().where(counts == counts.max())


@_by_arm
def measured(
    arm: Arm, measure: str, step: int | None = None, parts: Sequence[Any] | None = None
) -> Values:
    """Return the mean of a measure, over steps and parts or some of them."""
    table = _measurements(arm, measure, step, parts)
    return _mean_of_all(table["value"], table["replicate"])


@_by_arm
def measured_along(
    arm: Arm, measure: str, axis: str, at: Any, reference: Any, parts: Sequence[Any] | None = None
) -> Values:
    """Return by how much a measure's mean at one point of an axis exceeds that at another."""
    there, here = (
        _mean_of_all(table["value"], table["replicate"])
        for table in (
            _measurements(arm.select({axis: at}), measure, None, parts),
            _measurements(arm.select({axis: reference}), measure, None, parts),
        )
    )
    return there - here


@_by_arm
def log_measured(
    arm: Arm, measure: str, step: int | None = None, parts: Sequence[Any] | None = None
) -> Values:
    """Return the mean of log₁₀ of a measure, over steps and parts or some of them."""
    table = _measurements(arm, measure, step, parts)
    return _mean_of_all(np.log10(table["value"].clip(lower=_SMALLEST)), table["replicate"])


@_by_arm
def gradient_imbalance(arm: Arm, step: int) -> Values:
    """Return |log₁₀| of the first layer's gradient norm over the last one's, a mean over cells.

    A network all of whose gradients have vanished has no value.
    """
    table = _measurements(arm, "gradient_norm", step, None)
    layers = table.assign(layer=table["part"].astype(int)).groupby(["replicate", "variant"])
    first, last = (
        table.loc[place].set_index(["replicate", "variant"])["value"].clip(lower=_SMALLEST)
        for place in (layers["layer"].idxmin(), layers["layer"].idxmax())
    )
    ratio = np.log10(first / last).abs().mask((first == _SMALLEST) & (last == _SMALLEST))
    return _mean_of_all(ratio, ratio.index.get_level_values("replicate").to_series(ratio.index))


@_by_arm
def step_time(arm: Arm, part: str) -> Values:
    """Return log₂ of seconds a step, one a round of turns, a mean over the arm's cells."""
    table = arm.step_times[arm.step_times["part"] == part]
    return np.log2(table["value"]).groupby(table["replicate"]).mean()


#: The endpoints by name.
ENDPOINTS: dict[str, Callable[..., Pairs]] = {
    function.__name__: function
    for function in (
        *(
            final,
            count,
            size,
            at_epoch,
            best_epoch,
            gain_along,
            spread_over,
            slope_on_log2,
            best_over,
            at_best_of_control,
        ),
        *(largest_working, working_width, steps_to, steps_to_share, seconds_to),
        *(gap_at_matched_loss, roughness),
        *(measured, measured_along, log_measured, gradient_imbalance, step_time),
    )
}
