"""Draw the figures of claims."""

from collections.abc import Sequence
from pathlib import Path

from bnmatrix.claims.arms import read_arms
from bnmatrix.plan.loading import load_project
from bnmatrix.report.figures.claims import draw_claims


def run(*, config: str | None, studies: Sequence[str], results: Path, output: Path) -> None:
    """Draw the figures of all claims.

    Args:
        config: the configuration as JSON; if None, ``config/config.yaml`` is read.
        studies: the studies that were run.
        results: the folder that holds ``data/results`` and ``reports``.
        output: the folder for the figures.
    """
    project = load_project(config)
    draw_claims(output, project, read_arms(project, studies, results))
