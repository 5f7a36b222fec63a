"""Figures of confused classes and examples."""

import math
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.colors import LinearSegmentedColormap

from bnmatrix.report.figures.drawing import Drawing
from bnmatrix.report.figures.inks import INK
from bnmatrix.report.figures.layout import hide_unused, nothing
from bnmatrix.report.wording import join, percent

#: Classes up to which a confusion matrix is drawn with its numbers.
_MOST_CLASSES = 20
#: Classes up to which their names stand beside the confusion matrix.
_MOST_NAMES = 60
#: Letters of the name of a class, at most.
_LONGEST_NAME = 24
#: Shares below this are not written in the confusion matrix, except on the diagonal.
_LEAST_SHARE = 5e-4
#: Share of errors that has the full colour, unless a larger one has it. It is the same in all
#: studies, so that a small share is pale.
_FULL = 0.2
#: From transparent to half blue, on which text is legible in both schemes.
_ERRORS = LinearSegmentedColormap.from_list("errors", [(0, 0.4, 0.65, 0.0), (0, 0.4, 0.65, 0.55)])


def confusion(table: pd.DataFrame, classes: list[str]) -> Drawing:
    """Return the confusion matrix of the best variant: shares of each true class's examples.

    Args:
        table: a row for each true and predicted class
            (:func:`bnmatrix.statistics.confusions.confusion`).
        classes: names of the classes.
    """
    if table.empty:
        return nothing("No predictions were kept", table)
    matrix = table.pivot_table(index="label", columns="predicted", values="share", dropna=False)
    numbers = range(len(classes))
    shares = matrix.reindex(index=numbers, columns=numbers).to_numpy(float)
    size = 1.5 + 0.32 * min(len(classes), 24)
    figure, panel = plt.subplots(figsize=(size + 0.1, size))
    # Colour is for errors alone: shares on the diagonal are so large that errors would look alike.
    errors = np.where(np.eye(len(classes), dtype=bool), np.nan, shares)
    largest = np.nanmax(errors) if np.isfinite(errors).any() else 0.0
    panel.imshow(errors, cmap=_ERRORS, vmin=0, vmax=max(largest, _FULL))
    if len(classes) <= _MOST_CLASSES:
        _write_shares(panel, shares)
    if len(classes) <= _MOST_NAMES:
        names = [_short(name) for name in classes]
        slanted = max(map(len, classes)) > 2
        panel.set_xticks(
            numbers, names, rotation=45 if slanted else 0, ha="right" if slanted else "center"
        )
        panel.set_yticks(numbers, names)
    else:
        panel.set_xticks([])
        panel.set_yticks([])
    panel.grid(visible=False)
    panel.set_xlabel("predicted class")
    panel.set_ylabel("true class")
    panel.set_title("% of the true class", fontweight="normal")
    named = _with_names(table, classes)
    return Drawing(figure, named, f"Confusion matrix. Most frequent confusions: {_worst(named)}.")


def _write_shares(panel: Any, shares: npt.NDArray[np.float64]) -> None:
    """Write each share into its cell."""
    for (row, column), value in np.ndenumerate(shares):
        correct = row == column
        if math.isnan(value) or (value < _LEAST_SHARE and not correct):
            continue
        panel.text(
            column,
            row,
            f"{value * 100:.1f}",
            ha="center",
            va="center",
            fontsize=7,
            color=INK,
            fontweight="bold" if correct else "normal",
        )


def _with_names(table: pd.DataFrame, classes: list[str]) -> pd.DataFrame:
    """Return a table with the names of classes in place of their numbers."""
    return table.assign(
        label=[classes[number] for number in table["label"]],
        predicted=[classes[number] for number in table["predicted"]],
    )


def _worst(table: pd.DataFrame) -> str:
    """Return the most frequent confusions in words."""
    wrong = table[(table["label"] != table["predicted"]) & (table["share"] > 0)]
    worst = wrong.sort_values("share", ascending=False, kind="stable").head(3)
    words = [
        f"{percent(row.share, 1)} of {row.label} as {row.predicted}"
        for row in worst.itertuples(index=False)
    ]
    return join(words or ["none"])


def confused(
    table: pd.DataFrame, classes: list[str], pictures: npt.NDArray[np.float64] | None
) -> Drawing:
    """Return pictures of the test examples that are wrong in the most runs of the best variant.

    Args:
        table: a row for each example (:func:`bnmatrix.statistics.confusions.most_confused`).
        classes: names of the classes.
        pictures: these examples, examples × height × width (× 3), 0 to 1; None if the data are no
            images.
    """
    named = _with_names(table, classes)
    if pictures is None:
        return nothing("The data are no images", named)
    if table.empty:
        return nothing("No example is confused", named)
    columns = min(6, len(named))
    rows = math.ceil(len(named) / columns)
    figure, grid = plt.subplots(rows, columns, figsize=(1.35 * columns, 1.85 * rows), squeeze=False)
    hide_unused(grid.flat, len(named))
    for panel in grid.flat:
        panel.set_axis_off()
    shown = zip(pictures, named.itertuples(index=False), strict=True)
    for panel, (picture, row) in zip(grid.flat, shown, strict=False):
        panel.imshow(picture, cmap="gray_r", vmin=0, vmax=1, interpolation="nearest")
        panel.set_title(
            f"{_short(row.label)} as {_short(row.predicted)}\n{row.share_wrong:.0%} of runs",
            fontsize=8,
            fontweight="normal",
        )
    words = [f"{row.label} as {row.predicted}" for row in named.itertuples(index=False)]
    description = f"The test examples that are wrong in the most runs: {join(words)}."
    return Drawing(figure, named, description)


def _short(name: str) -> str:
    """Return the name of a class for a figure: not too long, and no formula to Matplotlib."""
    name = name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"
    return name.replace("$", r"\$")
