"""The figure of the primary metric, such as test accuracy, against batch size."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.lines import Line2D

from bnmatrix.config.studies import Printed
from bnmatrix.report.figures.drawing import PERCENT, Drawing
from bnmatrix.report.figures.inks import INK
from bnmatrix.report.figures.layout import (
    MOST_CELLS,
    WIDTH,
    hide_unused,
    legend_columns,
    offset,
    say_how_many,
    wrapped,
)
from bnmatrix.report.labels import VariantLabels, arm_colours, with_labels
from bnmatrix.report.metric_wording import ACCURACY, MetricWording
from bnmatrix.report.wording import percent, span
from bnmatrix.statistics.scoring import scored
from bnmatrix.tables.schema import DIVERGED


@dataclass(frozen=True)
class _Places:
    """Where marks stand: batch sizes in equal distances, and arms beside one another."""

    sizes: list[int]
    colours: dict[str, str]

    def of(self, size: int, arm: str) -> float:
        """Return the place of a batch size and arm on the horizontal axis."""
        number = list(self.colours).index(arm)
        return self.sizes.index(size) + offset(number, len(self.colours), 0.16, 0.6)


def accuracy(
    runs: pd.DataFrame,
    summary: pd.DataFrame,
    labels: VariantLabels,
    classes: int,
    printed: Sequence[Printed] = (),
    written: MetricWording = ACCURACY,
    deviation: float = math.nan,
) -> Drawing:
    """Return test accuracy against batch size: runs, means with 95 % intervals, printed figures.

    Diverged runs stand at chance, open. Another metric can take the place of test accuracy.

    Args:
        runs: the study's runs.
        summary: a row for each variant (:func:`bnmatrix.statistics.comparisons.summarize`).
        labels: the labels of the study's variants.
        classes: number of classes, for chance.
        printed: what the source printed.
        written: how the metric is written.
        deviation: standard deviation of the target of a regression.
    """
    column = written.metric.column
    table = _with_panels(runs, labels)
    table["value"] = scored(table, column, classes, deviation)
    ends = {f"{column}_ci_low": "low", f"{column}_ci_high": "high"}
    means = _with_panels(summary, labels).rename(columns={f"{column}_mean": "mean"} | ends)
    names = list(dict.fromkeys(table["panel"]))
    shown = names[:MOST_CELLS]
    columns = min(3, len(shown))
    rows = math.ceil(len(shown) / columns)
    places = _Places(sorted(set(table["batch_size"])), arm_colours(table))
    width = WIDTH if columns == 1 else 3.7 * columns
    figure, grid = plt.subplots(
        rows, columns, figsize=(width, 3.3 * rows + 0.3), squeeze=False, sharey=True
    )
    for panel, name in zip(grid.flat, shown, strict=False):
        mine = table[table["panel"] == name], means[means["panel"] == name]
        for arm in places.colours:
            _draw_arm(panel, places, arm, *(part[part["arm"] == arm] for part in mine))
        _draw_printed(panel, places, table, printed)
        _label_axes(panel, places.sizes, written)
        panel.set_title(wrapped(name, 40))
    hide_unused(grid.flat, len(shown))
    handles = _handles(places, span(runs.groupby("variant")["replicate"].nunique()), printed)
    figure.legend(
        handles=handles, loc="outside upper center", ncols=legend_columns(handles, columns)
    )
    say_how_many(figure, len(shown), len(names), "panels")
    words = [
        f"{row.arm}, {row.cell}: "
        f"{percent(row.mean, 1) if written.in_points else written.value(row.mean)}"
        for row in means[means["panel"].isin(shown)].itertuples(index=False)
    ]
    return Drawing(
        figure,
        runs[[*labels.axes, "replicate", "status", column]],
        f"{written.heading} against batch size, means over replicates: {'; '.join(words)}.",
    )


def _with_panels(table: pd.DataFrame, labels: VariantLabels) -> pd.DataFrame:
    """Return a table with labels, and with the panel that each row is drawn in."""
    panels = labels.column(table, lambda variant: variant.cell(without=("batch_size",)))
    return with_labels(table, labels).assign(panel=panels)


def _draw_arm(
    panel: Any, places: _Places, arm: str, runs: pd.DataFrame, means: pd.DataFrame
) -> None:
    """Draw the runs of an arm and their means with intervals."""
    colour = places.colours[arm]
    for diverged in (False, True):
        part = runs[(runs["status"] == DIVERGED) == diverged]
        panel.plot(
            # Beside the mean, so that its interval does not cover the runs.
            [places.of(size, arm) + 0.06 for size in part["batch_size"]],
            part["value"],
            "o",
            ms=4,
            color=colour,
            alpha=0.4,
            **({"mfc": "none"} if diverged else {"mew": 0}),
        )
    panel.errorbar(
        [places.of(size, arm) for size in means["batch_size"]],
        means["mean"],
        yerr=[means["mean"] - means["low"], means["high"] - means["mean"]],
        fmt="o",
        ms=6,
        color=colour,
        elinewidth=1.6,
        capsize=3,
        label=arm,
    )


def _draw_printed(
    panel: Any, places: _Places, runs: pd.DataFrame, printed: Sequence[Printed]
) -> None:
    """Draw the figures that the source printed, each in the colour of the first arm it may mean."""
    for source in printed:
        arms = runs.loc[runs["normalization"] == source.normalization, "arm"]
        if source.batch_size in places.sizes and len(arms):
            panel.plot(
                [places.of(source.batch_size, arms.iloc[0])],
                [source.test_accuracy],
                "x",
                ms=8,
                mew=1.8,
                color=places.colours[arms.iloc[0]],
            )


def _label_axes(panel: Any, sizes: list[int], written: MetricWording) -> None:
    """Set the ticks and labels of a panel, which a page may place alone."""
    panel.set_xticks(range(len(sizes)), [str(size) for size in sizes])
    panel.set_xlim(-0.5, len(sizes) - 0.5)
    panel.set_xlabel("batch size")
    panel.set_ylabel(written.axis)
    panel.yaxis.label.set_visible(True)
    panel.tick_params(labelleft=True)
    if written.in_points:
        panel.yaxis.set_major_formatter(PERCENT)
    panel.grid(visible=False, axis="x")


def _handles(places: _Places, replicates: str, printed: Sequence[Printed]) -> list[Line2D]:
    """Return the entries of the legend."""
    handles = [
        Line2D([], [], color=colour, marker="o", ls="", label=f"{arm} (n = {replicates})")
        for arm, colour in places.colours.items()
    ]
    if any(source.batch_size in places.sizes for source in printed):
        words = "printed by the source"
        handles.append(Line2D([], [], color=INK, marker="x", ls="", mew=1.8, label=words))
    return handles
