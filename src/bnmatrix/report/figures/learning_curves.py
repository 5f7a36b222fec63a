"""The figure of learning curves."""

import math
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from bnmatrix.report.figures.drawing import PERCENT, Drawing
from bnmatrix.report.figures.inks import INK
from bnmatrix.report.figures.layout import MOST_CELLS, WIDTH, legend_columns, say_how_many, wrapped
from bnmatrix.report.labels import VariantLabels, arm_colours, with_labels
from bnmatrix.report.wording import percent
from bnmatrix.statistics.curves import final_means

_PER_ROW = 5
_DASHES = (3, 1.5)
_METRICS = {"accuracy": "accuracy (%)", "loss": "loss"}


def learning_curves(history: pd.DataFrame, labels: VariantLabels) -> Drawing:
    """Return accuracy and loss by epoch: a column of panels for each cell, a colour for each arm.

    Validation is drawn solid and training dashed, both in inference mode; lines are means over
    replicates, bands reach from the lowest to the highest.

    Args:
        history: a row for each evaluation (:data:`bnmatrix.tables.schema.HISTORY_COLUMNS`).
        labels: the labels of the study's variants.
    """
    table = with_labels(history, labels)
    cells = list(dict.fromkeys(table["cell"]))
    colours = arm_colours(table)
    shown = cells[:MOST_CELLS]
    columns = min(_PER_ROW, len(shown))
    # A regression has no accuracy.
    found = [name for name in _METRICS if table[f"validation_{name}"].notna().any()]
    rows = found or list(_METRICS)
    bands = math.ceil(len(shown) / columns)
    figure, grid = plt.subplots(
        len(rows) * bands,
        columns,
        figsize=(max(WIDTH, 2.75 * columns), 2.35 * len(rows) * bands + 0.4),
        squeeze=False,
        sharex=True,
    )
    pairs: list[list[Any]] = []
    for number in range(bands * columns):
        band, column = divmod(number, columns)
        panels = {
            metric: grid[len(rows) * band + place][column] for place, metric in enumerate(rows)
        }
        if number >= len(shown):
            for panel in panels.values():
                panel.set_visible(False)
            continue
        pairs.append(list(panels.values()))
        part = table[table["cell"] == shown[number]]
        for metric, panel in panels.items():
            _draw_curves(panel, part, metric, colours)
            panel.set_ylabel(_METRICS[metric])
            panel.set_title(wrapped(shown[number], 28))
            panel.set_xlabel("epoch")
            panel.tick_params(labelbottom=True)
    _share_rows(grid)
    handles = _handles(colours)
    figure.legend(
        handles=handles, loc="outside upper center", ncols=legend_columns(handles, columns)
    )
    say_how_many(figure, len(shown), len(cells), "cells")
    metrics = ["train_accuracy", "validation_accuracy", "train_loss", "validation_loss"]
    data = history[[*labels.axes, "replicate", "epoch", *metrics]]
    return Drawing(figure, data, _description(table, shown), pairs)


def _draw_curves(panel: Any, part: pd.DataFrame, metric: str, colours: dict[str, str]) -> None:
    """Draw the curves of one metric in one cell."""
    names = {"validation": f"validation_{metric}", "train": f"train_{metric}"}
    long = part.melt(
        id_vars=["arm", "replicate", "epoch"], value_vars=list(names.values()), var_name="part"
    )
    sns.lineplot(
        long,
        x="epoch",
        y="value",
        hue="arm",
        style="part",
        palette=colours,
        dashes={names["validation"]: "", names["train"]: _DASHES},
        errorbar=("pi", 100),
        linewidth=1.6,
        legend=False,
        ax=panel,
    )
    panel.set_title("")
    panel.set_xlabel("")
    panel.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    if metric == "accuracy":
        panel.yaxis.set_major_formatter(PERCENT)


def _handles(colours: dict[str, str]) -> list[Line2D]:
    """Return the entries of the legend."""
    handles = [Line2D([], [], color=colour, label=arm) for arm, colour in colours.items()]
    return [
        *handles,
        Line2D([], [], color=INK, label="validation"),
        Line2D([], [], color=INK, dashes=_DASHES, label="training"),
    ]


def _share_rows(grid: Any) -> None:
    """Give the panels of a row one y axis, so that columns can be compared."""
    for row in grid:
        shown = [panel for panel in row if panel.get_visible()]
        for panel in shown[1:]:
            panel.sharey(shown[0])
        if shown:
            low = min(panel.dataLim.y0 for panel in shown)
            high = max(panel.dataLim.y1 for panel in shown)
            if math.isfinite(low) and math.isfinite(high) and high > low:
                margin = (high - low) * 0.04
                shown[0].set_ylim(low - margin, high + margin)


def _description(table: pd.DataFrame, shown: list[str]) -> str:
    """Return the validation accuracies at the end, in words; of regressions, the losses."""
    accuracy = table["validation_accuracy"].notna().any() or table["validation_loss"].isna().all()
    name = "accuracy" if accuracy else "loss"
    ends = final_means(table, ["arm", "cell"], f"validation_{name}")
    words = [
        f"{arm}, {cell}: {percent(value, 1) if accuracy else f'{value:.4g}'}"
        for (arm, cell), value in ends.items()
        if cell in shown
    ]
    drawn = "Accuracy and loss" if accuracy else "Loss"
    return f"{drawn} by epoch. Validation {name} at the end: {'; '.join(words)}."
