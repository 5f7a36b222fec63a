"""Figures: each a function from tables to a figure, saved as SVG with text as text."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("svg")

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator

from bnmatrix.files import atomic_path
from bnmatrix.report.labels import (
    MINUS,
    arm_colours,
    cell_columns,
    setting_name,
    value_text,
    with_labels,
)
from bnmatrix.tables import axes_of

#: Cells that one figure shows; the tables have them all.
MOST_CELLS = 20
_PER_ROW = 5

_STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "bnmatrix",
    "font.family": "sans-serif",
    "font.sans-serif": ["Helvetica", "Arial", "Liberation Sans", "DejaVu Sans"],
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10,
    "axes.labelsize": 9.5,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "legend.fontsize": 9,
    "legend.frameon": False,
    "axes.titleweight": "bold",
    "grid.color": "#E4E4E4",
    "figure.constrained_layout.use": True,
}

PERCENT = FuncFormatter(lambda value, _: f"{value * 100:g}")
_POINTS = FuncFormatter(
    lambda value, _: f"{value * 100:+g}".replace("-", MINUS) if abs(value) > 1e-9 else "0"
)


def draw_all(
    folder: Path,
    runs: pd.DataFrame,
    history: pd.DataFrame,
    summary: pd.DataFrame,
    comparisons: pd.DataFrame,
    printed: Sequence[Any],
) -> None:
    """Draw and save a study's figures.

    Args:
        folder: where to save them.
        runs: a row a run.
        history: a row an evaluation.
        summary: a row a variant.
        comparisons: a row a variant with a baseline.
        printed: what the source printed (:class:`bnmatrix.config.Printed`).
    """
    set_style()
    save(learning_curves(history), folder / "learning-curves.svg")
    save(accuracy(runs, summary, printed), folder / "accuracy.svg")
    save(differences(comparisons), folder / "differences.svg")


def set_style() -> None:
    """Set the look of all figures."""
    sns.set_theme(context="notebook", style="whitegrid", rc=_STYLE)


def save(figure: Figure, path: Path) -> None:
    """Write a figure as SVG; the same figure gives the same bytes."""
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="svg", metadata={"Date": None, "Creator": None})
    plt.close(figure)


def learning_curves(history: pd.DataFrame) -> Figure:
    """Return accuracy and loss by epoch: a column a cell, a colour an arm.

    Validation is drawn solid and training dashed, both in inference mode; lines are means over
    replicates, bands reach from the lowest to the highest.
    """
    axes = axes_of(history)
    table = with_labels(history, axes)
    cells = list(dict.fromkeys(table["cell"]))
    colours = arm_colours(table)
    shown = cells[:MOST_CELLS]
    columns = min(_PER_ROW, len(shown))
    bands = math.ceil(len(shown) / columns)
    figure, grid = plt.subplots(
        2 * bands,
        columns,
        figsize=(max(6.4, 2.5 * columns + 0.6), 4.9 * bands + 0.4),
        squeeze=False,
        sharex=True,
    )
    for number, cell in enumerate(shown):
        band, column = divmod(number, columns)
        part = table[table["cell"] == cell]
        for row, (metric, name) in enumerate((("accuracy", "accuracy (%)"), ("loss", "loss"))):
            panel = grid[2 * band + row][column]
            long = part.melt(
                id_vars=["arm", "replicate", "epoch"],
                value_vars=[f"validation_{metric}", f"train_{metric}"],
                var_name="part",
            )
            sns.lineplot(
                long,
                x="epoch",
                y="value",
                hue="arm",
                style="part",
                palette=colours,
                dashes={f"validation_{metric}": "", f"train_{metric}": (3, 1.5)},
                errorbar=("pi", 100),
                linewidth=1.6,
                legend=False,
                ax=panel,
            )
            panel.set_title(cell if row == 0 else "")
            panel.set_ylabel(name if column == 0 else "")
            panel.set_xlabel("epoch" if row == 1 else "")
            panel.xaxis.set_major_locator(MaxNLocator(5, integer=True))
            if metric == "accuracy":
                panel.yaxis.set_major_formatter(PERCENT)
    for number in range(len(shown), bands * columns):
        band, column = divmod(number, columns)
        grid[2 * band][column].set_visible(False)
        grid[2 * band + 1][column].set_visible(False)
    _share_rows(grid)
    handles = [Line2D([], [], color=colour, label=arm) for arm, colour in colours.items()]
    handles += [
        Line2D([], [], color="#444444", label="validation"),
        Line2D([], [], color="#444444", dashes=(3, 1.5), label="training"),
    ]
    figure.legend(
        handles=handles, loc="outside upper center", ncols=_legend_columns(handles, columns)
    )
    if len(cells) > len(shown):
        figure.supxlabel(f"{len(shown)} of {len(cells)} cells shown", fontsize=9)
    return figure


def accuracy(runs: pd.DataFrame, summary: pd.DataFrame, printed: Sequence[Any]) -> Figure:
    """Return test accuracy against batch size: runs, means with 95 % intervals, printed figures."""
    axes = axes_of(runs)
    table = with_labels(runs, axes)
    means = with_labels(summary, axes)
    colours = arm_colours(table)
    rest = [axis for axis in cell_columns(axes) if axis != "batch_size"]
    facet = ["" if not rest else _facet(row, rest) for _, row in table.iterrows()]
    table = table.assign(facet=facet)
    means = means.assign(
        facet=["" if not rest else _facet(row, rest) for _, row in means.iterrows()]
    )
    facets = list(dict.fromkeys(table["facet"]))
    shown = facets[:MOST_CELLS]
    columns = min(3, len(shown))
    rows = math.ceil(len(shown) / columns)
    sizes = sorted(set(table["batch_size"]))
    width = 6.4 if columns == 1 else 4.0 * columns
    figure, grid = plt.subplots(
        rows, columns, figsize=(width, 3.7 * rows + 0.3), squeeze=False, sharey=True
    )
    arms = list(colours)
    replicates = runs.groupby("variant")["replicate"].nunique()
    for number, name in enumerate(shown):
        panel = grid[number // columns][number % columns]
        for index, arm in enumerate(arms):
            offset = (index - (len(arms) - 1) / 2) * min(0.16, 0.6 / len(arms))
            own = table[(table["facet"] == name) & (table["arm"] == arm)]
            mean = means[(means["facet"] == name) & (means["arm"] == arm)]
            # Beside the mean, so that its interval does not cover them.
            at = [sizes.index(size) + offset + 0.06 for size in own["batch_size"]]
            panel.plot(at, own["test_accuracy"], "o", ms=4, color=colours[arm], alpha=0.4, mew=0)
            at = [sizes.index(size) + offset for size in mean["batch_size"]]
            panel.errorbar(
                at,
                mean["test_accuracy_mean"],
                yerr=[
                    mean["test_accuracy_mean"] - mean["test_accuracy_ci_low"],
                    mean["test_accuracy_ci_high"] - mean["test_accuracy_mean"],
                ],
                fmt="o",
                ms=6,
                color=colours[arm],
                elinewidth=1.6,
                capsize=3,
                label=arm,
            )
        for figure_of in printed:
            if figure_of.batch_size not in sizes:
                continue
            same = table[table["normalization"] == figure_of.normalization]
            if same.empty:
                continue
            index = arms.index(same["arm"].iloc[0])
            offset = (index - (len(arms) - 1) / 2) * min(0.16, 0.6 / len(arms))
            panel.plot(
                [sizes.index(figure_of.batch_size) + offset],
                [figure_of.test_accuracy],
                "x",
                ms=8,
                mew=1.8,
                color=colours[arms[index]],
            )
        panel.set_xticks(range(len(sizes)), [str(size) for size in sizes])
        panel.set_xlim(-0.5, len(sizes) - 0.5)
        panel.set_xlabel("batch size (examples in a mini-batch)")
        panel.set_ylabel("test accuracy (%)" if number % columns == 0 else "")
        panel.yaxis.set_major_formatter(PERCENT)
        panel.grid(visible=False, axis="x")
        panel.set_title(name)
    for number in range(len(shown), rows * columns):
        grid[number // columns][number % columns].set_visible(False)
    counts = sorted(set(replicates))
    n = str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    handles = [
        Line2D([], [], color=colour, marker="o", ls="", label=f"{arm} (n = {n})")
        for arm, colour in colours.items()
    ]
    if any(p.batch_size in sizes for p in printed):
        handles.append(
            Line2D(
                [], [], color="#444444", marker="x", ls="", mew=1.8, label="printed by the source"
            )
        )
    figure.legend(handles=handles, loc="outside upper center", ncols=_legend_columns(handles, 3))
    return figure


def differences(comparisons: pd.DataFrame) -> Figure:
    """Return the paired differences from no normalization, with 95 % intervals, a row a cell."""
    if comparisons.empty:
        figure, panel = plt.subplots(figsize=(6.4, 1.4))
        panel.text(0.5, 0.5, "No variant has a baseline to compare with", ha="center", va="center")
        panel.set_axis_off()
        return figure
    axes = list(comparisons.columns[: list(comparisons.columns).index("endpoint")])
    table = with_labels(comparisons, axes).head(2 * MOST_CELLS)
    colours = arm_colours(table)
    several = len(colours) > 1
    names = [
        f"{row.cell} · {row.arm}" if several else row.cell for row in table.itertuples(index=False)
    ]
    figure, panel = plt.subplots(figsize=(6.4, 0.42 * len(table) + 1.25))
    panel.axvline(0, color="#444444", linewidth=1.2, zorder=1)
    for place, row in enumerate(table.itertuples(index=False)):
        error = (
            None
            if math.isnan(row.ci_low)
            else [[row.effect - row.ci_low], [row.ci_high - row.effect]]
        )
        panel.errorbar(
            [row.effect],
            [place],
            xerr=error,
            fmt="o",
            ms=6,
            color=colours[row.arm],
            elinewidth=2,
            capsize=3.5,
            zorder=3,
        )
    panel.set_yticks(range(len(table)), names)
    panel.set_ylim(len(table) - 0.5, -0.5)
    panel.grid(visible=False, axis="y")
    panel.xaxis.set_major_formatter(_POINTS)
    pairs = sorted(set(table["pairs"]))
    n = str(pairs[0]) if len(pairs) == 1 else f"{pairs[0]} to {pairs[-1]}"
    arms = "normalization" if several else next(iter(colours))
    panel.set_xlabel(
        f"difference in test accuracy, {arms} {MINUS} none (points)\n"
        f"mean of {n} pairs with its 95 % interval"
    )
    return figure


def _facet(row: pd.Series, axes: list[str]) -> str:
    return ", ".join(f"{setting_name(axis)} {value_text(row[axis])}" for axis in axes)


def _legend_columns(handles: list[Line2D], columns: int) -> int:
    return len(handles) if columns >= 3 else 2


def _share_rows(grid: Any) -> None:
    """Give the panels of a row one y axis, so that columns can be compared."""
    for row in grid:
        shown = [panel for panel in row if panel.get_visible()]
        for panel in shown[1:]:
            panel.sharey(shown[0])
            panel.tick_params(labelleft=False)
        if shown:
            low = min(panel.dataLim.y0 for panel in shown)
            high = max(panel.dataLim.y1 for panel in shown)
            if math.isfinite(low) and math.isfinite(high) and high > low:
                margin = (high - low) * 0.04
                shown[0].set_ylim(low - margin, high + margin)
