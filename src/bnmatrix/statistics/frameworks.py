"""Frameworks side by side: the same network, trained in PyTorch and in Keras."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from bnmatrix.statistics.comparisons import scored_values, without_each_group
from bnmatrix.statistics.correctness import blocks_of
from bnmatrix.statistics.overlaps import Overlap, largest
from bnmatrix.statistics.paired import paired_effect
from bnmatrix.statistics.uncertainty import ALPHA
from bnmatrix.statistics.verdicts import (
    CONTRADICTED,
    NO_DIFFERENCE,
    SMALL,
    SUPPORTED,
    UNKNOWN,
    verdict,
)
from bnmatrix.tables.csv import axes_of

#: What is said of a pair of variants, for each verdict on the claim that the two are equal.
WORDS = {
    SUPPORTED: NO_DIFFERENCE,
    CONTRADICTED: "different",
    SMALL: SMALL,
    UNKNOWN: UNKNOWN,
}

#: Columns after the axes.
_COLUMNS = [
    "pairs",
    "keras_mean",
    "torch_mean",
    "effect",
    "ci_low",
    "ci_high",
    "margin",
    "verdict",
    "variant",
    "counterpart",
]


def compare_frameworks(
    runs: pd.DataFrame,
    classes: int,
    margin: float,
    overlaps: Mapping[str, Overlap] | None = None,
    correctness: pd.DataFrame | None = None,
    endpoint: str = "test_accuracy",
    deviation: float = math.nan,
) -> pd.DataFrame:
    """Return PyTorch's test accuracy minus Keras's: over all cells that both trained, and in each.

    Variants with PyTorch's own conventions are left out, so that nothing but the framework differs.
    The first row, without axes, is of the mean over cells. The intervals of the other rows hold
    together: the level is divided by their number.

    Args:
        runs: a study's runs (see :mod:`bnmatrix.tables.schema`).
        classes: number of classes, for chance.
        margin: differences up to this, either way, make no practical difference.
        overlaps, correctness, endpoint, deviation: see
            :func:`bnmatrix.statistics.comparisons.summarize`.
    """
    share = largest((overlaps or {}).values())
    axes = axes_of(runs)
    shared = [axis for axis in axes if axis not in ("framework", "conventions")]
    if "framework" not in axes:
        return pd.DataFrame(columns=[*axes, *_COLUMNS])
    by_variant = scored_values(runs, endpoint, classes, correctness, deviation)
    blocks = blocks_of(runs)
    rows, every = [], []
    cells = list(_trained_in_both(runs, shared))
    for first in cells:
        arms = {name: by_variant[row["variant"]] for name, row in first.items()}
        common = arms["torch"].index.intersection(arms["keras"].index).sort_values()
        every.append({name: arm.loc[common] for name, arm in arms.items()})
        rows.append(
            {axis: first["torch"][axis] for axis in axes}
            | _effect(every[-1], blocks, margin, share, len(cells))
            | {"variant": first["torch"]["variant"], "counterpart": first["keras"]["variant"]}
        )
    if not rows:
        return pd.DataFrame(columns=[*axes, *_COLUMNS])
    # Replicates that a cell lacks are missing in the sum.
    mean = {name: (sum(cell[name] for cell in every) / len(every)).dropna() for name in every[0]}
    table = pd.DataFrame([_effect(mean, blocks, margin, share, 1), *rows])
    return table[[*axes, *_COLUMNS]]


def _trained_in_both(runs: pd.DataFrame, shared: list[str]) -> Iterator[dict[str, pd.Series]]:
    """Yield a run of each cell that both frameworks trained, by framework.

    Args:
        runs: a study's runs.
        shared: the axes that make up a cell.
    """
    if "conventions" in runs.columns:
        runs = runs[runs["conventions"] != "torch"]
    for _, cell in runs.groupby(shared, sort=False, dropna=False):
        first = {name: arm.iloc[0] for name, arm in cell.groupby("framework")}
        if set(first) == {"keras", "torch"}:
            yield first


def _effect(
    arms: Mapping[str, pd.DataFrame],
    blocks: pd.Series | None,
    margin: float,
    share: Overlap | None,
    family: int,
) -> dict[str, Any]:
    """Return the paired effect and what it says of equality, as columns of a row.

    Args:
        arms: the values of the same replicates in each framework
            (:func:`bnmatrix.statistics.comparisons.scored_values`).
        blocks: the tuning block of each replicate, or None.
        margin: see :func:`compare_frameworks`.
        share: the largest overlap of any variant, or None.
        family: the number of intervals that hold together.
    """
    torch, keras = (arms[name]["score"].to_numpy(np.float64) for name in ("torch", "keras"))
    effect = paired_effect(
        torch,
        keras,
        ALPHA / family,
        None if blocks is None else blocks.loc[arms["torch"].index].to_numpy(),
        share,
        without_each_group([arms["torch"], arms["keras"]]),
    )
    said = verdict(effect.ci_low, effect.ci_high, margin, "equal")
    return (
        {"pairs": effect.pairs, "keras_mean": keras.mean(), "torch_mean": torch.mean()}
        | {name: getattr(effect, name) for name in ("effect", "ci_low", "ci_high")}
        | {"margin": margin, "verdict": WORDS[said]}
    )
