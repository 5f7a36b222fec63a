"""Reading everything under ``config/`` and checking it as a whole, before anything runs."""

import importlib.util
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from bnmatrix.config import (
    FILE_NAME,
    Analysis,
    Claim,
    Dataset,
    InspectedDataset,
    Model,
    OwnDataset,
    Project,
    Published,
    Replication,
    RunConfig,
    Study,
    suggestion,
    validated,
)
from bnmatrix.datasets.inspection import inspected, told
from bnmatrix.defaults import own_claims, study_entry
from bnmatrix.errors import UserError
from bnmatrix.registry import ENDPOINTS, FRAMEWORKS, MEASURES
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

    def entries(file: str | None, key: str) -> dict[str, Any]:
        if file is None:
            return {}
        content = read_yaml(root / file)
        for other in content:
            if other != key:
                raise UserError(f"{file}: unknown key '{other}'; the file holds '{key}:' alone")
        return {str(name): entry for name, entry in (content.get(key) or {}).items()}

    def of(model: type[Model], file: str | None, key: str) -> dict[str, Any]:
        return {
            name: validated(model, entry, f"{file}: {key} → {name}")
            for name, entry in entries(file, key).items()
        }

    declared = entries(run.studies_file, "studies")
    datasets, missing = _datasets(run, entries(run.datasets_file, "datasets"), declared, root)
    studies, unavailable = {}, {}
    for name, entry in declared.items():
        where = f"{run.studies_file}: studies → {name}"
        dataset = _dataset_of(name, entry, datasets | missing)
        if dataset in missing:
            unavailable[name] = missing[dataset]
            continue
        if entry is None and dataset is None:
            raise UserError(
                f"{where}: is empty, as a study of data of one's own may be, but there is no data "
                f"set '{name}'{suggestion(name, datasets | missing)} in {run.datasets_file}"
            )
        if isinstance(datasets.get(dataset), InspectedDataset):
            if not isinstance(entry, Mapping | None):
                raise UserError(f"{where}: must hold keys and values, or nothing")
            entry = study_entry(entry, dataset, datasets[dataset])
        studies[name] = validated(Study, entry, where)
    own = {name: d for name, d in datasets.items() if isinstance(d, InspectedDataset)}
    project = Project(
        run=run,
        datasets=datasets,
        studies=studies,
        claims=own_claims(of(Claim, run.claims_file, "claims"), studies, own),
        replications=of(Replication, run.replications_file, "replications"),
        unavailable=unavailable,
        frameworks=tuple(
            name for name, package in FRAMEWORKS.items() if importlib.util.find_spec(package)
        ),
    )
    _check(project)
    return project


def _dataset_of(study: str, entry: Any, datasets: Mapping[str, Any]) -> str | None:
    """Return the data set of a study: the one that it names, or the one of its own name."""
    named = entry.get("dataset") if isinstance(entry, Mapping) else None
    if named is not None:
        return named if isinstance(named, str) else None
    return study if study in datasets else None


def _datasets(
    run: RunConfig, entries: Mapping[str, Any], studies: Mapping[str, Any], root: Path
) -> tuple[dict[str, Dataset], dict[str, str]]:
    """Return the data sets, and those of one's own that cannot be had, with the reason.

    One's own are looked into if a study of them was chosen.
    """
    wanted = {
        _dataset_of(name, entry, entries)
        for name, entry in studies.items()
        if run.studies == "all" or name in run.studies
    }
    # A job does not look into what the main process has not looked into.
    found_before = told()
    found, missing = {}, {}
    for name, entry in entries.items():
        where = f"{run.datasets_file}: datasets → {name}"
        if not re.match(FILE_NAME, name):
            raise UserError(
                f"{where}: the name becomes a folder's: use letters, digits, '.', '_' and '-', and "
                "begin with a letter or digit"
            )
        if isinstance(entry, Mapping) and "loader" in entry:
            found[name] = validated(Dataset, entry, where)
            continue
        if isinstance(entry, Mapping) and not {"path", "url"} & set(entry):
            raise UserError(f"{where}: give `path` or `url` for data of your own")
        declared = validated(OwnDataset, entry, where)
        if name not in wanted or (found_before is not None and name not in found_before):
            missing[name] = (
                f"{where}: not looked into, since no study of it is among `studies` of config.yaml"
            )
            continue
        try:
            found[name] = inspected(name, declared, root / "data", run.mirror)
        except UserError as error:
            if declared.url is None or "cannot be had" not in str(error):
                raise UserError(f"{where}: {error}") from None
            missing[name] = str(error)
    return found, missing


class _Loader(yaml.SafeLoader):
    """YAML's safe loader, which refuses a key that stands twice: the second would win unseen."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        lines: dict[str, int] = {}
        for key, _ in node.value:
            line = key.start_mark.line + 1
            # `<<` merges, and may stand beside keys that it has, too.
            if isinstance(key, yaml.ScalarNode) and key.value != "<<":
                if key.value in lines:
                    raise yaml.YAMLError(
                        f"'{key.value}' stands in line {lines[key.value]} and again in line {line}"
                    )
                lines[key.value] = line
        return super().construct_mapping(node, deep)


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML file that holds a mapping.

    Raises:
        UserError: it is missing, not YAML (says in which line), or not a mapping.
    """
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), _Loader)
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
    for name, claim in project.claims.items():
        _check_claim(project, name, claim)
    for name, replication in project.replications.items():
        where = f"{project.run.replications_file}: replications → {name}"
        for figure in replication.figures:
            _check_analysis(project, replication.study, figure, f"{where}: {figure.what}")


def _check_claim(project: Project, name: str, claim: Claim) -> None:
    """Check that each analysis of a claim can be made, in at most one study a data set."""
    decided: set[str] = set()
    for role, analysis in claim.analyses:
        where = f"{project.run.claims_file}: claims → {name}: {role} ({analysis.label})"
        for study in analysis.studies:
            _check_analysis(project, study, analysis, where)
        datasets = [project.study(study).dataset for study in analysis.studies]
        if len(set(datasets)) < len(datasets):
            raise UserError(f"{where}: studies: one a data set, not {', '.join(analysis.studies)}")
        if role == "primary":
            decided = set(datasets)
        elif role == "condition" and not set(datasets) <= decided:
            raise UserError(
                f"{where}: studies: the primary analysis has none on "
                f"{', '.join(sorted(set(datasets) - decided))}"
            )


def _check_analysis(project: Project, name: str, item: Analysis | Published, where: str) -> None:
    """Check that an analysis names a study, and what the study and the endpoint have."""
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
        arguments, where_both = item.arguments_on(study.dataset), item.where
    else:
        arguments, where_both = item.arguments, {}
    for selection in (item.treatment, item.control or {}, where_both):
        for axis, wanted in selection.items():
            if axis != "part":  # of a measurement
                _check_values(study, name, axis, wanted, where)
    _check_arguments(study, name, item, arguments, where)


def _check_arguments(
    study: Study, name: str, item: Analysis | Published, arguments: dict[str, Any], where: str
) -> None:
    """Check that an endpoint has the arguments that it needs, and the study what they name."""
    endpoint = ENDPOINTS[item.endpoint]
    known = (*endpoint.needs, *endpoint.takes)
    for key in arguments:
        if key not in known:
            raise UserError(
                f"{where}: arguments: {item.endpoint} has no '{key}'{suggestion(key, known)}; "
                f"it takes {', '.join(known) or 'none'}"
            )
    for key in endpoint.needs:
        if key not in arguments:
            raise UserError(f"{where}: arguments: {item.endpoint} needs '{key}'")
    if endpoint.paired and item.control is None:
        raise UserError(f"{where}: control: {item.endpoint} needs one")
    if "axis" in arguments:
        axis = arguments["axis"]
        values = [arguments.get("at"), arguments.get("reference"), *(arguments.get("over") or ())]
        _check_values(study, name, axis, [], where)
        for value in values:
            if value is not None:
                _check_values(study, name, axis, value, where)
    measure = arguments.get("measure")
    if item.endpoint == "gradient_imbalance":
        measure = "gradient_norm"
    if item.endpoint == "step_time":
        measure = "seconds_per_step"
    if measure:
        taken = [value for found in study.measures for value in MEASURES[found]]
        if measure not in taken:
            raise UserError(
                f"{where}: study '{name}' does not measure '{measure}'"
                f"{suggestion(measure, taken)}; it measures {', '.join(taken) or 'nothing'}"
            )
        steps = next(at for found, at in study.measures.items() if measure in MEASURES[found])
        if arguments.get("step") is not None and arguments["step"] not in steps:
            raise UserError(
                f"{where}: arguments: step: study '{name}' measures '{measure}' after "
                f"{', '.join(map(str, steps))} steps, not after {arguments['step']}"
            )


def _check_values(study: Study, name: str, axis: str, wanted: Any, where: str) -> None:
    """Check that a study has an axis, and any of some values on it."""
    if axis not in study.axes:
        raise UserError(
            f"{where}: '{axis}' is not an axis of study '{name}'; it has {', '.join(study.axes)}"
        )
    declared = [value for block in (study.axes, *study.further) for value in block[axis]]
    values = wanted if isinstance(wanted, list) else [wanted]
    if values and not any(value in declared for value in values):
        raise UserError(
            f"{where}: {axis}: study '{name}' has no {' or '.join(map(str, values))}; it has "
            f"{', '.join(map(str, declared))}"
        )
