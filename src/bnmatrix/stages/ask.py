"""Answer whether to use batch normalization on a user's own data, with one command."""

import json
import math
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from bnmatrix.config.entries import Declarations, block_of, differences
from bnmatrix.config.project import Project
from bnmatrix.errors import UserError
from bnmatrix.files import write_json, write_text
from bnmatrix.plan.asking import (
    Question,
    as_options,
    check_file,
    dataset_comments,
    given,
    name_for,
    study_comments,
)
from bnmatrix.plan.budget import Budget, fitted, replicates_for, run_seconds
from bnmatrix.plan.engine import snakemake, workflow_options
from bnmatrix.plan.loading import run_config, study_project
from bnmatrix.plan.plan import NO_TORCH
from bnmatrix.plan.variants import variants
from bnmatrix.training.networks import OwnNetwork

#: The two files: the key of each, and the comment that opens a new one.
_HEADS = {
    "datasets": "Your own data, beside that which bnmatrix knows.",
    "studies": "Studies of your own data, beside those of bnmatrix.",
}


@dataclass(frozen=True)
class _Entry:
    """An entry of one of the two files.

    Attributes:
        content: its keys and values, which the run uses.
        kept: whether it is in the file already, and a user's edits are in it.
    """

    content: Mapping[str, Any]
    kept: bool


def run(
    file: str,
    *,
    name: str | None,
    cores: int,
    minutes: float | None,
    again: bool,
    dry_run: bool,
    **options: Any,
) -> None:
    """Write the entries of a data set and a study, run Snakemake, and print the verdict.

    Args:
        file: the data.
        name: name of the data set and of the study; None: that of the file.
        cores: number of cores.
        minutes: what the run may take; None: what bnmatrix chooses from the data.
        again: whether to replace entries that a user has edited.
        dry_run: whether to print what would be written and run, and to do neither.
        options: further options (:func:`question_of`).

    Raises:
        SystemExit: the run fails; with the exit status of Snakemake.
        UserError: an option does not fit, or the files have other entries of this name.
    """
    question = question_of(file, **options)
    check_file(question)
    name, arguments = name_for(question, name), workflow_options()
    files, written = _files(), _written(name)
    dataset = _settled(files["datasets"], name, question.dataset_entry, written, again)
    study = _settled(files["studies"], name, question.study, written, again)
    project = _checked(name, dataset.content, study.content)
    budget = None
    if minutes is not None:
        budget = _budget(name, dataset, study, minutes, cores)
        study = _settled(
            files["studies"], name, _merged(question.study, budget.keys), written, again
        )
        project = _checked(name, dataset.content, study.content)
    blocks = {
        "datasets": None if dataset.kept else _dataset_block(name, dataset.content),
        "studies": None if study.kept else _study_block(name, study.content, project),
    }
    arguments += ["--cores", str(cores), "--config", f"studies={name}"]
    arguments += ["--", f"reports/{name}.html"]
    command = shlex.join(["snakemake", *arguments])
    if dry_run:
        known = not _has_own_network(project, name)
        _show(files, blocks, command, run_seconds(project, name, cores) if known else None)
        return
    _write(name, files, blocks, written)
    if budget is not None:
        print(_budget_text(budget, minutes or 0, cores))
    print(f"$ {command}", flush=True)
    status = snakemake(arguments)
    if status:
        sys.exit(status)
    _conclude(project, name, dataset.content, study.content, cores)


def question_of(
    file: str,
    *,
    target: str | None,
    labels: str | None,
    group: str | None,
    network: str | None,
    framework: str | None,
    batch_sizes: list[int] | None,
    metric: str | None,
    task: str | None,
    classes: bool,
    data: list[str],
) -> Question:
    """Return the question that options ask; options that are not given have no key.

    Raises:
        UserError: an option is wrong.
    """
    keys: dict[str, Any] = {"target": target, "labels": labels, "group": group}
    keys |= {"metric": metric, "task": task, "classes": classes or None}
    settings = {"network": {"own": network} if network else None, "framework": framework}
    study: dict[str, Any] = {
        "settings": {key: value for key, value in settings.items() if value is not None} or None,
        "axes": {"batch_size": batch_sizes} if batch_sizes else None,
    }
    keys |= dict(given(text) for text in data)
    return Question(
        file,
        {key: value for key, value in keys.items() if value is not None},
        {key: value for key, value in study.items() if value is not None},
    )


def _files() -> dict[str, Declarations]:
    """Return the two files, as ``config.yaml`` names them."""
    run = run_config(None, Path())
    paths = {"datasets": run.datasets_file, "studies": run.studies_file}
    return {key: Declarations(Path(paths[key]), key, head) for key, head in _HEADS.items()}


def _settled(
    declarations: Declarations,
    name: str,
    wanted: Mapping[str, Any],
    written: Mapping[str, str],
    again: bool,
) -> _Entry:
    """Return the entry to use: the one in the file if a user has edited it, else the wanted one.

    Args:
        declarations: the file.
        name: name of the entry.
        wanted: keys and values that the options ask for.
        written: the lines that this command wrote earlier, by key of the file.
        again: whether to replace an edited entry.

    Raises:
        UserError: the edited entry differs from what the options ask for.
    """
    block = declarations.block(name)
    if block is None or again or block == written.get(declarations.key):
        return _Entry(wanted, kept=False)
    content = declarations.entry(name) or {}
    found = differences(wanted, content)
    if found:
        lines = [
            f"  {key}: the file has {json.dumps(there, ensure_ascii=False)}, the command asks for "
            f"{json.dumps(here, ensure_ascii=False)}"
            for key, here, there in found
        ]
        raise UserError(
            f"{declarations.path}: {name}: is there already, with other content:\n"
            + "\n".join(lines)
            + "\nEdit the entry, leave the option out, use another name (--name), or replace the "
            "entry (--again)"
        )
    return _Entry(content, kept=True)


def _checked(name: str, dataset: Mapping[str, Any], study: Mapping[str, Any]) -> Project:
    """Return a project with the two entries.

    Raises:
        UserError: an entry is wrong, the data cannot be used, or a framework is missing.
    """
    try:
        project = study_project(name, dict(dataset), dict(study) or None)
    except UserError as error:
        raise UserError(f"{error}{as_options(str(error))}") from None
    if not variants(project, name):
        raise UserError(f"--framework: {NO_TORCH}")
    return project


def _merged(entry: Mapping[str, Any], keys: Mapping[str, Any]) -> dict[str, Any]:
    """Return an entry with further keys, in mappings key by key."""
    merged = dict(entry)
    for key, value in keys.items():
        old = merged.get(key)
        both = isinstance(value, Mapping) and isinstance(old, Mapping)
        merged[key] = _merged(old, value) if both and old is not None else value
    return merged


def _budget(name: str, dataset: _Entry, study: _Entry, minutes: float, cores: int) -> Budget:
    """Return what fits into the minutes.

    Raises:
        UserError: nothing fits, the number of replicates is given, or the time is unknown.
    """
    usual = _checked(name, dataset.content, study.content)
    run = usual.run
    if run.replicates is not None or run.effort != "standard":
        line = f"replicates: {run.replicates}" if run.replicates else f"effort: {run.effort}"
        raise UserError(
            f"--minutes: config/config.yaml sets `{line}`, but --minutes chooses the number of "
            "replicates; leave one of the two out"
        )
    if _has_own_network(usual, name):
        raise UserError(
            "--minutes: the time of your own network is unknown; leave --minutes out, and set "
            "`replicates` in config/studies.yaml"
        )
    return fitted(
        lambda keys: _checked(name, dataset.content, _merged(study.content, keys)),
        name,
        minutes,
        cores,
    )


def _has_own_network(project: Project, name: str) -> bool:
    """Return whether a study trains a user's own network, whose time is unknown."""
    return any(isinstance(v.settings.network, OwnNetwork) for v in variants(project, name))


def _dataset_block(name: str, entry: Mapping[str, Any]) -> str:
    return block_of(name, entry, *dataset_comments(entry))


def _study_block(name: str, entry: Mapping[str, Any], project: Project) -> str:
    return block_of(name, entry, *study_comments(entry, project.study(name)))


def _memory(name: str) -> Path:
    return Path("data/asked") / f"{name}.json"


def _written(name: str) -> dict[str, str]:
    """Return the lines of the entries as this command wrote them, by key of the file."""
    path = _memory(name)
    found: dict[str, str] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return found


def _write(
    name: str,
    files: Mapping[str, Declarations],
    blocks: Mapping[str, str | None],
    written: dict[str, str],
) -> None:
    """Write the entries that are not kept, and say what was done."""
    texts = {
        key: declarations.edited(name, block)
        for declarations in files.values()
        if (block := blocks[key := declarations.key]) is not None
    }
    for declarations in files.values():
        block, before = blocks[declarations.key], declarations.block(name)
        if block is None:
            print(f"{declarations.path}: the entry {name} is used as it is")
            continue
        if block == before:
            continue
        write_text(declarations.path, texts[declarations.key])
        if before is None:
            print(f"{declarations.path}: wrote the entry {name}")
        elif before == written.get(declarations.key):
            print(f"{declarations.path}: wrote the entry {name} anew")
        else:
            print(f"{declarations.path}: replaced the entry {name}, which was:\n{before}", end="")
    kept = {key: block for key, block in blocks.items() if block is not None}
    write_json(_memory(name), written | kept)


def _show(
    files: Mapping[str, Declarations],
    blocks: Mapping[str, str | None],
    command: str,
    seconds: float | None,
) -> None:
    """Print what would be written and run, and how many seconds that is expected to take."""
    for declarations in files.values():
        block = blocks[declarations.key]
        print(f"# {declarations.path}{': as it is' if block is None else ''}")
        print(block or "", end="")
    expected = "unknown, for your own network" if seconds is None else _minutes(seconds)
    print(f"# expected time: {expected}\n{command}")


def _budget_text(budget: Budget, minutes: float, cores: int) -> str:
    plural = "" if cores == 1 else "s"
    text = (
        f"{minutes:g} minutes on {cores} core{plural} allow {budget.keys['replicates']} replicates"
    )
    if budget.shortened < 1:
        text += f", with training of {budget.shortened:.0%} of the usual length"
    return f"{text} (expected: {_minutes(budget.seconds)})"


def _minutes(seconds: float) -> str:
    return f"{seconds:.0f} seconds" if seconds < 90 else f"{seconds / 60:.1f} minutes"


def _conclude(
    project: Project,
    name: str,
    dataset: Mapping[str, Any],
    study: Mapping[str, Any],
    cores: int,
) -> None:
    """Print the verdict, what to do, what more time would buy, and where the page is."""
    from bnmatrix.report.decision import UNKNOWN, more_pairs, study_decisions
    from bnmatrix.tables.csv import read_runs

    comparisons = read_runs(Path("data/results") / name / "comparisons.csv")
    console = Console(highlight=False, soft_wrap=True)
    console.print()
    found = study_decisions(project, name, comparisons)
    if not found:
        console.print("There is nothing to compare: no variant has a counterpart without it.")
    for decision in found:
        line = Text(f"{decision.question} ")
        for part in decision.parts:
            line.append(f"{part.word.capitalize()} ", "bold").append(f"{part.text} ")
        line.rstrip()
        console.print(line)
        console.print(Text(" ".join(decision.advice)))
        unknown = [cell for part in decision.parts if part.word == UNKNOWN for cell in part.cells]
        pairs = more_pairs(unknown) if unknown else None
        keys = replicates_for(project.study(name), pairs) if pairs is not None else None
        if keys is not None and not _has_own_network(project, name):
            longer = _checked(name, dataset, _merged(study, keys))
            minutes = math.ceil(run_seconds(longer, name, cores) / 60)
            console.print(
                Text(f"That is {keys['replicates']} replicates, about {minutes} minutes: ")
                + Text(f"--minutes {minutes}", "bold")
            )
    console.print(Text(f"Why: {Path('reports').absolute() / name}.html"))
