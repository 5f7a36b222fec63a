"""The page on which learning curves are chosen and set side by side."""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from markupsafe import Markup

from bnmatrix.config.project import Project
from bnmatrix.report.labels import VariantLabels, arm_colours, study_labels, with_labels
from bnmatrix.report.pages.records import MOST_VARIANTS
from bnmatrix.report.pages.rendering import environment
from bnmatrix.statistics.curves import over_replicates

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
            studies={name: project.study(name) for name in names},
            # Inside a script element, only the end of the element is special.
            data=Markup(text.replace("<", "\\u003c")),
        )
    )


def curves(history: pd.DataFrame, labels: VariantLabels) -> dict[str, Any]:
    """Return the arms with their colours, and a series for each variant.

    A series has the mean, lowest and highest value of each metric over replicates, by epoch; None
    where no run had a finite value.

    Args:
        history: a row for each evaluation (:data:`bnmatrix.tables.schema.HISTORY_COLUMNS`).
        labels: the labels of the study's variants.
    """
    colours = arm_colours(with_labels(history, labels))
    series = []
    for variant, rows in history.groupby("variant", sort=False):
        values = over_replicates(rows, METRICS)
        entry: dict[str, Any] = {
            "arm": labels[str(variant)].arm,
            "cell": labels[str(variant)].cell(),
            "epoch": [_rounded(epoch) for epoch in values.index],
        }
        for metric in METRICS:
            entry[metric] = {
                name: [_rounded(value) for value in values[metric][statistic]]
                for name, statistic in (("mean", "mean"), ("low", "min"), ("high", "max"))
            }
        series.append(entry)
    return {
        "arms": [{"name": arm, "colour": colour} for arm, colour in colours.items()],
        "series": series,
    }


def _rounded(value: float) -> float | None:
    return float(f"{value:.4g}") if math.isfinite(value) else None
