"""Whether another seed gives the same verdicts, and effects as close as their intervals say."""

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import pandas as pd

from bnmatrix.statistics.verdicts import (
    CONTRADICTED,
    KEYS,
    NOT_MEASURED,
    SUPPORTED,
    UNTESTABLE,
    verdict,
)

#: Probabilities at whose quantiles an effect is judged to learn how often each verdict comes out.
_PROBABILITIES = (np.arange(1000) + 0.5) / 1000


@dataclass(frozen=True)
class Stability:
    """How runs with different seeds agree.

    Attributes:
        compared: comparisons of a verdict in two runs.
        same: of these, how many give the same verdict.
        opposite: how many give opposite ones: supported and contradicted.
        effects: comparisons of effects that have a standard error.
        mean_square: mean of z², where z is the difference of two effects in units of its standard
            error; 1 if standard errors are right, more if they are too small.
        beyond: how many have |z| > 1.96: one in twenty if standard errors are right.
        replicate_mean_square: the same mean with the part of standard errors over replicates alone:
            runs with other seeds share the data set and its test examples.
    """

    compared: int
    same: int
    opposite: int
    effects: int
    mean_square: float
    beyond: int
    replicate_mean_square: float


def differences(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return one row per claim, data set, kind of network and pair of runs.

    Args:
        tables: tables of verdicts (``reports/claims.csv``) by the name of the run.

    Returns:
        Columns ``claim``, ``dataset``, ``network``, ``first``, ``second`` (names of runs),
        ``verdict_first``, ``verdict_second``, ``effect_first``, ``effect_second``, ``z`` and
        ``z_replicates`` (by the part of the standard errors over replicates); NaN if one of the
        effects has no standard error, as facts have none. Claims that were not measured have no
        rows.
    """
    columns = [*KEYS, "verdict", "effect", "error", "replicate_error"]
    parts = []
    for first, second in itertools.combinations(tables, 2):
        pair = tables[first][columns].merge(
            tables[second][columns], on=KEYS, suffixes=("_first", "_second")
        )
        parts.append(pair.assign(first=first, second=second))
    table = pd.concat(parts, ignore_index=True)
    unmeasured = (table[["verdict_first", "verdict_second"]] == NOT_MEASURED).any(axis=1)
    table = table[~unmeasured].copy()
    difference = table["effect_second"] - table["effect_first"]
    found = {}
    for name, error in (("z", "error"), ("z_replicates", "replicate_error")):
        first, second = table.pop(f"{error}_first"), table.pop(f"{error}_second")
        found[name] = difference / np.hypot(first, second)
    return table.assign(**found).reset_index(drop=True)


def summary(table: pd.DataFrame) -> Stability:
    """Return how the runs agree, from :func:`differences`."""
    pairs = table[["verdict_first", "verdict_second"]]
    z = table["z"].dropna()
    return Stability(
        compared=len(table),
        same=int((pairs["verdict_first"] == pairs["verdict_second"]).sum()),
        opposite=sum(set(pair) == {SUPPORTED, CONTRADICTED} for pair in pairs.to_numpy()),
        effects=len(z),
        mean_square=float((z**2).mean()),
        beyond=int((z.abs() > 1.96).sum()),
        replicate_mean_square=float((table["z_replicates"] ** 2).mean()),
    )


def expected_agreement(tables: Mapping[str, pd.DataFrame], pairs: float = 1.0) -> float:
    """Return how often two runs give a claim the same verdict, as a mean over claims.

    Each claim's mean over the runs is taken as its true effect. Effects of further runs on the same
    data set are normal around it: their standard deviation is the part of the standard error over
    replicates, corrected by its mean square of :func:`summary`. The ends of their intervals are as
    far from the effect as those of the runs are on average; of that, more pairs reduce the part
    over replicates. The primary analysis alone is judged: conditions and requirements are left out,
    and claims that are not testable in one of the runs. Facts always agree.

    Args:
        tables: tables of verdicts (``reports/claims.csv``) by the name of the run.
        pairs: how many times as many pairs the further runs have.
    """
    table = pd.concat(tables.values(), ignore_index=True)
    left_out = table["verdict"].isin([NOT_MEASURED, UNTESTABLE])
    table = table[~left_out.groupby([table[key] for key in KEYS]).transform("any")]
    scatter = math.sqrt(summary(differences(tables)).replicate_mean_square / pairs)
    normal = np.array([NormalDist().inv_cdf(probability) for probability in _PROBABILITIES])
    agreements = []
    for _, claim in table.groupby(KEYS, sort=False):
        mean = claim[["effect", "error", "replicate_error"]].mean()
        if np.isnan(mean["error"]):
            agreements.append(1.0)
            continue
        margin, direction = claim[["margin", "direction"]].iloc[0]
        effects = mean["effect"] + scatter * mean["replicate_error"] * normal
        verdicts = []
        for run in claim.dropna(subset=["error", "ci_low", "ci_high"]).itertuples():
            over_replicates = (run.replicate_error / run.error) ** 2
            width = math.sqrt(over_replicates / pairs + 1 - over_replicates)
            below, above = width * (run.effect - run.ci_low), width * (run.ci_high - run.effect)
            verdicts += [verdict(e - below, e + above, margin, direction) for e in effects]
        shares = pd.Series(verdicts).value_counts(normalize=True)
        agreements.append(float((shares**2).sum()))
    return float(np.mean(agreements))


def largest_change_of_width(tables: Mapping[str, pd.DataFrame]) -> float:
    """Return the largest factor by which a claim's interval is wider in one run than in another.

    Args:
        tables: tables of verdicts (``reports/claims.csv``) by the name of the run.
    """
    table = pd.concat(tables.values(), ignore_index=True)
    widths = (table["ci_high"] - table["ci_low"]).groupby([table[key] for key in KEYS])
    return float((widths.max() / widths.min()).max())


def variance_of_ratios(tables: Mapping[str, pd.DataFrame]) -> tuple[float, float]:
    """Return by how much the ratios of blocks differ between analyses, beyond chance.

    It is the covariance of the logarithms of an analysis's ratio in two runs, as a mean over pairs
    of runs (:data:`bnmatrix.statistics.blocks.FREEDOM`).

    Args:
        tables: tables of analyses (``analyses.csv``) by the name of the run.

    Returns:
        It for all analyses, and without the one whose ratios are the largest.
    """
    keys = ["claim", "role", "label", "study"]
    found = [
        table[table["block_ratio"] > 0].set_index(keys)["block_ratio"].rename(name)
        for name, table in tables.items()
    ]
    every = np.log(pd.concat(found, axis=1, join="inner"))
    pairs = np.triu_indices(len(found), 1)
    first, second = (
        float(logs.cov().to_numpy()[pairs].mean())
        for logs in (every, every.drop(every.mean(axis=1).idxmax()))
    )
    return first, second
