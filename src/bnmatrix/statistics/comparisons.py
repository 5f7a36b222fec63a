"""From a table of runs to the summary of each variant and its paired effect over none."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict

import numpy as np
import pandas as pd

from bnmatrix.statistics.correctness import blocks_of, without_groups
from bnmatrix.statistics.means import estimate
from bnmatrix.statistics.overlaps import Overlap
from bnmatrix.statistics.paired import PairedEffect, paired_effect, pairs_needed
from bnmatrix.statistics.scoring import scored
from bnmatrix.statistics.verdicts import tail
from bnmatrix.tables.csv import axes_of
from bnmatrix.tables.example_groups import GROUPS
from bnmatrix.tables.metrics import COLUMNS, metric_of
from bnmatrix.tables.status import DIVERGED

#: What a row of :func:`compare` says of the pairs, in order; its other columns are axes and names.
_EFFECT = ("pairs", "effect", "sd", "ci_low", "ci_high", "p_value", "probability_of_improvement")
#: The ends of intervals that hold together, and the pairs with which these tell half a margin.
_JOINT = ("joint_low", "joint_high", "pairs_needed")
#: Columns of runs whose means over the completed runs the summary has, beside metrics.
_MEANS = (
    "test_loss",
    "train_accuracy",
    "train_accuracy_as_trained",
    "validation_accuracy",
    "validation_loss",
)
#: Columns of which the runs of a variant have one value, or the first one is taken.
_SAME = ("learning_rate_used", "steps_taken", "parameters", "variant")
#: What an estimate says beside the number of runs.
_ESTIMATE = ("mean", "sd", "ci_low", "ci_high")
_COLUMNS = ("endpoint", *_EFFECT, *_JOINT, "baseline_mean", "variant_mean", "variant", "baseline")


def summarize(
    runs: pd.DataFrame,
    classes: int,
    overlaps: Mapping[str, Overlap] | None = None,
    correctness: pd.DataFrame | None = None,
    endpoint: str = "test_accuracy",
    deviation: float = math.nan,
) -> pd.DataFrame:
    """Return one row per variant: its axes, counts, and test accuracy, with means and intervals.

    ``gap_*`` is the generalization gap of the runs that completed: training minus test accuracy.
    If the primary metric is another one, it has the same columns as test accuracy. The further
    metrics have means over the runs that completed.

    Args:
        runs: a study's runs (see :mod:`bnmatrix.tables.schema`).
        classes: number of classes, for chance.
        overlaps: that of each variant whose training sets overlap
            (:func:`bnmatrix.plan.sizes.overlap`).
        correctness: of the test examples (:mod:`bnmatrix.statistics.correctness`), or None.
        endpoint: the primary metric, a column of ``runs``.
        deviation: standard deviation of the target of a regression.
    """
    rows = []
    metric = metric_of(endpoint)
    regression = metric is not None and metric.task == "regression"
    primary = (endpoint,) if regression else tuple(dict.fromkeys(("test_accuracy", endpoint)))
    by_variant = {
        column: scored_values(runs, column, classes, correctness, deviation) for column in primary
    }
    for variant, group in runs.groupby("variant", sort=False):
        overlap = (overlaps or {}).get(variant)
        estimates = {
            f"{column}_{name}": value
            for column in primary
            for name, value in _estimated(by_variant[column][variant], group, overlap, column)
        }
        if regression:
            estimates |= {f"test_accuracy_{name}": math.nan for name in _ESTIMATE}
            estimates["test_accuracy_n"] = estimates[f"{endpoint}_n"]
        completed, first = group[group["status"] != DIVERGED], group.iloc[0]
        rows.append(
            {name: first[name] for name in axes_of(runs)}
            | {"diverged": int((group["status"] == DIVERGED).sum())}
            | estimates
            | _gap(completed)
            | {
                f"{name}_mean": completed[name].mean()
                for name in (*_MEANS, *COLUMNS)
                if name in runs and f"{name}_mean" not in estimates
            }
            | {name: first[name] for name in _SAME}
        )
    return pd.DataFrame(rows)


def compare(
    runs: pd.DataFrame,
    classes: int,
    overlaps: Mapping[str, Overlap] | None = None,
    correctness: pd.DataFrame | None = None,
    endpoint: str = "test_accuracy",
    margin: float | None = None,
    deviation: float = math.nan,
) -> pd.DataFrame:
    """Return one row per variant that has a baseline: the paired effect, variant − baseline.

    The intervals from ``joint_low`` to ``joint_high`` hold together with 95 %, for all rows of one
    normalization. ``pairs_needed`` is the number of pairs with which such an interval would be half
    a margin to either side (:func:`bnmatrix.statistics.paired.pairs_needed`). Replicates that only
    one of the two has make no pair.

    Args:
        runs: a study's runs (see :mod:`bnmatrix.tables.schema`).
        classes: number of classes, for chance.
        overlaps, correctness, deviation: see :func:`summarize`.
        endpoint: the accuracy or metric to compare, a column of ``runs``.
        margin: differences up to this do not matter; None: ``pairs_needed`` is NaN.
    """
    by_variant = scored_values(runs, endpoint, classes, correctness, deviation)
    rows = []
    compared = runs[runs["baseline"].isin(list(by_variant))]
    families = compared.groupby("normalization")["variant"].nunique()
    for variant, group in runs.groupby("variant", sort=False):
        first = group.iloc[0]
        if pd.isna(first["baseline"]) or first["baseline"] not in by_variant:
            continue
        arms = [by_variant[name] for name in (variant, first["baseline"])]
        common = arms[0].index.intersection(arms[1].index).sort_values()
        if common.empty:
            continue
        arms = [arm.loc[common] for arm in arms]
        treatment, control = (arm["score"].to_numpy(np.float64) for arm in arms)
        both = runs[runs["variant"].isin([variant, first["baseline"]])]
        overlap = (overlaps or {}).get(variant)
        found = paired_effect(
            treatment,
            control,
            blocks=_block_numbers(both[both["replicate"].isin(common)]),
            overlap=overlap,
            without=without_each_group(arms),
        )
        effect = asdict(found)
        rows.append(
            {name: first[name] for name in axes_of(runs)}
            | {"endpoint": endpoint}
            | {name: effect[name] for name in _EFFECT}
            | _joint(found, int(families[first["normalization"]]), margin)
            | {
                "baseline_mean": control.mean(),
                "variant_mean": treatment.mean(),
                "variant": variant,
                "baseline": first["baseline"],
            }
        )
    return pd.DataFrame(rows, columns=[*axes_of(runs), *_COLUMNS])


def _joint(found: PairedEffect, family: int, margin: float | None) -> dict[str, float]:
    """Return the interval of one of ``family`` effects that holds together with the others."""
    level = tail("different", family)
    low, high = found.uncertainty.bounds(found.effect, level)
    needed = math.nan if margin is None else pairs_needed(found.uncertainty, margin / 2, level)
    return {"joint_low": low, "joint_high": high, "pairs_needed": needed}


def scored_values(
    runs: pd.DataFrame,
    endpoint: str,
    classes: int,
    correctness: pd.DataFrame | None,
    deviation: float = math.nan,
) -> dict[str, pd.DataFrame]:
    """Return the values of each variant by replicate.

    Returns:
        Tables with the column ``score``, and for a metric of the test part with known correctness a
        column for each group of test examples: the score without it.
    """
    table = runs[["variant", "replicate"]].assign(score=scored(runs, endpoint, classes, deviation))
    metric = metric_of(endpoint)
    if correctness is not None and metric is not None:
        diverged = (runs["status"] == DIVERGED).to_numpy()[:, None]
        nothing = metric.of_nothing(classes, deviation)
        without = np.where(diverged, nothing, without_groups(runs, correctness, endpoint))
        groups = pd.DataFrame(without, index=runs.index, columns=range(GROUPS))
        table = pd.concat([table, groups], axis=1)
    return {
        str(name): group.drop(columns="variant").set_index("replicate").sort_index()
        for name, group in table.groupby("variant", sort=False)
    }


def without_each_group(arms: Sequence[pd.DataFrame]) -> np.ndarray | None:
    """Return the values of one arm, or differences of two, without each group of test examples.

    Returns:
        Shape (replicates, groups), or None if the correctness of test examples is unknown.
    """
    if GROUPS - 1 not in arms[0].columns:
        return None
    values: list[np.ndarray] = [arm[range(GROUPS)].to_numpy(np.float64) for arm in arms]
    return values[0] if len(values) == 1 else values[0] - values[1]


def _estimated(
    scores: pd.DataFrame, runs: pd.DataFrame, overlap: Overlap | None, column: str
) -> Iterator[tuple[str, float]]:
    """Yield the parts of the estimate of a metric of one variant, by name."""
    found = asdict(
        estimate(
            scores["score"].to_numpy(np.float64),
            _block_numbers(runs),
            overlap,
            without_each_group([scores]),
        )
    )
    # An accuracy is within [0, 1]; a t interval may reach beyond.
    metric = metric_of(column)
    if metric is None or metric.name != "r2":
        found["ci_low"] = max(found["ci_low"], 0.0)
    if metric is None or metric.unit == "points":
        found["ci_high"] = min(found["ci_high"], 1.0)
    yield from found.items()


def _block_numbers(runs: pd.DataFrame) -> np.ndarray | None:
    """Return the tuning block of each replicate, in ascending order of replicates, or None."""
    blocks = blocks_of(runs)
    return None if blocks is None else blocks.to_numpy()


def _gap(completed: pd.DataFrame) -> dict[str, float]:
    """Return the generalization gap of the runs that completed, as columns of the summary."""
    names = ("mean", "ci_low", "ci_high")
    if completed["test_accuracy"].isna().all():
        return dict.fromkeys((f"gap_{name}" for name in names), math.nan)
    found = estimate(completed["train_accuracy"] - completed["test_accuracy"])
    return {f"gap_{name}": getattr(found, name) for name in names}
