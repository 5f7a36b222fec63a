"""The page that explains batch normalization, with a worked example and measured verdicts."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bnmatrix.config.project import Project
from bnmatrix.report import worked_example as example
from bnmatrix.report.pages.rendering import environment
from bnmatrix.report.pages.scorecard import scorecard_rows
from bnmatrix.statistics.units import MINUS
from bnmatrix.statistics.verdicts import NOT_MEASURED
from bnmatrix.tables.csv import read_runs


def theory_page(project: Project, claims: Path | None, links: Sequence[str]) -> str:
    """Return the page.

    Args:
        project: the configuration.
        claims: ``claims.csv``, if claims were judged.
        links: pages that every page links to.
    """
    rows = scorecard_rows(read_runs(claims), project) if claims else []
    measured = [row for row in rows if row["verdict"] != NOT_MEASURED]
    names = {*project.claims, *(row["claim"] for row in rows)}
    steps = example.normalize(example.pre_activation(example.X))
    averages = example.moving_averages()
    last = averages[-1]
    inference = example.normalize(steps.z[:1], last.moving_mean, last.moving_variance)
    spread = [f"{value:.3f}" for value in steps.normalized.var(axis=0)]
    return (
        environment(links, "theory")
        .get_template("theory.html.j2")
        .render(
            linked="claims" in links,
            verdicts={name: [row for row in measured if row["claim"] == name] for name in names},
            features=example.FEATURES,
            weights_formula=_layer_formula(),
            gamma_formula=", ".join(
                rf"\gamma_{unit} = {example.GAMMA[unit - 1]:g}, "
                rf"\beta_{unit} = {example.BETA[unit - 1]:g}"
                for unit in (1, 2)
            ),
            units=[_unit(steps, number) for number in (0, 1)],
            spread=" and ".join(spread),
            averages=_averages(averages),
            inference=" and ".join(_number(value) for value in inference.scaled[0]),
        )
    )


def _layer_formula() -> str:
    """Return the two units' formulas as LaTeX."""
    lines = []
    for unit in (0, 1):
        first, second = example.WEIGHTS[:, unit]
        lines.append(
            rf"z_{unit + 1} = {first:g} \cdot \mathrm{{{example.FEATURES[0]}}} + {second:g} "
            rf"\cdot \mathrm{{{example.FEATURES[1]}}} {example.BIAS[unit]:+g}"
        )
    return r", \qquad ".join(lines)


def _unit(steps: example.Steps, unit: int) -> dict[str, Any]:
    """Return a unit's statistics as LaTeX and its rows as text."""
    z, mean = steps.z[:, unit], steps.mean[unit]
    later = [values[:, unit] for values in (steps.normalized, steps.scaled, steps.activation)]
    columns = [*example.X.T, z, z - mean, *later]
    variance = steps.variance[unit]
    root = np.sqrt(variance + example.EPSILON)
    return {
        "mean": rf"\mu_B = {mean:.4g}",
        "variance": rf"\sigma_B^2 = {variance:.4g}",
        "root": rf"\sqrt{{\sigma_B^2 + \epsilon}} = {root:.4g}",
        "rows": [
            [f"{row[0]:.1f}", f"{row[1]:.0f}", *map(_number, row[2:])]
            for row in zip(*columns, strict=True)
        ],
    }


def _averages(averages: list[example.Averages]) -> list[dict[str, Any]]:
    """Return a row for each mini-batch and unit, as text."""
    rows = []
    for entry in averages:
        columns = (entry.mean, entry.variance, entry.moving_mean, entry.moving_variance)
        for unit in (0, 1):
            numbers = [_number(values[unit]) for values in columns]
            cells = [str(unit + 1), *numbers]
            rows.append({"rows": " and ".join(map(str, entry.rows)), "cells": cells})
    return rows


def _number(value: float) -> str:
    return f"{value + 0.0:.4f}".replace("-", MINUS)
