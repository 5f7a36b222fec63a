"""Render the overview of all studies."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from bnmatrix.claims.batch_sizes import EFFECT_COLUMNS
from bnmatrix.config.project import Project
from bnmatrix.files import write_text
from bnmatrix.plan.loading import load_project
from bnmatrix.report.answer import answer_lines, markdown, with_titles
from bnmatrix.report.figures.answer import answer_chart
from bnmatrix.report.figures.drawing import dark, save, set_style
from bnmatrix.report.pages.overview import overview_page
from bnmatrix.tables.csv import read_runs

#: The chart of the answer.
CHART = "reports/figures/answer/batch-size.svg"


def run(
    *,
    config: str | None,
    studies: Sequence[str],
    not_run: Mapping[str, Sequence[str]],
    asked: int,
    network_helps: bool,
    claims: bool,
    links: Sequence[str],
    results: Path,
    output: Path,
) -> None:
    """Render the overview.

    Args:
        config: the configuration as JSON; if None, ``config/config.yaml`` is read.
        studies: the studies that the page shows.
        not_run: the studies that the user requested and that did not run, by reason.
        asked: the number of studies that the user requested.
        network_helps: whether a network or a mirror would add studies.
        claims: whether claims were judged.
        links: the pages that every page links to.
        results: the folder that holds ``data/results`` and ``reports``.
        output: the page.
    """
    verdicts = results / "reports/claims.csv" if claims else None
    project = load_project(config)
    _draw(project, results, claims=claims)
    page = overview_page(
        project, studies, not_run, asked, results, links, verdicts, network_helps=network_helps
    )
    write_text(output, page)
    write_text(output.with_name("answer.md"), _summary(project, studies, results, claims=claims))


def _draw(project: Project, results: Path, *, claims: bool) -> None:
    """Draw the chart of the answer, for wide and narrow screens and for a dark ground."""
    if not claims:
        return
    effects = with_titles(read_runs(results / "reports/effects.csv"), project)
    shown = effects[effects["normalization"] == "batch"]
    if shown.empty:
        return
    set_style()
    wide = results / CHART
    save(answer_chart(shown), wide)
    save(answer_chart(shown, narrow=True), wide.with_name("batch-size-narrow.svg"))
    text = dark(wide.read_text(encoding="utf-8"))
    write_text(wide.with_name("batch-size-dark.svg"), text)


def _summary(project: Project, studies: Sequence[str], results: Path, *, claims: bool) -> str:
    """Return the answer as Markdown for a README."""
    tables = {
        project.study(name).title: read_runs(results / "data/results" / name / "comparisons.csv")
        for name in studies
    }
    path = results / "reports/effects.csv"
    effects = read_runs(path) if claims else pd.DataFrame(columns=EFFECT_COLUMNS)
    lines = answer_lines(with_titles(effects, project), tables)
    chart = (results / CHART).exists() and len(effects) > 0
    return markdown(lines, CHART.removesuffix(".svg").removeprefix("reports/") if chart else None)
