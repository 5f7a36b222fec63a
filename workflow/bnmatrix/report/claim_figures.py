"""Figures of claims: what was measured, and how learning rates were tuned."""

import itertools
import math
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.lines import Line2D

from bnmatrix.config import Claim, Plot, Project
from bnmatrix.registry import NORMALIZATIONS
from bnmatrix.report.drawing import PERCENT, Drawing, save, set_style
from bnmatrix.report.labels import SPARE_COLOURS, arm_colours, setting_name, value_text, with_labels
from bnmatrix.statistics.endpoints import Arm, axis_numbers, is_any_of, scores
from bnmatrix.tables import axes_of

_COLUMNS = 4
_NAMES = {
    "initializer": "standard deviation of the initial weights",
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


def draw_claims(folder: Path, project: Project, tables: dict[str, Arm]) -> None:
    """Draw and save the figure of each claim that has runs.

    Args:
        folder: where to save ``<claim>.svg``.
        project: the configuration.
        tables: the tables of the studies that were run, by study.
    """
    set_style()
    for name, claim in project.claims.items():
        studies = {
            project.dataset_of(study).title: tables[study]
            for study in claim.primary.studies
            if study in tables
        }
        if claim.plot and studies:
            save(evidence(claim, studies), folder / f"{name}.svg")


def draw_tuning(folder: Path, project: Project, studies: list[str], results: Path) -> None:
    """Draw and save the tuning curves of each study that tunes learning rates."""
    set_style()
    for study in studies:
        table = pd.read_parquet(results / study / "tuning.parquet")
        if len(table):
            save(
                tuning_curves(table, project.study(study).tuning.objective),
                folder / f"tuning-{study}.svg",
            )


def _table(plot: Plot, study: Arm) -> pd.DataFrame:
    """Return the rows that are drawn, with x, y, hue and panel."""
    table = getattr(study, plot.table)
    if plot.table == "runs":
        table = table.assign(generalization_gap=scores(study, "generalization_gap"))
        table[plot.y] = scores(study, plot.y)
    table = with_labels(table, axes_of(table))
    for column, wanted in plot.where.items():
        table = table[is_any_of(table[column], wanted)]
    panels = [plot.panels] if isinstance(plot.panels, str) else plot.panels or []
    panel = [
        ", ".join(_value(column, row[column]) for column in panels)
        for _, row in table[panels].iterrows()
    ]
    if plot.x == "initializer":
        x = axis_numbers(table[plot.x])
    elif plot.x == "hidden_layers":
        depth = table[plot.x].str.count("-") + 1
        # Depths as numbers; layers of other widths by name.
        same = depth.nunique() == table[plot.x].nunique()
        x = depth if same else table[plot.x].map(value_text)
    elif plot.x == "part":
        x = table[plot.x].astype(int)
    elif plot.x == "dropout":  # two or three rates, as categories
        x = table[plot.x].map(value_text)
    else:
        x = table[plot.x]
    hue = table["arm"] if plot.hue in ("arm", "normalization") else table[plot.hue].map(value_text)
    if plot.hue == "part":
        hue = hue.replace(_MODES)
    return pd.DataFrame(
        {
            "x": x.to_numpy(),
            "y": table[plot.y].to_numpy(float),
            "hue": hue.to_numpy(),
            "normalization": table["normalization"].to_numpy(),
            "panel": panel,
        }
    )


def _value(column: str, value: Any) -> str:
    if column == "tuned":
        return "tuned rate" if value else "shared rate"
    if column in ("step", "part"):
        return f"{'layer' if column == 'part' else 'step'} {value}"
    return value_text(value)


def evidence(claim: Claim, studies: dict[str, Arm]) -> Drawing:
    """Return what was measured for a claim: a panel a data set (and value of a further axis).

    Lines (points, over categories) are means over replicates, bands (bars) reach from the lowest
    to the highest.

    Args:
        claim: the claim; it has a plot.
        studies: tables by the data set's title.
    """
    plot = claim.plot
    parts = []
    for title, study in studies.items():
        table = _table(plot, study)
        parts += [(title, str(panel), rows) for panel, rows in table.groupby("panel", sort=False)]
    columns = min(_COLUMNS, len(parts))
    rows = math.ceil(len(parts) / columns)
    figure, grid = plt.subplots(
        rows, columns, figsize=(max(6.4, 3.1 * columns), 2.9 * rows + 0.5), squeeze=False
    )
    every = pd.concat([table for _, _, table in parts])
    colours = _colours(every, plot)
    for number, (title, panel_name, table) in enumerate(parts):
        panel = grid[number // columns][number % columns]
        shared = {
            "x": "x",
            "y": "y",
            "hue": "hue",
            "palette": colours,
            "hue_order": [hue for hue in colours if hue in set(table["hue"])],
            "errorbar": ("pi", 100),
            "legend": False,
            "ax": panel,
        }
        if pd.api.types.is_numeric_dtype(table["x"]):
            marker = "o" if table["x"].nunique() <= 15 else None
            sns.lineplot(table, marker=marker, markersize=4, markeredgewidth=0, **shared)
        else:  # Categories have no way from one to the next.
            sns.pointplot(table, dodge=0.3, linestyle="none", markersize=5, lw=1.6, **shared)
        panel.set_title(f"{title}, {panel_name}" if panel_name else title)
        _axes(panel, plot, table, first=number % columns == 0)
    for number in range(len(parts), rows * columns):
        grid[number // columns][number % columns].set_visible(False)
    figure.legend(
        handles=[Line2D([], [], color=colour, label=hue) for hue, colour in colours.items()],
        loc="outside upper center",
        ncols=min(len(colours), 2 if columns <= 2 else 4),
    )
    data = pd.concat(
        [rows.assign(dataset=title, panel=panel) for title, panel, rows in parts], ignore_index=True
    )
    columns = ["dataset", "panel", "hue", "x", "y"]
    return Drawing(figure, data[columns], _description(claim, parts))


def _description(claim: Claim, parts: list[tuple[str, str, pd.DataFrame]]) -> str:
    """Return the means at the ends of each line, in words."""
    words = []
    for title, panel, rows in parts:
        means = rows.groupby(["hue", "x"], sort=False)["y"].mean()
        lines = []
        for hue, line in means.groupby(level="hue", sort=False):
            ends = line.droplevel("hue")
            first, last = ends.index[0], ends.index[-1]
            text = f"{hue}: {ends.iloc[0]:.3g} at {first}"
            lines.append(text if first == last else f"{text}, {ends.iloc[-1]:.3g} at {last}")
        words.append(f"{title}{', ' if panel else ''}{panel}: {'; '.join(lines)}")
    name = _NAMES.get(claim.plot.x, setting_name(claim.plot.x))
    return f"{claim.title}. Means against {name or 'the setting'}. {'. '.join(words)}."


def _axes(panel: Any, plot: Plot, table: pd.DataFrame, first: bool) -> None:
    name = _NAMES.get(plot.x, setting_name(plot.x))
    panel.set_xlabel(name)
    measure = plot.where.get("measure")
    measure = measure[0] if isinstance(measure, list) else measure
    y = setting_name(measure) if measure else _NAMES.get(plot.y, setting_name(plot.y))
    share = "accuracy" in (measure or plot.y) or plot.y == "generalization_gap"
    panel.set_ylabel(f"{y}{' (%)' if share else ''}" if first else "")
    if plot.scale == "log":
        panel.set_xscale("log")
    elif plot.scale == "log2":
        panel.set_xscale("log", base=2)
        panel.set_xticks(sorted(set(table["x"])), [str(x) for x in sorted(set(table["x"]))])
        panel.minorticks_off()
    elif plot.x == "hidden_layers" and pd.api.types.is_numeric_dtype(table["x"]):
        panel.set_xticks(sorted(set(table["x"])))
    if plot.y_scale == "log":
        panel.set_yscale("log")
    elif share:
        panel.yaxis.set_major_formatter(PERCENT)


def _colours(table: pd.DataFrame, plot: Plot) -> dict[str, str]:
    if plot.hue not in ("arm", "normalization"):
        return dict(zip(dict.fromkeys(table["hue"]), SPARE_COLOURS, strict=False))
    arms = table.rename(columns={"hue": "arm"}).drop_duplicates("arm")
    place = {name: number for number, name in enumerate(NORMALIZATIONS)}
    return arm_colours(arms.sort_values("normalization", key=lambda n: n.map(place)))


def tuning_curves(table: pd.DataFrame, objective: str) -> Drawing:
    """Return what tuning maximized against the learning rate: a panel a cell, a colour an arm.

    The chosen rate is ringed.

    Args:
        table: a study's tuning runs (:data:`bnmatrix.results.TUNING_COLUMNS`).
        objective: ``final`` or ``average``.
    """
    table = with_labels(table, axes_of(table))
    table = table.drop_duplicates(["arm", "cell", "rate"]).sort_values("rate")
    colours = arm_colours(table)
    cells = list(dict.fromkeys(table.sort_index()["cell"]))
    columns = min(_COLUMNS, len(cells))
    rows = math.ceil(len(cells) / columns)
    figure, grid = plt.subplots(
        rows,
        columns,
        figsize=(max(6.4, 2.8 * columns), 2.3 * rows + 0.6),
        squeeze=False,
        sharey=True,
        sharex=True,
    )
    for panel, cell in itertools.zip_longest(grid.flat, cells):
        if cell is None:
            panel.set_visible(False)
            continue
        for arm, part in table[table["cell"] == cell].groupby("arm", sort=False):
            panel.plot(
                part["rate"], part["tuning_objective"], "o-", ms=3, lw=1.4, color=colours[arm]
            )
            best = part[part["chosen"]]
            panel.plot(
                *(best["rate"], best["tuning_objective"], "o"),
                **{"ms": 9, "mfc": "none", "color": colours[arm]},
            )
        text = cell.removesuffix(", tuned True")
        panel.set_title("\n".join(text.split(", ")), fontsize=8)
        panel.set_xscale("log")
        panel.yaxis.set_major_formatter(PERCENT)
    for panel in grid[-1]:
        panel.set_xlabel("learning rate")
    for row in grid:
        row[0].set_ylabel(
            "validation accuracy (%)\n" + ("average" if objective == "average" else "at the end"),
            fontsize=8,
        )
    figure.legend(
        handles=[Line2D([], [], color=c, marker="o", label=arm) for arm, c in colours.items()],
        loc="outside upper center",
        ncols=2,
    )
    chosen = table[table["chosen"]]
    words = [
        f"{row.arm}, {row.cell.removesuffix(', tuned True')}: {row.rate:g}"
        for row in chosen.itertuples(index=False)
    ]
    description = f"Validation accuracy against learning rate. Chosen rates: {'; '.join(words)}."
    return Drawing(
        figure, table[["arm", "cell", "rate", "tuning_objective", "chosen"]], description
    )
