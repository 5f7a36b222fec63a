"""Reading everything under ``config/`` and checking it as a whole, before anything runs."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from bnmatrix.config import (
    Analysis,
    Claim,
    Dataset,
    Model,
    Project,
    Published,
    Replication,
    RunConfig,
    Study,
    suggestion,
    validated,
)
from bnmatrix.errors import UserError
from bnmatrix.variants import variants

MIRROR_VARIABLE = "BNMATRIX_MIRROR"


def load_project(config: Mapping[str, Any] | None = None, root: Path = Path()) -> Project:
    """Read and cross-check the configuration.

    Args:
        config: the merged ``config.yaml`` and ``--config`` values (Snakemake's ``config``); read
            from ``config/config.yaml`` if not given.
        root: the directory that relative paths start from.

    Raises:
        UserError: something is wrong; names the file, the key, the value and what is allowed.
    """
    if config is None:
        config = read_yaml(root / "config/config.yaml")
    config = dict(config)
    if isinstance(config.get("studies"), str) and config["studies"] != "all":
        config["studies"] = [name.strip() for name in config["studies"].split(",")]
    if not config.get("mirror"):
        config["mirror"] = os.environ.get(MIRROR_VARIABLE) or None
    run = validated(RunConfig, config, "config/config.yaml (or --config)")

    def entries(model: type[Model], file: str | None, key: str) -> dict[str, Any]:
        if file is None:
            return {}
        content = read_yaml(root / file)
        for other in content:
            if other != key:
                raise UserError(f"{file}: unknown key '{other}'; the file holds '{key}:' alone")
        return {
            str(name): validated(model, entry, f"{file}: {key} → {name}")
            for name, entry in (content.get(key) or {}).items()
        }

    datasets = entries(Dataset, run.datasets_file, "datasets")
    studies = entries(Study, run.studies_file, "studies")
    claims = entries(Claim, run.claims_file, "claims")
    replications = entries(Replication, run.replications_file, "replications")
    project = Project(
        run=run, datasets=datasets, studies=studies, claims=claims, replications=replications
    )
    _check(project)
    return project


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML file that holds a mapping.

    Raises:
        UserError: it is missing, not YAML (says in which line), or not a mapping.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path}: there is no such file") from None
    except yaml.YAMLError as error:
        raise UserError(f"{path}: not valid YAML: {error}") from None
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise UserError(f"{path}: must hold keys and values, not a {type(content).__name__}")
    return content


def _check(project: Project) -> None:
    """Check what no single file can: names across files, and sizes of batches.

    Raises:
        UserError: the first thing that is wrong.
    """
    for name in project.run.studies if project.run.studies != "all" else []:
        project.study(name)
    for name, study in project.studies.items():
        where = f"{project.run.studies_file}: studies → {name}"
        if study.dataset not in project.datasets:
            raise UserError(
                f"{where}: dataset: unknown data set '{study.dataset}'"
                f"{suggestion(study.dataset, project.datasets)}; "
                f"{project.run.datasets_file} declares {', '.join(project.datasets)}"
            )
        variants(project, name)
    for name, claim in project.claims.items():
        where = f"{project.run.claims_file}: claims → {name}"
        for role, analysis in claim.analyses:
            for study in analysis.studies:
                _check_selections(project, study, analysis, f"{where}: {role} ({analysis.label})")
    for name, replication in project.replications.items():
        where = f"{project.run.replications_file}: replications → {name}"
        for figure in replication.figures:
            _check_selections(project, replication.study, figure, f"{where}: {figure.what}")


def _check_selections(project: Project, name: str, item: Analysis | Published, where: str) -> None:
    """Check that an analysis names a study, and axes and values that the study has."""
    if name not in project.studies:
        raise UserError(
            f"{where}: unknown study '{name}'{suggestion(name, project.studies)}; "
            f"{project.run.studies_file} declares {', '.join(project.studies)}. With studies of "
            "your own and no claims: claims_file: null and replications_file: null in config.yaml"
        )
    study = project.studies[name]
    if isinstance(item, Analysis):
        for key, value in (("margin", item.margin), *item.arguments.items()):
            if isinstance(value, dict) and study.dataset not in value:
                raise UserError(
                    f"{where}: {key}: there is none for data set '{study.dataset}' ({name})"
                )
    selections = [item.treatment, item.control or {}]
    selections += [item.where] if isinstance(item, Analysis) else []
    for axis, wanted in (pair for selection in selections for pair in selection.items()):
        if axis == "part":  # of a measurement
            continue
        if axis not in study.axes:
            raise UserError(
                f"{where}: '{axis}' is not an axis of study '{name}'; "
                f"it has {', '.join(study.axes)}"
            )
        declared = [value for block in (study.axes, *study.further) for value in block[axis]]
        values = wanted if isinstance(wanted, list) else [wanted]
        if not any(value in declared for value in values):
            raise UserError(
                f"{where}: {axis}: study '{name}' has no {' or '.join(map(str, values))}; it has "
                f"{', '.join(map(str, declared))}"
            )
