"""How the results of one run of the pipeline agree with those of another."""

import numpy as np
import pandas as pd

from bnmatrix.statistics.means import welch_interval
from bnmatrix.statistics.verdicts import KEYS
from bnmatrix.tables.status import DIVERGED

IDENTICAL, WITHIN, DIFFERS = "identical", "within intervals", "differs"
NO_INTERVAL = "no interval"
ONLY_OURS, ONLY_THEIRS = "only here", "only there"


def runs_agreement(ours: pd.DataFrame, theirs: pd.DataFrame) -> pd.DataFrame:
    """Return how the test accuracies of each variant's runs agree: one row per variant.

    ``identical``: every replicate has the same status, accuracy and loss. ``within intervals``: the
    95 % interval of the difference of means (Welch's) contains zero. ``differs``: it does not,
    which happens by chance to one variant in twenty, or another share of the runs diverged. ``no
    interval``: fewer than two runs have an accuracy.

    Args:
        ours, theirs: tables of runs (``reports/runs.csv``).
    """
    rows = []
    keys = ["study", "variant"]
    here, there = (dict(list(table.groupby(keys, sort=False))) for table in (ours, theirs))
    for key in dict.fromkeys([*there, *here]):
        row = dict(zip(keys, key, strict=True)) | {"ours": np.nan, "theirs": np.nan}
        if key not in here or key not in there:
            rows.append(row | {"agreement": ONLY_THEIRS if key in there else ONLY_OURS})
            continue
        first, second = here[key], there[key]
        row |= {"ours": first["test_accuracy"].mean(), "theirs": second["test_accuracy"].mean()}
        rows.append(row | {"agreement": _agreement(first, second)})
    return pd.DataFrame(rows, columns=[*keys, "ours", "theirs", "agreement"])


def _agreement(first: pd.DataFrame, second: pd.DataFrame) -> str:
    """Return how the runs of one variant agree, from the tables of both pipelines."""
    columns = ["replicate", "status", "test_accuracy", "test_loss"]
    parts = [
        table[columns].sort_values("replicate").reset_index(drop=True) for table in (first, second)
    ]
    if parts[0].equals(parts[1]):
        return IDENTICAL
    values = [part["test_accuracy"].dropna().to_numpy() for part in parts]
    diverged = [(part["status"] == DIVERGED).mean() for part in parts]
    if diverged[0] != diverged[1]:
        return DIFFERS
    if min(map(len, values)) < 2:
        return NO_INTERVAL
    ours, theirs = values
    low, high = welch_interval(
        ours.mean(), ours.std(ddof=1), len(ours), theirs.mean(), theirs.std(ddof=1), len(theirs)
    )
    return WITHIN if low <= 0 <= high else DIFFERS


def claims_agreement(ours: pd.DataFrame, theirs: pd.DataFrame) -> pd.DataFrame:
    """Return both verdicts and effects: a row per claim, data set and kind of network measured.

    ``identical``: the same verdict, effect and interval. ``within intervals``: the same verdict,
    and each effect is in the other's interval. ``differs``: another verdict or effect.

    Args:
        ours, theirs: tables of verdicts (``reports/claims.csv``).
    """
    columns = [*KEYS, "verdict", "effect", "ci_low", "ci_high"]
    both = theirs[columns].merge(ours[columns], "outer", on=KEYS, suffixes=("_there", "_here"))
    measured = [
        both[f"verdict_{where}"].fillna("not measured").ne("not measured")
        for where in ("here", "there")
    ]
    both = both[measured[0] | measured[1]]
    return both.assign(agreement=[_claim_agreement(row) for _, row in both.iterrows()])


def _claim_agreement(row: pd.Series) -> str:
    for where, only in (("there", ONLY_OURS), ("here", ONLY_THEIRS)):
        if pd.isna(row[f"verdict_{where}"]) or row[f"verdict_{where}"] == "not measured":
            return only
    names = ("verdict", "effect", "ci_low", "ci_high")
    pairs = [(row[f"{name}_here"], row[f"{name}_there"]) for name in names]
    if all(here == there or (pd.isna(here) and pd.isna(there)) for here, there in pairs):
        return IDENTICAL
    inside = (
        row["ci_low_there"] <= row["effect_here"] <= row["ci_high_there"]
        and row["ci_low_here"] <= row["effect_there"] <= row["ci_high_here"]
    )
    return WITHIN if pairs[0][0] == pairs[0][1] and inside else DIFFERS
