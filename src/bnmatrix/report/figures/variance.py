"""The figure of the sources of variance."""

import math

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.patches import Patch

from bnmatrix.report.figures.drawing import PERCENT, Drawing
from bnmatrix.report.figures.inks import INK
from bnmatrix.report.figures.layout import WIDTH, error_bar, offset
from bnmatrix.report.sources_of_variance import SOURCE_NAMES, arm_colours, arm_name

_WIDTH = 0.8


def sources(table: pd.DataFrame) -> Drawing:
    """Return the standard deviation of test accuracy by source, a panel for each data set.

    Args:
        table: the content of ``variance.csv`` with the column ``panel``
            (:func:`bnmatrix.report.sources_of_variance.with_panels`).
    """
    panels, colours = list(dict.fromkeys(table["panel"])), arm_colours(table)
    shown = [source for source in SOURCE_NAMES if source in set(table["source"])]
    height = (0.24 + 0.18 * len(colours)) * len(shown) + 0.6
    figure, grid = plt.subplots(
        len(panels), figsize=(WIDTH, height * len(panels) + 0.6), squeeze=False
    )
    for axes, panel in zip(grid.flat, panels, strict=True):
        rows = table[table["panel"] == panel]
        for place, (arm, colour) in enumerate(colours.items()):
            for row in rows[rows["arm"] == arm].itertuples(index=False):
                axes.barh(
                    shown.index(row.source) + offset(place, len(colours), 1, _WIDTH),
                    row.sd,
                    height=_WIDTH / len(colours),
                    xerr=None
                    if math.isnan(row.sd_low)
                    else error_bar(row.sd, row.sd_low, row.sd_high),
                    color=colour,
                    edgecolor="none",
                    error_kw={"elinewidth": 1.2, "capsize": 2, "ecolor": INK},
                )
        axes.set_title(panel)
        axes.set_yticks(range(len(shown)), [SOURCE_NAMES[source] for source in shown])
        axes.set_ylim(len(shown) - 0.5, -0.5)
        axes.set_xlim(left=0)
        axes.grid(visible=False, axis="y")
        axes.xaxis.set_major_formatter(PERCENT)
    grid[-1, 0].set_xlabel("standard deviation of test accuracy (points), with its 95 % interval")
    figure.legend(
        handles=[Patch(color=colour, label=arm_name(arm)) for arm, colour in colours.items()],
        loc="outside upper center",
        ncols=2,
    )
    words = [
        f"{row.panel}, {arm_name(row.arm)}, {SOURCE_NAMES[row.source]}: {row.sd * 100:.2f}"
        for row in table.itertuples(index=False)
    ]
    return Drawing(
        figure,
        table[["dataset", "study", "cell", "arm", "source", "sd", "sd_low", "sd_high"]],
        f"Standard deviations of test accuracy by source, in points: {'; '.join(words)}.",
    )
