"""Render the page of the claims and the page of the replications."""

from collections.abc import Sequence
from pathlib import Path

from bnmatrix.files import write_text
from bnmatrix.plan.loading import load_project
from bnmatrix.report.pages.claims import claims_page
from bnmatrix.report.pages.latex import latex_scorecard
from bnmatrix.report.pages.replications import replications_page
from bnmatrix.tables.csv import read_runs


def run(
    *,
    config: str | None,
    studies: Sequence[str],
    links: Sequence[str],
    results: Path,
    output: Path,
) -> None:
    """Render both pages, and the scorecard as LaTeX.

    Args:
        config: the configuration as JSON; if None, ``config/config.yaml`` is read.
        studies: the studies that were run.
        links: the pages that every page links to.
        results: the folder that holds ``data/results`` and ``reports``.
        output: the page of the claims. The other files go to the same folder.
    """
    project = load_project(config)
    write_text(output, claims_page(project, studies, results, links))
    replications = replications_page(project, studies, results, links)
    write_text(output.with_name("replications.html"), replications)
    claims = read_runs(results / "reports/claims.csv")
    write_text(output.with_name("claims.tex"), latex_scorecard(claims, project))
