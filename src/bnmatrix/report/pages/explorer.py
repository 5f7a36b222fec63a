"""The page on which learning curves are chosen and set side by side."""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from markupsafe import Markup

from bnmatrix.config.project import Project
from bnmatrix.report.figures.inks import INKS
from bnmatrix.report.labels import VariantLabels, arm_colours, study_labels, with_labels
from bnmatrix.report.pages.records import MOST_VARIANTS
from bnmatrix.report.pages.rendering import environment
from bnmatrix.statistics.curves import over_replicates, paired_differences

#: The metric whose single runs the page has.
SINGLE = "validation_accuracy"

METRICS = ("validation_accuracy", "train_accuracy", "validation_loss", "train_loss")


def explorer_page(project: Project, names: Sequence[str], root: Path, links: Sequence[str]) -> str:
    """Return the page, which carries the curves of all studies.

    Args:
        project: the configuration.
        names: the studies that were run.
        root: the folder that holds ``data/results``.
        links: pages that every page links to.
    """
    data, shortened = {}, []
    # Regressions have no accuracy, which the page shows.
    names = [name for name in names if project.dataset_of(name).classes]
    for name in names:
        history = pd.read_parquet(root / f"data/results/{name}/history.parquet")
        variants = history["variant"].unique()
        if len(variants) > MOST_VARIANTS:
            history = history[history["variant"].isin(variants[:MOST_VARIANTS])]
            shortened.append({"title": project.study(name).title, "variants": len(variants)})
        title = project.study(name).title
        data[name] = {"title": title, **curves(history, study_labels(project, name))}
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return (
        environment(links, "explorer")
        .get_template("explorer.html.j2")
        .render(
            shortened=shortened,
            most=MOST_VARIANTS,
            studies={
                name: project.study(name) for name in names if project.study(name).role == "matrix"
            },
            # Inside a script element, only the end of the element is special.
            data=Markup(text.replace("<", "\\u003c")),
        )
    )


def curves(history: pd.DataFrame, labels: VariantLabels) -> dict[str, Any]:
    """Return the arms with their colours, and a series for each variant.

    A series has the mean, lowest and highest value of each metric over replicates, by epoch; None
    where no run had a finite value. ``differences`` has the same of the paired differences from the
    variant without normalization, if there is one, and ``runs`` the single runs of
    :data:`SINGLE`.

    Args:
        history: a row for each evaluation (:data:`bnmatrix.tables.schema.HISTORY_COLUMNS`).
        labels: the labels of the study's variants.
    """
    colours = arm_colours(with_labels(history, labels))
    by_variant = {str(name): rows for name, rows in history.groupby("variant", sort=False)}
    baselines = {
        labels[name].cell(): name for name in by_variant if labels[name].normalization == "none"
    }
    series = []
    for name, rows in by_variant.items():
        label = labels[name]
        values = over_replicates(rows, METRICS)
        steps = rows.groupby("epoch")["step"].first()
        entry: dict[str, Any] = {
            "arm": label.arm,
            "cell": label.cell(),
            "epoch": [_rounded(epoch) for epoch in values.index],
            "step": [int(step) for step in steps],
            **_statistics(values),
            "runs": [
                [_rounded(value) for value in run.sort_values("epoch")[SINGLE]]
                for _, run in rows.groupby("replicate")
            ],
        }
        baseline = baselines.get(label.cell())
        if baseline is not None and label.normalization != "none":
            differences = paired_differences(rows, by_variant[baseline], METRICS)
            entry["differences"] = _statistics(over_replicates(differences, METRICS))
        series.append(entry)
    return {
        "arms": [
            {"name": arm, "colour": f"var({INKS[colour]})" if colour in INKS else colour}
            for arm, colour in colours.items()
        ],
        "series": series,
    }


def _statistics(values: pd.DataFrame) -> dict[str, dict[str, list[float | None]]]:
    return {
        metric: {
            name: [_rounded(value) for value in values[metric][statistic]]
            for name, statistic in (("mean", "mean"), ("low", "min"), ("high", "max"))
        }
        for metric in METRICS
    }


def _rounded(value: float) -> float | None:
    return float(f"{value:.4g}") if math.isfinite(value) else None
