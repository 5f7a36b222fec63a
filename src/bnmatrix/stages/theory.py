"""Render the page that explains batch normalization."""

from collections.abc import Sequence
from pathlib import Path

from bnmatrix.files import write_text
from bnmatrix.plan.loading import load_project
from bnmatrix.report.pages.theory import theory_page


def run(
    *, config: str | None, claims: bool, links: Sequence[str], results: Path, output: Path
) -> None:
    """Render the page.

    Args:
        config: the configuration as JSON; if None, ``config/config.yaml`` is read.
        claims: whether claims were judged.
        links: the pages that every page links to.
        results: the folder that holds ``reports``.
        output: the page.
    """
    verdicts = results / "reports/claims.csv" if claims else None
    analyses = results / "data/results/claims/analyses.csv" if claims else None
    write_text(output, theory_page(load_project(config), verdicts, links, analyses))
