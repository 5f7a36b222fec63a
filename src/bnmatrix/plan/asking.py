"""From a file and options to entries of ``datasets.yaml`` and ``studies.yaml``."""

import difflib
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel

from bnmatrix.config.entries import in_one_line
from bnmatrix.config.own_data import KEYS_OF_KINDS, OwnDataset
from bnmatrix.config.run import RESERVED_NAMES
from bnmatrix.config.studies import Study
from bnmatrix.datasets.own.source import SUFFIXES, OwnSource
from bnmatrix.errors import UserError, suggestion
from bnmatrix.plan.loading import packaged

#: Keys of a data set that an entry shows as comments, if they are not given.
_FURTHER = ("test_path", "metric", "margin")
#: Keys of a study, and settings, of which an entry shows the chosen values as comments.
_CHOSEN, _CHOSEN_SETTINGS = ("replicates",), ("network", "hidden_layers", "epochs")
#: Names that mean something else on Snakemake's command line.
_OTHER_MEANING = ("all",)


@dataclass(frozen=True)
class Question:
    """A user's question: the data, and what the user says about it and about the networks.

    Attributes:
        file: the path of the data.
        data: keys of its entry in ``datasets.yaml``, without the path.
        study: keys of the entry in ``studies.yaml``.
    """

    file: str
    data: Mapping[str, Any] = field(default_factory=dict)
    study: Mapping[str, Any] = field(default_factory=dict)

    @property
    def dataset_entry(self) -> dict[str, Any]:
        """The entry of the data set."""
        folder = Path(self.file).is_dir()
        return {"path": self.file.rstrip("/") + "/" if folder else self.file, **self.data}


def check_file(question: Question) -> None:
    """Check that the data is there, is of a known kind, and that a table has a target.

    Raises:
        UserError: it is not. The message names what there is.
    """
    path = Path(question.file)
    if question.file.startswith(("http://", "https://")):
        raise UserError(f"{question.file}: download the file first, and give its path")
    if not path.exists():
        beside = [other.name for other in path.parent.glob("*")] if path.parent.is_dir() else []
        raise UserError(
            f"{path}: there is no such file or folder{suggestion(path.name, beside)}; "
            f"this command was run in {Path.cwd()}"
        )
    try:
        kind = OwnSource(path=question.dataset_entry["path"]).kind
    except ValueError as error:
        raise UserError(str(error)) from None
    if kind == "table" and not question.data.get("target"):
        raise UserError(
            f"{path}: --target: give the column that holds what is to be predicted{_columns(path)}"
        )
    if path.suffix == ".npy" and not question.data.get("labels"):
        raise UserError(f"{path}: --labels: give the .npy file that holds the classes")


def _columns(path: Path) -> str:
    """Return what a table says of its columns, for a message; "" if it cannot be read."""
    if path.suffixes[-1:] not in ([".csv"], [".tsv"]):
        return ""
    with path.open(encoding="utf-8", errors="replace") as lines:
        return f"; its first line is: {lines.readline().strip()[:300]}"


def name_for(question: Question, name: str | None) -> str:
    """Return the name of the data set and its study.

    Args:
        question: the question.
        name: the name that the user gave; None: it is that of the file.

    Raises:
        UserError: the given name is one of those that bnmatrix uses.
    """
    datasets = packaged("datasets")
    own = {key for key, entry in datasets.items() if not (entry or {}).get("loader")}
    used = {*datasets, *packaged("studies"), *RESERVED_NAMES, *_OTHER_MEANING} - own
    if name is not None:
        if name in used:
            raise UserError(f"--name {name}: bnmatrix uses this name itself; choose another")
        return name
    stem = Path(question.file.rstrip("/")).name
    for suffix in sorted((s for kind in SUFFIXES.values() for s in kind), key=len, reverse=True):
        stem = stem.removesuffix(suffix)
    made = re.sub(r"[^\w.-]+", "-", stem).strip("-._") or "data"
    if not isinstance(yaml.safe_load(made), str):
        made = f"data-{made}"
    return f"{made}-own" if made in used else made


def keys_of(model: type[BaseModel]) -> tuple[str, ...]:
    """Return the keys of an entry."""
    return tuple(model.model_fields)


def given(text: str) -> tuple[str, Any]:
    """Return key and value of ``KEY=VALUE``; the value is YAML, or text if it is not.

    Raises:
        UserError: there is no ``=``, or the key is unknown.
    """
    key, equals, value = text.partition("=")
    known = keys_of(OwnDataset)
    if not equals or key not in known:
        close = difflib.get_close_matches(key, known, n=1)
        meant = f" (did you mean '{close[0]}'?)" if close else ""
        raise UserError(
            f"--data {text}: give KEY=VALUE with a key of datasets.yaml{meant}; the keys are "
            f"{', '.join(known)}"
        )
    try:
        return key, yaml.safe_load(value)
    except yaml.YAMLError:
        return key, value


def as_options(message: str) -> str:
    """Return the keys that a message proposes as options, after its end; "" if there are none.

    A message proposes a line of YAML between backticks.
    """
    proposed = re.findall(r"`(\w+): ([^`]+)`", message)
    options = [
        f"--data {shlex.quote(f'{key}={value}')}"
        for key, value in dict.fromkeys(proposed)
        if key in keys_of(OwnDataset)
    ]
    return f".\nAs options of this command: {', or '.join(options)}" if options else ""


def dataset_comments(entry: Mapping[str, Any]) -> tuple[dict[str, str], list[str]]:
    """Return comments for the keys of a data set's entry, and lines with further keys."""
    notes = {key: _description(OwnDataset, key) for key in entry}
    notes[""] = "the name of the data, on pages and of files"
    kind = OwnSource(path=entry["path"]).kind
    more = [
        _further(key, OwnDataset.model_fields[key].default, _description(OwnDataset, key))
        for key in (*KEYS_OF_KINDS.get(kind, ()), *_FURTHER)
        if key not in entry
    ]
    return notes, more


def study_comments(entry: Mapping[str, Any], chosen: Study) -> tuple[dict[str, str], list[str]]:
    """Return comments for the keys of a study's entry, and lines with what was chosen.

    Args:
        entry: the entry.
        chosen: the study, with what bnmatrix chose from the data.
    """
    notes = {key: _description(Study, key) for key in entry if key != "tuning"}
    notes[""] = "a study of the data with this name; what is not given is chosen from the data"
    more = [
        _further(key, getattr(chosen, key), _description(Study, key))
        for key in _CHOSEN
        if key not in entry
    ]
    settings = {
        key: chosen.settings[key]
        for key in _CHOSEN_SETTINGS
        if key in chosen.settings and key not in (entry.get("settings") or {})
    }
    if "axes" not in entry:
        sizes = {"batch_size": chosen.axes["batch_size"]}
        more.append(_further("axes", sizes, "Settings that vary"))
    if settings:
        key = "further settings" if "settings" in entry else "settings"
        more.append(_further(key, settings, "Any setting of config/README.md"))
    return notes, more


def _further(key: str, value: Any, text: str) -> str:
    """Return the line of a key that is not given, with the value that it has or ``…``."""
    return f"{key}: {in_one_line(value) or '…'} # {text}"


def _description(model: type[BaseModel], key: str) -> str:
    """Return the first sentence that describes a key, in one line and without a full stop."""
    text = " ".join((model.model_fields[key].description or "").split())
    return re.split(r"(?<=[a-z`)])[.;:](?: |$)", text)[0].rstrip(".")
