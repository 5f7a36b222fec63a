"""The analyses of claims: endpoint and statistics → effect, interval and verdict."""

import math
from collections import Counter
from dataclasses import asdict, fields, replace
from typing import Any

import numpy as np
import pandas as pd

from bnmatrix.claims.effects import Measured, copies_without_groups, interaction, measure
from bnmatrix.config.claims import DECIDING, Analysis, Claim
from bnmatrix.config.datasets import Dataset
from bnmatrix.config.project import Project
from bnmatrix.config.selections import as_written
from bnmatrix.statistics.blocks import MeanSquares, UsualRatio, usual_ratio
from bnmatrix.statistics.endpoints.declared import ENDPOINTS
from bnmatrix.statistics.endpoints.values import Arm, several
from bnmatrix.statistics.means import share_of_runs
from bnmatrix.statistics.paired import pairs_needed
from bnmatrix.statistics.training_length import CurveEnds, curve_ends
from bnmatrix.statistics.uncertainty import ALPHA
from bnmatrix.statistics.verdicts import NOT_MEASURED, orientation, tail, verdict
from bnmatrix.tables.status import DIVERGED
from bnmatrix.training.settings import label

#: Columns of analyses.csv: one row per analysis and study. ``sd`` is the standard deviation of
#: the pairs' differences, ``error`` the standard error of the effect, ``replicate_error`` its part
#: over replicates and ``resolution`` its part because values are read off a grid. Of ``blocks`` of
#: replicates that share a tuned rate, ``block_ratio`` is the mean square between them over that
#: within, and ``usual_ratio`` what it is moderated towards
#: (:class:`bnmatrix.statistics.blocks.UsualRatio`; empty: not at all). ``ci_*`` is the
#: simultaneous interval that decides, ``censored`` the share of pairs with a value that is a bound
#: only, and ``bound`` says what the effect then is: ``≥`` or ``≤`` the number. ``interaction*`` is
#: the effect of a condition minus the primary one, oriented as claimed, if both have one unit and
#: no censored pairs. ``pairs_needed`` pairs would tell half a margin apart (empty: no number would,
#: or the pairs do not vary), and `effort: thorough` gives ``pairs_thorough``. ``curves_*`` says of
#: analyses of accuracies how the validation curves of their variants end
#: (:class:`bnmatrix.statistics.training_length.CurveEnds`).
ANALYSIS_COLUMNS = [
    "claim",
    "role",
    "label",
    "dataset",
    "study",
    "endpoint",
    "unit",
    "direction",
    "margin",
    "fact",
    "pairs",
    "effect",
    "sd",
    "error",
    "replicate_error",
    "resolution",
    "blocks",
    "block_ratio",
    "usual_ratio",
    "ci_low",
    "ci_high",
    "p_value",
    "p_adjusted",
    "probability_of_improvement",
    "treatment_mean",
    "control_mean",
    "treatment",
    "control",
    "censored",
    "bound",
    "diverged_treatment",
    "diverged_low_treatment",
    "diverged_high_treatment",
    "diverged_control",
    "diverged_low_control",
    "diverged_high_control",
    "interaction",
    "interaction_low",
    "interaction_high",
    "verdict",
    "pairs_needed",
    "pairs_thorough",
    *(f"curves_{field.name}" for field in fields(CurveEnds)),
    "note",
    "wall_clock",
]

#: Columns of pairs.parquet: one row per pair.
PAIR_COLUMNS = ["claim", "role", "label", "dataset", "study", "replicate", "treatment", "control"]


def analyse(
    project: Project, tables: dict[str, Arm], wall_clock: bool
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Make all analyses for which there are runs.

    All intervals of a data set have the level of a family: that of the analyses that decide, of
    facts apart, whether they were run or not. The claims of the sources are one family, and the
    questions of practitioners another. Who runs fewer analyses cannot prove more by it. How tuning
    blocks vary is known from the analyses that were run: with few studies, intervals are others.

    Args:
        project: the configuration.
        tables: the tables of the studies that were run, by study.
        wall_clock: whether to make the analyses that rest on wall-clock time, or all others.

    Returns:
        One row per analysis and study (:data:`ANALYSIS_COLUMNS`), and one row per pair
        (:data:`PAIR_COLUMNS`).
    """
    families = family_sizes(project)
    measured = _measured(project, tables, wall_clock)
    rows, pairs = [], []
    for name, claim in project.claims.items():
        primary: dict[str, tuple[Analysis, str, Measured]] = {}
        for number, (role, analysis) in enumerate(claim.analyses):
            if analysis.wall_clock != wall_clock:
                continue
            datasets = [project.study(study).dataset for study in analysis.studies]
            for study, dataset in zip(analysis.studies, datasets, strict=True):
                key = {"claim": name, "role": role, "label": analysis.label}
                key |= {"dataset": dataset, "study": study}
                arguments = analysis.arguments_on(dataset, datasets)
                row = key | _declared(analysis, dataset, arguments)
                if study in tables:
                    found = measured[name, number, study]
                    row |= _effect(
                        found, analysis, row["margin"], families.get((dataset, claim.family), 1)
                    )
                    row |= _curves(found, analysis, project.datasets[dataset], row["margin"])
                    row |= _thorough(found, tables[study], project.thorough_replicates_of(study))
                    if role == "primary":
                        primary[dataset] = (analysis, study, found)
                    elif role in ("condition", "convolutional") and dataset in primary:
                        row |= _interaction(claim, primary[dataset], analysis, study, found)
                    table = found.pairs.table
                    pairs.append(table.reset_index(names="replicate").assign(**key))
                rows.append(row)
    table = pd.DataFrame(rows, columns=ANALYSIS_COLUMNS)
    paired = pd.concat(pairs) if pairs else pd.DataFrame(columns=PAIR_COLUMNS)
    return table, paired[PAIR_COLUMNS]


def _measured(
    project: Project, tables: dict[str, Arm], wall_clock: bool
) -> dict[tuple[str, int, str], Measured]:
    """Return what is measured of each analysis: by claim, place among its analyses, and study.

    Analyses by the clock stand by themselves: what they find must not decide about others.
    """
    copies = {name: copies_without_groups(study) for name, study in tables.items()}
    measured, rows = {}, []
    for name, claim in project.claims.items():
        for number, (_, analysis) in enumerate(claim.analyses):
            for study in analysis.studies:
                if study in tables and analysis.wall_clock == wall_clock:
                    where = (
                        f"{project.run.claims_file}: claims → {name} ({analysis.label}, {study})"
                    )
                    found = measure(project, study, analysis, tables[study], copies[study], where)
                    measured[name, number, study] = found
                    if not analysis.fact:
                        dataset = project.study(study).dataset
                        row = {"study": study, "dataset": dataset, "pairs": len(found.differences)}
                        rows.append(row | _blocks(found))
    if wall_clock:
        return measured
    usual = usual_ratios(pd.DataFrame(rows, columns=ANALYSIS_COLUMNS))
    return {
        (name, number, study): replace(found, usual=usual.get(project.study(study).dataset))
        for (name, number, study), found in measured.items()
    }


def usual_ratios(table: pd.DataFrame) -> dict[str, UsualRatio]:
    """Return how tuning blocks vary in the analyses of each data set for which that is known.

    Args:
        table: the analyses (:data:`ANALYSIS_COLUMNS`).
    """
    found = {}
    for dataset, rows in table.groupby("dataset", sort=False):
        squares = [
            (row.study, MeanSquares(row.block_ratio, 1.0, int(row.blocks), int(row.pairs)))
            for row in rows.itertuples()
            if row.block_ratio >= 0
        ]
        usual = usual_ratio(squares)
        if usual is not None:
            found[str(dataset)] = usual
    return found


def _blocks(found: Measured) -> dict[str, Any]:
    """Return how the tuning blocks of an analysis vary, as columns of its row."""
    squares, usual = found.mean_squares, found.usual
    return {
        "blocks": math.nan if squares is None else squares.blocks,
        "block_ratio": math.nan if squares is None else squares.ratio,
        "usual_ratio": math.nan if squares is None or usual is None else usual.ratio,
    }


def family_sizes(project: Project) -> dict[tuple[str, str], int]:
    """Return the number of analyses that are judged together, by data set and family of claims."""
    return dict(
        Counter(
            (project.study(study).dataset, claim.family)
            for claim in project.claims.values()
            for role, analysis in claim.analyses
            if role in DECIDING and not analysis.fact
            for study in analysis.studies
        )
    )


def _declared(analysis: Analysis, dataset: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Return what is known of an analysis before it is made, as columns of its row."""
    endpoint = ENDPOINTS[analysis.endpoint]
    return {
        "endpoint": endpoint.describe({name: _text(value) for name, value in arguments.items()}),
        "unit": analysis.written_unit,
        "direction": analysis.direction,
        "margin": analysis.margin_on(dataset),
        "fact": analysis.fact,
        "pairs": 0,
        "bound": "",
        "verdict": NOT_MEASURED,
        "treatment": _selection(analysis.where | analysis.treatment),
        "control": "0" if analysis.control is None else _selection(analysis.control),
        "wall_clock": analysis.wall_clock,
        "note": "",
    }


def _text(value: Any) -> str:
    """Return the value of an argument as tables write it: "normal-0.1", "64-64"."""
    return " or ".join(str(label(item)) for item in several(value))


def _selection(selection: dict[str, Any]) -> str:
    """Return a selection as text: "normalization=batch, batch_size=16|32"."""
    parts = [f"{axis}={'|'.join(map(as_written, several(v)))}" for axis, v in selection.items()]
    return ", ".join(parts) or "all"


def _effect(found: Measured, analysis: Analysis, margin: float, family: int) -> dict[str, Any]:
    """Return what an analysis finds in one study, as columns of its row.

    Args:
        found: the pairs.
        analysis: the analysis.
        margin: its margin on the data set.
        family: the number of analyses that are judged together.
    """
    row: dict[str, Any] = {"note": found.pairs.note}
    for name, arm in (("treatment", found.treatment), ("control", found.control)):
        if arm is not None:
            diverged = int((arm.runs["status"] == DIVERGED).sum())
            shares = share_of_runs(diverged, len(arm.runs))
            places = (f"diverged_{part}{name}" for part in ("", "low_", "high_"))
            row |= dict(zip(places, shares, strict=True))
    table = found.pairs.table
    if table.empty:
        return row | {"note": f"{found.pairs.note} No pair has a value.".strip()}
    row |= {"treatment_mean": table["treatment"].mean(), "control_mean": table["control"].mean()}
    row |= _censored(found) | {"pairs": len(table)}
    if analysis.fact:
        return row | _fact(found.differences, margin, analysis.direction)
    level = tail(analysis.direction, family)
    effect = found.effect(level)
    said = verdict(effect.ci_low, effect.ci_high, margin, analysis.direction)
    columns = ("effect", "sd", "ci_low", "ci_high", "p_value", "probability_of_improvement")
    return (
        row
        | {name: getattr(effect, name) for name in columns}
        | {"error": effect.uncertainty.error}
        | {"p_adjusted": _adjusted(effect.p_value, analysis.direction, family)}
        | {"replicate_error": math.sqrt(effect.uncertainty.replicate_variance)}
        | {"resolution": found.pairs.resolution}
        | _blocks(found)
        | {"verdict": said}
        | {"pairs_needed": pairs_needed(effect.uncertainty, margin / 2, level, found.tested)}
    )


def _curves(found: Measured, analysis: Analysis, dataset: Dataset, margin: float) -> dict[str, Any]:
    """Return how the validation curves of an analysis of accuracies end, as columns of its row."""
    if not analysis.of_accuracies:
        return {}
    arms = [arm for arm in (found.treatment, found.control) if arm is not None]
    history, runs = (
        pd.concat([getattr(arm, name) for arm in arms]) for name in ("history", "runs")
    )
    # Margins of slopes are not those of accuracies.
    matters = margin if analysis.written_unit == "points" else dataset.margin_of_accuracy
    ends = curve_ends(history, runs, matters)
    return {f"curves_{name}": value for name, value in asdict(ends).items()}


def _thorough(found: Measured, study: Arm, replicates: int) -> dict[str, Any]:
    """Return how many pairs a study of so many replicates gives, as columns of a row.

    As many replicates in a hundred have a pair as in this study.
    """
    share = len(found.differences) / study.runs["replicate"].nunique()
    return {"pairs_thorough": round(share * replicates)}


def _adjusted(p_value: float, direction: str, family: int) -> float:
    """Return the p-value of no difference that belongs to the interval, by Bonferroni.

    Wordings with a direction are judged by one end of the interval, and so is the p-value.
    """
    tests = 2 * family if direction == "different" else family
    return min(1.0, p_value / 2 * tests) if p_value >= 0 else np.nan


def _fact(differences: pd.Series, margin: float, direction: str) -> dict[str, Any]:
    """Return the value that decides about a fact, the one that fits the claim least."""
    low, high = float(differences.min()), float(differences.max())
    said = verdict(low, high, margin, direction)
    if direction in ("greater", "less"):
        return {"effect": low if direction == "greater" else high, "verdict": said}
    return {"effect": high if abs(high) >= abs(low) else low, "verdict": said}


def _censored(found: Measured) -> dict[str, Any]:
    """Return the share of pairs with a censored value, and on which side of the effect it is."""
    if found.pairs.censored is None:
        return {"censored": 0.0, "bound": ""}
    first, second = (found.pairs.censored[name].to_numpy(bool) for name in ("treatment", "control"))
    bound = {(True, False): "≥", (False, True): "≤"}.get(
        (bool(first.any()), bool(second.any())), ""
    )
    return {"censored": float((first | second).mean()), "bound": bound}


def _interaction(
    claim: Claim,
    primary: tuple[Analysis, str, Measured],
    condition: Analysis,
    study: str,
    found: Measured,
) -> dict[str, Any]:
    """Return how far a condition's effect is from the primary one, as columns of its row."""
    first, first_study, pairs = primary
    if pairs.differences.empty or found.differences.empty:
        return {}
    if first.written_unit != condition.written_unit or any(
        _censored(m)["censored"] for m in (pairs, found)
    ):
        return {}
    scales = (orientation(first.direction), orientation(condition.direction))
    compared = len(claim.conditions) + (claim.convolutional is not None)
    values = interaction(pairs, found, scales, study == first_study, ALPHA / 2 / compared)
    names = ("interaction", "interaction_low", "interaction_high")
    return dict(zip(names, values, strict=True))
