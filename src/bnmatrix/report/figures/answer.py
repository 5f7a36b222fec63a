"""The chart of the answer: what batch normalization brings at each batch size."""

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes

from bnmatrix.plan.networks import DENSE
from bnmatrix.report.figures.drawing import POINTS, Drawing
from bnmatrix.report.figures.inks import INK, SOFT
from bnmatrix.report.figures.layout import spread
from bnmatrix.report.labels import SPARE_COLOURS
from bnmatrix.report.wording import interval, points

#: Colours of data sets, in the order of the table.
_COLOURS = ("#0067A5", "#A3478B", "#00795B", "#B85C00", *SPARE_COLOURS[1:])


def answer_chart(effects: pd.DataFrame, narrow: bool = False) -> Drawing:
    """Return a line for each data set and kind of network, with a band and a label.

    Args:
        effects: the effects by batch size (:func:`bnmatrix.report.answer.with_titles`), those of
            batch normalization.
        narrow: whether to draw it for a narrow screen.
    """
    figure, axes = plt.subplots(figsize=(3.6, 4.0) if narrow else (8.2, 3.9))
    axes.axhline(0, color=INK, linewidth=1.2, zorder=1)
    datasets = list(dict.fromkeys(effects["dataset"]))
    ends = []
    for name, rows in effects.groupby("column", sort=False):
        line = rows.sort_values("batch_size")
        colour = _COLOURS[datasets.index(line["dataset"].iloc[0]) % len(_COLOURS)]
        dense = line["network"].iloc[0] == DENSE
        axes.fill_between(
            line["batch_size"],
            line["ci_low"],
            line["ci_high"],
            color=colour,
            alpha=0.18,
            linewidth=0,
        )
        axes.plot(
            line["batch_size"],
            line["effect"],
            color=colour,
            linewidth=2,
            marker="o",
            markersize=4.5,
            linestyle="-" if dense else "--",
        )
        last = line.iloc[-1]
        ends.append((name, last["batch_size"], last["effect"], colour))
    _label_axes(axes, sorted(set(effects["batch_size"])))
    _label_lines(axes, ends, narrow)
    return Drawing(figure, effects, _description(effects))


def _label_lines(axes: Axes, ends: list[tuple[str, int, float, str]], narrow: bool) -> None:
    """Label lines beside the last batch size; a dotted line leads there from one that ends earlier.

    Args:
        axes: the panel.
        ends: of each line the name, the last batch size, the effect there, and the colour.
        narrow: whether the kind of network has a line of its own.
    """
    low, high = axes.get_ylim()
    apart = (0.085 if narrow else 0.065) * (high - low)
    places = spread([effect for _, _, effect, _ in ends], apart)
    last = max(size for _, size, _, _ in ends)
    for (name, size, effect, colour), place in zip(ends, places, strict=True):
        if size < last:
            axes.plot([size, last], [effect, place], color=colour, linewidth=1, linestyle=":")
        axes.annotate(
            name.replace(" with ", "\nwith ") if narrow else name,
            (last, place),
            xytext=(7, 0),
            textcoords="offset points",
            va="center",
            color=colour,
            fontweight="bold",
            fontsize=9,
            annotation_clip=False,
        )


def _description(effects: pd.DataFrame) -> str:
    """Return the effects and their intervals in words."""
    words = [
        f"{name}: "
        + "; ".join(
            f"at {row.batch_size} {points(row.effect)}, interval "
            f"{interval(row.ci_low, row.ci_high)}"
            for row in rows.sort_values("batch_size").itertuples(index=False)
        )
        for name, rows in effects.groupby("column", sort=False)
    ]
    return (
        "What batch normalization brings at each batch size: test accuracy with it minus without, "
        f"in points. {'. '.join(words)}."
    )


def _label_axes(axes: Axes, sizes: list[int]) -> None:
    """Set scales, ticks and the words for both sides of zero."""
    axes.set_xscale("log", base=2)
    axes.set_xticks(sizes, [str(size) for size in sizes])
    axes.minorticks_off()
    axes.grid(visible=False, axis="x")
    axes.yaxis.set_major_formatter(POINTS)
    axes.set_xlabel("batch size")
    axes.set_ylabel("with BN − without (points)")
    low, high = axes.get_ylim()
    reach = 0.18 * (high - low)
    axes.set_ylim(min(low, -reach), max(high, reach))
    # Where lines hardly are: the effect grows with the batch size.
    for text, x, y in (("↑ helps", 0.02, 0.98), ("↓ hurts", 0.98, 0.02)):
        axes.text(
            x,
            y,
            text,
            transform=axes.transAxes,
            ha="left" if x < 0.5 else "right",
            va="top" if y > 0.5 else "bottom",
            color=SOFT,
            fontsize=9,
        )
