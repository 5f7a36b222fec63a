"""The overview of all studies."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from bnmatrix.config.datasets import Dataset
from bnmatrix.config.project import Project
from bnmatrix.config.studies import Study
from bnmatrix.report.answer import Line, answer_lines, with_titles
from bnmatrix.report.labels import VariantLabels, study_labels, with_labels
from bnmatrix.report.losses import losses
from bnmatrix.report.pages.records import MOST_VARIANTS, Record, records
from bnmatrix.report.pages.rendering import environment, svg
from bnmatrix.report.pages.scorecard import scorecard
from bnmatrix.statistics.averages import UNSETTLED
from bnmatrix.tables.csv import read_runs
from bnmatrix.training.normalizations import NORMALIZATIONS

#: Rows a study has in the overview's matrix, at most; its own page has them all.
MOST_ROWS = 8

#: Differences, as fractions, from which on a cell of the matrix has the next shade.
_SHADES = (0.0, 0.005, 0.02)


@dataclass(frozen=True)
class StudyResults:
    """A study on the overview.

    Attributes:
        name: its name.
        study: how it is declared.
        dataset: its data set.
        labels: the labels of its variants.
        differences: its comparisons with labels (:func:`bnmatrix.report.labels.with_labels`).
        comparisons: the rows of ``differences``, those of a cell together.
        summary: rows of its variants (:func:`bnmatrix.statistics.comparisons.summarize`).
    """

    name: str
    study: Study
    dataset: Dataset
    labels: VariantLabels
    differences: pd.DataFrame
    comparisons: list[Record]
    summary: list[Record]


def overview_page(
    project: Project,
    names: Sequence[str],
    not_run: Mapping[str, Sequence[str]],
    asked: int,
    root: Path,
    links: Sequence[str],
    claims: Path | None = None,
    network_helps: bool = True,
) -> str:
    """Return the overview.

    Args:
        project: the configuration.
        names: the studies that were run.
        not_run: the studies that were asked for and not run, by reason.
        asked: the number of studies that were asked for.
        root: the folder that holds ``data/results`` and ``reports``.
        links: pages that every page links to.
        claims: ``claims.csv``, if claims were judged.
        network_helps: whether a network or a mirror would add studies that were not run.
    """
    studies = [_results(project, name, root / "data/results" / name) for name in names]
    # Others are compared by another metric, on their own pages.
    by_accuracy = [entry for entry in studies if entry.dataset.metric.name == "accuracy"]
    missing = [name for group in not_run.values() for name in group]
    judged = read_runs(claims) if claims else None
    effects = with_titles(read_runs(root / "reports/effects.csv"), project) if claims else None
    return (
        environment(links, "index")
        .get_template("overview.html.j2")
        .render(
            studies=studies,
            not_run=not_run,
            network_helps=network_helps,
            missing=len(missing),
            asked=asked,
            lines=answer_of(effects, by_accuracy),
            chart=None if effects is None else _chart(effects, root / "reports/figures/answer"),
            effects=[] if effects is None else _effect_rows(effects),
            map=heat_map(by_accuracy),
            by_accuracy=by_accuracy,
            by_other=[entry for entry in studies if entry.dataset.metric.name != "accuracy"],
            scorecard=None
            if judged is None
            else scorecard(judged, project, read_runs(root / "data/results/claims/analyses.csv")),
            titles={name: study.title for name, study in project.studies.items()},
            provenance=json.loads((root / "reports/provenance.json").read_text(encoding="utf-8")),
            runs=sum(int(row["test_accuracy_n"]) for entry in studies for row in entry.summary),
            most=MOST_VARIANTS,
            variants=sum(len(entry.summary) for entry in studies),
        )
    )


def answer_of(effects: pd.DataFrame | None, studies: Sequence[StudyResults]) -> list[Line]:
    """Return the answer from the effects by batch size, if there are any, and the matrix."""
    matrix = {entry.study.title: entry.differences for entry in studies}
    none = pd.DataFrame(columns=["normalization", "ci_low"])
    return answer_lines(none if effects is None else effects, matrix)


def _chart(effects: pd.DataFrame, folder: Path) -> Record | None:
    """Return the chart of the answer, drawn for wide and for narrow screens."""
    shown = effects[effects["normalization"] == "batch"]
    if shown.empty:
        return None
    return {
        "wide": svg(folder / "batch-size.svg", "answer"),
        "narrow": svg(folder / "batch-size-narrow.svg", "narrow"),
        "circumstances": shown["label"].iloc[0],
    }


def _effect_rows(effects: pd.DataFrame) -> list[Record]:
    names = {name: entry.label for name, entry in NORMALIZATIONS.items()}
    return list(effects.assign(name=effects["normalization"].map(names)).to_dict("records"))


def _results(project: Project, name: str, tables: Path) -> StudyResults:
    labels = study_labels(project, name)
    comparisons = read_runs(tables / "comparisons.csv")
    return StudyResults(
        name=name,
        study=project.study(name),
        dataset=project.dataset_of(name),
        labels=labels,
        differences=with_labels(comparisons, labels),
        comparisons=records(comparisons, labels),
        summary=records(read_runs(tables / "summary.csv"), labels),
    )


def heat_map(studies: Sequence[StudyResults]) -> dict[str, Any]:
    """Return the matrix of differences.

    Returns:
        ``sizes``: the batch sizes, which are the columns; ``rows``: at most :data:`MOST_ROWS` rows
        for each study, one for each arm and combination of other axes; ``more``: how many rows
        more a study has, by title; ``losses``: sentences on cells that lose more than the margin;
        ``unsettled``: the share of their start from which on moving averages are marked, if any.
    """
    shown: list[Record] = []
    more: dict[str, int] = {}
    for entry in studies:
        rows = _heat_map_rows(entry)
        shown += rows[:MOST_ROWS]
        if len(rows) > MOST_ROWS:
            more[entry.study.title] = len(rows) - MOST_ROWS
    sizes = {size for row in shown for size in row["cells"]}
    marked = any(cell["unsettled"] for row in shown for cell in row["cells"].values())
    return {
        "sizes": sorted(sizes),
        "rows": shown,
        "more": more,
        "losses": [
            f"{entry.study.title}, {sentence}"
            for entry in studies
            for sentence in losses(
                entry.comparisons, entry.summary, entry.labels, entry.dataset.margin
            )
        ],
        "unsettled": UNSETTLED if marked else None,
    }


def _heat_map_rows(entry: StudyResults) -> list[Record]:
    """Return the rows of one study; ``cells`` of a row holds a comparison for each batch size."""
    several = len({row["arm"] for row in entry.comparisons}) > 1
    rows: dict[str, Record] = {}
    unsettled = {row["variant"]: row["starting_share"] > UNSETTLED for row in entry.summary}
    for comparison in entry.comparisons:
        variant = entry.labels[comparison["variant"]]
        parts = [variant.arm if several else "", variant.cell(without=("batch_size",))]
        label = ", ".join(part for part in parts if part)
        row = rows.setdefault(
            label,
            {"study": entry.name, "title": entry.study.title, "label": label, "cells": {}},
        )
        row["cells"][variant.value("batch_size")] = comparison | {
            "shade": _shade(comparison),
            "unsettled": unsettled.get(comparison["variant"], False),
        }
    return list(rows.values())


def _shade(row: Record) -> str:
    """Return the class of a cell: direction and strength, if the interval excludes zero."""
    if row["ci_low"] > 0 or row["ci_high"] < 0:
        strength = sum(abs(row["effect"]) >= least for least in _SHADES)
        return f"{'up' if row['ci_low'] > 0 else 'down'}{strength}"
    return "unsure"
