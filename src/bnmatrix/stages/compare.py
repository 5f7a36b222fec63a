"""Summarize the variants of a study, and compare them with their baselines."""

from pathlib import Path

import pandas as pd

from bnmatrix.config.project import Project
from bnmatrix.plan.loading import load_project
from bnmatrix.plan.sizes import overlap
from bnmatrix.plan.variants import variants
from bnmatrix.statistics.averages import accuracy_by_mode, starting_share
from bnmatrix.statistics.comparisons import compare, summarize
from bnmatrix.statistics.frameworks import compare_frameworks
from bnmatrix.statistics.recalls import recalls
from bnmatrix.statistics.training_length import late_changes, with_explained
from bnmatrix.tables.csv import read_runs, write_csv


def run(study: str, *, config: str | None, runs: Path, results: Path) -> None:
    """Write a study's summary and comparisons.

    Args:
        study: name of the study.
        config: the configuration as JSON; if None, ``config/config.yaml`` is read.
        runs: the study's table of runs (CSV).
        results: the folder of the study's other tables, to read and to write.
    """
    project, table = load_project(config), read_runs(runs)
    dataset = project.dataset_of(study)
    classes = dataset.outputs
    overlaps = {
        variant.name: found
        for variant in variants(project, study)
        if (found := overlap(dataset, variant.settings)) is not None
    }
    curves = ["variant", "replicate", "step", "validation_accuracy", "validation_loss"]
    history = pd.read_parquet(results / "history.parquet", columns=curves)
    if not dataset.classes:
        history = with_explained(history)
    late = late_changes(history, table, dataset.margin_of_accuracy)
    correctness = pd.read_parquet(results / "correctness.parquet")
    metric, deviation = dataset.metric.column, dataset.deviation
    summary = summarize(table, classes, overlaps, correctness, metric, deviation)
    summary = summary.merge(late, on="variant")
    summary = summary.assign(starting_share=_starting_shares(project, study, summary))
    modes = accuracy_by_mode(pd.read_parquet(results / "measurements.parquet"))
    summary = summary.merge(modes, on="variant", how="left")
    write_csv(summary, results / "summary.csv")
    compared = compare(table, classes, overlaps, correctness, metric, dataset.margin, deviation)
    write_csv(compared, results / "comparisons.csv")
    write_csv(recalls(correctness), results / "recalls.csv")
    frameworks = compare_frameworks(
        table, classes, dataset.margin, overlaps, correctness, metric, deviation
    )
    write_csv(frameworks, results / "frameworks.csv")


def _starting_shares(project: Project, study: str, summary: pd.DataFrame) -> list[float | None]:
    """Return the share of their start that each variant's moving averages hold; None without any.

    A variant with PyTorch's own conventions has their momentum, which is no setting: None, too.
    """
    settings = {v.name: v.settings for v in variants(project, study, every=True)}
    momenta = [settings[name].value("normalization_momentum") for name in summary["variant"]]
    return [
        None if momentum is None else starting_share(momentum, int(steps))
        for momentum, steps in zip(momenta, summary["steps_taken"], strict=True)
    ]
