"""What several figures share: how many marks they show, and how panels and names are laid out."""

import itertools
import textwrap
from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bnmatrix.report.figures.drawing import Drawing

#: Width of a figure of one panel, in inches: its text stays legible on a narrow screen.
WIDTH = 4.7

#: Cells that one figure shows; the tables have them all.
MOST_CELLS = 20


def nothing(reason: str, data: pd.DataFrame) -> Drawing:
    """Return a drawing that says why there is nothing to draw."""
    figure, panel = plt.subplots(figsize=(WIDTH, 1.2))
    panel.text(0.5, 0.5, reason, ha="center", va="center")
    panel.set_axis_off()
    return Drawing(figure, data, f"{reason}.")


def say_how_many(figure: Figure, shown: int, every: int, what: str) -> None:
    """Say below a figure how much of the data it shows, where that is not all."""
    if shown < every:
        figure.supxlabel(f"{shown} of {every} {what} shown", fontsize=9)


def wrapped(text: str, width: int) -> str:
    """Return a name in lines of at most ``width`` characters; names are not cut off."""
    return textwrap.fill(text, width, break_on_hyphens=False)


def legend_columns(handles: list[Line2D], columns: int) -> int:
    """Return the columns of a legend above a figure of so many columns of panels."""
    return len(handles) if columns >= 3 else 2


def offset(place: int, count: int, step: float, most: float) -> float:
    """Return how far beside its category the mark of one of several arms stands.

    Args:
        place: which arm, from 0.
        count: how many arms there are.
        step: distance between arms, if it leaves the marks within ``most``.
        most: distance between the first and the last arm, at most (about).
    """
    return (place - (count - 1) / 2) * min(step, most / count)


def spread(places: Sequence[float], least: float) -> list[float]:
    """Return places moved apart, so that two labels are at least ``least`` apart."""
    order = sorted(range(len(places)), key=lambda number: places[number])
    moved = list(places)
    for _ in range(50):
        for below, above in itertools.pairwise(order):
            lack = least - (moved[above] - moved[below])
            if lack > 1e-9:
                moved[below] -= lack / 2
                moved[above] += lack / 2
    return moved


def error_bar(value: float, low: float, high: float) -> list[list[float]]:
    """Return the lengths of an error bar to both sides, as Matplotlib takes them."""
    return [[value - low], [high - value]]


def hide_unused(panels: Any, shown: int) -> None:
    """Hide the panels of a grid after the first ``shown``."""
    for panel in list(panels)[shown:]:
        panel.set_visible(False)
