"""How figures look, and how they are saved: as SVG with selectable text, as PDF, and as CSV."""

from dataclasses import dataclass
from html import escape
from pathlib import Path

import matplotlib as mpl

mpl.use("svg")

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from bnmatrix.files import atomic_path
from bnmatrix.statistics.units import MINUS
from bnmatrix.tables.csv import write_csv

_STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "bnmatrix",
    "pdf.fonttype": 42,
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
POINTS = FuncFormatter(
    lambda value, _: f"{value * 100:+g}".replace("-", MINUS) if abs(value) > 1e-9 else "0"
)


@dataclass(frozen=True)
class Drawing:
    """A figure, the data that it draws, and what it shows.

    Attributes:
        figure: the figure.
        data: its data, a row for each mark.
        description: its alternative text, for readers who do not see it.
    """

    figure: Figure
    data: pd.DataFrame
    description: str


def set_style() -> None:
    """Set the look of all figures."""
    sns.set_theme(context="notebook", style="whitegrid", rc=_STYLE)


def save(drawing: Drawing, path: Path) -> None:
    """Write a figure as SVG and PDF, and its data as CSV; the same figure gives the same bytes.

    Args:
        drawing: the figure. It is closed afterwards.
        path: the SVG, whose label is the description; the other files are beside it.
    """
    with atomic_path(path) as temporary:
        drawing.figure.savefig(temporary, format="svg", metadata={"Date": None, "Creator": None})
        text = temporary.read_text(encoding="utf-8")
        label = escape(drawing.description, quote=True)
        text = text.replace("<svg ", f'<svg role="img" aria-label="{label}" ', 1)
        temporary.write_text(text, encoding="utf-8")
    with atomic_path(path.with_suffix(".pdf")) as temporary:
        dates = {"CreationDate": None, "Creator": None, "Producer": None}
        drawing.figure.savefig(temporary, format="pdf", metadata=dates)
    plt.close(drawing.figure)
    write_csv(drawing.data, path.with_suffix(".csv"))
