"""Pages of the claims and of the replications."""

import math
from pathlib import Path
from typing import Any

import pandas as pd
from markupsafe import Markup

from bnmatrix import units
from bnmatrix.config import Project
from bnmatrix.report.labels import arm_label, cell_label
from bnmatrix.report.pages import environment, latex, svg
from bnmatrix.tables import axes_of, read_runs

_WIDTH, _HEIGHT, _REACH = 150, 22, 60


def claims_page(project: Project, studies: list[str], root: Path, links: list[str]) -> str:
    """Return the page of all claims.

    Args:
        project: the configuration.
        studies: the studies that were run for them.
        root: the folder that holds ``data/results`` and ``reports``.
        links: pages that every page links to.
    """
    claims = read_runs(root / "reports/claims.csv")
    analyses = pd.concat(
        [
            read_runs(root / "data/results/claims/analyses.csv"),
            read_runs(root / "reports/claims-timing.csv"),
        ],
        ignore_index=True,
    )
    # A table without rows has no type of its own.
    analyses["wall_clock"] = analyses["wall_clock"].astype(bool)
    entries = []
    for name, claim in project.claims.items():
        figure = root / f"reports/figures/claims/{name}.svg"
        own = analyses[analyses["claim"] == name]
        entries.append(
            {
                "name": name,
                "claim": claim,
                "verdicts": scorecard_rows(claims[claims["claim"] == name], project),
                "analyses": _rows(own[~own["wall_clock"]], project),
                "studies": sorted({s for s in own["study"] if s in studies}, key=studies.index),
                "figure": svg(figure, name) if figure.exists() else None,
            }
        )
    timed = {
        claim.title: _rows(analyses[(analyses["claim"] == name) & analyses["wall_clock"]], project)
        for name, claim in project.claims.items()
    }
    return (
        environment(links, "claims")
        .get_template("claims.html.j2")
        .render(
            entries=entries,
            scorecard=scorecard_rows(claims, project),
            counts=claims["verdict"].value_counts().to_dict(),
            tuning=_tuning(project, studies, root),
            timed=[(title, rows) for title, rows in timed.items() if rows],
        )
    )


def scorecard_rows(claims: pd.DataFrame, project: Project) -> list[dict[str, Any]]:
    """Return the rows of claims.csv with what a page shows of them."""
    rows = []
    places = {name: place for place, name in enumerate(project.claims)}
    for row in claims.to_dict("records"):
        text = {
            "effect_text": units.quantity(row["effect"], row["unit"]),
            "interval_text": units.interval(row["ci_low"], row["ci_high"], row["unit"]),
            "in_margins": row["effect"] / row["margin"],
            "drawing": drawing(row["effect"], row["ci_low"], row["ci_high"], row["margin"]),
            "title": project.claims[row["claim"]].title,
            "place": places[row["claim"]],
            "dataset_title": project.datasets[row["dataset"]].title,
        }
        rows.append(row | text)
    return rows


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


def _rows(analyses: pd.DataFrame, project: Project) -> list[dict[str, Any]]:
    return [
        row
        | {
            "effect_text": units.quantity(row["effect"], row["unit"]),
            "interval_text": units.interval(row["ci_low"], row["ci_high"], row["unit"]),
            "in_margins": row["effect"] / row["margin"],
            "dataset_title": project.datasets[row["dataset"]].title,
            "margin_text": units.margin_text(row["margin"], row["unit"]),
            "drawing": drawing(row["effect"], row["ci_low"], row["ci_high"], row["margin"]),
            "note": row["note"] if isinstance(row["note"], str) else "",
        }
        for row in analyses[analyses["pairs"] > 0].to_dict("records")
    ]


def _tuning(project: Project, studies: list[str], root: Path) -> list[dict[str, Any]]:
    """Return the studies that tuned learning rates, each with its figure and what was chosen."""
    entries = []
    for study in studies:
        figure = root / f"reports/figures/claims/tuning-{study}.svg"
        if not figure.exists():
            continue
        table = pd.read_parquet(root / f"data/results/{study}/tuning.parquet")
        if table.empty:
            continue
        axes = axes_of(table)
        chosen = table[table["chosen"]].drop_duplicates("variant")
        entries.append(
            {
                "study": study,
                "title": project.study(study).title,
                "tuning": project.study(study).tuning,
                "figure": svg(figure, f"tuning-{study}"),
                "widened": int(table.drop_duplicates(["variant", "rate"])["widened"].sum()),
                "chosen": [
                    {
                        "arm": arm_label(row, axes),
                        "cell": cell_label(row, axes).removesuffix(", tuned True"),
                        "rate": row["rate"],
                        "objective": row["tuning_objective"],
                    }
                    for _, row in chosen.iterrows()
                ],
            }
        )
    return entries


def latex_scorecard(claims: pd.DataFrame, project: Project) -> str:
    """Return the verdicts as a LaTeX table, for the package booktabs."""
    measured = claims[claims["verdict"] != "not measured"]
    rows = scorecard_rows(measured, project)
    table = pd.DataFrame(
        {
            "claim": [row["title"] for row in rows],
            "data": [row["dataset_title"] for row in rows],
            "verdict": [row["verdict"] for row in rows],
            "effect": [row["effect_text"] for row in rows],
            "95 % interval": [row["interval_text"] for row in rows],
            "pairs": [f"{row['pairs']:.0f}" for row in rows],
        }
    )
    # Characters that LaTeX's text fonts lack.
    return latex(table).replace(units.MINUS, "$-$").replace("×", r"$\times$")


def replications_page(project: Project, studies: list[str], root: Path, links: list[str]) -> str:
    """Return the page that sets what we found beside what was published.

    Args:
        project: the configuration.
        studies: the studies that were run.
        root: the folder that holds ``data/results`` and ``reports``.
        links: pages that every page links to.
    """
    found = pd.concat(
        [
            read_runs(root / "reports/replications.csv").assign(wall_clock=False),
            read_runs(root / "data/results/claims/replications-timing.csv").assign(wall_clock=True),
        ],
        ignore_index=True,
    )
    entries = [
        {
            "name": name,
            "replication": replication,
            "run": replication.study in studies,
            "rows": [
                row | {"text": _figures(row)}
                for row in found[found["replication"] == name].to_dict("records")
            ],
        }
        for name, replication in project.replications.items()
    ]
    timed = [
        (entry["replication"].title, [row for row in entry["rows"] if row["wall_clock"]])
        for entry in entries
    ]
    for entry in entries:
        entry["rows"] = [row for row in entry["rows"] if not row["wall_clock"]]
    return (
        environment(links, "replications")
        .get_template("replications.html.j2")
        .render(entries=entries, timed=[(title, rows) for title, rows in timed if rows])
    )


def _figures(row: dict[str, Any]) -> dict[str, str]:
    """Return the figures of a replication's row as text: fractions as percentages, counts whole."""
    unit = row["unit"]
    scale, digits = {"points": (100, 2), "count": (1, 0)}.get(unit, (1, 3))

    def text(value: float) -> str:
        return "n/a" if pd.isna(value) else f"{value * scale:.{digits}f}"

    return {key: text(row[key]) for key in ("published", "published_sd", "ours", "ours_sd")} | {
        "difference": units.number(row["difference"], unit)
        if unit in ("points", "count")
        else text(row["difference"]),
        "interval": f"{text(row['ci_low'])} to {text(row['ci_high'])}",
        "unit": {"points": "percent", "count": ""}.get(unit, "log₂"),
    }
