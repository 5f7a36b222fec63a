"""Pages: one self-contained HTML file each, from tables, figures and templates."""

import json
import re
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from bnmatrix.config import Project, Study
from bnmatrix.report import labels
from bnmatrix.report.text import answer, overall
from bnmatrix.tables import read_runs
from bnmatrix.variants import plain_value, variants

_FIGURES = ("differences", "accuracy", "learning-curves")


def study_page(project: Project, name: str, root: Path) -> str:
    """Return the page of a study.

    Args:
        project: the configuration.
        name: the study's.
        root: the folder that holds ``data/results`` and ``reports/figures``.
    """
    study, tables = project.study(name), root / "data/results" / name
    summary = read_runs(tables / "summary.csv")
    comparisons = read_runs(tables / "comparisons.csv")
    timings = read_runs(tables / "timings.csv")
    axes = list(study.axes)
    figures = {
        figure: svg(root / f"reports/figures/{name}/{figure}.svg", figure) for figure in _FIGURES
    }
    return (
        environment()
        .get_template("study.html.j2")
        .render(
            name=name,
            study=study,
            dataset=project.dataset_of(name),
            answers=answer(comparisons),
            axes=axes,
            figures=figures,
            summary=_records(summary, axes),
            comparisons=_records(comparisons, axes),
            printed=_printed(study, summary),
            settings=_settings(project, name),
            provenance=json.loads((tables / "provenance.json").read_text(encoding="utf-8")),
            seconds=_seconds(timings),
            axes_text=_axis_values(project, name),
            replicates=project.replicates_of(name),
        )
    )


def overview_page(
    project: Project,
    names: list[str],
    left_out: list[dict[str, Any]],
    asked: int,
    root: Path,
    claims: Path | None = None,
) -> str:
    """Return the overview.

    Args:
        project: the configuration.
        names: the studies that were run.
        left_out: those that were not: a ``reason``, and the ``studies`` left out for it.
        asked: number of studies that were asked for.
        root: the folder that holds ``data/results`` and ``reports``.
        claims: ``claims.csv``, if claims were judged.
    """
    from bnmatrix.report.claim_pages import scorecard_rows

    studies, tables = [], {}
    for name in names:
        study = project.study(name)
        comparisons = read_runs(root / "data/results" / name / "comparisons.csv")
        summary = read_runs(root / "data/results" / name / "summary.csv")
        tables[study.title] = comparisons
        studies.append(
            {
                "name": name,
                "study": study,
                "dataset": project.dataset_of(name),
                "comparisons": _records(comparisons, list(study.axes)),
                "summary": _records(summary, list(study.axes)),
            }
        )
    provenance = json.loads((root / "reports/provenance.json").read_text(encoding="utf-8"))
    runs = sum(int(row["test_accuracy_n"]) for entry in studies for row in entry["summary"])
    return (
        environment()
        .get_template("overview.html.j2")
        .render(
            studies=studies,
            left_out=left_out,
            asked=asked,
            answer=overall(tables),
            scorecard=scorecard_rows(read_runs(claims), project) if claims else [],
            titles={name: study.title for name, study in project.studies.items()},
            provenance=provenance,
            runs=runs,
            variants=sum(len(entry["summary"]) for entry in studies),
        )
    )


def environment() -> Environment:
    """Return the templates' environment, with the filters that they use."""
    environment = Environment(
        loader=PackageLoader("bnmatrix", "report/templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        name: getattr(labels, name)
        for name in (
            "points",
            "percent",
            "interval",
            "p_text",
            "duration",
            "setting_name",
            "value_text",
        )
    }
    return environment


def _records(table: pd.DataFrame, axes: list[str]) -> list[dict[str, Any]]:
    """Return a table's rows with the names of arm and cell, the rows of a cell together."""
    if table.empty:
        return []
    labelled = labels.with_labels(table, axes)
    first = {cell: place for place, cell in enumerate(dict.fromkeys(labelled["cell"]))}
    return labelled.sort_values("cell", key=lambda c: c.map(first), kind="stable").to_dict(
        "records"
    )


def svg(path: Path, prefix: str) -> Markup:
    """Return a figure's SVG to stand in a page: no prolog, and ids that no other figure has."""
    text = path.read_text(encoding="utf-8")
    text = text[text.index("<svg") :]
    text = re.sub(r'\bid="([^"]+)"', rf'id="{prefix}-\1"', text)
    text = re.sub(r'(xlink:href|href)="#([^"]+)"', rf'\1="#{prefix}-\2"', text)
    text = re.sub(r"url\(#([^)]+)\)", rf"url(#{prefix}-\1)", text)
    # The page sets the size; the figure says only its proportions.
    return Markup(
        re.sub(
            r'(<svg[^>]*?) width="[^"]*"',
            r"\1",
            re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", text, count=1),
            count=1,
        )
    )


def _printed(study: Study, summary: pd.DataFrame) -> list[dict[str, Any]]:
    """Return what the source printed, each beside what was measured for the same cell."""
    if study.source is None:
        return []
    rows = []
    for figure in study.source.printed:
        same = summary[
            (summary["normalization"] == figure.normalization)
            & (summary["batch_size"] == figure.batch_size)
        ]
        ours = same.iloc[0].to_dict() if len(same) else None
        rows.append({"printed": figure, "ours": ours})
    return rows


def _settings(project: Project, name: str) -> dict[str, str]:
    """Return the settings that all variants share, axes left out, in words."""
    first = variants(project, name)[-1].settings
    return {
        labels.setting_name(key)
        if not key.startswith("normalization_")
        else key.replace("_", " "): "all"
        if key == "training_examples" and value is None
        else labels.value_text(plain_value(value))
        for key, value in first.items()
        if key not in project.study(name).axes and (value is not None or key == "training_examples")
    }


def _axis_values(project: Project, name: str) -> dict[str, list[str]]:
    """Return the values of each axis, in words, where they apply."""
    matrix = variants(project, name)
    found = {
        axis: [plain_value(variant.settings[axis]) for variant in matrix]
        for axis in project.study(name).axes
    }
    return {
        axis: [labels.value_text(value) for value in dict.fromkeys(values) if value is not None]
        for axis, values in found.items()
    }


def _seconds(timings: pd.DataFrame) -> list[dict[str, Any]]:
    """Return wall-clock seconds of training an epoch, by variant: the median."""
    # The first evaluation of a variant holds the compilation.
    steady = timings.groupby("variant", sort=False).apply(
        lambda part: part.iloc[1:]["training_seconds"].median() if len(part) > 1 else float("nan"),
        include_groups=False,
    )
    first = timings.groupby("variant", sort=False)["training_seconds"].first()
    return [
        {"variant": variant, "steady": steady[variant], "first": first[variant]}
        for variant in first.index
    ]
