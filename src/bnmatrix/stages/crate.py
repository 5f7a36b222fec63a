"""Pack a published run, its pages and the workflow as a Workflow Run RO-Crate.

Profile: https://w3id.org/ro/wfrun/workflow/0.5, which WorkflowHub and other archives read.
"""

import json
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rocrate.model import ContextEntity
from rocrate.model.entity import Entity
from rocrate.rocrate import ROCrate

from bnmatrix.config.project import Project
from bnmatrix.config.yaml_files import read_yaml
from bnmatrix.errors import UserError
from bnmatrix.files import sha256
from bnmatrix.installed import PACKAGE, is_code
from bnmatrix.plan.loading import load_project
from bnmatrix.plan.published import RECORD, read_record
from bnmatrix.stages.pack import PROVENANCE

METADATA = "ro-crate-metadata.json"

_PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": ("Process Run Crate", "0.5"),
    "https://w3id.org/ro/wfrun/workflow/0.5": ("Workflow Run Crate", "0.5"),
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0": ("Workflow RO-Crate", "1.0"),
}
#: Has the terms `sha256` and `resourceUsage`.
_TERMS = "https://w3id.org/ro/terms/workflow-run/context"
_BIOSCHEMAS = "https://bioschemas.org/profiles/ComputationalWorkflow/1.0-RELEASE"
_LICENSE = "https://spdx.org/licenses/MIT"

#: What of the checkout is in the crate.
_WORKFLOW = "workflow/Snakefile"
_FOLDERS = ("workflow", "src", "profiles")
_FILES = (
    *("Snakefile", "Makefile", "pyproject.toml", "requirements.txt", "requirements-uv.txt"),
    *("requirements-torch.txt", "environment.yml", "README.md", "LICENSE", "CITATION.cff"),
    "environment.post-deploy.sh",
)
_TYPES = {
    ".csv": "text/csv",
    ".json": "application/json",
    ".md": "text/markdown",
    ".parquet": "application/vnd.apache.parquet",
    ".svg": "image/svg+xml",
    ".yaml": "application/yaml",
    ".zst": "application/zstd",
}


def run(*, published: Path, reports: Path, output: Path) -> None:
    """Write the crate as a folder. The same run and the same checkout give the same bytes.

    Args:
        published: the folder of published results, as ``bnmatrix pack`` writes it.
        reports: the pages of these results.
        output: the folder for the crate. A crate that was written there earlier is replaced.

    Raises:
        UserError: there are no results or no pages, studies have changed since, the package is not
            in a checkout, or the folder is no crate.
    """
    record, checkout = read_record(published / RECORD), PACKAGE.parent.parent
    if not (checkout / _WORKFLOW).is_file():
        raise UserError(f"{PACKAGE} is not in a checkout, whose workflow would be in the crate")
    if not (reports / "index.html").is_file():
        raise UserError(f"{reports}: there are no pages; run `make publish` first")
    if output.exists() and not (output / METADATA).exists():
        raise UserError(f"{output}: is no RO-Crate; choose another folder for --output")
    shutil.rmtree(output, ignore_errors=True)
    project = load_project(record.config)
    changed = record.changed(project)
    if changed:
        raise UserError(
            f"{', '.join(changed)}: not declared as in the published run. Check out the commit of "
            "the run, whose declarations belong in the crate"
        )
    facts = {
        study: json.loads((published / study / PROVENANCE).read_text(encoding="utf-8"))
        for study in record.studies
    }
    crate = _new(checkout, facts)
    workflow = _add_workflow(crate, checkout, facts)
    inputs = [*_configuration(crate, checkout), *_data(crate, project, facts)]
    results = _results(crate, published, reports)
    _add_run(crate, workflow, inputs, results, facts)
    crate.write(output)


def _new(checkout: Path, facts: Mapping[str, Any]) -> ROCrate:
    """Return a crate that says what it is, of whom and from when."""
    citation = read_yaml(checkout / "CITATION.cff")
    crate = ROCrate(version="1.1")
    crate.metadata.extra_contexts.append(_TERMS)
    crate.name = f"{citation['title']}: a run of {len(facts)} studies"
    crate.description = " ".join(citation["abstract"].split())
    crate.datePublished = max(entry["ended"] for entry in facts.values())[:10]
    crate.keywords = ", ".join(citation["keywords"])
    license_ = _context(crate, _LICENSE, "CreativeWork", name="MIT License")
    crate.license = license_
    author = _context(crate, "#authors", "Organization", name=citation["authors"][0]["name"])
    crate.creator = crate.root_dataset["author"] = author
    crate.root_dataset["conformsTo"] = [
        _context(crate, address, "CreativeWork", name=name, version=number)
        for address, (name, number) in _PROFILES.items()
    ]
    return crate


def _add_workflow(crate: ROCrate, checkout: Path, facts: Mapping[str, Any]) -> Entity:
    """Add the workflow, all files that it consists of, and the software that computed."""
    snakemake = version("snakemake")
    workflow = crate.add_workflow(
        checkout / _WORKFLOW, _WORKFLOW, main=True, lang="snakemake", lang_version=snakemake
    )
    commits = sorted({commit for entry in facts.values() for commit in entry["commits"]})
    workflow["name"] = crate.name.partition(":")[0]
    workflow["license"] = crate.license
    workflow["creator"] = crate.creator
    workflow["version"] = ", ".join(commits)
    workflow["encodingFormat"] = "text/plain"
    workflow["conformsTo"] = _context(
        crate, _BIOSCHEMAS, "CreativeWork", name="ComputationalWorkflow", version="1.0-RELEASE"
    )
    for folder in _FOLDERS:
        for path in _files(checkout / folder):
            name = path.relative_to(checkout).as_posix()
            if name != _WORKFLOW:
                _add_file(crate, path, name)
    for name in _FILES:
        _add_file(crate, checkout / name, name)
    crate.get("README.md")["about"] = crate.root_dataset
    packages = {
        (name, number) for entry in facts.values() for name, number in entry["packages"].items()
    } | {("python", entry["python"]) for entry in facts.values()}
    workflow["softwareRequirements"] = [
        _context(
            crate, f"#{name}-{number}", "SoftwareApplication", name=name, softwareVersion=number
        )
        for name, number in sorted(packages)
    ]
    return workflow


def _configuration(crate: ROCrate, checkout: Path) -> Iterator[Entity]:
    """Add the declarations of studies, claims and data sets."""
    for path in sorted((checkout / "config").glob("*.yaml")):
        yield _add_file(crate, path, f"config/{path.name}")
    _add_file(crate, checkout / "config/README.md", "config/README.md")


def _data(crate: ROCrate, project: Project, facts: Mapping[str, Any]) -> Iterator[Entity]:
    """Add the data, by address and checksum, or by the package that it comes with."""
    used = {project.study(study).dataset: entry["data"]["source"] for study, entry in facts.items()}
    for name, source in used.items():
        dataset = project.datasets[name]
        if isinstance(source, str):
            about = f"{dataset.title}, which comes with {source}"
            yield _context(crate, f"#{name}", "Dataset", name=dataset.title, description=about)
            continue
        archive = dataset.archive
        if archive:
            yield _remote(crate, f"{archive.hosts[0]}{archive.name}", archive.sha256, dataset.title)
        else:
            for file in dataset.files:
                address = f"{file.hosts[0]}{file.name}"
                yield _remote(crate, address, source[file.name], dataset.title)


def _results(crate: ROCrate, published: Path, reports: Path) -> list[Entity]:
    """Add the tables of the run, and the pages with their figures."""
    tables = [
        _add_file(crate, path, f"results/{path.relative_to(published).as_posix()}")
        for path in _files(published)
    ]
    about = "The pages of the run, with figures and tables; index.html is the first page"
    pages = crate.add_dataset(
        reports, "reports/", properties={"name": "Report", "description": about}
    )
    return [*tables, pages]


def _add_run(
    crate: ROCrate,
    workflow: Entity,
    inputs: Sequence[Entity],
    results: Sequence[Entity],
    facts: Mapping[str, Any],
) -> None:
    """Add the run: what it read and wrote, when, and what it took."""
    used = {
        "jobs": sum(entry["jobs"] for entry in facts.values()),
        "seconds of training jobs": sum(e["seconds_of_training_jobs"] for e in facts.values()),
        "largest memory of a job in MB": max(e["peak_memory_mb"] for e in facts.values()),
    }
    machines = {key: _distinct(facts, key) for key in ("processor", "platform")}
    action = crate.add_action(
        workflow,
        identifier="#run",
        object=list(inputs),
        result=list(results),
        properties={
            "name": crate.name,
            "description": f"Training, analysis and pages of {len(facts)} studies",
            "actionStatus": "http://schema.org/CompletedActionStatus",
            "startTime": min(entry["started"] for entry in facts.values()),
            "endTime": max(entry["ended"] for entry in facts.values()),
        },
    )
    action["resourceUsage"] = [
        _context(crate, f"#{name.replace(' ', '-')}", "PropertyValue", name=name, value=value)
        for name, value in (*used.items(), *machines.items())
    ]
    action["agent"] = crate.creator
    crate.root_dataset["mentions"] = action
    _add_parameters(crate, workflow, inputs, results)


def _add_parameters(
    crate: ROCrate, workflow: Entity, inputs: Sequence[Entity], results: Sequence[Entity]
) -> None:
    """Add the slots of the workflow that inputs and results fill."""
    for key, members in (("input", inputs), ("output", results)):
        slots = []
        for kind in ("File", "Dataset"):
            fitting = [member for member in members if member.type == kind]
            if fitting:
                slot = crate.add_formal_parameter(
                    f"{key} ({kind})", kind, identifier=f"#{key}-{kind}", valueRequired=True
                )
                slots.append(slot)
            for member in fitting:
                member["exampleOfWork"] = slot
        workflow[key] = slots


def _distinct(facts: Mapping[str, Any], key: str) -> str:
    return ", ".join(sorted({name for e in facts.values() for name in e["machines"][key]}))


def _add_file(crate: ROCrate, path: Path, name: str) -> Entity:
    """Add a file of this machine."""
    kind = _TYPES.get(path.suffix, "text/plain")
    properties = {"name": name, "encodingFormat": kind, "sha256": sha256(path)}
    return crate.add_file(path, name, record_size=True, properties=properties)


def _remote(crate: ROCrate, address: str, checksum: str, title: str) -> Entity:
    """Add a file by its address; the crate does not contain it."""
    name = f"{title}: {address.rpartition('/')[2]}"
    return crate.add_file(address, properties={"name": name, "sha256": checksum})


def _context(crate: ROCrate, identifier: str, kind: str, **properties: Any) -> Entity:
    return crate.add(ContextEntity(crate, identifier, properties={"@type": kind, **properties}))


def _files(folder: Path) -> Iterable[Path]:
    """Yield the files in a folder, without byte code, links and hidden files."""
    for path in sorted(folder.iterdir()):
        if path.is_symlink() or not is_code(path):
            continue
        if path.is_dir():
            yield from _files(path)
        else:
            yield path
