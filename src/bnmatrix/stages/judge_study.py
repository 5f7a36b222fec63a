"""Judge the claims on a single study."""

from pathlib import Path

from bnmatrix.claims.analyses import analyse
from bnmatrix.claims.arms import read_arms
from bnmatrix.claims.verdicts import judge
from bnmatrix.plan.loading import load_project
from bnmatrix.tables.csv import write_csv


def run(study: str, *, config: str | None, results: Path, output: Path) -> None:
    """Write the verdicts on one study.

    Args:
        study: name of the study.
        config: the configuration as JSON; if None, ``config/config.yaml`` is read.
        results: the folder that holds ``data/results`` and ``reports``.
        output: the table to write (CSV).
    """
    project = load_project(config)
    analyses, _ = analyse(project, read_arms(project, [study], results), wall_clock=False)
    write_csv(judge(project, analyses[analyses["study"] == study]), output)
