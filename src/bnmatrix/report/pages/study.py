"""The page of a study."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from markupsafe import Markup

from bnmatrix.config.own_data import InspectedDataset
from bnmatrix.config.project import Project
from bnmatrix.config.studies import Study
from bnmatrix.plan.sizes import parts
from bnmatrix.plan.variants import left_out_variants, variants
from bnmatrix.report.labels import VariantLabels, study_labels, with_labels
from bnmatrix.report.losses import losses
from bnmatrix.report.metric_wording import MetricWording
from bnmatrix.report.pages.metrics import curve_of, left_out_claims
from bnmatrix.report.pages.own import own_page
from bnmatrix.report.pages.protocol import axis_facts, declaration, setting_facts
from bnmatrix.report.pages.records import MOST_VARIANTS, Record, records
from bnmatrix.report.pages.rendering import environment, svg
from bnmatrix.report.pages.scorecard import scorecard
from bnmatrix.report.pages.text import answer, training_length
from bnmatrix.statistics.timings import evaluation_seconds, step_seconds
from bnmatrix.tables.csv import read_runs
from bnmatrix.training.convention_table import CONVENTIONS
from bnmatrix.training.spec import Variant

_FIGURES = ("differences", "accuracy", "learning-curves", "gap", "confusion", "confused", "time")

#: Axes that distinguish frameworks. Names of cells leave them out where frameworks are compared.
_FRAMEWORK_AXES = ("framework", "conventions")


def study_page(
    project: Project, name: str, root: Path, links: Sequence[str], claims: Path | None = None
) -> str:
    """Return the page of a study.

    Args:
        project: the configuration.
        name: name of the study.
        root: the folder that holds ``data/results`` and ``reports/figures``.
        links: the pages that every page links to.
        claims: the table of verdicts on this study alone, if it is a study of a user's own data.
    """
    study, dataset = project.study(name), project.dataset_of(name)
    written = MetricWording(dataset.metric)
    matrix, labels = variants(project, name), study_labels(project, name)
    tables = root / "data/results" / name
    summary = read_runs(tables / "summary.csv")
    comparisons = read_runs(tables / "comparisons.csv")
    timings = read_runs(tables / "timings.csv")
    confusion = read_runs(tables / "confusion.csv")
    best = summary[summary["variant"].isin(confusion["variant"])]
    folds, tuned = matrix[0].settings.folds, any(v.settings.tuned for v in matrix)
    return (
        environment(links, name)
        .get_template("study.html.j2")
        .render(
            name=name,
            study=study,
            dataset=dataset,
            files=f"figures/{name}/",
            figures=_figures(root / "reports/figures" / name),
            answers=answer(with_labels(comparisons, labels), labels.axes, written),
            written=written,
            left_out=left_out_claims(dataset) if isinstance(dataset, InspectedDataset) else "",
            own=own_page(project, name, dataset, tables, [v.settings for v in matrix], claims)
            if isinstance(dataset, InspectedDataset)
            else None,
            training_length=training_length(with_labels(summary, labels), curve_of(dataset)),
            summary=_summary(summary, labels, list(study.axes)),
            sample=parts(dataset, matrix[0].settings.validation, folds)[1],
            modes=_modes(summary, comparisons, labels, dataset.margin),
            comparisons=records(comparisons, labels),
            frameworks=_frameworks(read_runs(tables / "frameworks.csv"), labels),
            conventions=CONVENTIONS,
            without_torch=left_out_variants(project, name),
            scorecard=scorecard(read_runs(claims), project) if claims else None,
            best="".join(f"{labels[v].arm}, {labels[v].cell()}" for v in best["variant"]),
            best_runs=int((best["test_accuracy_n"] - best["diverged"]).sum()),
            printed=_printed(study, summary),
            **_protocol(study, matrix),
            tuned=tuned,
            replicates=int(summary["test_accuracy_n"].max()),
            provenance=json.loads((tables / "provenance.json").read_text(encoding="utf-8")),
            seconds=evaluation_seconds(timings).to_dict("records"),
            step_seconds=_step_seconds(timings, labels),
            most=MOST_VARIANTS,
        )
    )


def _protocol(study: Study, matrix: list[Variant]) -> dict[str, Any]:
    """Return what a page shows of a study's declaration."""
    return {
        "axes": list(study.axes),
        "axis_facts": axis_facts(study, matrix),
        "setting_facts": setting_facts(study, matrix),
        "declaration": declaration(study),
        "drawn": matrix[0].settings,
    }


def _figures(folder: Path) -> dict[str, Markup]:
    """Return the figures of a study by name."""
    return {name: svg(folder / f"{name}.svg", name) for name in _FIGURES}


def _summary(summary: pd.DataFrame, labels: VariantLabels, axes: list[str]) -> list[Record]:
    """Return the rows of a summary, with the values of the axes as texts (``axis_texts``)."""
    return [
        row | {"axis_texts": [labels[row["variant"]].text(axis, missing="–") for axis in axes]}
        for row in records(summary, labels)
    ]


def _modes(
    summary: pd.DataFrame, comparisons: pd.DataFrame, labels: VariantLabels, margin: float
) -> Record:
    """Return the variants with moving averages: accuracy in both modes, with a picture.

    Returns:
        ``rows``; the ends of the scale of their pictures, ``low`` and ``high``; whether the study
        measures test accuracy in both modes, ``measured``; and why variants lose, ``losses``.
    """
    table = summary[summary["starting_share"].notna() & summary["train_accuracy_mean"].notna()]
    rows = records(table, labels)
    low, high = _reach(rows)

    def place(value: float) -> float:
        return 6 + (value - low) / (high - low) * 108 if high > low else 60

    for row in rows:
        trained, inferred = row["train_accuracy_as_trained_mean"], row["train_accuracy_mean"]
        row["label"] = f"{row['arm']}, {row['cell']}"
        row["picture"] = Markup(
            '<svg class="drawing" viewBox="0 0 120 18" aria-hidden="true">'
            f'<path class="interval" d="M{place(trained):.1f} 9H{place(inferred):.1f}"/>'
            f'<circle class="open" cx="{place(trained):.1f}" cy="9" r="4"/>'
            f'<circle class="dot" cx="{place(inferred):.1f}" cy="9" r="4"/></svg>'
        )
    measured = "accuracy_moving" in table and bool(table["accuracy_moving"].notna().any())
    lost = losses(records(comparisons, labels), summary.to_dict("records"), labels, margin)
    return {"rows": rows, "low": low, "high": high, "measured": measured, "losses": lost}


def _reach(rows: list[Record]) -> tuple[float, float]:
    """Return the lowest and the highest accuracy in either mode."""
    names = ("train_accuracy_as_trained_mean", "train_accuracy_mean")
    values = [row[name] for row in rows for name in names if row[name] == row[name]]
    return (min(values), max(values)) if values else (0.0, 1.0)


def _printed(study: Study, summary: pd.DataFrame) -> list[Record]:
    """Return the figures that the source reports, each with the result of the same cell."""
    if study.source is None:
        return []
    rows = []
    for figure in study.source.printed:
        same = summary[
            (summary["normalization"] == figure.normalization)
            & (summary["batch_size"] == figure.batch_size)
        ]
        rows.append({"printed": figure, "ours": same.iloc[0].to_dict() if len(same) else None})
    return rows


def _frameworks(table: pd.DataFrame, labels: VariantLabels) -> list[Record]:
    """Return the rows of the comparison of frameworks, with the names of cells and arms.

    Args:
        table: one row with the mean over all cells, then one row per cell
            (:func:`bnmatrix.statistics.frameworks.compare_frameworks`).
        labels: the labels of the study's variants.
    """
    if table.empty:
        return []
    mean = table.iloc[0].to_dict() | {"cell": "mean of all", "arm": "all"}
    return [mean, *records(table.iloc[1:], labels, without=_FRAMEWORK_AXES)]


def _step_seconds(timings: pd.DataFrame, labels: VariantLabels) -> list[Record]:
    """Return the seconds of a training step in each framework, for cells in both frameworks.

    Only variants in PyTorch with Keras's conventions count, so that only the framework differs.
    """
    if "framework" not in labels.axes:
        return []
    seconds = step_seconds(timings)
    counterparts = {
        labels[name].variant.settings.model_copy(update={"framework": "keras"}): name
        for name in seconds.index
        if labels[name].value("framework") == "torch"
    }
    rows = []
    for name in timings["variant"].unique():
        variant = labels[name]
        torch = counterparts.get(variant.variant.settings)
        if variant.value("framework") == "keras" and torch and name in seconds:
            label = f"{variant.arm}, {variant.cell(without=_FRAMEWORK_AXES)}"
            rows.append({"label": label, "keras": seconds[name], "torch": seconds[torch]})
    return rows
