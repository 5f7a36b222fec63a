"""Render the overview of all studies."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from bnmatrix.files import write_text
from bnmatrix.plan.loading import load_project
from bnmatrix.report.pages.overview import overview_page


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
    page = overview_page(
        project, studies, not_run, asked, results, links, verdicts, network_helps=network_helps
    )
    write_text(output, page)
