"""Frameworks side by side: the same network, trained in PyTorch and in Keras."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from bnmatrix.statistics.overlaps import Overlap, largest
from bnmatrix.statistics.paired import paired_effect
from bnmatrix.statistics.scoring import scored
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
) -> pd.DataFrame:
    """Return PyTorch's test accuracy minus Keras's: over all cells that both trained, and in each.

    Variants with PyTorch's own conventions are left out, so that nothing but the framework differs.
    The first row, without axes, is of the mean over cells. The intervals of the other rows hold
    together: the level is divided by their number.

    Args:
        runs: a study's runs (see :mod:`bnmatrix.tables.schema`).
        classes: number of classes, for chance.
        margin: differences up to this, either way, make no practical difference.
        overlaps: that of each variant whose training sets overlap
            (:func:`bnmatrix.plan.sizes.overlap`).
    """
    share = largest((overlaps or {}).values())
    axes = axes_of(runs)
    shared = [axis for axis in axes if axis not in ("framework", "conventions")]
    if "framework" not in axes:
        return pd.DataFrame(columns=[*axes, *_COLUMNS])
    rows, every = [], []
    cells = list(_trained_in_both(runs, classes, shared))
    for arms in cells:
        scores = {name: arm.set_index("replicate")["score"] for name, arm in arms.items()}
        every.append(pd.concat(scores, axis=1, join="inner"))
        first = arms["torch"].iloc[0]
        rows.append(
            {axis: first[axis] for axis in axes}
            | _effect(every[-1], margin, share, len(cells))
            | {"variant": first["variant"], "counterpart": arms["keras"].iloc[0]["variant"]}
        )
    if not rows:
        return pd.DataFrame(columns=[*axes, *_COLUMNS])
    mean = sum(every) / len(every)
    table = pd.DataFrame([_effect(mean.dropna(), margin, share, 1), *rows])
    return table[[*axes, *_COLUMNS]]


def _trained_in_both(
    runs: pd.DataFrame, classes: int, shared: list[str]
) -> Iterator[dict[str, pd.DataFrame]]:
    """Yield the runs of each cell that both frameworks trained, by framework.

    Args:
        runs: a study's runs; yielded with their accuracy in the column ``score``.
        classes: number of classes, for chance.
        shared: the axes that make up a cell.
    """
    values = runs.assign(score=scored(runs, "test_accuracy", classes))
    if "conventions" in runs.columns:
        values = values[values["conventions"] != "torch"]
    for _, cell in values.groupby(shared, sort=False, dropna=False):
        arms = {name: arm for name, arm in cell.groupby("framework") if len(arm)}
        if set(arms) == {"keras", "torch"}:
            yield arms


def _effect(
    pairs: pd.DataFrame, margin: float, share: Overlap | None, family: int
) -> dict[str, Any]:
    """Return the paired effect and what it says of equality, as columns of a row.

    Args:
        pairs: a column per framework, a row per replicate.
        margin: see :func:`compare_frameworks`.
        share: the largest overlap of any variant, or None.
        family: the number of intervals that hold together.
    """
    torch = pairs["torch"].to_numpy(np.float64)
    keras = pairs["keras"].to_numpy(np.float64)
    effect = paired_effect(torch, keras, ALPHA / family, overlap=share)
    said = verdict(effect.ci_low, effect.ci_high, margin, "equal")
    return (
        {"pairs": effect.pairs, "keras_mean": keras.mean(), "torch_mean": torch.mean()}
        | {name: getattr(effect, name) for name in ("effect", "ci_low", "ci_high")}
        | {"margin": margin, "verdict": WORDS[said]}
    )
