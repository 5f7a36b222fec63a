"""The tables that claims are judged by."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from bnmatrix.config.claims import Analysis
from bnmatrix.config.project import Project
from bnmatrix.config.replications import Published
from bnmatrix.errors import UserError
from bnmatrix.plan.variants import variants
from bnmatrix.statistics.endpoints.declared import ENDPOINTS
from bnmatrix.statistics.endpoints.values import Arm, Pairs
from bnmatrix.tables.csv import read_runs


def read_arms(project: Project, studies: Sequence[str], root: Path) -> dict[str, Arm]:
    """Return the tables of each study, from the folder that has ``data/`` and ``reports/``."""
    return {study: _read_arm(project, study, root) for study in studies}


def _read_arm(project: Project, study: str, root: Path) -> Arm:
    results = root / "data/results" / study
    return Arm(
        variants={v.name: v.settings for v in variants(project, study, every=True)},
        classes=project.dataset_of(study).outputs,
        deviation=project.dataset_of(study).deviation,
        runs=read_runs(root / f"reports/{study}.csv"),
        history=pd.read_parquet(results / "history.parquet"),
        measurements=pd.read_parquet(results / "measurements.parquet"),
        timings=read_runs(results / "timings.csv"),
        step_times=pd.read_parquet(results / "step_times.parquet"),
        correctness=pd.read_parquet(results / "correctness.parquet"),
    )


def endpoint_pairs(
    item: Analysis | Published, arguments: dict[str, Any], study: Arm, where: str
) -> tuple[Arm, Arm | None, Pairs]:
    """Return the two arms that an analysis or a published figure compares, and their values.

    Args:
        item: the analysis or the figure.
        arguments: the endpoint's arguments.
        study: the tables of the study.
        where: opens the message of errors.

    Raises:
        UserError: an arm has no runs, or the endpoint's arguments do not fit the tables.
    """
    common = item.where if isinstance(item, Analysis) else {}
    try:
        treatment = study.select(common | item.treatment)
        control = None if item.control is None else study.select(common | item.control)
        return treatment, control, ENDPOINTS[item.endpoint](treatment, control, **arguments)
    except UserError as error:
        raise UserError(f"{where}: {error}") from None
    except TypeError as error:
        raise UserError(f"{where}: arguments of {item.endpoint}: {error}") from None
    except KeyError as error:
        raise UserError(f"{where}: {item.endpoint}: there is no {error}") from None
