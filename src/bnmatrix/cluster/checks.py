"""Checks of a cluster before a run, each of which gives a line of text."""

import json
import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from bnmatrix.cluster import slurm
from bnmatrix.cluster.profile import Profile
from bnmatrix.cluster.requests import Demand, Request, demand, jobs_per_entry
from bnmatrix.plan.plan import Plan

#: Snakemake asks for the ended entries at least this often, in seconds.
_SNAKEMAKE_ASKS = 180
#: What a run writes: files for each training job, and free space, in GB.
_FILES, _FREE_GB = 6, 2
#: Seconds until a node must have begun the check.
_NODE_SECONDS = 60

#: Runs on a node: imports what a job imports, and answers through the folder of the run.
_ON_A_NODE = """
import importlib, json, pathlib, shutil, socket, sys, tempfile, time
began = time.perf_counter()
for name in {names!r}:
    importlib.import_module(name)
free = shutil.disk_usage(tempfile.gettempdir()).free
answer = dict(node=socket.gethostname(), seconds=time.perf_counter() - began, free=free,
              folder=tempfile.gettempdir())
pathlib.Path({answer!r}).write_text(json.dumps(answer))
"""


@dataclass(frozen=True)
class Finding:
    """What a check found.

    Attributes:
        good: True: it is as it should be. False: a run would fail. None: it could not be checked,
            or is worth knowing.
        text: one line.
    """

    good: bool | None
    text: str


def check_slurm(plan: Plan, profile: Profile) -> Iterator[Finding]:
    """Check what a run needs; each check depends on those before it."""
    absent = slurm.missing_commands()
    if absent:
        yield Finding(
            False, f"commands: there is no {', '.join(absent)}. Use a login node of Slurm"
        )
        return
    yield Finding(True, f"commands: {', '.join(slurm.COMMANDS)}")
    yield _plugin()
    configuration = slurm.configuration()
    if configuration is None:
        yield Finding(False, "controller: scontrol does not answer. Ask the administrators")
        return
    yield _status(profile, configuration)
    wanted = demand(plan, profile)
    yield _sizes(profile, wanted)
    yield _partition(profile, wanted)
    for name, request in (("first", wanted.first), ("last", wanted.last)):
        yield _accepted(profile, name, request)
    yield _space(wanted)
    yield _node(plan, profile)


def _plugin() -> Finding:
    name = "snakemake-executor-plugin-slurm"
    try:
        return Finding(True, f"plugin: {name} {version(name)}")
    except PackageNotFoundError:
        return Finding(False, f"plugin: {name} is not installed. Run `make cluster`")


def _status(profile: Profile, configuration: dict[str, str]) -> Finding:
    """Check that Snakemake can learn that entries have ended; otherwise it waits for ever."""
    kind = configuration.get("AccountingStorageType", "accounting_storage/none")
    accounting = not kind.endswith("/none")
    digits = configuration.get("MinJobAge", "0").split()[0]
    age = int(digits) if digits.isdigit() else 0
    words = f"{'accounting' if accounting else 'no accounting'}; ended entries are kept for {age} s"
    if profile.status == "sacct" and not accounting:
        remedy = "Set `slurm-status-command: squeue` in the profile"
        return Finding(False, f"controller: {words}. Snakemake would wait for ever. {remedy}")
    if not accounting and age < _SNAKEMAKE_ASKS:
        text = "Snakemake can miss the end of an entry and wait for ever. Ask for MinJobAge=300"
        return Finding(False, f"controller: {words}. {text}")
    return Finding(True, f"controller: {words}")


def _sizes(profile: Profile, wanted: Demand) -> Finding:
    size = profile.sizes.get("training", 1)
    best = jobs_per_entry(wanted.short, profile.jobs)
    text = (
        f"training: {wanted.short} short and {wanted.long} long jobs in {wanted.entries} entries, "
        f"{profile.jobs} at a time"
    )
    if size in range(best, 2 * best + 4):
        return Finding(True, text)
    return Finding(None, f"{text}. `group-components: training={best}` suits better than {size}")


def _partition(profile: Profile, wanted: Demand) -> Finding:
    """Compare times with the limit: many clusters accept longer entries and never start them."""
    asked = {**profile.defaults, **profile.training}.get("slurm_partition")
    found = slurm.longest_minutes(str(asked) if asked else None)
    if found is None:
        known = f"there is no partition '{asked}'" if asked else "there is no default partition"
        return Finding(False, f"partition: {known}. `sinfo` lists them; set `slurm_partition`")
    name, limit = found
    text = f"partition {name}: allows {'any time' if limit == float('inf') else f'{limit:.0f} min'}"
    text += f"; the longest entry requests {wanted.first.minutes} min"
    if wanted.first.minutes > limit:
        return Finding(False, f"{text}. Use another partition or fewer jobs per entry")
    if wanted.last.minutes > limit:
        text += f", and {wanted.last.minutes} min in its last attempt. Set `longest_minutes"
        return Finding(False, f"{text}={limit:.0f}`")
    return Finding(True, text)


def _accepted(profile: Profile, name: str, request: Request) -> Finding:
    number = slurm.gpus(profile)
    asked = f"{request.minutes} min, {request.mem_mb} MB" + (f", {number} GPU" if number else "")
    options = " ".join(slurm.partition_options(profile))
    reason = slurm.refusal(profile, request)
    text = f"{name} attempts: {asked}{f' with {options}' if options else ''}"
    if reason is None:
        return Finding(True, f"{text}: sbatch accepts it")
    # A last attempt is rare: what sbatch refuses then is worth knowing.
    return Finding(False if name == "first" else None, f"{text}: {reason}")


def _space(wanted: Demand) -> Finding:
    usage, stats = shutil.disk_usage("."), os.statvfs(".")
    files = _FILES * (wanted.short + wanted.long)
    # Some file systems have no limit of files and say 0.
    few = stats.f_files > 0 and stats.f_favail < files
    _, over = slurm.ask("quota", "-q") if shutil.which("quota") else (True, "")
    text = f"folder: {usage.free / 1e9:.0f} GB free; the run writes about {files} files"
    if over:
        return Finding(False, f"{text}. Over quota: {' '.join(over.split())}")
    if few or usage.free < _FREE_GB * 1e9:
        return Finding(False, f"{text}, and {_FREE_GB} GB are needed. Use another folder")
    return Finding(True, text)


def _node(plan: Plan, profile: Profile) -> Finding:
    """Check on a node that the folder is shared and that Python imports what jobs import."""
    answer = Path(f".snakemake/bnmatrix-check-{os.getpid()}.json").absolute()
    answer.parent.mkdir(exist_ok=True)
    names = ["bnmatrix", *plan.project.frameworks]
    code = _ON_A_NODE.format(names=names, answer=str(answer))
    options = ["--ntasks=1", "--time=5", "--mem=2000", f"--immediate={_NODE_SECONDS}"]
    command = ["srun", *options, *slurm.partition_options(profile), sys.executable, "-c", code]
    done, text = slurm.ask(*command, seconds=300 + _NODE_SECONDS)
    try:
        if done and answer.exists():
            found = json.loads(answer.read_text(encoding="utf-8"))
            return Finding(
                True,
                f"node {found['node']}: sees this folder, imports {', '.join(names)} in "
                f"{found['seconds']:.0f} s, has {found['free'] / 1e9:.0f} GB in {found['folder']}",
            )
    finally:
        answer.unlink(missing_ok=True)
    if done:
        return Finding(False, "node: does not share this folder. Use one that all nodes share")
    last = text.splitlines()[-1] if text else "srun failed"
    if "immediate" in text or "did not answer" in text:
        return Finding(None, f"node: not checked, none was free within {_NODE_SECONDS} s ({last})")
    return Finding(False, f"node: {last}")
