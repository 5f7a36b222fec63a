"""Draw the figure of the sources of variance, and render their page."""

from collections.abc import Sequence
from pathlib import Path

from bnmatrix.files import write_text
from bnmatrix.plan.loading import load_project
from bnmatrix.report.figures.drawing import save, set_style
from bnmatrix.report.figures.variance import sources
from bnmatrix.report.pages.variance import variance_page
from bnmatrix.report.sources_of_variance import with_panels
from bnmatrix.tables.csv import read_runs


def run(*, config: str | None, links: Sequence[str], results: Path, output: Path) -> None:
    """Draw the figure and render the page.

    Args:
        config: the configuration as JSON; if None, ``config/config.yaml`` is read.
        links: the pages that every page links to.
        results: the folder that holds ``reports/variance.csv`` and ``reports/figures``.
        output: the page.
    """
    project = load_project(config)
    table = with_panels(read_runs(results / "reports/variance.csv"), project)
    set_style()
    save(sources(table), results / "reports/figures/variance/sources.svg")
    write_text(output, variance_page(project, table, results, links))
