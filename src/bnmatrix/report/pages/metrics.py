"""What the page of a user's own data says about metrics, and about each class."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from bnmatrix.config.datasets import Dataset
from bnmatrix.config.own_data import InspectedDataset
from bnmatrix.report.labels import VariantLabels, with_labels
from bnmatrix.report.metric_wording import MetricWording
from bnmatrix.report.pages.records import Record, records
from bnmatrix.report.wording import percent, span
from bnmatrix.statistics.resolution import sampling_error
from bnmatrix.tables.metrics import METRICS

#: Cells for which a sentence gives the recall of the rarest class.
_MOST_CELLS = 8


@dataclass(frozen=True)
class MetricFacts:
    """What a page says about the metrics of a study.

    Attributes:
        reasons: why the primary metric is what it is, in sentences; none if it is accuracy.
        rare: what happens to the rarest class, in sentences.
        metrics: how the metrics of the table are written, the primary one first.
        rows: one row per variant: ``arm``, ``cell`` and ``values``, each with its text.
        arms: the arms of the table of classes.
        classes: one row per class: ``label``, ``examples``, ``tested`` (in a run) and ``recalls``,
            one for each arm, each with its text.
    """

    reasons: Sequence[str]
    rare: list[str]
    metrics: list[MetricWording]
    rows: list[Record]
    arms: list[str]
    classes: list[Record]


def metric_facts(
    dataset: InspectedDataset, summary: pd.DataFrame, recalls: pd.DataFrame, labels: VariantLabels
) -> MetricFacts:
    """Return what a page says about the metrics of a study.

    Args:
        dataset: the data set.
        summary: the summary of the study (:func:`bnmatrix.statistics.comparisons.summarize`).
        recalls: the recall of each class (:func:`bnmatrix.statistics.recalls.recalls`).
        labels: the labels of the study's variants.
    """
    task = dataset.metric.task
    metrics = [dataset.metric, *(item for item in METRICS.values() if item.task == task)]
    written = [
        MetricWording(metric)
        for metric in dict.fromkeys(metrics)
        if f"{metric.column}_mean" in summary
    ]
    rows = [
        row | {"values": [_cell(row[f"{item.metric.column}_mean"], item) for item in written]}
        for row in records(summary, labels)
    ]
    if recalls.empty:
        return MetricFacts(dataset.reasons, [], written, rows, [], [])
    table = with_labels(recalls, labels)
    arms = list(dict.fromkeys(table["arm"]))
    by_class = table.pivot_table(index="label", columns="arm", values="recall").reindex(
        index=range(len(dataset.classes)), columns=arms
    )
    tested = table.groupby("label")["tested"].mean()
    counted = zip(dataset.classes, dataset.rows_by_class, strict=True)
    classes = [
        {
            "label": name,
            "examples": examples,
            "tested": float(tested[number]),
            "recalls": [(share, percent(share, 1)) for share in by_class.loc[number]],
        }
        for number, (name, examples) in enumerate(counted)
    ]
    return MetricFacts(dataset.reasons, _rarest(dataset, table), written, rows, arms, classes)


def _cell(value: float, written: MetricWording) -> tuple[float, str]:
    return value, "n/a" if pd.isna(value) else written.value(value)


def _rarest(dataset: InspectedDataset, table: pd.DataFrame) -> list[str]:
    """Return what happens to the rarest class, and how sure that is, in sentences.

    Only of data whose primary metric is not accuracy.
    """
    if dataset.metric.name == "accuracy" or not dataset.classes:
        return []
    number = dataset.rows_by_class.index(min(dataset.rows_by_class))
    name, mine = dataset.classes[number], table[table["label"] == number]
    arms = list(dict.fromkeys(mine["arm"]))
    wide = mine.pivot_table(index="cell", columns="arm", values="recall", sort=False)
    wide = wide.reindex(columns=arms)
    cells = [
        f"{cell}: {' → '.join(percent(share, 0) for share in row)}"
        for cell, row in zip(wide.index[:_MOST_CELLS], wide.to_numpy(), strict=False)
    ]
    more = f"; {len(wide) - _MOST_CELLS} further cells" if len(wide) > _MOST_CELLS else ""
    sentences = [f"'{name}' is recognized in ({' → '.join(arms)}) {'; '.join(cells)}{more}."]
    tested = [round(value) for value in mine["tested"]]
    error = sampling_error(float(mine["recall"].mean()), max(1, *tested))
    every = f"A run has {span(tested)} test examples of '{name}'"
    moved = f"another sample of as many could move its recall by {error * 100:.0f} points"
    margin = dataset.margin_of_accuracy
    # What the recall of this class alone does to the mean over classes.
    if error / len(dataset.classes) <= margin:
        return [*sentences, f"{every}; {moved}."]
    amount = MetricWording(METRICS["balanced_accuracy"]).amount(margin)
    return [
        *sentences,
        f"{every}, which are too few to measure balanced accuracy to {amount}: {moved}. More "
        f"examples of '{name}' would help most; the setting `class_weights: balanced` gives those "
        "that there are more weight.",
    ]


def curve_of(dataset: Dataset) -> str:
    """Return what the validation curves of a data set are curves of."""
    return "accuracy" if dataset.classes else "R²"


def left_out_claims(dataset: InspectedDataset) -> str:
    """Return which claims are not judged on a data set, as a sentence; "" if all can be."""
    if dataset.metric.name == "accuracy":
        return ""
    return (
        f"Claims about test accuracy are tested by {MetricWording(dataset.metric).name} here. "
        "Claims that rest on accuracy in another way, such as gaps between training and test "
        "accuracy and steps to an accuracy, are not judged on this data."
    )
