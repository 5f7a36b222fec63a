"""The page of the sources of variance."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from bnmatrix.config.project import Project
from bnmatrix.plan.variants import variants
from bnmatrix.report.pages.records import Record
from bnmatrix.report.pages.rendering import environment, svg
from bnmatrix.report.sources_of_variance import SOURCE_NAMES, arm_name
from bnmatrix.report.wording import join, span
from bnmatrix.statistics.variance import DIFFERENCE, SAMPLING


def variance_page(project: Project, table: pd.DataFrame, root: Path, links: Sequence[str]) -> str:
    """Return the page.

    Args:
        project: the configuration.
        table: the content of ``variance.csv`` with the column ``panel``
            (:func:`bnmatrix.report.sources_of_variance.with_panels`).
        root: the folder that holds ``reports/figures``.
        links: pages that every page links to.
    """
    parts = [rows for _, rows in table.groupby("panel", sort=False)]
    panels = [(rows, project.datasets[rows["dataset"].iloc[0]].margin) for rows in parts]
    studies, arms = list(dict.fromkeys(table["study"])), list(dict.fromkeys(table["arm"]))
    templates = environment(links, "variance")
    templates.filters |= {"sd": _points, "sd_range": _point_range}
    return templates.get_template("variance.html.j2").render(
        findings=[finding(rows, margin) for rows, margin in panels],
        figure=svg(root / "reports/figures/variance/sources.svg", "sources"),
        arms=[arm_name(arm) for arm in arms],
        components=[row for rows, _ in panels for row in _components(rows, arms)],
        seeds=[row for rows, margin in panels for row in _seed_rows(rows, margin)],
        runs=span(table["runs"].to_list()),
        studies=studies,
        redrawn=_titles(project, [name for name in studies if _redrawn(project, name)]),
        shared=_titles(project, [name for name in studies if not _redrawn(project, name)]),
    )


def finding(rows: pd.DataFrame, margin: float) -> str:
    """Return what the components of one panel say, in sentences.

    Args:
        rows: the rows of ``variance.csv`` for one study and cell, with the column ``panel``.
        margin: the margin of the data set, a fraction.
    """
    arms = dict.fromkeys(rows["arm"])
    shown = DIFFERENCE if DIFFERENCE in arms else next(iter(arms))
    sentences = [
        _largest(rows[rows["arm"] == shown]),
        _factors(rows[(rows["source"] == "all") & rows["factor"].notna()]),
        _seeds(rows[rows["source"] == "all"], margin),
    ]
    return f"On {rows['panel'].iloc[0]}: {' '.join(filter(None, sentences))}"


def _largest(rows: pd.DataFrame) -> str:
    """Return which source alone varies results most, and how much all together vary them."""
    alone = rows[~rows["source"].isin(["all", SAMPLING])]
    if alone.empty:
        return ""
    largest, together = alone.loc[alone["sd"].idxmax()], rows[rows["source"] == "all"]
    text = (
        f"of {_spoken(largest['arm'])}, the largest estimate of a single source is that of the "
        f"{SOURCE_NAMES[largest['source']]}, a standard deviation of {_with_range(largest)} points"
    )
    return text + (
        f"; all together have {_with_range(together.iloc[0])}." if len(together) else "."
    )


def _factors(rows: pd.DataFrame) -> str:
    """Return by which factor a standard error from seeds of the weights alone is too small."""
    sure = rows["factor_low"] > 1
    parts, others = (
        [
            f"{row.factor:.1f} for {_spoken(row.arm)} "
            f"({_range(row.factor_low, row.factor_high, 1, 1)})"
            for row in some.itertuples(index=False)
        ]
        for some in (rows[sure], rows[~sure])
    )
    sentences = []
    if parts:
        sentences.append(
            "A standard error from seeds of the initial weights alone is too small by a factor of "
            f"{join(parts)}."
        )
    if others:
        sentences.append(
            "The factor by which a standard error from seeds of the initial weights alone is too "
            f"small is not surely above 1 for the others: it is {join(others)}."
            if parts
            else "A standard error from seeds of the initial weights alone is not surely too "
            f"small: the factor is {join(others)}."
        )
    return " ".join(sentences)


def _seeds(rows: pd.DataFrame, margin: float) -> str:
    """Return how many replicates bring the interval of the mean to the margin."""
    if rows.empty:
        return ""
    parts = [
        f"{_seeds_text(row.sd, row.seeds_needed)} for {_spoken(row.arm)}"
        for row in rows.itertuples(index=False)
    ]
    return (
        f"Replicates for a 95 % interval of ±{margin * 100:g} points, if everything varies: "
        f"{join(parts)}."
    )


def _components(rows: pd.DataFrame, arms: Sequence[str]) -> list[Record]:
    """Return a row for each source of one panel, with the cells of its arms."""
    return [
        {
            "panel": rows["panel"].iloc[0],
            "source": name,
            "cells": [
                found.iloc[0].to_dict() if len(found) else None
                for arm in arms
                for found in [rows[(rows["arm"] == arm) & (rows["source"] == source)]]
            ],
        }
        for source, name in SOURCE_NAMES.items()
        if source in set(rows["source"])
    ]


def _seed_rows(rows: pd.DataFrame, margin: float) -> list[Record]:
    """Return the rows of the table of seeds of one panel."""
    return [
        row
        | {
            "arm_text": arm_name(row["arm"]),
            "factor_text": "n/a" if pd.isna(row["factor"]) else f"{row['factor']:.2f}",
            "factor_interval": _range(row["factor_low"], row["factor_high"], 1, 2),
            "margin": f"±{margin * 100:g}",
            "seeds_text": _seeds_text(row["sd"], row["seeds_needed"]),
        }
        for row in rows[rows["source"] == "all"].to_dict("records")
    ]


def _seeds_text(sd: float, needed: float) -> str:
    """Return a number of replicates; runs that do not vary say nothing of it."""
    if not sd > 0:
        return "an unknown number"
    return "no number suffices" if pd.isna(needed) else f"{needed:.0f}"


def _range(low: float, high: float, scale: float, digits: int) -> str:
    if pd.isna(low):
        return "no interval"
    return f"{low * scale:.{digits}f} to {high * scale:.{digits}f}"


def _points(fraction: float) -> str:
    return "n/a" if pd.isna(fraction) else f"{fraction * 100:.2f}"


def _point_range(low: float, high: float) -> str:
    return _range(low, high, 100, 2)


def _with_range(row: pd.Series) -> str:
    return f"{_points(row['sd'])} ({_point_range(row['sd_low'], row['sd_high'])})"


def _spoken(arm: str) -> str:
    return "the difference batch − none" if arm == DIFFERENCE else arm_name(arm)


def _titles(project: Project, studies: Sequence[str]) -> str:
    """Return the titles of the data sets of studies as a list in words; "" if there are none."""
    titles = dict.fromkeys(project.dataset_of(name).title for name in studies)
    return join(list(titles)) if titles else ""


def _redrawn(project: Project, study: str) -> bool:
    """Return whether another draw of a study's examples has other test examples."""
    return any(variant.settings.folds is not None for variant in variants(project, study))
