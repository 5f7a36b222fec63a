"""Compute where the spread of test accuracies comes from."""

import logging
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from bnmatrix.config.project import Project
from bnmatrix.errors import UserError
from bnmatrix.plan.loading import load_project
from bnmatrix.plan.sizes import overlap
from bnmatrix.report.labels import study_labels
from bnmatrix.statistics.overlaps import largest
from bnmatrix.statistics.variance import components
from bnmatrix.tables.csv import read_runs, write_csv

log = logging.getLogger(__name__)


def run(*, config: str | None, studies: Sequence[str], results: Path) -> None:
    """Write ``reports/variance.csv``.

    Args:
        config: the configuration as JSON; if None, ``config/config.yaml`` is read.
        studies: the studies that have the axis ``varied``.
        results: the folder that holds ``data/results`` and ``reports``.

    Raises:
        UserError: there is no such study.
    """
    project = load_project(config)
    if not studies:
        raise UserError(
            f"{project.run.studies_file}: no study of this run has the axis `varied`, which "
            "reports/variance.csv needs; add such a study, or run one that has it"
        )
    table = pd.concat([_study(project, name, results) for name in studies], ignore_index=True)
    write_csv(table, results / "reports/variance.csv")
    log.info("%d components of %d studies", len(table), len(studies))


def _study(project: Project, name: str, results: Path) -> pd.DataFrame:
    """Return the components of a study, cell by cell."""
    dataset, labels = project.dataset_of(name), study_labels(project, name)
    runs = read_runs(results / f"reports/{name}.csv")
    correctness = pd.read_parquet(results / "data/results" / name / "correctness.parquet")
    cells = labels.column(runs, lambda variant: variant.cell(without=("varied",)))
    tables = []
    for cell, group in runs.groupby(cells, sort=False):
        # The number of seeds is about the runs in which everything varies.
        together = group.loc[group["varied"] == "all", "variant"].unique()
        overlaps = [overlap(dataset, labels[v].variant.settings) for v in together]
        table = components(
            group,
            correctness,
            len(dataset.classes),
            dataset.margin,
            largest(overlaps),
        )
        keys = {"dataset": project.study(name).dataset, "study": name, "cell": cell}
        tables.append(table.assign(**keys)[[*keys, *table.columns]])
    return pd.concat(tables, ignore_index=True)
