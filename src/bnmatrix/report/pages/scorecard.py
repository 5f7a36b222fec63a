"""The scorecard of claims as a grid, and analyses as rows of tables, with small pictures."""

import json
import math
from typing import Any

import pandas as pd
from markupsafe import Markup

from bnmatrix.config.claims import GROUPS
from bnmatrix.config.project import Project
from bnmatrix.plan.networks import column_title, deciding, network_of
from bnmatrix.report.findings import finding
from bnmatrix.report.pages.records import Record
from bnmatrix.statistics import units
from bnmatrix.statistics.verdicts import NOT_MEASURED, claimed_side

#: Size of the picture in pixels, and the margins that it reaches from zero.
_WIDTH, _HEIGHT, _REACH = 104, 18, 60

#: The group of claims that declare none.
_OTHERS = "Further claims"


def scorecard_rows(claims: pd.DataFrame, project: Project) -> list[Record]:
    """Return the rows of claims.csv with what a page shows of them."""
    return [
        {**_with_texts(row, project), "title": project.claims[row["claim"]].title}
        for row in claims.to_dict("records")
    ]


def scorecard(
    claims: pd.DataFrame, project: Project, analyses: pd.DataFrame | None = None
) -> dict[str, Any]:
    """Return the scorecard: claims in groups, a column for each data set and kind of network.

    Args:
        claims: the content of claims.csv.
        project: the configuration.
        analyses: the analyses, from which readers may see verdicts under other margins.

    Returns:
        ``columns``: their titles, those with a verdict only; ``groups``: each with its title and
        rows, which have the claim's name and title, the finding, and a cell or None for each
        column; ``left_out``: the number of claims without a verdict, by column.
    """
    rows = scorecard_rows(claims, project)
    measured = [row for row in rows if row["verdict"] != NOT_MEASURED]
    columns = list(dict.fromkeys(row["column"] for row in measured))
    every = dict.fromkeys(row["column"] for row in rows)
    groups: dict[str, list[Record]] = {title: [] for title in (*GROUPS.values(), _OTHERS)}
    for name, claim in project.claims.items():
        found = [row for row in measured if row["claim"] == name]
        if not found:
            continue
        cells = {row["column"]: _cell(row, project, analyses) for row in found}
        groups[GROUPS.get(claim.group or "", _OTHERS)].append(
            {
                "claim": name,
                "title": claim.title,
                "finding": finding(claim, found),
                "cells": [cells.get(column) for column in columns],
            }
        )
    missing = {
        column: sum(row["column"] == column and row["verdict"] == NOT_MEASURED for row in rows)
        for column in every
    }
    return {
        "columns": columns,
        "groups": [{"title": title, "rows": found} for title, found in groups.items() if found],
        "left_out": {column: number for column, number in missing.items() if number},
    }


def _cell(row: Record, project: Project, analyses: pd.DataFrame | None) -> Record:
    anchor = f"pairs-{row['claim']}-{row['dataset']}-{row['network']}"
    return {**row, "anchor": anchor, "inputs": _inputs(row, project, analyses)}


def _inputs(row: Record, project: Project, analyses: pd.DataFrame | None) -> str:
    """Return what a verdict is computed from, as JSON: intervals, margins, directions and roles."""
    if analyses is None:
        return ""
    found = analyses[
        (analyses["claim"] == row["claim"])
        & (analyses["dataset"] == row["dataset"])
        & (analyses["role"] != "exploratory")
    ]
    found = deciding(project, found, row["network"])
    parts = []
    for part in found.to_dict("records"):
        low, high = (part["effect"],) * 2 if part["fact"] else (part["ci_low"], part["ci_high"])
        differs = part["interaction_low"] > 0 or part["interaction_high"] < 0
        parts.append(
            {
                "role": part["role"],
                "low": None if math.isnan(low) else low,
                "high": None if math.isnan(high) else high,
                "margin": part["margin"],
                "direction": part["direction"],
                "effect": None if math.isnan(part["effect"]) else part["effect"],
                "differs": bool(differs),
                "measured": part["verdict"] != NOT_MEASURED,
            }
        )
    return json.dumps(parts, separators=(",", ":"))


def analysis_rows(analyses: pd.DataFrame, project: Project) -> list[Record]:
    """Return the analyses that have pairs, with what a page shows of them."""
    kinds = {study: network_of(project, study) for study in analyses["study"].unique()}
    return [
        {
            **_with_texts(row | {"network": kinds[row["study"]]}, project),
            "margin_text": units.margin_text(row["margin"], row["unit"]),
            "note": row["note"] if isinstance(row["note"], str) else "",
        }
        for row in analyses[analyses["pairs"] > 0].to_dict("records")
    ]


def _with_texts(row: Record, project: Project) -> Record:
    """Return a row with its effect and interval as text and as a picture, oriented as claimed."""
    effect, low, high = row["effect"], row["ci_low"], row["ci_high"]
    bound = row["bound"] if isinstance(row["bound"], str) else ""
    title = project.datasets[row["dataset"]].title
    side = claimed_side(row["direction"], effect)
    ends = sorted((side * low, side * high)) if not math.isnan(low) else (low, high)
    return {
        **row,
        "effect_text": f"{bound} {units.quantity(effect, row['unit'])}".strip(),
        "interval_text": units.interval(low, high, row["unit"]),
        "in_margins": side * effect / row["margin"],
        "drawing": drawing(side * effect, ends[0], ends[1], row["margin"]),
        "dataset_title": title,
        "column": column_title(title, row["network"]),
    }


def drawing(effect: float, low: float, high: float, margin: float) -> Markup:
    """Return an effect with its interval as a small picture, in units of the margin.

    The scale is linear within the margin, the shaded band, and logarithmic beyond it.
    """
    if math.isnan(effect):
        return Markup("")

    def place(value: float) -> float:
        share = math.asinh(value / margin) / math.asinh(_REACH)
        return _WIDTH / 2 + max(-1.0, min(1.0, share)) * (_WIDTH / 2 - 5)

    band = place(-margin), place(margin)
    middle = _HEIGHT / 2
    parts = [
        f'<path class="band" d="M{band[0]:.0f} 1H{band[1]:.0f}V{_HEIGHT - 1}H{band[0]:.0f}z"/>',
        f'<path class="zero" d="M{_WIDTH / 2:g} 1V{_HEIGHT - 1}"/>',
    ]
    if not (math.isnan(low) or math.isnan(high)):
        end = max(place(high), place(low) + 0.5)
        parts.append(f'<path class="interval" d="M{place(low):.1f} {middle:g}H{end:.1f}"/>')
    parts.append(f'<circle class="dot" cx="{place(effect):.1f}" cy="{middle:g}" r="3.6"/>')
    return Markup(
        f'<svg class="drawing" viewBox="0 0 {_WIDTH} {_HEIGHT}" aria-hidden="true">'
        f"{''.join(parts)}</svg>"
    )
