"""How figures look, and how they are saved: as SVG with selectable text, as PDF, and as CSV."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import matplotlib as mpl

mpl.use("svg")

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter
from matplotlib.transforms import Bbox

from bnmatrix.files import atomic_path
from bnmatrix.report.figures.inks import DARK, GRID, INK, SOFT
from bnmatrix.statistics.units import MINUS
from bnmatrix.tables.csv import write_csv

_STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "bnmatrix",
    "pdf.fonttype": 42,
    "font.family": "sans-serif",
    "font.sans-serif": ["Helvetica", "Arial", "Liberation Sans", "DejaVu Sans"],
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": SOFT,
    "axes.titlecolor": INK,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "legend.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10,
    "axes.labelsize": 9.5,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "legend.fontsize": 9,
    "legend.frameon": False,
    "axes.titleweight": "bold",
    "grid.color": GRID,
    "figure.constrained_layout.use": True,
}

#: Plain numbers on logarithmic axes, too: powers of ten in mathematical type take a quarter of a
#: figure's time.
PLAIN = FuncFormatter(lambda value, _: f"{value:g}")
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
        panels: the axes of each panel that a page may place alone; by default, each axes is one.
    """

    figure: Figure
    data: pd.DataFrame
    description: str
    panels: Sequence[Sequence[Axes]] = ()


def set_style() -> None:
    """Set the look of all figures."""
    sns.set_theme(context="notebook", style="whitegrid", rc=_STYLE)


def dark(svg: str) -> str:
    """Return a figure's SVG in the colours of a dark ground, without a ground of its own."""
    for light, colour in DARK.items():
        svg = svg.replace(light.lower(), colour.lower())
    return re.sub(r'(<path [^>]*style="[^"]*)fill: #ffffff', r"\1fill: none", svg)


def _parts(drawing: Drawing) -> str:
    """Return the boxes of the legend and of each panel, which pages may place as they fit.

    A box is "x y width height" in the units of the SVG; boxes are separated by commas. A figure
    with one panel in each row has none.
    """
    figure = drawing.figure
    panels = drawing.panels or [[axes] for axes in figure.axes if axes.get_visible()]
    places = [axes[0].get_position().x0 for axes in panels]
    if len(panels) < 2 or max(places) - min(places) < 0.05:
        return ""
    pieces: list[Sequence[Artist]] = [[legend] for legend in figure.legends] + list(panels)
    boxes = [
        Bbox.union([box for part in piece if (box := part.get_tightbbox())]) for piece in pieces
    ]
    scale, height = 72 / figure.dpi, figure.get_figheight() * 72
    texts = []
    for box in boxes:
        left, top = box.x0 * scale - 2, height - box.y1 * scale - 2
        width, tall = box.width * scale + 4, box.height * scale + 4
        texts.append(f"{left:.1f} {top:.1f} {width:.1f} {tall:.1f}")
    return ",".join(texts)


def _compact(svg: str) -> str:
    """Return an SVG with two decimals in paths, which is a hundredth of a pixel."""
    return re.sub(
        r'(?<=[ "])(-?\d+\.\d{3,})(?=[ "\n])',
        lambda match: f"{float(match[0]):.2f}".rstrip("0").rstrip("."),
        svg,
    )


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
        attributes = f'role="img" aria-label="{label}" data-parts="{_parts(drawing)}"'
        attributes += f' data-legends="{len(drawing.figure.legends)}"'
        text = _compact(text).replace("<svg ", f"<svg {attributes} ", 1)
        temporary.write_text(text, encoding="utf-8")
    # The layout stands: to compute it again for the PDF would take a tenth of all drawing.
    drawing.figure.set_layout_engine("none")
    with atomic_path(path.with_suffix(".pdf")) as temporary:
        dates = {"CreationDate": None, "Creator": None, "Producer": None}
        drawing.figure.savefig(temporary, format="pdf", metadata=dates)
    plt.close(drawing.figure)
    write_csv(drawing.data, path.with_suffix(".csv"))
