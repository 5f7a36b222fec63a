"""Frameworks side by side: the same network, trained in PyTorch and in Keras."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from bnmatrix.statistics.comparisons import scored
from bnmatrix.statistics.effects import adjust, paired_effect, verdict
from bnmatrix.tables import axes_of

#: What one may say of a pair of variants; the words of :func:`bnmatrix.statistics.effects.verdict`
#: answer the claim that the two are equal.
WORDS = {"supported": "equivalent", "contradicted": "different", "inconclusive": "cannot tell"}

_COLUMNS = [
    *("pairs", "keras_mean", "torch_mean", "effect", "ci_low", "ci_high", "margin"),
    *("p_adjusted", "p_equivalence_adjusted", "verdict", "variant", "counterpart"),
]


def compare_frameworks(
    runs: pd.DataFrame,
    classes: int,
    margin: float,
    test_shares: Mapping[str, float] | None = None,
) -> pd.DataFrame:
    """Return PyTorch's test accuracy minus Keras's: over all cells that both trained, and in each.

    Only where PyTorch kept Keras's conventions, so that nothing but the framework differs. The
    first row, without axes, is of the mean over cells; the tests of the others are adjusted by
    Holm's method.

    Args:
        runs: a study's runs (see :mod:`bnmatrix.results`).
        classes: number of classes, for chance.
        margin: differences up to this, either way, make no practical difference.
        test_shares: of variants that are cross-validated, test examples a training example.
    """
    share = max(test_shares.values()) if test_shares else None
    axes = axes_of(runs)
    shared = [axis for axis in axes if axis not in ("framework", "conventions")]
    if "framework" not in axes:
        return pd.DataFrame(columns=[*axes, *_COLUMNS])
    values = runs.assign(score=scored(runs, "test_accuracy", classes))
    if "conventions" in axes:
        values = values[values["conventions"] != "torch"]
    rows, every = [], []
    for _, cell in values.groupby(shared, sort=False, dropna=False):
        arms = {name: arm for name, arm in cell.groupby("framework") if len(arm)}
        if set(arms) != {"keras", "torch"}:
            continue
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
    # One test of all cells, and then one of each.
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


def _effect(pairs: pd.DataFrame, margin: float, share: float | None) -> dict[str, float]:
    """Return the paired difference, from a column a framework and a row a replicate."""
    torch, keras = (pairs[name].to_numpy(np.float64) for name in ("torch", "keras"))
    effect = paired_effect(torch, keras, margin, np.random.default_rng(0), share)
    return (
        {"pairs": effect.pairs, "keras_mean": keras.mean(), "torch_mean": torch.mean()}
        | {name: getattr(effect, name) for name in ("effect", "ci_low", "ci_high")}
        | {"margin": margin, "p": effect.p_value, "p_equivalence": effect.p_equivalence}
    )
