"""The verdicts on claims, and the sentences that state them."""

import pandas as pd

from bnmatrix.config.claims import Claim
from bnmatrix.config.project import Project
from bnmatrix.statistics.units import interval, margin_text, quantity
from bnmatrix.statistics.verdicts import (
    CONDITIONAL,
    CONTRADICTED,
    EQUIVALENT,
    INCONCLUSIVE,
    NOT_MEASURED,
    SUPPORTED,
    combine,
)

#: Columns of claims.csv: one row per claim and data set.
CLAIM_COLUMNS = [
    "claim",
    "dataset",
    "study",
    "endpoint",
    "effect",
    "ci_low",
    "ci_high",
    "p_adjusted",
    "pairs",
    "margin",
    "verdict",
    "condition",
    "sentence",
    "p_equivalence_adjusted",
    "probability_of_improvement",
    "unit",
    "diverged_treatment",
    "diverged_control",
]

_VERBS = {
    SUPPORTED: "Supported",
    CONTRADICTED: "Contradicted",
    EQUIVALENT: "No difference that matters",
    CONDITIONAL: "Holds only under conditions",
    INCONCLUSIVE: "These runs cannot tell",
}


def judge(project: Project, analyses: pd.DataFrame) -> pd.DataFrame:
    """Return the verdict on each claim and data set (:data:`CLAIM_COLUMNS`).

    Args:
        project: the configuration.
        analyses: the analyses (:data:`bnmatrix.claims.analyses.ANALYSIS_COLUMNS`).
    """
    rows = []
    for name, claim in project.claims.items():
        decisive = analyses[(analyses["claim"] == name) & (analyses["role"] != "exploratory")]
        for dataset, found in decisive.groupby("dataset", sort=False):
            title = project.datasets[dataset].title
            primary = found[found["role"] == "primary"].iloc[0]
            others = found.drop(primary.name)
            verdict = combine(primary["verdict"], list(others["verdict"]))
            condition = _condition(primary, others) if verdict == CONDITIONAL else ""
            rows.append(
                primary.to_dict()
                | {"verdict": verdict, "condition": condition}
                | {"sentence": sentence(claim, title, primary, verdict, condition)}
            )
    return pd.DataFrame(rows, columns=CLAIM_COLUMNS)


def _condition(primary: pd.Series, others: pd.DataFrame) -> str:
    """Return under which conditions a claim holds, and under which it does not."""
    analyses = [primary]
    analyses += [row for _, row in others.iterrows()]
    holds = [row["label"] for row in analyses if row["verdict"] == SUPPORTED]
    fails = [
        f"{row['label']} ({row['verdict']})"
        for row in analyses
        if row["verdict"] in (CONTRADICTED, EQUIVALENT)
    ]
    unknown = [row["label"] for row in analyses if row["verdict"] == INCONCLUSIVE]
    parts = [" and ".join(holds)]
    if fails:
        parts.append(f"not {' nor '.join(fails)}")
    if unknown:
        parts.append(f"not shown {' nor '.join(unknown)}")
    return "; ".join(parts)


def sentence(claim: Claim, dataset: str, primary: pd.Series, verdict: str, condition: str) -> str:
    """Return the verdict on a claim in words, with the numbers that it rests on.

    Args:
        claim: the claim.
        dataset: the data set's title.
        primary: the row of its primary analysis
            (:data:`bnmatrix.claims.analyses.ANALYSIS_COLUMNS`).
        verdict: the claim's verdict on the data set.
        condition: under which conditions it holds, if it is conditional.
    """
    if verdict == NOT_MEASURED:
        return f"{claim.title}: not measured on {dataset}, for want of runs."
    unit = primary["unit"]
    spread = interval(primary["ci_low"], primary["ci_high"], unit)
    return (
        f"{_VERBS[verdict]} on {dataset}"
        f"{f': it holds {condition}' if condition else ''}. "
        f"{primary['endpoint'][0].upper()}{primary['endpoint'][1:]}, {primary['label']}: "
        f"{quantity(primary['effect'], unit)}, "
        f"{spread if spread == 'no interval' else f'95 % interval {spread}'}, "
        f"{primary['pairs']:.0f} pairs; margin {margin_text(primary['margin'], unit)}."
    )
