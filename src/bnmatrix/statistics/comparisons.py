"""From a table of runs to the summary of each variant and its paired effect over none."""

import math
from collections.abc import Mapping
from dataclasses import asdict

import numpy as np
import pandas as pd

from bnmatrix.statistics.means import estimate
from bnmatrix.statistics.paired import paired_effect
from bnmatrix.statistics.scoring import scored
from bnmatrix.tables.csv import axes_of
from bnmatrix.tables.status import DIVERGED

#: What a row of :func:`compare` says of the pairs, in order; its other columns are axes and names.
_EFFECT = ("pairs", "effect", "sd", "ci_low", "ci_high", "p_value", "probability_of_improvement")
_COLUMNS = ("endpoint", *_EFFECT, "baseline_mean", "variant_mean", "variant", "baseline")


def summarize(
    runs: pd.DataFrame, classes: int, test_shares: Mapping[str, float] | None = None
) -> pd.DataFrame:
    """Return one row per variant: its axes, counts, and test accuracy, with means and intervals.

    ``gap_*`` is the generalization gap of the runs that completed: training minus test accuracy.

    Args:
        runs: a study's runs (see :mod:`bnmatrix.tables.schema`).
        classes: number of classes, for chance.
        test_shares: for each cross-validated variant, test examples per training example.
    """
    rows, shares = [], test_shares or {}
    for variant, group in runs.groupby("variant", sort=False):
        share = shares.get(variant)
        accuracy = asdict(estimate(scored(group, "test_accuracy", classes), share))
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
    """Return one row per variant that has a baseline: the paired effect, variant − baseline.

    Replicates that only one of the two has make no pair.

    Args:
        runs: a study's runs (see :mod:`bnmatrix.tables.schema`).
        classes: number of classes, for chance.
        test_shares: for each cross-validated variant, test examples per training example.
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
        effect = asdict(paired_effect(treatment, control, test_share=share))
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


def _gap(completed: pd.DataFrame) -> dict[str, float]:
    if completed.empty:
        return dict.fromkeys(("mean", "ci_low", "ci_high"), math.nan)
    return asdict(estimate(completed["train_accuracy"] - completed["test_accuracy"]))
