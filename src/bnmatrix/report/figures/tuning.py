"""Figures of how learning rates were tuned."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import NullFormatter

from bnmatrix.config.project import Project
from bnmatrix.report.figures.drawing import PERCENT, PLAIN, Drawing, save, set_style
from bnmatrix.report.figures.layout import hide_unused
from bnmatrix.report.labels import VariantLabels, arm_colours, study_labels, with_labels

_COLUMNS = 4


def draw_tuning(folder: Path, project: Project, studies: Sequence[str], results: Path) -> None:
    """Draw and save the tuning curves of each study that tunes learning rates.

    Args:
        folder: where to save ``tuning-<study>.svg``.
        project: the configuration.
        studies: the studies that were run.
        results: the folder of the studies' tables.
    """
    set_style()
    for study in studies:
        table = pd.read_parquet(results / study / "tuning.parquet")
        if len(table):
            objective = project.study(study).tuning.objective
            drawing = tuning_curves(table, study_labels(project, study), objective)
            save(drawing, folder / f"tuning-{study}.svg")


def tuning_curves(
    table: pd.DataFrame, labels: VariantLabels, objective: Literal["final", "average", "loss"]
) -> Drawing:
    """Return what tuning maximized against the learning rate: a panel a cell, a colour an arm.

    Each block of replicates has a line. Its chosen rate is ringed. Rates with fewer runs than the
    chosen one have smaller marks.

    Args:
        table: a study's tuning runs (:data:`bnmatrix.tables.schema.TUNING_COLUMNS`).
        labels: the labels of the study's variants.
        objective: what was maximized: the validation accuracy at the end, or its average; or the
            validation loss at the end, which was minimized.
    """
    # All cells are tuned here, so that panels need not say it.
    panel_name = labels.column(table, lambda variant: variant.cell(without=("tuned",)))
    table = with_labels(table, labels).assign(panel=panel_name)
    loss = objective == "loss"
    if loss:
        table["tuning_objective"] *= -1
    keys = ["arm", "cell", "block", "rate"]
    table["runs"] = table.groupby(keys)["replicate"].transform("size")
    table = table.drop_duplicates(keys).sort_values("rate")
    colours = arm_colours(table)
    names = list(dict.fromkeys(table.sort_index()["panel"]))
    columns = min(_COLUMNS, len(names))
    rows = math.ceil(len(names) / columns)
    figure, grid = plt.subplots(
        rows,
        columns,
        figsize=(max(4.7, 2.8 * columns), 2.3 * rows + 0.6),
        squeeze=False,
        sharey=True,
        sharex=True,
    )
    for panel, name in zip(grid.flat, names, strict=False):
        for (arm, _), part in table[table["panel"] == name].groupby(["arm", "block"], sort=False):
            _draw_search(panel, part, colours[arm])
        panel.set_title("\n".join(name.split(", ")), fontsize=8)
        _scale(panel, table["rate"])
        if not loss:
            panel.yaxis.set_major_formatter(PERCENT)
    hide_unused(grid.flat, len(names))
    for panel in grid[-1]:
        panel.set_xlabel("learning rate")
    when = "average" if objective == "average" else "at the end"
    for row in grid:
        row[0].set_ylabel(f"validation {'loss' if loss else 'accuracy (%)'}\n{when}", fontsize=8)
    figure.legend(
        handles=[Line2D([], [], color=c, marker="o", label=arm) for arm, c in colours.items()],
        loc="outside upper center",
        ncols=2,
    )
    return Drawing(
        figure,
        table[["arm", "cell", "block", "rate", "runs", "tuning_objective", "chosen"]],
        _description(table, loss),
    )


def _scale(panel: Axes, rates: pd.Series) -> None:
    """Give a panel its logarithmic axis: with a number at each power of ten, if there is one."""
    panel.set_xscale("log")
    panel.xaxis.set_major_formatter(PLAIN)
    if rates.max() >= 10 * rates.min():
        panel.xaxis.set_minor_formatter(NullFormatter())


def _draw_search(panel: Axes, search: pd.DataFrame, colour: str) -> None:
    """Draw the rates of one search: its columns are those of the figure's data."""
    x, y, chosen = search["rate"], search["tuning_objective"], search["chosen"]
    complete = search["runs"] == search["runs"].max()
    panel.plot(x, y, "o-", ms=1.5, lw=1, alpha=0.7, color=colour)
    panel.plot(x[complete], y[complete], "o", ms=3.5, alpha=0.7, color=colour)
    panel.plot(x[chosen], y[chosen], "o", ms=9, mfc="none", color=colour)


def _description(table: pd.DataFrame, loss: bool) -> str:
    """Return the chosen rates in words."""
    chosen = table[table["chosen"]].groupby(["arm", "panel"], sort=False)["rate"]
    words = [
        f"{arm}, {cell}: {', '.join(f'{rate:g}' for rate in sorted(set(rates)))}"
        for (arm, cell), rates in chosen
    ]
    name = "loss" if loss else "accuracy"
    return f"Validation {name} against learning rate. Chosen rates: {'; '.join(words)}."
