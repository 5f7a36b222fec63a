"""Render the page of a study."""

from collections.abc import Sequence
from pathlib import Path

from bnmatrix.files import write_text
from bnmatrix.plan.loading import load_project
from bnmatrix.report.labels import study_labels
from bnmatrix.report.pages.latex import latex_study
from bnmatrix.report.pages.study import study_page
from bnmatrix.tables.csv import read_runs


def run(
    study: str,
    *,
    config: str | None,
    claims: bool,
    links: Sequence[str],
    results: Path,
    output: Path,
) -> None:
    """Render a study's page, and its main table as LaTeX.

    Args:
        study: name of the study.
        config: the configuration as JSON; if None, ``config/config.yaml`` is read.
        claims: whether claims were judged on this study.
        links: the pages that every page links to.
        results: the folder that holds ``data/results`` and ``reports``.
        output: the page.
    """
    project = load_project(config)
    tables = results / "data/results" / study
    verdicts = tables / "claims.csv" if claims else None
    write_text(output, study_page(project, study, results, links, verdicts))
    summary = read_runs(tables / "summary.csv")
    write_text(output.with_suffix(".tex"), latex_study(summary, study_labels(project, study)))
