"""Figures of claims: what was measured."""

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.lines import Line2D

from bnmatrix.config.claims import Claim, Plot
from bnmatrix.config.project import Project
from bnmatrix.plan.networks import column_title, network_of
from bnmatrix.report.figures.drawing import PERCENT, PLAIN, Drawing, save, set_style
from bnmatrix.report.figures.inks import SOFT
from bnmatrix.report.figures.layout import hide_unused
from bnmatrix.report.labels import (
    SPARE_COLOURS,
    VariantLabels,
    arm_colours,
    setting_name,
    study_labels,
    value_text,
    with_labels,
)
from bnmatrix.statistics.endpoints.values import Arm, scores, several
from bnmatrix.training.initializers import NormalInitializer
from bnmatrix.training.normalizations import NORMALIZATIONS

_COLUMNS = 3
#: Size of a panel in inches, the same in all figures.
_WIDTH, _HEIGHT = 2.95, 2.55
#: Characters of a heading of one line, at most.
_WIDE = 24

#: Markers of hues, so that lines over each other can be told apart.
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*", "<")
#: Values on a logarithmic axis up to which each has a tick.
_FEW = 6
_NAMES = {
    "initializer": "sd of the initial weights",
    "part": "layer",
    "batch_size": "batch size",
    "training_examples": "training examples",
    "generalization_gap": "training − test accuracy",
    "value": "",
}
_MODES = {
    "batch": "mini-batch statistics",
    "moving": "moving averages",
    "population": "recomputed statistics",
    "single": "single examples",
}
#: Numbers that are drawn as categories: a study has two or three of them.
_CATEGORIES = ("dropout",)


@dataclass(frozen=True)
class Mark:
    """A value that an endpoint looks at: a line across all panels of a data set.

    Attributes:
        axis: ``x`` or ``y``.
        value: its place.
    """

    axis: str
    value: float


@dataclass(frozen=True)
class Evidence:
    """The tables of one study that a claim rests on.

    Attributes:
        title: the title of its data set.
        tables: the tables.
        labels: the labels of its variants.
        marks: what the endpoint looks at.
    """

    title: str
    tables: Arm
    labels: VariantLabels
    marks: Sequence[Mark] = ()


@dataclass(frozen=True)
class _Panel:
    """What one panel draws.

    Attributes:
        title: the title of the data set.
        name: the values of further axes; "" if there are none.
        rows: the columns ``x``, ``y``, ``hue`` and ``normalization``, a row for each value.
    """

    title: str
    name: str
    rows: pd.DataFrame
    marks: Sequence[Mark] = ()

    @property
    def heading(self) -> str:
        if not self.name:
            return self.title
        # A wide heading would reach into the next panel.
        wide = len(self.title) + len(self.name) > _WIDE
        return f"{self.title},\n{self.name}" if wide else f"{self.title}, {self.name}"


def draw_claims(folder: Path, project: Project, tables: Mapping[str, Arm]) -> None:
    """Draw and save the figures of claims that have runs.

    Args:
        folder: where to save ``<claim>.svg``.
        project: the configuration.
        tables: the tables of the studies that were run, by study.
    """
    set_style()
    labels = {study: study_labels(project, study) for study in tables}
    for name, claim in project.claims.items():
        studies = [
            Evidence(
                column_title(project.dataset_of(study).title, network_of(project, study)),
                tables[study],
                labels[study],
                _marks(project, claim, study),
            )
            for study in claim.primary.studies
            if study in tables
        ]
        if claim.plot and studies:
            save(evidence(claim.title, claim.plot, studies), folder / f"{name}.svg")


def evidence(title: str, plot: Plot, studies: Sequence[Evidence]) -> Drawing:
    """Return what was measured for a claim: a panel for each data set and value of further axes.

    Lines (points, over categories) are means over replicates, bands (bars) reach from the lowest
    to the highest.

    Args:
        title: the claim in a few words.
        plot: what is drawn.
        studies: the tables to draw from, at least one.
    """
    panels = [panel for study in studies for panel in _panels(plot, study)]
    columns = min(_COLUMNS, len(panels))
    rows = math.ceil(len(panels) / columns)
    figure, grid = plt.subplots(
        rows,
        columns,
        figsize=(max(4.4, _WIDTH * columns), _HEIGHT * rows + 0.45),
        squeeze=False,
        sharey=plot.y_scale != "log",
    )
    colours = _colours(pd.concat([panel.rows for panel in panels]), plot)
    for axes, panel in zip(grid.flat, panels, strict=False):
        _draw(axes, panel.rows, colours)
        axes.set_title(panel.heading)
        _label_axes(axes, plot, panel.rows)
        _draw_marks(axes, panel)
    hide_unused(grid.flat, len(panels))
    figure.legend(
        handles=[
            Line2D([], [], color=colour, marker=marker, markersize=4.5, label=hue)
            for (hue, colour), marker in zip(colours.items(), itertools.cycle(_MARKERS))
        ],
        loc="outside upper center",
        ncols=min(len(colours), 2 if columns <= 2 else 4),
    )
    data = [panel.rows.assign(dataset=panel.title, panel=panel.name) for panel in panels]
    return Drawing(
        figure,
        pd.concat(data, ignore_index=True)[["dataset", "panel", "hue", "x", "y"]],
        f"{title}. Means against {_name(plot.x) or 'the setting'}. {_description(panels)}.",
    )


def _panels(plot: Plot, study: Evidence) -> list[_Panel]:
    """Return the panels of one study."""
    labels, arm = study.labels, study.tables.select(plot.where)
    table = getattr(arm, plot.table)
    if plot.table == "runs":
        table = table.assign(generalization_gap=scores(arm, "generalization_gap"))
        table[plot.y] = scores(arm, plot.y)
    table = with_labels(table, labels)
    columns = [plot.panels] if isinstance(plot.panels, str) else plot.panels or []
    texts = [_texts(table, labels, column, _panel_text(column)) for column in columns]
    rows = pd.DataFrame(
        {
            "x": _x(table, labels, plot.x).to_numpy(),
            "y": table[plot.y].to_numpy(float),
            "hue": _hue(table, labels, plot.hue).to_numpy(),
            "normalization": table["normalization"].to_numpy(),
            "panel": [", ".join(parts) for parts in zip(*texts, strict=True)] if texts else "",
        }
    )
    return [
        _Panel(study.title, str(name), part, study.marks)
        for name, part in rows.groupby("panel", sort=False)
    ]


def _x(table: pd.DataFrame, labels: VariantLabels, column: str) -> pd.Series:
    """Return the place of each row on the horizontal axis: numbers, or names of categories."""
    if column == "part":
        return table[column].astype(int)
    if column not in labels.axes:
        return table[column]
    values = labels.column(table, lambda variant: variant.value(column))
    if all(isinstance(value, NormalInitializer) for value in values):
        return values.map(lambda initializer: initializer.normal).astype(float)
    if all(isinstance(value, tuple) for value in values):
        depths = values.map(len).astype(int)
        # Layers of other widths have names, since depth does not tell them apart.
        return depths if depths.nunique() == values.nunique() else values.map(value_text)
    if all(_is_number(value) or value is None for value in values) and column not in _CATEGORIES:
        return pd.to_numeric(values)
    return values.map(value_text)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _hue(table: pd.DataFrame, labels: VariantLabels, column: str) -> pd.Series:
    """Return what colours tell apart."""
    if column in ("arm", "normalization"):
        return table["arm"]
    hue = _texts(table, labels, column, lambda value: _named_number(value, column))
    return hue.replace(_MODES) if column == "part" else hue


def _texts(
    table: pd.DataFrame, labels: VariantLabels, column: str, text: Callable[[Any], str]
) -> pd.Series:
    """Return the values of an axis, or of another column, as texts."""
    if column in labels.axes:
        return labels.column(table, lambda variant: text(variant.value(column)))
    return table[column].map(text)


def _named_number(value: Any, column: str) -> str:
    """Return a value of an axis as text: numbers with the name of the setting."""
    if value is None:
        return "–"
    text = value_text(value)
    return f"{setting_name(column)} {text}" if _is_number(value) else text


def _panel_text(column: str) -> Callable[[Any], str]:
    """Return the function that words the values of a column in the headings of panels."""
    if column == "tuned":
        return lambda tuned: "tuned rate" if tuned else "shared rate"
    if column in ("step", "part"):
        return lambda value: f"{_NAMES.get(column, column)} {value}"
    return lambda value: _named_number(value, column)


def _draw(axes: Any, rows: pd.DataFrame, colours: dict[str, str]) -> None:
    """Draw the lines, or points, of a panel."""
    shared = {
        "x": "x",
        "y": "y",
        "hue": "hue",
        "palette": colours,
        "hue_order": [hue for hue in colours if hue in set(rows["hue"])],
        "errorbar": ("pi", 100),
        "legend": False,
        "ax": axes,
    }
    if pd.api.types.is_numeric_dtype(rows["x"]):
        kinds = dict(zip(colours, itertools.cycle(_MARKERS), strict=False))
        few = rows["x"].nunique() <= 15
        sns.lineplot(
            rows,
            style="hue",
            markers=kinds if few else False,
            dashes=False,
            markersize=4.5,
            markeredgewidth=0,
            **shared,
        )
    else:  # There is nothing between two categories that a line could show.
        # Seaborn cannot move a single colour aside.
        dodge = 0.3 if len(shared["hue_order"]) > 1 else False
        sns.pointplot(rows, dodge=dodge, linestyle="none", markersize=5, lw=1.6, **shared)


def _name(column: str) -> str:
    return _NAMES.get(column, setting_name(column))


def _description(panels: list[_Panel]) -> str:
    """Return the means at the ends of each line, in words."""
    words = []
    for panel in panels:
        means = panel.rows.groupby(["hue", "x"], sort=False)["y"].mean()
        lines = []
        for hue, line in means.groupby(level="hue", sort=False):
            ends = line.droplevel("hue")
            first, last = ends.index[0], ends.index[-1]
            text = f"{hue}: {ends.iloc[0]:.3g} at {first}"
            lines.append(text if first == last else f"{text}, {ends.iloc[-1]:.3g} at {last}")
        words.append(f"{panel.heading}: {'; '.join(lines)}")
    return ". ".join(words)


def _label_axes(axes: Any, plot: Plot, rows: pd.DataFrame) -> None:
    """Set the scales, ticks and labels of a panel, which a page may place alone."""
    axes.set_xlabel(_name(plot.x))
    measure = plot.where.get("measure")
    measure = measure[0] if isinstance(measure, list) else measure
    share = "accuracy" in (measure or plot.y) or plot.y == "generalization_gap"
    y = setting_name(measure) if measure else _name(plot.y)
    axes.set_ylabel(f"{y}{' (%)' if share else ''}")
    axes.yaxis.label.set_visible(True)
    axes.tick_params(labelleft=True)
    ticks = sorted(set(rows["x"]))
    if plot.scale == "log":
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(PLAIN)
        if len(ticks) <= _FEW:
            axes.set_xticks(ticks)
            axes.minorticks_off()
    elif plot.scale == "log2":
        axes.set_xscale("log", base=2)
        axes.set_xticks(ticks, [str(x) for x in ticks])
        axes.minorticks_off()
    elif plot.x == "hidden_layers" and pd.api.types.is_numeric_dtype(rows["x"]):
        axes.set_xticks(ticks)
    if plot.y_scale == "log":
        axes.set_yscale("log")
    elif share:
        axes.yaxis.set_major_formatter(PERCENT)
    if plot.y == "parameters":
        axes.set_ylim(bottom=0)


def _marks(project: Project, claim: Claim, study: str) -> list[Mark]:
    """Return what the endpoint of a claim looks at, where the figure has an axis for it."""
    plot, primary = claim.plot, claim.primary
    dataset = project.study(study).dataset
    datasets = [project.study(name).dataset for name in primary.studies]
    arguments = primary.arguments_on(dataset, datasets)
    found: list[Mark] = []
    if plot is None:
        return found
    if "target" in arguments and plot.y.endswith("accuracy"):
        found.append(Mark("y", float(arguments["target"])))
    values: list[Any] = []
    if arguments.get("axis") == plot.x:
        values += [arguments[key] for key in ("at", "reference") if key in arguments]
    arms = [primary.where, primary.treatment, primary.control or {}]
    values += [arm[plot.x] for arm in arms if plot.x in arm]
    numbers = {value for entry in values for value in several(entry) if _is_number(value)}
    return found + [Mark("x", float(number)) for number in sorted(numbers)]


def _draw_marks(axes: Any, panel: _Panel) -> None:
    """Draw what the endpoint looks at, as far as the panel has it."""
    numeric = pd.api.types.is_numeric_dtype(panel.rows["x"])
    style = {"color": SOFT, "linewidth": 1.1, "linestyle": (0, (4, 2)), "zorder": 0.9}
    for mark in panel.marks:
        if mark.axis == "y":
            axes.axhline(mark.value, **style)
        elif numeric and mark.value in set(panel.rows["x"]):
            axes.axvline(mark.value, **style)


def _colours(rows: pd.DataFrame, plot: Plot) -> dict[str, str]:
    """Return the colour of each hue."""
    if plot.hue not in ("arm", "normalization"):
        return dict(zip(dict.fromkeys(rows["hue"]), SPARE_COLOURS, strict=False))
    arms = rows.rename(columns={"hue": "arm"}).drop_duplicates("arm")
    place = {name: number for number, name in enumerate(NORMALIZATIONS)}
    return arm_colours(arms.sort_values("normalization", key=lambda names: names.map(place)))
