"""The figure of test accuracy against the time of training."""

from typing import Any

import matplotlib.pyplot as plt
import pandas as pd

from bnmatrix.report.figures.drawing import PERCENT, PLAIN, Drawing
from bnmatrix.report.figures.layout import MOST_CELLS, WIDTH, nothing, spread
from bnmatrix.report.labels import VariantLabels, arm_colours, with_labels
from bnmatrix.report.metric_wording import ACCURACY, MetricWording
from bnmatrix.report.wording import duration, percent
from bnmatrix.statistics import timings as times

#: Points above which they are drawn as a picture, which is then the smaller file.
_MOST_POINTS = 5_000


def time_and_accuracy(
    runs: pd.DataFrame,
    timings: pd.DataFrame,
    labels: VariantLabels,
    written: MetricWording = ACCURACY,
) -> Drawing:
    """Return the test accuracy of each run against the seconds that its training took.

    Args:
        runs: a row for each run.
        timings: a row for each evaluation (:data:`bnmatrix.tables.schema.TIMING_COLUMNS`).
        labels: the labels of the study's variants.
        written: how the metric that takes the place of test accuracy is written.
    """
    column = written.metric.column
    table = with_labels(runs, labels).join(times.run_seconds(timings), on=["variant", "replicate"])
    table = table.assign(value=table[column])
    table = table[table["value"].notna() & table["seconds"].notna()]
    if table.empty:
        return nothing("No run was completed", table)
    medians = times.time_and_accuracy(table)
    names = labels.column(table, lambda variant: variant.short_cell())
    short = dict(zip(table["cell"], names, strict=True))
    figure, panel = plt.subplots(figsize=(WIDTH, 3.6))
    picture = len(table) > _MOST_POINTS
    named: list[tuple[str, pd.Series, str]] = []
    for arm, colour in arm_colours(table).items():
        rows, centre = table[table["arm"] == arm], medians.loc[arm]
        panel.plot(
            rows["seconds"],
            rows["value"],
            color=colour,
            ms=4,
            alpha=0.35,
            mew=0,
            marker="o",
            ls="",
            rasterized=picture,
        )
        panel.plot(
            centre["seconds"],
            centre["value"],
            color=colour,
            ms=7,
            label=arm,
            marker="o",
            ls="",
            rasterized=picture,
        )
        named += [(short[cell], row, colour) for cell, row in centre.head(MOST_CELLS).iterrows()]
    panel.set_xscale("log")
    _name(panel, named)
    panel.xaxis.set_major_formatter(PLAIN)
    if written.in_points:
        panel.yaxis.set_major_formatter(PERCENT)
    panel.set_xlabel("seconds of training a run, one thread (logarithmic)")
    panel.set_ylabel(written.axis)
    figure.legend(loc="outside upper center", ncols=2)
    data = table[[*labels.axes, "replicate", "seconds", column]]
    return Drawing(figure, data, _description(medians, written))


def _name(panel: Any, named: list[tuple[str, pd.Series, str]]) -> None:
    """Write the name of each cell beside its medians, so that no two names overlap."""
    low, high = panel.get_ylim()
    places = spread([row["value"] for _, row, _ in named], 0.045 * (high - low))
    for (name, row, colour), place in zip(named, places, strict=True):
        panel.annotate(
            name,
            (row["seconds"], place),
            (7, 0),
            textcoords="offset points",
            va="center",
            fontsize=7.5,
            color=colour,
        )


def _description(medians: pd.DataFrame, written: MetricWording) -> str:
    """Return the medians of each arm and cell, in words."""
    words = [
        f"{arm}, {cell}: {percent(row.value, 1) if written.in_points else written.value(row.value)}"
        f" in {duration(row.seconds)}"
        for (arm, cell), row in medians.head(MOST_CELLS).iterrows()
    ]
    if len(medians) > MOST_CELLS:
        words.append(f"and {len(medians) - MOST_CELLS} more")
    return f"{written.heading} against training time, medians: {'; '.join(words)}."
