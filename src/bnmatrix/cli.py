"""The command line: each stage of the pipeline is a command, run by a rule or by hand.

This module only reads options. :mod:`bnmatrix.stages` contains what the commands do.
"""

import argparse
import importlib
import json
import logging
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bnmatrix import logs
from bnmatrix.errors import UserError
from bnmatrix.installed import check_same_code
from bnmatrix.supervision import OUT_OF_MEMORY, out_of_memory, supervised

log = logging.getLogger("bnmatrix")

_RESULTS = "folder that holds data/results and reports"
_CONFIG = "the configuration as JSON; if not given, config/config.yaml is read"

#: Converts the text of an option to its value.
_Kind = Callable[[str], object]

#: Options that several commands share, with type and help text.
_OPTIONS: dict[str, tuple[_Kind, str]] = {
    "study": (str, "name of the study"),
    "dataset": (str, "name of the data set"),
    "results": (Path, _RESULTS),
    "runs": (Path, "table of the study's runs (CSV)"),
    "timings": (Path, "table of the study's timings (CSV)"),
    "studies": (json.loads, "names of studies, as a JSON list"),
    "links": (json.loads, "pages that every page links to, as a JSON list"),
    "claims": (json.loads, "true if claims were judged, false if not"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return the exit status.

    A command with a log file runs in a child process, so that the parent can report a signal that
    ends it.
    """
    options = vars(_parser().parse_args(arguments))
    command, log_file = options.pop("command"), options.pop("log")
    if log_file:
        return supervised(lambda: _run(command, options, log_file), command, Path(log_file))
    return _run(command, options, None)


def _run(command: str, options: dict[str, object], log_file: str | None) -> int:
    logs.set_up(log_file)
    try:
        check_same_code()
        _stage(command, options)(**options)
    except UserError as error:
        log.error("Error: %s", error)
        return 1
    except Exception as error:
        if out_of_memory(error):
            log.error("Error: out of memory: %s", str(error).partition("\n")[0])
            return OUT_OF_MEMORY
        log.exception("%s failed", command)
        return 1
    return 0


def _stage(command: str, options: dict[str, object]) -> Callable[..., None]:
    """Return the function of a command's stage, and parse the specification in ``options``, if any.

    Only the modules that the stage needs are imported.
    """
    name = command.replace("-", "_")
    if command in _SPECIFICATIONS:
        specification = _SPECIFICATIONS[command](str(options["spec"]))
        options["spec"], name = specification, specification.stage
    run: Callable[..., None] = importlib.import_module(f"bnmatrix.stages.{name}").run
    return run


class _Specification(Protocol):
    """The specification of a job, which names the stage that runs it."""

    @property
    def stage(self) -> str:
        """A module of :mod:`bnmatrix.stages`."""


def _job(text: str) -> _Specification:
    from bnmatrix.training.spec import JobSpec

    return _validated(JobSpec.model_validate_json, text)


def _preparation(text: str) -> _Specification:
    from pydantic import TypeAdapter

    from bnmatrix.datasets.built_in import Preparation
    from bnmatrix.datasets.own.spec import OwnPreparation

    specs: TypeAdapter[Preparation | OwnPreparation] = TypeAdapter(Preparation | OwnPreparation)
    return _validated(specs.validate_json, text)


def _validated(validate: Callable[[str], _Specification], text: str) -> _Specification:
    """Validate a specification: ``text`` if it is JSON, or the content of the file that it names.

    Raises:
        UserError: there is no such file, or its content is no specification.
    """
    from pydantic import ValidationError

    try:
        content = text if text.startswith("{") else Path(text).read_text(encoding="utf-8")
        return validate(content)
    except OSError as error:
        raise UserError(f"--spec {text}: cannot be read: {error.strerror}") from None
    except ValidationError as error:
        raise UserError(f"--spec: not a specification: {error}") from None


#: Functions that parse the specifications of commands. They import libraries, and therefore run
#: after the fork.
_SPECIFICATIONS: dict[str, Callable[[str], _Specification]] = {
    "train": _job,
    "prepare": _preparation,
}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bnmatrix", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")

    def command(name: str, text: str, *shared: str, config: bool = True) -> _Command:
        added = commands.add_parser(name, help=text, description=text)
        added.add_argument("--log", help="log file; if not given, messages go to the terminal")
        if config:
            added.add_argument("--config", help=_CONFIG)
        for option in shared:
            kind, words = _OPTIONS[option]
            added.add_argument(f"--{option}", required=True, type=kind, help=words)
        return _Command(added)

    _add_data_and_training(command)
    _add_statistics(command)
    _add_report(command)
    _add_tools(command)
    return parser


@dataclass(frozen=True)
class _Command:
    """A command to which options can be added."""

    parser: argparse.ArgumentParser

    def option(self, name: str, words: str, kind: _Kind = Path, many: bool = False) -> "_Command":
        """Add a required option."""
        self.parser.add_argument(
            f"--{name}", required=True, type=kind, help=words, nargs="+" if many else None
        )
        return self


def _add_data_and_training(command: Callable[..., _Command]) -> None:
    added = command("download", "Download a data set's files and verify them.", "dataset")
    added.option("raw", "folder for the files")
    added.option("partial", "folder for unfinished transfers")

    added = command("prepare", "Verify, read and split a data set.", config=False)
    added.option("spec", "what to prepare, as JSON or as a file that holds it", str)
    added.option("raw", "folder of the data set's files")
    added.option("output", "file to write (.npz)")

    added = command("train", "Train all replicates of a job's variants.", config=False)
    added.option("spec", "what to train, as JSON or as a file that holds it", str)
    added.option("data", "the prepared data (.npz)")
    added.option("threads", "threads to use", int)
    added.option("gpus", "number of GPUs of the job; 0: use the processor only", int)
    added.option("folder", "folder for the job's tables")


def _add_statistics(command: Callable[..., _Command]) -> None:
    added = command("aggregate", "Combine the tables of a study's jobs.", "study", "runs")
    added.option("replicates", "number of replicates of each variant", int)
    words = "digests of the code that trained the study, by stage, as a JSON mapping"
    added.option("codes", words, json.loads)
    added.option("folder", "folder of the runs of all studies")
    added.option("processed", "folder of the prepared data")
    added.option("results", "folder for the study's other tables")

    added = command("compare", "Summarize and compare a study's variants.", "study", "runs")
    added.option("results", "folder of the study's other tables")

    added = command("confuse", "Count the confusions of a study's best variant.", "study")
    added.option("results", "folder of the study's other tables")
    added.option("prepared", "the study's prepared data (.npz)", many=True)

    command("judge", "Judge the claims and the replications.", "studies", "results")

    command("variance", "Compute where the spread comes from.", "studies", "results")

    added = command("judge-study", "Judge the claims on one study.", "study", "results")
    added.option("output", "table to write (CSV)")

    added = command("combine", "Combine the tables of several studies.", config=False)
    added.option("tables", "tables of runs, one per study", many=True)
    added.option("timing-tables", "tables of timings, one per study", many=True)
    added.option("provenances", "provenances, one per study", many=True)
    added.option("reports", "folder for runs.csv, timings.csv and provenance.json")


def _add_report(command: Callable[..., _Command]) -> None:
    added = command("plot", "Draw a study's figures.", "study", "runs")
    added.option("results", "folder of the study's other tables")
    added.option("output", "folder for the figures")

    added = command("plot-time", "Draw accuracy against training time.", "study", "runs", "timings")
    added.option("output", "the figure (.svg)")

    drawn = {
        "plot-claims": "Draw the figures of all claims.",
        "plot-tuning": "Draw how learning rates were tuned.",
    }
    for name, text in drawn.items():
        added = command(name, text, "studies", "results")
        added.option("output", "folder for the figures")

    pages = {
        "claims-page": ("Render the page of all claims.", ("studies",)),
        "page": ("Render the page of a study.", ("study", "claims")),
        "overview": ("Render the overview of all studies.", ("studies", "claims")),
        "explorer": ("Render the page of learning curves.", ("studies",)),
        "variance-page": ("Render the page of the sources of variance.", ()),
        "theory": ("Render the page that explains batch normalization.", ("claims",)),
    }
    for name, (text, options) in pages.items():
        added = command(name, text, *options, "links", "results")
        added.option("output", "the page")
        if name == "overview":
            words = "studies that were not run, by reason, as a JSON mapping"
            added.option("not-run", words, json.loads)
            added.option("asked", "number of studies that were asked for", int)
            words = "true if a network or a mirror would add studies, false if not"
            added.option("network-helps", words, json.loads)


def _add_tools(command: Callable[..., _Command]) -> None:
    text = "Run all studies; the report grows, data set by data set."
    command("report", text, config=False).option("cores", "number of cores", int)
    _add_ask(command)

    added = command("cluster", "Check a cluster before a run is queued.", config=False)
    added.parser.add_argument("action", choices=["check"], help="what to do")
    added.option("profile", "folder of the profile, such as profiles/slurm")

    added = command("agreement", "Compare results with published ones.", config=False)
    added.option("reports", "folder of runs.csv and claims.csv")
    added.option("published", "folder of the published results")
    added.option("output", "folder for the comparison")

    added = command("pack", "Pack the tables of the finished run in this folder.")
    added.option("published", "folder for the packed tables")

    text = "Make the pages of a packed run, without training."
    added = command("publish", text, config=False)
    added.option("published", "folder of the packed tables")
    added.option("output", "folder for the pages")
    added.option("cores", "number of cores", int)

    added = command("crate", "Pack a packed run as a Workflow Run RO-Crate.", config=False)
    added.option("published", "folder of the packed tables")
    added.option("reports", "folder of their pages")
    added.option("output", "folder for the crate")

    added = command("costs", "Print the expected and measured costs of training jobs.")
    added.option("logs", "folder of the training jobs' logs and benchmark files")

    text = "Print how many replicates the claims need, planned from a finished run."
    command("replicates", text, "results")

    added = command("schemas", "Write the JSON schemas of the files under config/.", config=False)
    added.option("folder", "folder for the schemas")


def _add_ask(command: Callable[..., _Command]) -> None:
    text = "Should I use batch normalization on my data? Write two entries, run, and answer."
    parser = command("ask", text, config=False).parser
    parser.add_argument("file", help="a table, NumPy arrays, or a folder of images")
    options: dict[str, tuple[_Kind, str]] = {
        "target": (str, "column of a table that holds what is to be predicted"),
        "labels": (str, "the .npy file with the classes of a .npy file"),
        "group": (str, "column whose values must not be in two parts, such as patients"),
        "network": (str, "your own network: path/to/file.py:function"),
        "framework": (str, "keras or torch"),
        "batch-sizes": (_numbers, "batch sizes to compare, such as 4,16,64"),
        "metric": (str, "the metric that decides"),
        "task": (str, "classification or regression"),
        "minutes": (_positive, "what the run may take: chooses replicates and length"),
        "name": (str, "name of the page and of the entries; by default, that of the file"),
    }
    for option, (kind, words) in options.items():
        parser.add_argument(f"--{option}", type=kind, help=words)
    parser.add_argument("--cores", type=_count, default=_cores(), help="number of cores")
    words = "a key of the data's entry, such as test_fraction=0.3; can be given several times"
    parser.add_argument("--data", metavar="KEY=VALUE", action="append", default=[], help=words)
    switches = {
        "classes": "numbers of the target are classes, however many there are",
        "again": "replace entries of this name that were edited",
        "dry-run": "print what would be written and run, and do neither",
    }
    for switch, words in switches.items():
        parser.add_argument(f"--{switch}", action="store_true", help=words)


def _numbers(text: str) -> list[int]:
    try:
        numbers = sorted({_count(part) for part in text.split(",")})
    except argparse.ArgumentTypeError:
        message = f"'{text}': give whole numbers above 0 with commas between them: 4,16,64"
        raise argparse.ArgumentTypeError(message) from None
    return numbers


def _count(text: str) -> int:
    if not text.strip().isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}': give a whole number above 0")
    return int(text)


def _positive(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"'{text}': give a number of minutes above 0")
    return number


def _cores() -> int:
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


if __name__ == "__main__":
    sys.exit(main())
