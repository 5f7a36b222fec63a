"""Judge the claims, and compare replications with published results."""

import logging
from collections.abc import Sequence
from pathlib import Path

from bnmatrix.claims.analyses import analyse, usual_ratios
from bnmatrix.claims.arms import read_arms
from bnmatrix.claims.batch_sizes import by_batch_size
from bnmatrix.claims.replications import replicate
from bnmatrix.claims.verdicts import judge
from bnmatrix.plan.loading import load_project
from bnmatrix.tables.csv import write_csv, write_parquet

log = logging.getLogger(__name__)


def run(*, config: str | None, studies: Sequence[str], results: Path) -> None:
    """Write the verdicts, and the analyses and pairs of values behind them.

    Args:
        config: the configuration as JSON; if None, ``config/config.yaml`` is read.
        studies: the studies that were run.
        results: the folder that holds ``data/results`` and ``reports``.
    """
    project = load_project(config)
    arms = read_arms(project, studies, results)
    analyses, pairs = analyse(project, arms, wall_clock=False)
    timed, timed_pairs = analyse(project, arms, wall_clock=True)
    reports, claims = results / "reports", results / "data/results/claims"
    write_csv(judge(project, analyses), reports / "claims.csv")
    write_csv(timed, reports / "claims-timing.csv")
    write_csv(by_batch_size(project, arms, usual_ratios(analyses)), reports / "effects.csv")
    write_csv(analyses, claims / "analyses.csv")
    write_parquet(pairs, claims / "pairs.parquet")
    write_parquet(timed_pairs, claims / "pairs-timing.parquet")
    write_csv(replicate(project, arms, wall_clock=False), reports / "replications.csv")
    write_csv(replicate(project, arms, wall_clock=True), claims / "replications-timing.csv")
    log.info("%d claims, %d analyses, %d pairs", len(project.claims), len(analyses), len(pairs))
