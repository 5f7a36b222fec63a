"""Draw a study's figures."""

from pathlib import Path

import numpy as np
import pandas as pd

from bnmatrix.plan.loading import load_project
from bnmatrix.report.figures.study import StudyTables, draw_all
from bnmatrix.report.labels import study_labels
from bnmatrix.tables.csv import read_runs


def run(
    study: str,
    *,
    config: str | None,
    runs: Path,
    results: Path,
    output: Path,
) -> None:
    """Draw the figures of a study, except the figure of training time.

    Args:
        study: name of the study.
        config: the configuration as JSON; if None, ``config/config.yaml`` is read.
        runs: the study's table of runs (CSV).
        results: the folder of the study's other tables.
        output: the folder for the figures.
    """
    project = load_project(config)
    declared, dataset = project.study(study), project.dataset_of(study)
    tables = StudyTables(
        labels=study_labels(project, study),
        runs=read_runs(runs),
        history=pd.read_parquet(results / "history.parquet"),
        summary=read_runs(results / "summary.csv"),
        comparisons=read_runs(results / "comparisons.csv"),
        confusion=read_runs(results / "confusion.csv"),
        confused=read_runs(results / "confused.csv"),
        classes=dataset.classes,
        printed=declared.source.printed if declared.source else [],
        metric=dataset.metric,
        deviation=dataset.deviation,
        pictures=np.load(results / "pictures.npy") / dataset.maximum if dataset.pictures else None,
    )
    draw_all(output, tables)
