"""Loading of all files under ``config/``, with checks across files, before anything runs."""

import importlib.util
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bnmatrix.config.claims import Claim
from bnmatrix.config.own_data import InspectedDataset
from bnmatrix.config.project import Project
from bnmatrix.config.replications import Replication
from bnmatrix.config.run import RunConfig
from bnmatrix.config.studies import Study
from bnmatrix.config.validation import validated
from bnmatrix.config.yaml_files import read_yaml
from bnmatrix.errors import UserError, suggestion
from bnmatrix.installed import DEFAULTS
from bnmatrix.models import M
from bnmatrix.plan.claim_checks import check_claims
from bnmatrix.plan.dataset_loading import Datasets, dataset_of, load_datasets
from bnmatrix.plan.own_claims import own_claims
from bnmatrix.plan.own_defaults import study_entry
from bnmatrix.plan.published import read_record
from bnmatrix.plan.variants import variants
from bnmatrix.training.conventions import FRAMEWORKS

MIRROR_VARIABLE = "BNMATRIX_MIRROR"


def load_project(
    config: Mapping[str, Any] | str | None = None, root: Path = Path(), check: bool = True
) -> Project:
    """Read the configuration and check it across files.

    Args:
        config: the merged ``config.yaml`` and ``--config`` values (Snakemake's ``config``), or the
            same as JSON; if None, ``config/config.yaml`` is read.
        root: the directory that relative paths start from.
        check: whether to check across files, which reads every variant. The jobs of a run do not:
            its main process has checked.

    Raises:
        UserError: the configuration is wrong. The message names the file, the key, the value and
            the allowed values.
    """
    run = run_config(config, root)
    declared = _entries(run.studies_file, "studies", root)
    datasets = load_datasets(run, _entries(run.datasets_file, "datasets", root), declared, root)
    studies, unavailable = _studies(run, declared, datasets)
    claims = _of(Claim, run.claims_file, "claims", root)
    inspected = {
        name: dataset
        for name, dataset in datasets.available.items()
        if isinstance(dataset, InspectedDataset)
    }
    project = Project(
        run=run,
        datasets=datasets.available,
        studies=studies,
        claims=own_claims(claims, studies, inspected),
        replications=_of(Replication, run.replications_file, "replications", root),
        unavailable=unavailable,
        frameworks=_frameworks(run, root),
    )
    if check:
        _check(project)
    return project


def _frameworks(run: RunConfig, root: Path) -> tuple[str, ...]:
    """Return the frameworks that are installed, or those of a published run."""
    if run.published:
        return read_record(root / run.published).frameworks
    return tuple(name for name, package in FRAMEWORKS.items() if importlib.util.find_spec(package))


def study_project(name: str, dataset: Any, study: Any, root: Path = Path()) -> Project:
    """Return a project with one data set of a user's own and a study of it, without claims.

    The data is inspected. The folder ``config/`` need not have the two entries.

    Args:
        name: name of the data set and of the study.
        dataset, study: their entries.
        root: the directory that relative paths start from.

    Raises:
        UserError: an entry is wrong, or nothing can be learned from the data.
    """
    run = run_config(None, root).model_copy(update={"studies": [name], "datasets": "all"})
    datasets = load_datasets(run, {name: dataset}, {name: study}, root)
    studies, unavailable = _studies(run, {name: study}, datasets)
    if unavailable:
        raise UserError(unavailable[name])
    project = Project(
        run=run, datasets=datasets.available, studies=studies, frameworks=_frameworks(run, root)
    )
    variants(project, name)
    return project


def packaged(key: str) -> dict[str, Any]:
    """Return the entries that come with the package: of ``datasets``, or of ``studies``."""
    return _entries_of(DEFAULTS / f"{key}.yaml", key, f"{key}.yaml")


def run_config(config: Mapping[str, Any] | str | None, root: Path) -> RunConfig:
    """Return what to run; the arguments are those of :func:`load_project`."""
    if config is None:
        file = root / "config/config.yaml"
        config = read_yaml(file) if file.exists() else {}
    config = json.loads(config) if isinstance(config, str) else dict(config)
    for key in ("studies", "datasets"):
        if isinstance(config.get(key), str) and config[key] != "all":
            config[key] = [name.strip() for name in config[key].split(",")]
    if not config.get("mirror"):
        config["mirror"] = os.environ.get(MIRROR_VARIABLE) or None
    return validated(RunConfig, config, "config/config.yaml (or --config)")


def _entries(file: str | None, key: str, root: Path) -> dict[str, Any]:
    """Return the entries of a file by name; an empty mapping if there is no file.

    If the configuration does not name another file than the usual one, the declarations that come
    with the package apply, too. An entry of the file replaces the entry of the same name.
    """
    if file is None:
        return {}
    if file != RunConfig.model_fields[f"{key}_file"].default:
        return _entries_of(root / file, key, file)
    packaged, own = DEFAULTS / Path(file).name, root / file
    if not own.exists():
        return _entries_of(packaged, key, file)
    if own.samefile(packaged):
        return _entries_of(own, key, file)
    return _entries_of(packaged, key, file) | _entries_of(own, key, file)


def _entries_of(path: Path, key: str, file: str) -> dict[str, Any]:
    """Return the entries of a file that exists, by name."""
    content = read_yaml(path)
    for other in content:
        if other != key:
            raise UserError(f"{file}: unknown key '{other}'; the only key of the file is '{key}'")
    entries = content.get(key) or {}
    if not isinstance(entries, dict):
        raise UserError(f"{file}: {key}: must hold names and entries, not {entries!r}")
    return {str(name): entry for name, entry in entries.items()}


def _of(model: type[M], file: str | None, key: str, root: Path) -> dict[str, M]:
    """Return the validated entries of a file."""
    return {
        name: validated(model, entry, f"{file}: {key} → {name}")
        for name, entry in _entries(file, key, root).items()
    }


def _studies(
    run: RunConfig, declared: Mapping[str, Any], datasets: Datasets
) -> tuple[dict[str, Study], dict[str, str]]:
    """Return the studies, and for each study without data the reason why it does not run."""
    studies, unavailable = {}, {}
    for name, entry in declared.items():
        where = f"{run.studies_file}: studies → {name}"
        dataset_name = dataset_of(name, entry, datasets.names)
        if dataset_name in datasets.missing:
            unavailable[name] = datasets.missing[dataset_name]
            continue
        if entry is None and dataset_name is None:
            raise UserError(
                f"{where}: is empty, but there is no data set "
                f"'{name}'{suggestion(name, datasets.names)} in {run.datasets_file}. Only a study "
                "of your own data can be empty"
            )
        dataset = datasets.available.get(dataset_name) if dataset_name is not None else None
        if dataset_name is not None and isinstance(dataset, InspectedDataset):
            if not isinstance(entry, Mapping | None):
                raise UserError(f"{where}: must hold keys and values, or nothing")
            entry = study_entry(entry, dataset_name, dataset)
        studies[name] = validated(Study, entry, where)
    return studies, unavailable


def _check(project: Project) -> None:
    """Check names across files and the sizes of batches.

    Raises:
        UserError: the first error.
    """
    for name in project.run.datasets if project.run.datasets != "all" else []:
        if name not in project.datasets:
            raise UserError(
                f"config/config.yaml (or --config): datasets: unknown data set '{name}'"
                f"{suggestion(name, project.datasets)}; "
                f"{project.run.datasets_file} declares {', '.join(project.datasets)}"
            )
    for name in project.run.studies if project.run.studies != "all" else []:
        if name not in project.unavailable:
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
    check_claims(project)
