"""The page that explains batch normalization, with a worked example and measured verdicts."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bnmatrix.config.project import Project
from bnmatrix.report import worked_example as example
from bnmatrix.report.bibliography import cited
from bnmatrix.report.pages.pictures import before_and_after, decay, shared_statistics
from bnmatrix.report.pages.rendering import environment
from bnmatrix.report.pages.scorecard import analysis_rows, scorecard_rows
from bnmatrix.statistics.units import MINUS
from bnmatrix.statistics.verdicts import NOT_MEASURED
from bnmatrix.tables.csv import read_runs
from bnmatrix.training.convention_table import CONVENTIONS

#: What the page cites.
_CITED = """Ioffe & Szegedy 2015; Santurkar et al. 2018; Bjorck et al. 2018; Yang et al. 2019;
Arora, Li & Lyu 2019; Ba, Kiros & Hinton 2016; Wu & He 2018; Li et al. 2018; Wu & Johnson 2021"""


def theory_page(
    project: Project, claims: Path | None, links: Sequence[str], analyses: Path | None = None
) -> str:
    """Return the page.

    Args:
        project: the configuration.
        claims: ``claims.csv``, if claims were judged.
        links: pages that every page links to.
        analyses: the analyses behind the verdicts, if claims were judged.
    """
    rows = scorecard_rows(read_runs(claims), project) if claims else []
    measured = [row for row in rows if row["verdict"] != NOT_MEASURED]
    names = {*project.claims, *(row["claim"] for row in rows)}
    steps = example.normalize(example.pre_activation(example.X))
    averages = example.moving_averages()
    last = averages[-1]
    inference = example.normalize(steps.z[:1], last.moving_mean, last.moving_variance)
    spread = [f"{value:.3f}" for value in steps.normalized.var(axis=0)]
    disputed = read_runs(analyses) if analyses else None
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
            gradients=[_gradient(steps, number) for number in (0, 1)],
            folded=_folded(last, steps.z[0]),
            pictures=_pictures(steps),
            toy=json.dumps([round(float(value), 4) for value in steps.z[:, 0]]),
            epsilon=example.EPSILON,
            conventions=CONVENTIONS,
            dispute=[] if disputed is None else _dispute(disputed, project),
            references=cited([_CITED]),
            spread=" and ".join(spread),
            averages=_averages(averages),
            inference=" and ".join(_number(value) for value in inference.scaled[0]),
        )
    )


def _pictures(steps: example.Steps) -> dict[str, Any]:
    """Return the drawings of the page."""
    return {
        "before": before_and_after(steps.z[:, 0], steps.normalized[:, 0]),
        "decay": decay((0.9, 0.99, 0.999), 500),
        **{
            kind: [shared_statistics(kind, convolutional) for convolutional in (False, True)]
            for kind in ("batch", "layer", "group")
        },
    }


def _gradient(steps: example.Steps, unit: int) -> dict[str, Any]:
    """Return a unit's backward pass: its rows as text, and what they add up to."""
    found = example.backward(steps, example.UPSTREAM)
    columns = [found.upstream[:, unit], steps.normalized[:, unit]]
    columns += [found.normalized[:, unit], found.z[:, unit]]
    along = float((found.z[:, unit] * steps.normalized[:, unit]).sum())
    return {
        "rows": [[_number(value) for value in row] for row in zip(*columns, strict=True)],
        "gamma": _number(found.gamma[unit]),
        "beta": _number(found.beta[unit]),
        "sum": _number(round(float(found.z[:, unit].sum()), 10)),
        "along": _number(along),
    }


def _folded(averages: example.Averages, z: np.ndarray) -> dict[str, Any]:
    """Return the folded layer, and the outputs of row 1 by it and by the two layers."""
    weights, bias = example.fold(averages.moving_mean, averages.moving_variance)
    both = example.normalize(z[None], averages.moving_mean, averages.moving_variance).scaled[0]
    return {
        "rows": [
            [
                str(unit + 1),
                *map(_number, (*example.WEIGHTS[:, unit], example.BIAS[unit])),
                *map(_number, (*weights[:, unit], bias[unit])),
                _number(float(example.X[0] @ weights[:, unit] + bias[unit])),
                _number(both[unit]),
            ]
            for unit in (0, 1)
        ]
    }


def _dispute(analyses: pd.DataFrame, project: Project) -> list[dict[str, Any]]:
    """Return our measures of covariate shift and of smoothness, for the literature's dispute."""
    return analysis_rows(analyses[analyses["claim"] == "covariate-shift"], project)


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
