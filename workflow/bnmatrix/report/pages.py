"""Pages: one self-contained HTML file each, from tables, figures and templates."""

import itertools
import json
import re
from pathlib import Path
from typing import Any

import latex2mathml.converter
import pandas as pd
import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from bnmatrix.config import InspectedDataset, Project, Study
from bnmatrix.registry import CONVENTIONS
from bnmatrix.report import labels
from bnmatrix.report.text import answer, overall, own_facts
from bnmatrix.tables import columns_before, read_runs
from bnmatrix.variants import Variant, left_out_variants, plain_value, variants

_FIGURES = ("differences", "accuracy", "learning-curves", "gap", "confusion", "confused", "time")
_ASSETS = Path(__file__).parent / "assets"

#: Rows a study has in the overview's matrix, at most; its own page has them all.
MOST_ROWS = 8
#: Variants of a study in a page's tables, at most; its CSV file has them all.
MOST_VARIANTS = 1_000
#: Differences, as fractions, from which on a cell of the matrix has the next shade.
_SHADES = (0.0, 0.005, 0.02)


def study_page(
    project: Project, name: str, root: Path, links: list[str], claims: Path | None = None
) -> str:
    """Return the page of a study.

    Args:
        project: the configuration.
        name: the study's.
        root: the folder that holds ``data/results`` and ``reports/figures``.
        links: pages that every page links to.
        claims: verdicts on the study alone, of one's own data.
    """
    from bnmatrix.report.claim_pages import scorecard_rows

    study, tables = project.study(name), root / "data/results" / name
    summary = read_runs(tables / "summary.csv")
    comparisons = read_runs(tables / "comparisons.csv")
    timings = read_runs(tables / "timings.csv")
    axes = list(study.axes)
    figures = {
        figure: svg(root / f"reports/figures/{name}/{figure}.svg", figure) for figure in _FIGURES
    }
    confusion = read_runs(tables / "confusion.csv")
    best = summary[summary["variant"].isin(confusion["variant"])]
    dataset = project.dataset_of(name)
    matrix = variants(project, name)
    tuned = any(variant.settings["tuned"] for variant in matrix)
    return (
        environment(links, name)
        .get_template("study.html.j2")
        .render(
            name=name,
            study=study,
            dataset=dataset,
            files=f"figures/{name}/",
            best=_variant_words(best, axes),
            best_runs=int((best["test_accuracy_n"] - best["diverged"]).sum()),
            pictures=dataset.pictures,
            declaration=declaration(study),
            answers=answer(comparisons),
            own=own_facts(
                dataset,
                comparisons,
                summary,
                matrix[0].settings["folds"],
                tuned,
            )
            if isinstance(dataset, InspectedDataset)
            else None,
            frameworks=_frameworks(read_runs(tables / "frameworks.csv"), axes),
            conventions=CONVENTIONS,
            step_seconds=_step_seconds(timings, axes),
            without_torch=left_out_variants(project, name),
            scorecard=scorecard_rows(read_runs(claims), project) if claims else [],
            reasons=_reasons(project, name),
            tuned=tuned,
            axes=axes,
            figures=figures,
            summary=_records(summary, axes),
            comparisons=_records(comparisons, axes),
            printed=_printed(study, summary),
            settings=_settings(study, matrix),
            provenance=json.loads((tables / "provenance.json").read_text(encoding="utf-8")),
            seconds=_seconds(timings),
            axes_text=_axis_values(study, matrix),
            replicates=int(summary["test_accuracy_n"].max()),
            most=MOST_VARIANTS,
        )
    )


def overview_page(
    project: Project,
    names: list[str],
    left_out: list[dict[str, Any]],
    asked: int,
    root: Path,
    links: list[str],
    claims: Path | None = None,
) -> str:
    """Return the overview.

    Args:
        project: the configuration.
        names: the studies that were run.
        left_out: those that were not: a ``reason``, and the ``studies`` left out for it.
        asked: number of studies that were asked for.
        root: the folder that holds ``data/results`` and ``reports``.
        links: pages that every page links to.
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
    judged = read_runs(claims) if claims else None
    return (
        environment(links, "index")
        .get_template("overview.html.j2")
        .render(
            studies=studies,
            left_out=left_out,
            asked=asked,
            answer=overall(tables),
            map=heat_map(studies),
            scorecard=[] if judged is None else scorecard_rows(judged, project),
            counts={} if judged is None else judged["verdict"].value_counts().to_dict(),
            titles={name: study.title for name, study in project.studies.items()},
            provenance=provenance,
            runs=runs,
            most=MOST_VARIANTS,
            variants=sum(len(entry["summary"]) for entry in studies),
        )
    )


def latex_table(summary: pd.DataFrame) -> str:
    """Return a study's main results as a LaTeX table, for the package booktabs.

    Args:
        summary: a row a variant (:func:`bnmatrix.statistics.comparisons.summarize`).
    """
    axes = columns_before(summary, "diverged")
    columns = {axis: labels.setting_name(axis) for axis in axes}
    table = summary[axes].map(lambda value: "" if pd.isna(value) else labels.value_text(value))
    table = table.rename(columns=columns).assign(
        runs=summary["test_accuracy_n"],
        **{
            "test accuracy (%)": _scaled(summary["test_accuracy_mean"]),
            "95 % interval": [
                f"{low * 100:.2f} to {high * 100:.2f}" if low == low else ""
                for low, high in zip(
                    summary["test_accuracy_ci_low"], summary["test_accuracy_ci_high"], strict=True
                )
            ],
            "validation accuracy (%)": _scaled(summary["validation_accuracy_mean"]),
        },
    )
    return latex(table)


def latex(table: pd.DataFrame) -> str:
    """Return a table of text and whole numbers as LaTeX, with what is special in LaTeX escaped."""
    styled = table.style.format(escape="latex").format_index(escape="latex", axis="columns")
    return styled.hide(axis="index").to_latex(hrules=True)


def _scaled(fractions: pd.Series) -> list[str]:
    return ["" if pd.isna(value) else f"{value * 100:.2f}" for value in fractions]


def declaration(study: Study) -> str:
    """Return a study's entry of the configuration, as far as it is not default."""
    content = study.model_dump(exclude_defaults=True, exclude={"source"}, mode="json")
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=88).strip()


def heat_map(studies: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the matrix of differences: the batch sizes, a row a study, arm and other cell, and how
    many rows a study has more.
    """
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for entry in studies:
        several = len({row["arm"] for row in entry["comparisons"]}) > 1
        for row in entry["comparisons"]:
            rest = [part for part in row["cell"].split(", ") if not part.startswith("batch size ")]
            label = ", ".join([*([row["arm"]] if several else []), *rest])
            own = rows.setdefault(
                (entry["name"], label),
                {"study": entry["name"], "title": entry["study"].title, "label": label}
                | {"cells": {}},
            )
            own["cells"][row["batch_size"]] = row | {"shade": _shade(row)}
    shown, more = [], {}
    for _, own in itertools.groupby(rows.values(), key=lambda row: row["study"]):
        every = list(own)
        shown += every[:MOST_ROWS]
        if len(every) > MOST_ROWS:
            more[every[0]["title"]] = len(every) - MOST_ROWS
    sizes = {size for row in shown for size in row["cells"]}
    return {"sizes": sorted(sizes), "rows": shown, "more": more}


def _shade(row: dict[str, Any]) -> str:
    """Return the class of a cell: a direction and strength where the interval leaves zero out."""
    if row["ci_low"] > 0 or row["ci_high"] < 0:
        strength = sum(abs(row["effect"]) >= least for least in _SHADES)
        return f"{'up' if row['ci_low'] > 0 else 'down'}{strength}"
    return "unsure"


def _variant_words(rows: pd.DataFrame, axes: list[str]) -> str:
    """Return a variant in words; nothing for no row."""
    words = [
        f"{labels.arm_label(row, axes)}, {labels.cell_label(row, axes)}"
        for _, row in rows.iterrows()
    ]
    return "".join(words)


def asset(name: str) -> Markup:
    """Return a style sheet or script to stand in a page."""
    return Markup((_ASSETS / name).read_text(encoding="utf-8").strip())


def math(latex: str) -> Markup:
    """Return a formula in LaTeX as MathML, to stand in a line."""
    return Markup(latex2mathml.converter.convert(latex))


def formula(latex: str) -> Markup:
    """Return a formula in LaTeX as MathML on a line of its own, which scrolls where it is long."""
    content = latex2mathml.converter.convert(latex, display="block")
    return Markup(
        f'<span class="formula" role="group" aria-label="Formula" tabindex="0">{content}</span>'
    )


def environment(links: list[str], current: str) -> Environment:
    """Return the templates' environment, with the filters that they use.

    Args:
        links: pages that every page links to.
        current: the page that is made.
    """
    environment = Environment(
        loader=PackageLoader("bnmatrix", "report/templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {"asset": asset, "links": links, "current": current}
    environment.filters |= {"math": math, "formula": formula}
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
    # Matplotlib's metadata: nothing to be seen, and no HTML.
    text = re.sub(r"\s*<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    # Paths of values that are missing: allowed in SVG 2, refused by validators.
    text = re.sub(r"<path(?![^>]*\bd=)[^>]*/>", "", text)
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


def _settings(study: Study, matrix: list[Variant]) -> dict[str, str]:
    """Return the settings that all variants share, axes left out, in words."""
    first = matrix[-1].settings
    return {
        labels.setting_name(key)
        if not key.startswith("normalization_")
        else key.replace("_", " "): "all"
        if key == "training_examples" and value is None
        else labels.value_text(plain_value(value))
        for key, value in first.items()
        if key not in study.axes and (value is not None or key == "training_examples")
    }


def _frameworks(table: pd.DataFrame, axes: list[str]) -> list[dict[str, Any]]:
    """Return the rows of the comparison of frameworks, with the names of cell and arm."""
    shared = [axis for axis in axes if axis not in ("framework", "conventions")]
    if table.empty:
        return []
    mean = table.iloc[0].to_dict() | {"cell": "mean of all", "arm": "all"}
    return [mean, *_records(table.iloc[1:], shared)]


def _reasons(project: Project, name: str) -> dict[str, str]:
    """Return why settings and axes are as they are, by what the page calls them."""
    reasons = project.study(name).reasons
    return {
        key if key.startswith("normalization_") else labels.setting_name(key): reason
        for key, reason in reasons.items()
    } | {key.replace("_", " "): reason for key, reason in reasons.items()}


def _axis_values(study: Study, matrix: list[Variant]) -> dict[str, list[str]]:
    """Return the values of each axis, in words, where they apply."""
    found = {
        axis: [plain_value(variant.settings[axis]) for variant in matrix] for axis in study.axes
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


def _step_seconds(timings: pd.DataFrame, axes: list[str]) -> list[dict[str, Any]]:
    """Return wall-clock seconds of a training step in each framework, a row a cell of both.

    Medians over evaluations; the first of a variant, which holds the compilation, is left out.
    """
    if "framework" not in axes:
        return []
    order = timings.groupby(["variant", "replicate"], sort=False)["step"]
    steps = timings["step"] - order.shift(fill_value=0)
    table = timings.assign(seconds=timings["training_seconds"] / steps)
    table = table[table.groupby("variant").cumcount() > 0]
    if "conventions" in axes:
        table = table[table["conventions"] != "torch"]
    shared = [axis for axis in axes if axis not in ("framework", "conventions")]
    rows = []
    for _, cell in table.groupby(shared, sort=False, dropna=False):
        medians = cell.groupby("framework")["seconds"].median()
        if set(medians.index) == {"keras", "torch"}:
            first = cell.iloc[0]
            label = f"{labels.arm_label(first, axes)}, {labels.cell_label(first, shared)}"
            rows.append({"label": label, "keras": medians["keras"], "torch": medians["torch"]})
    return rows
