"""Draw the figures of how learning rates were tuned."""

from collections.abc import Sequence
from pathlib import Path

from bnmatrix.plan.loading import load_project
from bnmatrix.report.figures.tuning import draw_tuning


def run(*, config: str | None, studies: Sequence[str], results: Path, output: Path) -> None:
    """Draw the tuning runs of all studies that tune learning rates.

    Args:
        config: the configuration as JSON; if None, ``config/config.yaml`` is read.
        studies: the studies that tune.
        results: the folder that holds ``data/results``.
        output: the folder for the figures.
    """
    draw_tuning(output, load_project(config), studies, results / "data/results")
