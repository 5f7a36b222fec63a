"""The verdicts on claims, and the sentences that state them."""

import math
import re
from collections.abc import Sequence

import pandas as pd

from bnmatrix.config.claims import DECIDING, Claim
from bnmatrix.config.project import Project
from bnmatrix.plan.networks import column_title, deciding, network_of
from bnmatrix.statistics.units import interval, margin_text, quantity
from bnmatrix.statistics.verdicts import (
    CONDITIONAL,
    CONTRADICTED,
    NO_DIFFERENCE,
    NOT_MEASURED,
    SMALL,
    SUPPORTED,
    UNKNOWN,
    UNTESTABLE,
    combine,
    orientation,
)

#: Columns of claims.csv: one row per claim and study. ``network`` is the kind of its networks, and
#: ``direction`` what the claim says of the effect (:func:`bnmatrix.statistics.verdicts.verdict`).
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
    "pairs_needed",
    "pairs_thorough",
    "error",
    "replicate_error",
    "probability_of_improvement",
    "unit",
    "fact",
    "censored",
    "bound",
    "curves_rising",
    "diverged_treatment",
    "diverged_control",
    "network",
    "direction",
]

_WORDS = {
    SUPPORTED: "Supported",
    CONTRADICTED: "Contradicted",
    SMALL: "Real but small",
    NO_DIFFERENCE: "No difference that matters",
    CONDITIONAL: "Depends on conditions",
    UNKNOWN: "These runs cannot tell",
    UNTESTABLE: "Not testable",
}

#: What a condition says of a claim, by the verdict under this condition, in the order of sentences.
_UNDER = {
    SUPPORTED: "it holds",
    CONTRADICTED: "it fails",
    SMALL: "the effect is real but may be within the margin",
    NO_DIFFERENCE: "there is no difference that matters",
    UNKNOWN: "it is unknown",
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
        made = decisive[decisive["role"].isin(DECIDING)]
        for dataset, study in made[["dataset", "study"]].itertuples(index=False):
            network = network_of(project, study)
            title = column_title(project.datasets[dataset].title, network)
            found = deciding(project, decisive[decisive["dataset"] == dataset], network)
            primary = found[found["role"] == "primary"].iloc[0]
            others = found[found["role"] == "condition"]
            verdict, condition = _verdict(primary, others, found[found["role"] == "requirement"])
            rows.append(
                primary.to_dict()
                | {"network": network, "verdict": verdict, "condition": condition}
                | {"sentence": sentence(claim, title, primary, verdict, condition)}
            )
    return pd.DataFrame(rows, columns=CLAIM_COLUMNS)


def _verdict(
    primary: pd.Series, conditions: pd.DataFrame, requirements: pd.DataFrame
) -> tuple[str, str]:
    """Return the verdict on a claim, and its circumstances: conditions, or what is not met."""
    unmet = [row["label"] for _, row in requirements.iterrows() if not _met(row)]
    if unmet and primary["verdict"] != NOT_MEASURED:
        return UNTESTABLE, _enumerated(unmet)
    judged = [(row["verdict"], _differs(row)) for _, row in conditions.iterrows()]
    verdict = combine(primary["verdict"], judged)
    return verdict, _circumstances(primary, conditions) if verdict == CONDITIONAL else ""


def _met(requirement: pd.Series) -> bool:
    """Return whether the effect of a precondition is real, in the direction that is stated."""
    small = requirement["verdict"] == SMALL and _oriented(requirement) > 0
    return bool(requirement["verdict"] == SUPPORTED or small)


def _oriented(row: pd.Series) -> float:
    """Return an effect that is above 0 where it is as claimed; 0 without a claimed direction."""
    directed = row["direction"] in ("greater", "less")
    return float(row["effect"]) * orientation(row["direction"]) if directed else 0.0


def _differs(condition: pd.Series) -> bool:
    """Return whether a condition's effect differs significantly from the primary one."""
    return bool(condition["interaction_low"] > 0 or condition["interaction_high"] < 0)


def _circumstances(primary: pd.Series, conditions: pd.DataFrame) -> str:
    """Return under which conditions a claim holds, fails, has a small effect, or is unknown."""
    analyses = [primary, *(row for _, row in conditions.iterrows())]
    parts = []
    for verdict, words in _UNDER.items():
        rows = [row for row in analyses if row["verdict"] == verdict]
        opposite = [row["label"] for row in rows if verdict == SMALL and _oriented(row) < 0]
        labels = [row["label"] for row in rows if row["label"] not in opposite]
        if labels:
            parts.append(f"{words} {_enumerated(labels)}")
        if opposite:
            parts.append(
                f"{words}, and is the opposite of what is claimed, {_enumerated(opposite)}"
            )
    return "; ".join(parts)


def _enumerated(labels: Sequence[str]) -> str:
    """Return labels of conditions as one phrase: "in dense networks with ReLU and with tanh"."""
    # Commas within a label would read as commas between labels.
    plain = [re.sub(r", (?![^(]*\))", " ", label) for label in labels]
    for label in plain:
        twin = label.replace("in dense networks", "in convolutional networks", 1)
        if twin != label and twin in plain:
            both = label.replace("in dense networks", "in dense and convolutional networks", 1)
            plain = [both if part == label else part for part in plain if part != twin]
    return plain[0] if len(plain) == 1 else f"{', '.join(plain[:-1])} and {plain[-1]}"


def sentence(claim: Claim, dataset: str, primary: pd.Series, verdict: str, condition: str) -> str:
    """Return the verdict on a claim in words, with the numbers that it rests on.

    Args:
        claim: the claim.
        dataset: the data set's title.
        primary: the row of its primary analysis
            (:data:`bnmatrix.claims.analyses.ANALYSIS_COLUMNS`).
        verdict: the claim's verdict on the data set.
        condition: the conditions of a conditional verdict, or the preconditions that are not met.
    """
    if verdict == NOT_MEASURED:
        return f"{claim.title}: not measured on {dataset}: there are no runs."
    said = f"{_WORDS[verdict]} on {dataset}"
    if verdict == UNTESTABLE:
        return f"{said}: a precondition is not shown ({condition})."
    if condition:
        said += f": {condition}"
    elif verdict == SMALL:
        said += f": the effect is {'positive' if primary['effect'] > 0 else 'negative'}"
    parts = [f"{said}.", _numbers(primary)]
    if verdict == UNKNOWN:
        parts.append(_wanting(primary))
    return " ".join(part for part in parts if part)


def _numbers(primary: pd.Series) -> str:
    """Return the effect of the primary analysis, with its interval and margin, as a sentence."""
    unit, endpoint = primary["unit"], primary["endpoint"]
    effect = " ".join([primary["bound"], quantity(primary["effect"], unit)]).strip()
    opening = f"{endpoint[0].upper()}{endpoint[1:]}, {primary['label']}"
    ending = f"margin {margin_text(primary['margin'], unit)}."
    pairs = f"{primary['pairs']:.0f} pairs"
    if primary["fact"]:
        return f"{opening}: {effect}, a fact (the extreme of {pairs}); {ending}"
    spread = interval(primary["ci_low"], primary["ci_high"], unit)
    if spread != "no interval":
        spread = f"simultaneous interval {spread}"
    censored = ""
    if primary["censored"] > 0:
        censored = f", {primary['censored'] * 100:.0f} % of them censored"
    return f"{opening}: {effect}, {spread}, {pairs}{censored}; {ending}"


def _wanting(primary: pd.Series) -> str:
    """Return what would decide a claim that these runs cannot tell, as a sentence.

    It says what `effort: thorough` would buy, unless the study has as many pairs already.
    """
    given = primary["pairs_thorough"]
    more = given > primary["pairs"]
    if primary["pairs_needed"] > primary["pairs"]:
        only = "" if given >= primary["pairs_needed"] else "only "
        bought = f"; `effort: thorough` gives {only}{given:.0f}" if more else ""
        return f"About {primary['pairs_needed']:.0f} pairs would tell half a margin apart{bought}."
    bought = f"; `effort: thorough` gives {given:.0f} pairs" if more else ""
    if math.isnan(primary["ci_low"]):
        return f"The pairs are too few, or do not differ{bought}."
    width = primary["ci_high"] - primary["ci_low"]
    if width <= primary["margin"]:
        return f"The effect is too close to the margin{bought}."
    pairs = "More pairs, such as those of `effort: thorough`," if more else "More pairs"
    what = "a finer grid" if primary["resolution"] > 0 else "more data"
    return f"{pairs} cannot tell half a margin apart; {what} would."
