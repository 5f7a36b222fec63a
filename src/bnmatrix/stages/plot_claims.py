"""Draw the figures of claims, and of the tuning of learning rates."""

import multiprocessing
from collections.abc import Sequence
from pathlib import Path

from bnmatrix.claims.arms import read_arms
from bnmatrix.config.project import Project
from bnmatrix.plan.loading import load_project
from bnmatrix.report.figures.claims import draw_claims
from bnmatrix.report.figures.tuning import draw_tuning
from bnmatrix.statistics.endpoints.values import Arm


def run(
    *, config: str | None, studies: Sequence[str], results: Path, output: Path, threads: int
) -> None:
    """Draw the figures of all claims and of all tuning.

    Args:
        config: the configuration as JSON; if None, ``config/config.yaml`` is read.
        studies: the studies that were run.
        results: the folder that holds ``data/results`` and ``reports``.
        output: the folder for the figures.
        threads: the number of processes, each of which draws its share.

    Raises:
        RuntimeError: a process failed. Its message is in the log.
    """
    project = load_project(config)
    arms, claims = read_arms(project, studies, results), list(project.claims)
    # Forked processes have the tables without a copy.
    fork = multiprocessing.get_context("fork")
    processes = [
        fork.Process(
            target=_draw,
            args=(output, project, arms, claims[part::threads], studies[part::threads], results),
        )
        for part in range(threads)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    if any(process.exitcode for process in processes):
        raise RuntimeError("a figure could not be drawn")


def _draw(
    output: Path,
    project: Project,
    arms: dict[str, Arm],
    claims: Sequence[str],
    studies: Sequence[str],
    results: Path,
) -> None:
    draw_claims(output, project, arms, claims)
    draw_tuning(output, project, studies, results / "data/results")
