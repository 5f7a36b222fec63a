"""Figures of differences, a row for each cell: between arms, and between training and test."""

import math

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.lines import Line2D

from bnmatrix.report.figures.drawing import POINTS, Drawing
from bnmatrix.report.figures.inks import INK
from bnmatrix.report.figures.layout import (
    MOST_CELLS,
    WIDTH,
    error_bar,
    nothing,
    offset,
    say_how_many,
    wrapped,
)
from bnmatrix.report.labels import VariantLabels, arm_colours, with_labels
from bnmatrix.report.metric_wording import ACCURACY, MetricWording
from bnmatrix.report.wording import points, span
from bnmatrix.statistics.units import MINUS


def differences(
    comparisons: pd.DataFrame, labels: VariantLabels, written: MetricWording = ACCURACY
) -> Drawing:
    """Return the paired differences from no normalization, with 95 % intervals, a row a cell.

    Args:
        comparisons: a row for each variant that has a baseline
            (:func:`bnmatrix.statistics.comparisons.compare`).
        labels: the labels of the study's variants.
        written: how the metric is written.
    """
    if comparisons.empty:
        return nothing("No variant has a baseline to compare with", comparisons)
    table = with_labels(comparisons, labels).head(2 * MOST_CELLS)
    colours = arm_colours(table)
    several = len(colours) > 1
    names = [
        f"{row.cell} · {row.arm}" if several else row.cell for row in table.itertuples(index=False)
    ]
    figure, panel = plt.subplots(figsize=(WIDTH, 0.46 * len(table) + 1.25))
    panel.axvline(0, color=INK, linewidth=1.2, zorder=1)
    for place, row in enumerate(table.itertuples(index=False)):
        panel.errorbar(
            [row.effect],
            [place],
            xerr=None if math.isnan(row.ci_low) else error_bar(row.effect, row.ci_low, row.ci_high),
            fmt="o",
            ms=6,
            color=colours[row.arm],
            elinewidth=2,
            capsize=3.5,
            zorder=3,
        )
    panel.set_yticks(range(len(table)), [wrapped(name, 24) for name in names])
    panel.set_ylim(len(table) - 0.5, -0.5)
    panel.grid(visible=False, axis="y")
    if written.in_points:
        panel.xaxis.set_major_formatter(POINTS)
    panel.set_xlabel(
        f"difference in {written.name}, {'normalization' if several else next(iter(colours))} "
        f"{MINUS} none{written.unit}\nmean of {span(table['pairs'])} pairs with its 95 % interval"
    )
    say_how_many(figure, len(table), len(comparisons), "comparisons")
    words = [
        f"{name}: {written.difference(row.effect)}, "
        f"{_interval_words(row.ci_low, row.ci_high, written)}"
        for name, row in zip(names, table.itertuples(index=False), strict=True)
    ]
    return Drawing(
        figure,
        comparisons[[*labels.axes, "pairs", "effect", "ci_low", "ci_high"]],
        f"Paired differences in {written.name}{', in points' if written.in_points else ''}: "
        f"{'; '.join(words)}.",
    )


def gap(summary: pd.DataFrame, labels: VariantLabels) -> Drawing:
    """Return the generalization gap, training minus test accuracy, by cell and arm.

    Args:
        summary: a row for each variant (:func:`bnmatrix.statistics.comparisons.summarize`).
        labels: the labels of the study's variants.
    """
    measured = summary[summary["gap_mean"].notna()]
    if measured.empty:
        return nothing("No run was completed", summary)
    table = with_labels(measured, labels)
    colours = arm_colours(table)
    every = list(dict.fromkeys(table["cell"]))
    cells = every[: 2 * MOST_CELLS]
    table = table[table["cell"].isin(cells)]
    figure, panel = plt.subplots(figsize=(WIDTH, 0.46 * len(cells) + 1.45))
    panel.axvline(0, color=INK, linewidth=1.2, zorder=1)
    for number, (arm, colour) in enumerate(colours.items()):
        for row in table[table["arm"] == arm].itertuples(index=False):
            panel.errorbar(
                [row.gap_mean],
                [cells.index(row.cell) + offset(number, len(colours), 0.24, 0.7)],
                xerr=None
                if math.isnan(row.gap_ci_low)
                else error_bar(row.gap_mean, row.gap_ci_low, row.gap_ci_high),
                fmt="o",
                ms=6,
                color=colour,
                elinewidth=2,
                capsize=3,
            )
    panel.set_yticks(range(len(cells)), [wrapped(cell, 24) for cell in cells])
    panel.set_ylim(len(cells) - 0.5, -0.5)
    panel.grid(visible=False, axis="y")
    panel.xaxis.set_major_formatter(POINTS)
    panel.set_xlabel("training − test accuracy (points), mean with its 95 % interval")
    figure.legend(
        handles=[Line2D([], [], color=c, marker="o", ls="", label=a) for a, c in colours.items()],
        loc="outside upper center",
        ncols=2,
    )
    say_how_many(figure, len(cells), len(every), "cells")
    words = [
        f"{row.arm}, {row.cell}: {points(row.gap_mean)}" for row in table.itertuples(index=False)
    ]
    return Drawing(
        figure,
        summary[[*labels.axes, "gap_mean", "gap_ci_low", "gap_ci_high"]],
        f"Training minus test accuracy, in points: {'; '.join(words)}.",
    )


def _interval_words(low: float, high: float, written: MetricWording) -> str:
    if math.isnan(low):
        return "no interval"
    return f"interval {written.difference(low)} to {written.difference(high)}"
