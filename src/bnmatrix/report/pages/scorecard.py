"""Verdicts and analyses of claims as rows of tables, each with a small picture of its effect."""

import math

import pandas as pd
from markupsafe import Markup

from bnmatrix.config.project import Project
from bnmatrix.report.pages.records import Record
from bnmatrix.statistics import units

#: Size of the picture in pixels, and the margins that it reaches from zero.
_WIDTH, _HEIGHT, _REACH = 150, 22, 60


def scorecard_rows(claims: pd.DataFrame, project: Project) -> list[Record]:
    """Return the rows of claims.csv with what a page shows of them."""
    places = {name: place for place, name in enumerate(project.claims)}
    return [
        {
            **_with_texts(row, project),
            "title": project.claims[row["claim"]].title,
            "place": places[row["claim"]],
        }
        for row in claims.to_dict("records")
    ]


def analysis_rows(analyses: pd.DataFrame, project: Project) -> list[Record]:
    """Return the analyses that have pairs, with what a page shows of them."""
    return [
        {
            **_with_texts(row, project),
            "margin_text": units.margin_text(row["margin"], row["unit"]),
            "note": row["note"] if isinstance(row["note"], str) else "",
        }
        for row in analyses[analyses["pairs"] > 0].to_dict("records")
    ]


def _with_texts(row: Record, project: Project) -> Record:
    """Return a row with its effect and interval as text and as a picture."""
    effect, low, high = row["effect"], row["ci_low"], row["ci_high"]
    bound = row["bound"] if isinstance(row["bound"], str) else ""
    return {
        **row,
        "effect_text": f"{bound} {units.quantity(effect, row['unit'])}".strip(),
        "interval_text": units.interval(low, high, row["unit"]),
        "in_margins": effect / row["margin"],
        "drawing": drawing(effect, low, high, row["margin"]),
        "dataset_title": project.datasets[row["dataset"]].title,
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
    parts = [
        f'<rect x="{band[0]:.1f}" y="1" width="{band[1] - band[0]:.1f}" '
        f'height="{_HEIGHT - 2}" class="band"/>',
        f'<line x1="{_WIDTH / 2}" x2="{_WIDTH / 2}" y1="1" y2="{_HEIGHT - 1}" class="zero"/>',
    ]
    if not (math.isnan(low) or math.isnan(high)):
        parts.append(
            f'<line x1="{place(low):.1f}" x2="{max(place(high), place(low) + 0.5):.1f}" '
            f'y1="{_HEIGHT / 2}" y2="{_HEIGHT / 2}" class="interval"/>'
        )
    parts.append(f'<circle cx="{place(effect):.1f}" cy="{_HEIGHT / 2}" r="4" class="dot"/>')
    return Markup(
        f'<svg class="drawing" viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" '
        f'height="{_HEIGHT}" aria-hidden="true" focusable="false">{"".join(parts)}</svg>'
    )
