"""Reading everything under ``config/`` and checking it as a whole, before anything runs."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from bnmatrix.config import Dataset, Model, Project, RunConfig, Study, suggestion, validated
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

    def entries(model: type[Model], file: str, key: str) -> dict[str, Any]:
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
    project = Project(run=run, datasets=datasets, studies=studies)
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
