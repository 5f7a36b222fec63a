"""Draw test accuracy against training time, which differs from run to run."""

from pathlib import Path

from bnmatrix.plan.loading import load_project
from bnmatrix.report.figures.drawing import save, set_style
from bnmatrix.report.figures.time_and_accuracy import time_and_accuracy
from bnmatrix.report.labels import study_labels
from bnmatrix.report.metric_wording import MetricWording
from bnmatrix.tables.csv import read_runs


def run(study: str, *, config: str | None, runs: Path, timings: Path, output: Path) -> None:
    """Draw the test accuracy of a study against its training time.

    Args:
        study: name of the study.
        config: the configuration as JSON; if None, ``config/config.yaml`` is read.
        runs: the study's table of runs (CSV).
        timings: the study's table of timings (CSV).
        output: the figure (.svg).
    """
    project = load_project(config)
    labels, written = study_labels(project, study), MetricWording(project.dataset_of(study).metric)
    set_style()
    save(time_and_accuracy(read_runs(runs), read_runs(timings), labels, written), output)
