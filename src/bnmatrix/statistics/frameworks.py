"""Frameworks side by side: the same network, trained in PyTorch and in Keras."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from bnmatrix.statistics.paired import paired_effect
from bnmatrix.statistics.scoring import scored
from bnmatrix.statistics.verdicts import adjust, verdict
from bnmatrix.tables.csv import axes_of

#: What is said of a pair of variants, for each verdict on the claim that the two are equal.
WORDS = {"supported": "equivalent", "contradicted": "different", "inconclusive": "cannot tell"}

#: Columns after the axes.
_COLUMNS = [
    "pairs",
    "keras_mean",
    "torch_mean",
    "effect",
    "ci_low",
    "ci_high",
    "margin",
    "p_adjusted",
    "p_equivalence_adjusted",
    "verdict",
    "variant",
    "counterpart",
]


def compare_frameworks(
    runs: pd.DataFrame,
    classes: int,
    margin: float,
    test_shares: Mapping[str, float] | None = None,
) -> pd.DataFrame:
    """Return PyTorch's test accuracy minus Keras's: over all cells that both trained, and in each.

    Variants with PyTorch's own conventions are left out, so that nothing but the framework differs.
    The first row, without axes, is of the mean over cells; the tests of the other rows are adjusted
    by Holm's method.

    Args:
        runs: a study's runs (see :mod:`bnmatrix.tables.schema`).
        classes: number of classes, for chance.
        margin: differences up to this, either way, make no practical difference.
        test_shares: for each cross-validated variant, test examples per training example.
    """
    share = max(test_shares.values()) if test_shares else None
    axes = axes_of(runs)
    shared = [axis for axis in axes if axis not in ("framework", "conventions")]
    if "framework" not in axes:
        return pd.DataFrame(columns=[*axes, *_COLUMNS])
    rows, every = [], []
    for arms in _trained_in_both(runs, classes, shared):
        scores = {name: arm.set_index("replicate")["score"] for name, arm in arms.items()}
        every.append(pd.concat(scores, axis=1, join="inner"))
        first = arms["torch"].iloc[0]
        rows.append(
            {axis: first[axis] for axis in axes}
            | _effect(every[-1], margin, share)
            | {"variant": first["variant"], "counterpart": arms["keras"].iloc[0]["variant"]}
        )
    if not rows:
        return pd.DataFrame(columns=[*axes, *_COLUMNS])
    # One test of the mean over cells, and then one of each cell.
    mean = sum(every) / len(every)
    table = pd.DataFrame([_effect(mean.dropna(), margin, share), *rows])
    for name in ("p", "p_equivalence"):
        cells = adjust(table[name].iloc[1:])
        table[f"{name}_adjusted"] = [table[name].iloc[0], *cells]
    table["verdict"] = [
        WORDS[verdict(row.effect, row.p_adjusted, row.p_equivalence_adjusted, "equal")]
        for row in table.itertuples()
    ]
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


def _effect(pairs: pd.DataFrame, margin: float, share: float | None) -> dict[str, Any]:
    """Return the paired effect, columns of a row.

    Args:
        pairs: a column per framework, a row per replicate.
        margin, share: see :func:`bnmatrix.statistics.paired.paired_effect`.
    """
    torch = pairs["torch"].to_numpy(np.float64)
    keras = pairs["keras"].to_numpy(np.float64)
    effect = paired_effect(torch, keras, margin, share)
    return (
        {"pairs": effect.pairs, "keras_mean": keras.mean(), "torch_mean": torch.mean()}
        | {name: getattr(effect, name) for name in ("effect", "ci_low", "ci_high")}
        | {"margin": margin, "p": effect.p_value, "p_equivalence": effect.p_equivalence}
    )
