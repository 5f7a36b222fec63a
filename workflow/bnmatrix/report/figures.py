"""A study's figures: each a function from tables to a drawing."""

import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator

from bnmatrix.report.drawing import PERCENT, POINTS, Drawing, save, set_style
from bnmatrix.report.labels import (
    MINUS,
    arm_colours,
    cell_columns,
    duration,
    join,
    percent,
    phrases,
    points,
    with_labels,
)
from bnmatrix.results import DIVERGED
from bnmatrix.tables import axes_of, columns_before

#: Cells that one figure shows; the tables have them all.
MOST_CELLS = 20
_PER_ROW = 5
#: Points up to which each is drawn as such.
_MOST_POINTS = 5_000
#: Classes up to which a confusion matrix is drawn with its numbers.
_MOST_CLASSES = 20
#: Classes whose names stand beside the confusion matrix, at most, and letters of a name.
_MOST_NAMES, _LONGEST_NAME = 60, 24


@dataclass(frozen=True)
class StudyTables:
    """What a study's figures are drawn from.

    Attributes:
        runs, history: see :mod:`bnmatrix.results`.
        summary, comparisons: see :mod:`bnmatrix.statistics.comparisons`.
        confusion, confused: see :mod:`bnmatrix.statistics.confusions`; of the best variant.
        classes: names of the classes.
        printed: what the source printed (:class:`bnmatrix.config.Printed`).
        images: test examples as pixels, examples × height × width (× 3), 0 to 1; None if the data
            are no images.
    """

    runs: pd.DataFrame
    history: pd.DataFrame
    summary: pd.DataFrame
    comparisons: pd.DataFrame
    confusion: pd.DataFrame
    confused: pd.DataFrame
    classes: list[str]
    printed: Sequence[Any] = ()
    images: np.ndarray | None = None


def draw_all(folder: Path, tables: StudyTables) -> None:
    """Draw and save a study's figures, but for that of time."""
    set_style()
    drawings = {
        "learning-curves": learning_curves(tables.history),
        "accuracy": accuracy(tables.runs, tables.summary, len(tables.classes), tables.printed),
        "differences": differences(tables.comparisons),
        "gap": gap(tables.summary),
        "confusion": confusion(tables.confusion, tables.classes),
        "confused": confused(tables.confused, tables.classes, tables.images),
    }
    for name, drawing in drawings.items():
        save(drawing, folder / f"{name}.svg")


def learning_curves(history: pd.DataFrame) -> Drawing:
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
            panel.set_title(_wrapped(cell, 28) if row == 0 else "")
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
    _say_how_many(figure, len(shown), len(cells), "cells")
    last = table[table["epoch"] == table.groupby("variant")["epoch"].transform("max")]
    ends = last.groupby(["arm", "cell"], sort=False)["validation_accuracy"].mean()
    description = "Accuracy and loss by epoch. Validation accuracy at the end: " + "; ".join(
        f"{arm}, {cell}: {percent(value, 1)}"
        for (arm, cell), value in ends.items()
        if cell in shown
    )
    metrics = ["train_accuracy", "validation_accuracy", "train_loss", "validation_loss"]
    return Drawing(figure, history[[*axes, "replicate", "epoch", *metrics]], description + ".")


def accuracy(
    runs: pd.DataFrame, summary: pd.DataFrame, classes: int, printed: Sequence[Any]
) -> Drawing:
    """Return test accuracy against batch size: runs, means with 95 % intervals, printed figures.

    Diverged runs stand at chance, open.
    """
    axes = axes_of(runs)
    table = with_labels(runs, axes)
    diverged = table["status"] == DIVERGED
    table["test_accuracy"] = table["test_accuracy"].where(~diverged, 1 / classes)
    means = with_labels(summary, axes)
    colours = arm_colours(table)
    rest = [axis for axis in cell_columns(axes) if axis != "batch_size"]
    table = table.assign(facet=[phrases(row, rest) for _, row in table.iterrows()])
    means = means.assign(facet=[phrases(row, rest) for _, row in means.iterrows()])
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
            for lost, style in ((False, {"mew": 0}), (True, {"mfc": "none"})):
                part = own[(own["status"] == DIVERGED) == lost]
                at = [sizes.index(size) + offset + 0.06 for size in part["batch_size"]]
                panel.plot(
                    *(at, part["test_accuracy"], "o"),
                    **({"ms": 4, "color": colours[arm], "alpha": 0.4} | style),
                )
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
        panel.set_title(_wrapped(name, 48))
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
    _say_how_many(figure, len(shown), len(facets), "panels")
    description = "Test accuracy against batch size, means over replicates: " + "; ".join(
        f"{row.arm}, {row.cell}: {percent(row.test_accuracy_mean, 1)}"
        for row in means[means["facet"].isin(shown)].itertuples(index=False)
    )
    data = runs[[*axes, "replicate", "status", "test_accuracy"]]
    return Drawing(figure, data, description + ".")


def differences(comparisons: pd.DataFrame) -> Drawing:
    """Return the paired differences from no normalization, with 95 % intervals, a row a cell."""
    if comparisons.empty:
        return _nothing("No variant has a baseline to compare with", comparisons)
    axes = columns_before(comparisons, "endpoint")
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
    panel.set_yticks(range(len(table)), [_wrapped(name, 44) for name in names])
    panel.set_ylim(len(table) - 0.5, -0.5)
    panel.grid(visible=False, axis="y")
    panel.xaxis.set_major_formatter(POINTS)
    pairs = sorted(set(table["pairs"]))
    n = str(pairs[0]) if len(pairs) == 1 else f"{pairs[0]} to {pairs[-1]}"
    arms = "normalization" if several else next(iter(colours))
    panel.set_xlabel(
        f"difference in test accuracy, {arms} {MINUS} none (points)\n"
        f"mean of {n} pairs with its 95 % interval"
    )
    _say_how_many(figure, len(table), len(comparisons), "comparisons")
    description = "Paired differences in test accuracy, in points: " + "; ".join(
        f"{name}: {points(row.effect)}, {_interval_words(row.ci_low, row.ci_high)}"
        for name, row in zip(names, table.itertuples(index=False), strict=True)
    )
    columns = [*axes, "pairs", "effect", "ci_low", "ci_high"]
    return Drawing(figure, comparisons[columns], description + ".")


def gap(summary: pd.DataFrame) -> Drawing:
    """Return the generalization gap, training minus test accuracy, by cell and arm."""
    axes = columns_before(summary, "diverged")
    shown = summary[summary["gap_mean"].notna()]
    if shown.empty:
        return _nothing("No run was completed", summary)
    table = with_labels(shown, axes)
    colours = arm_colours(table)
    every = list(dict.fromkeys(table["cell"]))
    cells = every[: 2 * MOST_CELLS]
    table = table[table["cell"].isin(cells)]
    figure, panel = plt.subplots(figsize=(6.4, 0.42 * len(cells) + 1.45))
    panel.axvline(0, color="#444444", linewidth=1.2, zorder=1)
    for index, (arm, colour) in enumerate(colours.items()):
        own = table[table["arm"] == arm]
        offset = (index - (len(colours) - 1) / 2) * min(0.24, 0.7 / len(colours))
        for row in own.itertuples(index=False):
            error = [[row.gap_mean - row.gap_ci_low], [row.gap_ci_high - row.gap_mean]]
            panel.errorbar(
                *([row.gap_mean], [cells.index(row.cell) + offset]),
                xerr=None if math.isnan(row.gap_ci_low) else error,
                **{"fmt": "o", "ms": 6, "color": colour, "elinewidth": 2, "capsize": 3},
            )
    panel.set_yticks(range(len(cells)), [_wrapped(cell, 44) for cell in cells])
    panel.set_ylim(len(cells) - 0.5, -0.5)
    panel.grid(visible=False, axis="y")
    panel.xaxis.set_major_formatter(POINTS)
    panel.set_xlabel("training − test accuracy (points), mean with its 95 % interval")
    figure.legend(
        handles=[Line2D([], [], color=c, marker="o", ls="", label=a) for a, c in colours.items()],
        **{"loc": "outside upper center", "ncols": 2},
    )
    _say_how_many(figure, len(cells), len(every), "cells")
    description = "Training minus test accuracy, in points: " + "; ".join(
        f"{row.arm}, {row.cell}: {points(row.gap_mean)}" for row in table.itertuples(index=False)
    )
    columns = [*axes, "gap_mean", "gap_ci_low", "gap_ci_high"]
    return Drawing(figure, summary[columns], description + ".")


def _short(name: str) -> str:
    """Return a class's name to stand in a figure: not too long, and no formula to Matplotlib."""
    name = name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"
    return name.replace("$", r"\$")


def confusion(table: pd.DataFrame, classes: list[str]) -> Drawing:
    """Return the confusion matrix of the best variant: shares of each true class's examples."""
    if table.empty:
        return _nothing("No predictions were kept", table)
    matrix = table.pivot_table(index="label", columns="predicted", values="share", dropna=False)
    matrix = matrix.reindex(index=range(len(classes)), columns=range(len(classes))).to_numpy(float)
    many = len(classes) > _MOST_CLASSES
    size = 2.2 + 0.44 * min(len(classes), 24)
    figure, panel = plt.subplots(figsize=(size + 0.8, size))
    # Errors are what is to be seen: the diagonal would leave no colour for them.
    errors = np.where(np.eye(len(classes), dtype=bool), np.nan, matrix)
    largest = np.nanmax(errors) if np.isfinite(errors).any() else 0.0
    panel.imshow(errors, cmap="Blues", vmin=0, vmax=max(largest, 0.01) * 1.3)
    if not many:
        for row in range(len(classes)):
            for column in range(len(classes)):
                value = matrix[row, column]
                if math.isnan(value) or (value < 5e-4 and row != column):
                    continue
                dark = row != column and value > 0.8 * largest
                panel.text(
                    *(column, row, f"{value * 100:.1f}"),
                    **{"ha": "center", "va": "center", "fontsize": 7.5},
                    color="white" if dark else "#1c2330",
                    fontweight="bold" if row == column else "normal",
                )
    places, names = range(len(classes)), [_short(name) for name in classes]
    if len(names) > _MOST_NAMES:
        places, names = [], []
    long = max(map(len, classes)) > 2
    panel.set_xticks(places, names, rotation=45 if long else 0, ha="right" if long else "center")
    panel.set_yticks(places, names)
    panel.grid(visible=False)
    panel.set_xlabel("predicted class")
    panel.set_ylabel("true class")
    panel.set_title("share of the true class's examples (%)", fontweight="normal")
    wrong = table[table["label"] != table["predicted"]].sort_values(
        "share", ascending=False, kind="stable"
    )
    wrong = wrong[wrong["share"] > 0].head(3)
    worst = join(
        [
            f"{percent(row.share, 1)} of {classes[row.label]} as {classes[row.predicted]}"
            for row in wrong.itertuples(index=False)
        ]
        or ["none"]
    )
    named = table.assign(
        label=table["label"].map(lambda n: classes[n]),
        predicted=table["predicted"].map(lambda n: classes[n]),
    )
    return Drawing(figure, named, f"Confusion matrix. Most frequent confusions: {worst}.")


def confused(table: pd.DataFrame, classes: list[str], images: np.ndarray | None) -> Drawing:
    """Return pictures of the test examples that are wrong in the most runs of the best variant."""
    named = table.assign(
        label=[classes[n] for n in table["label"]],
        predicted=[classes[n] for n in table["predicted"]],
    )
    if table.empty or images is None:
        reason = "The data are no images" if images is None else "No example is confused"
        return _nothing(reason, named)
    columns = min(6, len(named))
    rows = math.ceil(len(named) / columns)
    figure, grid = plt.subplots(rows, columns, figsize=(1.35 * columns, 1.85 * rows), squeeze=False)
    for panel in grid.flat:
        panel.set_axis_off()
    for panel, row in zip(grid.flat, named.itertuples(index=False), strict=False):
        panel.imshow(images[row.example], cmap="gray_r", vmin=0, vmax=1, interpolation="nearest")
        panel.set_title(
            f"{_short(row.label)} as {_short(row.predicted)}\n{row.share_wrong:.0%} of runs",
            **{"fontsize": 8, "fontweight": "normal"},
        )
    words = [f"{row.label} as {row.predicted}" for row in named.itertuples(index=False)]
    description = f"The test examples that are wrong in the most runs: {join(words)}."
    return Drawing(figure, named, description)


def time_and_accuracy(runs: pd.DataFrame, timings: pd.DataFrame) -> Drawing:
    """Return the test accuracy of each run against the seconds that its training took.

    Args:
        runs: a row a run.
        timings: a row an evaluation (:data:`bnmatrix.results.TIMING_COLUMNS`).
    """
    axes = axes_of(runs)
    seconds = timings.groupby(["variant", "replicate"])["training_seconds"].sum().rename("seconds")
    table = with_labels(runs, axes).join(seconds, on=["variant", "replicate"])
    table = table[table["test_accuracy"].notna() & table["seconds"].notna()]
    if table.empty:
        return _nothing("No run was completed", table)
    colours = arm_colours(table)
    # Medians: the first run of a program includes its compilation.
    middle = table.groupby(["arm", "cell"], sort=False)[["seconds", "test_accuracy"]].median()
    figure, panel = plt.subplots(figsize=(6.4, 4.2))
    # A picture of many points is smaller than the points; text stays text.
    dots = {"marker": "o", "ls": "", "rasterized": len(table) > _MOST_POINTS}
    for arm, colour in colours.items():
        own = table[table["arm"] == arm]
        faint = {"ms": 4, "alpha": 0.35, "mew": 0}
        panel.plot(own["seconds"], own["test_accuracy"], color=colour, **faint, **dots)
        shown = middle.loc[arm]
        bold = {"ms": 7, "label": arm}
        panel.plot(shown["seconds"], shown["test_accuracy"], color=colour, **bold, **dots)
        for cell, row in shown.head(MOST_CELLS).iterrows():
            text = str(cell).removeprefix("batch size ")
            panel.annotate(
                text,
                (row["seconds"], row["test_accuracy"]),
                (5, 5),
                textcoords="offset points",
                fontsize=7.5,
                color=colour,
            )
    panel.set_xscale("log")
    panel.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    panel.yaxis.set_major_formatter(PERCENT)
    panel.set_xlabel("seconds of training a run, one thread (logarithmic)")
    panel.set_ylabel("test accuracy (%)")
    figure.legend(loc="outside upper center", ncols=2)
    description = "Test accuracy against training time, medians: " + "; ".join(
        f"{arm}, {cell}: {percent(row.test_accuracy, 1)} in {duration(row.seconds)}"
        for (arm, cell), row in middle.head(MOST_CELLS).iterrows()
    )
    if len(middle) > MOST_CELLS:
        description += f"; and {len(middle) - MOST_CELLS} more"
    columns = [*axes, "replicate", "seconds", "test_accuracy"]
    return Drawing(figure, table[columns], description + ".")


def _say_how_many(figure: Figure, shown: int, every: int, what: str) -> None:
    """Say below a figure how much of the data it shows, where that is not all."""
    if shown < every:
        figure.supxlabel(f"{shown} of {every} {what} shown", fontsize=9)


def _nothing(reason: str, data: pd.DataFrame) -> Drawing:
    """Return a drawing that says why there is nothing to draw."""
    figure, panel = plt.subplots(figsize=(6.4, 1.2))
    panel.text(0.5, 0.5, reason, ha="center", va="center")
    panel.set_axis_off()
    return Drawing(figure, data, f"{reason}.")


def _interval_words(low: float, high: float) -> str:
    return "no interval" if math.isnan(low) else f"interval {points(low)} to {points(high)}"


def _wrapped(text: str, width: int) -> str:
    """Return a name of a cell in lines of so many letters, which are not cut off."""
    return textwrap.fill(text, width, break_on_hyphens=False)


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
