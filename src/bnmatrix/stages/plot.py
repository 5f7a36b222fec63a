"""Draw a study's figures."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from bnmatrix.datasets.data import load_prepared
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
    prepared: Sequence[Path],
    output: Path,
) -> None:
    """Draw the figures of a study, except the figure of training time.

    Args:
        study: name of the study.
        config: the configuration as JSON; if None, ``config/config.yaml`` is read.
        runs: the study's table of runs (CSV).
        results: the folder of the study's other tables.
        prepared: the study's prepared data (.npz).
        output: the folder for the figures.
    """
    project = load_project(config)
    declared, dataset = project.study(study), project.dataset_of(study)
    images = None
    if dataset.pictures:
        # The test part is the same in every split.
        pixels = load_prepared(prepared[0]).x_test
        images = pixels.reshape(-1, *dataset.shape) / dataset.maximum
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
        images=images,
    )
    draw_all(output, tables)
