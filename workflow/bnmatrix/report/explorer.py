"""The page on which learning curves are chosen and set side by side."""

import json
import math
from pathlib import Path
from typing import Any

import pandas as pd
from markupsafe import Markup

from bnmatrix.config import Project
from bnmatrix.report.labels import arm_colours, with_labels
from bnmatrix.report.pages import MOST_VARIANTS, environment
from bnmatrix.tables import axes_of

METRICS = ("validation_accuracy", "train_accuracy", "validation_loss", "train_loss")


def explorer_page(project: Project, names: list[str], root: Path, links: list[str]) -> str:
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
        data[name] = {"title": project.study(name).title} | curves(history)
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return (
        environment(links, "explorer")
        .get_template("explorer.html.j2")
        .render(
            shortened=shortened,
            most=MOST_VARIANTS,
            studies={name: project.study(name) for name in names},
            # Inside a script element, nothing but its end is special.
            data=Markup(text.replace("<", "\\u003c")),
        )
    )


def curves(history: pd.DataFrame) -> dict[str, Any]:
    """Return the arms with their colours, and a series a variant: mean, lowest and highest value
    of each metric over replicates, by epoch; None where no run had a finite one.
    """
    table = with_labels(history, axes_of(history))
    colours = arm_colours(table)
    series = []
    for _, rows in table.groupby("variant", sort=False):
        values = rows.groupby("epoch")[list(METRICS)].agg(["mean", "min", "max"])
        entry: dict[str, Any] = {
            "arm": rows["arm"].iloc[0],
            "cell": rows["cell"].iloc[0],
            "epoch": [_rounded(epoch) for epoch in values.index],
        }
        for metric in METRICS:
            entry[metric] = {
                name: [_rounded(value) for value in values[metric][column]]
                for name, column in (("mean", "mean"), ("low", "min"), ("high", "max"))
            }
        series.append(entry)
    return {
        "arms": [{"name": arm, "colour": colour} for arm, colour in colours.items()],
        "series": series,
    }


def _rounded(value: float) -> float | None:
    return float(f"{value:.4g}") if math.isfinite(value) else None
