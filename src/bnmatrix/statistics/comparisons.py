"""From a table of runs to the summary of each variant and its paired effect over none."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict

import numpy as np
import pandas as pd

from bnmatrix.statistics.correctness import GROUPS, blocks_of, without_groups
from bnmatrix.statistics.means import estimate
from bnmatrix.statistics.overlaps import Overlap
from bnmatrix.statistics.paired import paired_effect
from bnmatrix.statistics.scoring import scored
from bnmatrix.tables.csv import axes_of
from bnmatrix.tables.status import DIVERGED

#: What a row of :func:`compare` says of the pairs, in order; its other columns are axes and names.
_EFFECT = ("pairs", "effect", "sd", "ci_low", "ci_high", "p_value", "probability_of_improvement")
_COLUMNS = ("endpoint", *_EFFECT, "baseline_mean", "variant_mean", "variant", "baseline")


def summarize(
    runs: pd.DataFrame,
    classes: int,
    overlaps: Mapping[str, Overlap] | None = None,
    correctness: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Return one row per variant: its axes, counts, and test accuracy, with means and intervals.

    ``gap_*`` is the generalization gap of the runs that completed: training minus test accuracy.

    Args:
        runs: a study's runs (see :mod:`bnmatrix.tables.schema`).
        classes: number of classes, for chance.
        overlaps: that of each variant whose training sets overlap
            (:func:`bnmatrix.plan.sizes.overlap`).
        correctness: of the test examples (:mod:`bnmatrix.statistics.correctness`), or None.
    """
    rows = []
    by_variant = scored_values(runs, "test_accuracy", classes, correctness)
    for variant, group in runs.groupby("variant", sort=False):
        overlap, scores = (overlaps or {}).get(variant), by_variant[variant]
        accuracy = asdict(
            estimate(
                scores["score"].to_numpy(np.float64),
                _block_numbers(group),
                overlap,
                without_each_group([scores]),
            )
        )
        # An accuracy is within [0, 1]; a t interval may reach beyond.
        accuracy["ci_low"] = max(accuracy["ci_low"], 0.0)
        accuracy["ci_high"] = min(accuracy["ci_high"], 1.0)
        completed = group[group["status"] != DIVERGED]
        gap = _gap(completed)
        first = group.iloc[0]
        rows.append(
            {name: first[name] for name in axes_of(runs)}
            | {"diverged": int((group["status"] == DIVERGED).sum())}
            | {f"test_accuracy_{name}": value for name, value in accuracy.items()}
            | {f"gap_{name}": gap[name] for name in ("mean", "ci_low", "ci_high")}
            | {
                f"{name}_mean": completed[name].mean()
                for name in (
                    "test_loss",
                    "train_accuracy",
                    "train_accuracy_as_trained",
                    "validation_accuracy",
                    "validation_loss",
                )
            }
            | {
                name: first[name]
                for name in ("learning_rate_used", "steps_taken", "parameters", "variant")
            }
        )
    return pd.DataFrame(rows)


def compare(
    runs: pd.DataFrame,
    classes: int,
    overlaps: Mapping[str, Overlap] | None = None,
    correctness: pd.DataFrame | None = None,
    endpoint: str = "test_accuracy",
) -> pd.DataFrame:
    """Return one row per variant that has a baseline: the paired effect, variant − baseline.

    Replicates that only one of the two has make no pair.

    Args:
        runs: a study's runs (see :mod:`bnmatrix.tables.schema`).
        classes: number of classes, for chance.
        overlaps, correctness: see :func:`summarize`.
        endpoint: the accuracy to compare, a column of ``runs``.
    """
    by_variant = scored_values(runs, endpoint, classes, correctness)
    rows = []
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
        effect = asdict(
            paired_effect(
                treatment,
                control,
                blocks=_block_numbers(both[both["replicate"].isin(common)]),
                overlap=overlap,
                without=without_each_group(arms),
            )
        )
        rows.append(
            {name: first[name] for name in axes_of(runs)}
            | {"endpoint": endpoint}
            | {name: effect[name] for name in _EFFECT}
            | {
                "baseline_mean": control.mean(),
                "variant_mean": treatment.mean(),
                "variant": variant,
                "baseline": first["baseline"],
            }
        )
    return pd.DataFrame(rows, columns=[*axes_of(runs), *_COLUMNS])


def scored_values(
    runs: pd.DataFrame, endpoint: str, classes: int, correctness: pd.DataFrame | None
) -> dict[str, pd.DataFrame]:
    """Return the values of each variant by replicate.

    Returns:
        Tables with the column ``score``, and for test accuracy with known correctness a column for
        each group of test examples: the score without it.
    """
    table = runs[["variant", "replicate"]].assign(score=scored(runs, endpoint, classes))
    if correctness is not None and endpoint == "test_accuracy":
        diverged = (runs["status"] == DIVERGED).to_numpy()[:, None]
        without = np.where(diverged, 1 / classes, without_groups(runs, correctness))
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


def _block_numbers(runs: pd.DataFrame) -> np.ndarray | None:
    """Return the tuning block of each replicate, in ascending order of replicates, or None."""
    blocks = blocks_of(runs)
    return None if blocks is None else blocks.to_numpy()


def _gap(completed: pd.DataFrame) -> dict[str, float]:
    if completed.empty:
        return dict.fromkeys(("mean", "ci_low", "ci_high"), math.nan)
    return asdict(estimate(completed["train_accuracy"] - completed["test_accuracy"]))
