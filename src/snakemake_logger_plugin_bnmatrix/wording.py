"""The words for jobs, durations, failures and the end of a run."""

import re
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from snakemake_logger_plugin_bnmatrix.run import Job, Run

#: What a job of each rule does. Names of wildcards are in braces.
_ACTIONS = {
    "download": "downloading {dataset}",
    "prepare": "preparing {dataset}",
    "train": "training {study}",
    "aggregate": "collecting the results of {study}",
    "compare": "comparing the variants of {study}",
    "combine": "combining the tables",
    "judge_study": "judging the claims on {study}",
    "judge": "judging the claims",
    "plot": "drawing {study}",
    "plot_time": "drawing {study} against time",
    "plot_claims": "drawing the claims",
    "plot_tuning": "drawing how rates were tuned",
    "page": "writing the page of {study}",
    "claims_page": "writing the page of the claims",
    "variance": "computing where the spread comes from",
    "variance_page": "writing the page of variance",
    "overview": "writing the overview",
    "explorer": "writing the explorer",
    "theory": "writing the theory page",
}

#: The stages of the work, with the rules of each; all other rules are in the last stage.
_STAGES = (
    ("downloads", ("download",)),
    ("data preparations", ("prepare",)),
    ("training jobs", ("train",)),
    ("analyses and pages", ()),
)

_LOG_LINES = 5
_LONGEST_LINE = 400
#: What the package writes when a job fails; see ``bnmatrix.supervision`` and ``bnmatrix.cli``.
_SAYS_HOW_IT_ENDED = (" ERROR Error: ", ": killed by ", "out of memory", "Snakemake is gone")
#: Bytes at the end of a log that are read.
_TAIL_BYTES = 8000
#: Lines that libraries write to a log before they work, and marks below the code of a traceback.
_NOISE = re.compile(r"^[IWE]0000 |^WARNING: All log messages before absl|^[\s^~]*$")
_LOG_PREFIX = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} [A-Z]+ ")


def label(rule: str, wildcards: Mapping[str, str]) -> str:
    """Return what a job does, in words: "training iris-64-32 (normalization none)"."""
    try:
        action = _ACTIONS[rule].format(**wildcards)
    except KeyError:
        named = ", ".join(f"{name} {value}" for name, value in wildcards.items())
        return f"running {rule}" + (f" ({named})" if named else "")
    if rule == "train":
        parts = wildcards["job"].split("__")
        words = [part.replace("_", " ").replace("~", " ") for part in parts if part != "all"]
        block = wildcards.get("block", "1-")
        words += [] if block.startswith("1-") else [f"replicates {block}"]
        return f"{action} ({', '.join(words)})" if words else action
    return action


def stage(rule: str) -> str:
    """Return the stage of the work that a rule belongs to."""
    return next((name for name, rules in _STAGES if rule in rules), _STAGES[-1][0])


def plural(number: int, words: str) -> str:
    """Return a number and a noun in the plural, or in the singular if the number is 1."""
    if number != 1:
        return f"{number} {words}"
    return f"1 {' '.join(_singular(word) for word in words.split())}"


def _singular(word: str) -> str:
    return word.removesuffix("s") if word != "analyses" else "analysis"


def duration(seconds: float) -> str:
    """Return a duration, rounded as its length suggests: "40 s", "3 min 10 s", "2 h 5 min"."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 10:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


def estimate(seconds: float) -> str:
    """Return a duration that is only known roughly: "about 3 min"."""
    if seconds < 55:
        return f"about {max(10, round(seconds / 10) * 10)} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    if hours >= 10:
        return f"about {round(seconds / 3600)} h"
    return f"about {hours} h {minutes} min" if hours else f"about {minutes} min"


def plan_line(run: Run, now: float) -> str:
    """Return one line about what will run, and how long it takes."""
    numbers = {name: 0 for name, _ in _STAGES}
    for rule, number in run.counts.items():
        numbers[stage(rule)] += number
    parts = ", ".join(plural(number, name) for name, number in numbers.items() if number)
    left = run.remaining(now)
    time = f"; {estimate(left)} with {plural(run.workers, 'jobs')} at once" if left else ""
    return f"{plural(run.total, 'jobs')} to run: {parts}{time}"


def status_line(run: Run, now: float) -> str:
    """Return one line about what is done, how long the rest takes, and what is running."""
    if not run.total:
        return f"planning the jobs ({duration(now - run.began)})"
    parts = [f"{run.number_done} of {plural(run.total, 'jobs')} done"]
    left = run.remaining(now)
    if left is not None:
        parts[0] += f", {estimate(left)} left"
    if run.failed:
        parts.append(f"{len(run.failed)} failed")
    running = list(run.running.values())
    if running:
        shown = running[0]
        message = last_message(shown)
        parts.append(label(shown.rule, shown.wildcards) + (f": {message}" if message else ""))
        if len(running) > 1:
            parts.append(f"and {plural(len(running) - 1, 'other jobs')}")
    return "; ".join(parts)


def last_message(job: Job, longest: int = 60) -> str:
    """Return the last message in the log of a job without what its label says; "" if none."""
    lines = tail(job.logs, 1)
    if not lines:
        return ""
    message = _LOG_PREFIX.sub("", lines[0])
    # A training job names its study and variant first.
    name, separator, rest = message.partition(": ")
    if separator and job.wildcards.get("study", "\0") in name:
        message = rest
    return message if len(message) <= longest else f"{message[: longest - 1]}…"


def tail(paths: Sequence[str], number: int) -> list[str]:
    """Return the last lines that are not empty of the first file that has any."""
    for path in paths:
        try:
            with Path(path).open("rb") as file:
                file.seek(0, 2)
                file.seek(max(0, file.tell() - _TAIL_BYTES))
                text = file.read().decode("utf-8", errors="replace")
        except OSError:
            continue
        lines = [line.rstrip() for line in text.splitlines() if not _NOISE.match(line)]
        if lines:
            return [line[:_LONGEST_LINE] for line in lines[-number:]]
    return []


def failure(what: str, logs: Sequence[str], message: str) -> str:
    """Return at most eight lines about a job that failed.

    Args:
        what: what the job did.
        logs: the paths of its logs.
        message: what Snakemake or the cluster says, which may have several lines.
    """
    lines = _cause(tail(logs, _LOG_LINES))
    said = _exit_status(message)
    if said and not any(word in line for line in lines for word in _SAYS_HOW_IT_ENDED):
        lines = [*lines[1 - _LOG_LINES :], said]
    written = [path for path in logs if Path(path).exists()]
    place = f"Log: {', '.join(written)}" if written else "It has no log"
    return "\n".join([f"Failed: {what}", *(f"  | {line}" for line in lines), f"  {place}"])


def group_failure(
    infos: Sequence[Mapping[str, Any]], logs: Sequence[str], reason: str, known: bool
) -> str:
    """Return lines about a queue entry of several jobs that failed, if no log of a job tells why.

    Args:
        infos: Snakemake's information on each job of the entry.
        logs: the paths of the logs of the entry.
        reason: what the cluster says, which may have several lines; "" if nothing.
        known: whether the same reason was shown before.
    """
    rules = ", ".join(dict.fromkeys(info["rule_name"] for info in infos))
    name = f"one of {len(infos)} jobs that run one after another ({rules})"
    if len(infos) == 1:
        name = f"a job of the rule {rules}"
    text = failure(name, logs, "")
    if not reason:
        return text
    if known:
        return f"Failed: {name}, for the same reason as above"
    head, *tail_lines = text.splitlines()
    said = [f"  | {line[:_LONGEST_LINE]}" for line in reason.splitlines() if line.strip()]
    return "\n".join([head, *said[:_LOG_LINES], *tail_lines])


def tells_failure(logs: Sequence[str]) -> bool:
    """Return whether the end of a log tells that its job failed."""
    words = (*_SAYS_HOW_IT_ENDED, " failed", "Traceback (most recent call last)")
    return any(word in line for line in tail(logs, _TAIL_BYTES) for word in words)


def _cause(lines: list[str]) -> list[str]:
    """Return the lines of the end of a log that tell why the job failed; all lines if unknown."""
    for number, line in enumerate(lines):
        if any(word in line for word in _SAYS_HOW_IT_ENDED):
            # The path of the log follows anyway.
            lines = [line.partition(" Log: ")[0], *lines[number + 1 :]]
            return [_LOG_PREFIX.sub("", line) for line in lines]
    return lines


def _exit_status(message: str) -> str:
    """Return what an exit status in a message means if a signal ended the job; "" otherwise."""
    found = re.search(r"non-zero exit status (\d+)|died with <Signals\.\w+: (\d+)>", message)
    number = int(found[1] or 0) - 128 if found and found[1] else int(found[2]) if found else 0
    if number <= 0:
        return message.splitlines()[0] if message and not found else ""
    try:
        name = signal.Signals(number).name
    except ValueError:
        name = f"signal {number}"
    cause = ": another process ended it, or memory ran out" if number == signal.SIGKILL else ""
    return f"killed by {name}{cause}"


def ending(run: Run, now: float) -> str:
    """Return the last lines of a run; "" if it ended before a job was to run."""
    time = duration(now - run.began)
    if not run.total:
        return "Interrupted. Finished results are kept." if run.interrupted else ""
    # With --quiet, Snakemake does not tell which jobs are done.
    done = f"{run.number_done} of {plural(run.total, 'jobs')} done. " if run.number_done else ""
    kept = f"{done}Finished results are kept"
    if run.lost:
        kept += (
            ", except those of queue entries that failed: Snakemake deletes the results of all "
            "jobs of such an entry, and runs them again"
        )
    again = "run the same command again"
    if run.interrupted:
        return (
            f"Interrupted after {time}. {kept}.\n"
            f"To go on, {again}: it starts with the jobs that were not done."
        )
    if run.failed:
        return (
            f"{plural(len(run.failed), 'jobs')} failed (after {time}). {kept}.\n"
            f"Jobs that need a failed job did not run. Correct the cause, and {again} to go on."
        )
    if run.broken:
        return f"Ended after {time}. {kept}. To go on, {again}."
    return f"Done in {time} ({plural(run.total, 'jobs')})"
