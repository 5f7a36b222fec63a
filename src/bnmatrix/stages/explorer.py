"""Render the page on which readers choose and compare learning curves."""

from collections.abc import Sequence
from pathlib import Path

from bnmatrix.files import write_text
from bnmatrix.plan.loading import load_project
from bnmatrix.report.pages.explorer import explorer_page


def run(
    *,
    config: str | None,
    studies: Sequence[str],
    links: Sequence[str],
    results: Path,
    output: Path,
) -> None:
    """Render the explorer.

    Args:
        config: the configuration as JSON; if None, ``config/config.yaml`` is read.
        studies: the studies that the page shows.
        links: the pages that every page links to.
        results: the folder that holds ``data/results`` and ``reports``.
        output: the page.
    """
    write_text(output, explorer_page(load_project(config), studies, results, links))
