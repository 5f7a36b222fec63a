"""The figures of a study, except that of time, which differs from run to run."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from bnmatrix.config.studies import Printed
from bnmatrix.report.figures.accuracy import accuracy
from bnmatrix.report.figures.confusion import confused, confusion
from bnmatrix.report.figures.differences import differences, gap
from bnmatrix.report.figures.drawing import save, set_style
from bnmatrix.report.figures.learning_curves import learning_curves
from bnmatrix.report.labels import VariantLabels
from bnmatrix.report.metric_wording import MetricWording
from bnmatrix.tables.metrics import METRICS, Metric


@dataclass(frozen=True)
class StudyTables:
    """What the figures of a study are drawn from.

    Attributes:
        labels: the labels of the study's variants.
        runs, history: see :mod:`bnmatrix.tables.schema`.
        summary, comparisons: see :mod:`bnmatrix.statistics.comparisons`.
        confusion, confused: of the best variant; see :mod:`bnmatrix.statistics.confusions`.
        classes: names of the classes.
        printed: what the source printed.
        metric: the primary metric.
        deviation: standard deviation of the target of a regression.
        pictures: the examples of ``confused`` as pixels, examples × height × width (× 3), 0 to 1;
            None if the data are no images.
    """

    labels: VariantLabels
    runs: pd.DataFrame
    history: pd.DataFrame
    summary: pd.DataFrame
    comparisons: pd.DataFrame
    confusion: pd.DataFrame
    confused: pd.DataFrame
    classes: list[str]
    printed: Sequence[Printed] = ()
    metric: Metric = METRICS["accuracy"]
    deviation: float = math.nan
    pictures: npt.NDArray[np.float64] | None = None


def draw_all(folder: Path, tables: StudyTables) -> None:
    """Draw and save the figures of a study, except that of time."""
    set_style()
    labels, classes, written = tables.labels, tables.classes, MetricWording(tables.metric)
    drawings = {
        "learning-curves": learning_curves(tables.history, labels),
        "accuracy": accuracy(
            tables.runs,
            tables.summary,
            labels,
            len(classes),
            tables.printed,
            written,
            tables.deviation,
        ),
        "differences": differences(tables.comparisons, labels, written),
        "gap": gap(tables.summary, labels),
        "confusion": confusion(tables.confusion, classes),
        "confused": confused(tables.confused, classes, tables.pictures),
    }
    for name, drawing in drawings.items():
        save(drawing, folder / f"{name}.svg")
