"""From a table of runs to the summary of each variant and its paired difference from none."""

import math
from collections.abc import Mapping
from dataclasses import asdict

import numpy as np
import pandas as pd

from bnmatrix.results import DIVERGED
from bnmatrix.statistics.paired import estimate, paired_difference
from bnmatrix.tables import axes_of


def scored(runs: pd.DataFrame, endpoint: str, classes: int) -> pd.Series:
    """Return an accuracy of each run, with that of a diverged run at chance (1 / classes)."""
    return runs[endpoint].where(runs["status"] != DIVERGED, 1 / classes)


def summarize(
    runs: pd.DataFrame, classes: int, test_shares: Mapping[str, float] | None = None
) -> pd.DataFrame:
    """Return a row a variant: its axes, counts, and test accuracy, with means and intervals.

    ``gap_*`` is the generalization gap of the runs that completed: training minus test accuracy.

    Args:
        runs: a study's runs (see :mod:`bnmatrix.results`).
        classes: number of classes, for chance.
        test_shares: of variants that are cross-validated, test examples a training example.
    """
    rows, shares = [], test_shares or {}
    for variant, group in runs.groupby("variant", sort=False):
        share = shares.get(variant)
        accuracy = asdict(estimate(scored(group, "test_accuracy", classes), share))
        # The t interval knows nothing of the ends of the scale.
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
                    "validation_accuracy",
                    "validation_loss",
                )
            }
            | {name: first[name] for name in ("learning_rate_used", "parameters", "variant")}
        )
    return pd.DataFrame(rows)


def compare(
    runs: pd.DataFrame,
    classes: int,
    test_shares: Mapping[str, float] | None = None,
    endpoint: str = "test_accuracy",
) -> pd.DataFrame:
    """Return a row a variant that has a baseline: the paired difference, variant − baseline.

    Replicates that only one of the two has are left out of the pairs.

    Args:
        runs: a study's runs (see :mod:`bnmatrix.results`).
        classes: number of classes, for chance.
        test_shares: of variants that are cross-validated, test examples a training example.
        endpoint: the accuracy to compare, a column of ``runs``.
    """
    values = runs.assign(score=scored(runs, endpoint, classes))
    by_variant = {
        name: group.set_index("replicate")["score"]
        for name, group in values.groupby("variant", sort=False)
    }
    rows = []
    for variant, group in runs.groupby("variant", sort=False):
        first = group.iloc[0]
        if pd.isna(first["baseline"]) or first["baseline"] not in by_variant:
            continue
        pairs = pd.concat(
            [by_variant[variant], by_variant[first["baseline"]]], axis=1, join="inner"
        )
        if pairs.empty:
            continue
        treatment, control = pairs.to_numpy(np.float64).T
        share = (test_shares or {}).get(variant)
        difference = asdict(paired_difference(treatment, control, share))
        rows.append(
            {name: first[name] for name in axes_of(runs)}
            | {"endpoint": endpoint, "pairs": difference.pop("n"), "effect": difference.pop("mean")}
            | difference
            | {
                "baseline_mean": control.mean(),
                "variant_mean": treatment.mean(),
                "variant": variant,
                "baseline": first["baseline"],
            }
        )
    return pd.DataFrame(rows, columns=list(rows[0]) if rows else _EMPTY)


def _gap(completed: pd.DataFrame) -> dict[str, float]:
    if completed.empty:
        return dict.fromkeys(("mean", "ci_low", "ci_high"), math.nan)
    return asdict(estimate(completed["train_accuracy"] - completed["test_accuracy"]))


_EMPTY = [
    *("normalization", "batch_size", "endpoint", "pairs", "effect", "sd", "ci_low", "ci_high"),
    *("p_value", "probability_of_improvement", "baseline_mean", "variant_mean"),
    *("variant", "baseline"),
]
