"""Endpoints from the number of steps and the seconds of training."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from bnmatrix.statistics.endpoints.registry import of_both_arms, of_each_arm
from bnmatrix.statistics.endpoints.values import Arm, Pairs, flagged, paired, scores

if TYPE_CHECKING:
    import pandas as pd


@of_both_arms("factor of 2", "steps to a validation accuracy of {target}", needs_control=False)
def steps_to(treatment: Arm, control: Arm | None, target: float) -> Pairs:
    """Return log₂ of the steps to a validation accuracy, censored at the end of training.

    A diverged run counts with the complete length of training, as it does not reach the target.
    """
    second = None if control is None else (control, control.history)
    return _time_to((treatment, treatment.history), second, target, "step")


@of_both_arms(
    "factor of 2",
    "steps to {share} of the validation accuracy above chance that both reach",
    needs_control=True,
)
def steps_to_share(treatment: Arm, control: Arm, share: float) -> Pairs:
    """Return log₂ of the steps to a share of the way from chance to the final accuracy.

    The final accuracy is that of the worse arm. This endpoint is for data whose attainable accuracy
    is not known in advance.
    """
    chance = 1 / treatment.classes
    lowest = min(scores(arm, "validation_accuracy").mean() for arm in (treatment, control))
    return steps_to(treatment, control, target=chance + share * (lowest - chance))


@of_both_arms("factor of 2", "seconds to a validation accuracy of {target}", needs_control=False)
def seconds_to(treatment: Arm, control: Arm | None, target: float) -> Pairs:
    """Return log₂ of the seconds to a validation accuracy, censored at the end of training."""
    second = None if control is None else (control, _with_seconds(control))
    return _time_to((treatment, _with_seconds(treatment)), second, target, "seconds")


def _with_seconds(arm: Arm) -> pd.DataFrame:
    """Return the history with the column ``seconds``: training time before each evaluation."""
    keys = ["variant", "replicate"]
    order = [*keys, "step"]
    timings = arm.timings.sort_values(order)
    # The first segment of the first replicate includes the compilation. Therefore each segment
    # counts with its median over replicates.
    typical = timings.groupby(["variant", "step"])["training_seconds"].transform("median")
    timings = timings.assign(seconds=typical)
    timings["seconds"] = timings.groupby(keys)["seconds"].cumsum()
    return arm.history.merge(timings[[*order, "seconds"]], on=order)


def _time_to(
    treatment: tuple[Arm, pd.DataFrame],
    control: tuple[Arm, pd.DataFrame] | None,
    target: float,
    clock: str,
) -> Pairs:
    """Return log₂ of the time to a target, censored at the longest time of any run.

    A run that misses the target counts with the longest time of any run, as a lower bound. A pair
    in which both runs miss the target has no information and is left out.

    Args:
        treatment, control: an arm, and the arm's evaluations with the column ``clock``.
        target: the validation accuracy.
        clock: the column of time.
    """

    arms = [treatment] if control is None else [treatment, control]
    end = max(float(table[clock].max()) for _, table in arms)
    values, never, missed = [], [], []
    for arm, table in arms:
        times = _reached(table, target, clock, 1 / arm.classes)
        never.append(f"{int(times['at'].isna().sum())} of {len(times)}")
        missed.append(times["at"].isna().groupby(times["replicate"]))
        filled = times["at"].fillna(end).clip(lower=end * 1e-6)
        values.append(np.log2(filled.groupby(times["replicate"]).mean()))
    note = f"Never reached in {' and '.join(never)} runs (first arm, second arm)."
    if control is None:
        pairs = paired(values[0], None, note)
    else:
        neither = (missed[0].all() & missed[1].all()).reindex(values[0].index, fill_value=False)
        pairs = paired(values[0].mask(neither), values[1], note)
    return replace(pairs, censored=flagged(pairs.table, [arm.any() for arm in missed]))


def _reached(table: pd.DataFrame, target: float, clock: str, start: float) -> pd.DataFrame:
    """Return the time at which each run first reached a target: one row per replicate and variant.

    The accuracy is interpolated linearly between evaluations, from ``start`` (chance) at time zero.

    Returns:
        Columns ``replicate``, ``variant`` and ``at``; NaN for a run that missed the target.
    """
    import pandas as pd

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


@of_each_arm("factor of 2", "seconds a step ({part})", measure="seconds_per_step")
def step_time(arm: Arm, part: str) -> pd.Series:
    """Return log₂ of the seconds per step: one value per round, as a mean over the variants."""
    table = arm.step_times[arm.step_times["part"] == part]
    return np.log2(table["value"]).groupby(table["replicate"]).mean()
