"""Turns the events of Snakemake into the state of a run, and shows it."""

import logging
import threading
import time
from collections.abc import Callable
from logging import LogRecord
from typing import Any

from snakemake_interface_logger_plugins.common import LogEvent

from snakemake_logger_plugin_bnmatrix.display import Display
from snakemake_logger_plugin_bnmatrix.groups import REASON_EVENT
from snakemake_logger_plugin_bnmatrix.run import Job, Run
from snakemake_logger_plugin_bnmatrix.wording import (
    ending,
    failure,
    group_failure,
    label,
    plan_line,
    plural,
    stage,
    tells_failure,
)

#: Events of this workflow, besides Snakemake's: see ``workflow/rules/common.smk``.
EXPECTED_EVENT = "bnmatrix_expected"
NOTE_EVENT = "bnmatrix_note"

#: How Snakemake's messages begin after Ctrl-C, and after SIGTERM.
_INTERRUPT = "Terminating processes on user request"
_TERMINATION = "Will exit after finishing"

#: How messages begin that say nothing new to a user. Snakemake's log file has all messages.
_CHATTER = (
    "Assuming unrestricted shared filesystem usage",
    "Building DAG of jobs",
    "Using shell:",
    "Group jobs: inactive",
    "Conda environments: ignored",
    "Singularity containers: ignored",
    "Shutting down, this might take some time",
    "Complete log(s):",
    "Elapsed time:",
    # The end of the run says so, with numbers.
    "Exiting because a job execution failed",
    # The Slurm plugin looks for an account if the profile names none. sbatch uses the usual one.
    "No SLURM account given, trying to guess",
    "No account was given, not able to get a SLURM account",
    "Unable to guess SLURM account",
    "MinJobAge ",
    "Cleaning up SLURM log files",
    # The reason why the group failed follows.
    "Exception in run_job for rule",
)
#: The largest number of failed jobs of a group to show.
_GROUP_SHOWN = 3
_KEPT_DURING_A_RUN = ("Trying to restart job",)


class RunHandler(logging.Handler):
    """Shows a run."""

    def __init__(
        self, display: Callable[[Run], Display], clock: Callable[[], float] = time.monotonic
    ):
        """Start to show a run.

        Args:
            display: returns the display of a run.
            clock: returns the time in seconds.
        """
        super().__init__()
        self._clock = clock
        self.run = Run(clock())
        self._display = display(self.run)
        self._stages: set[str] = set()
        self._causes: list[str] = []
        self._reason = ""
        self._reasons: set[str] = set()
        self._ended = threading.Event()
        threading.Thread(target=self._tick, daemon=True).start()

    def emit(self, record: LogRecord) -> None:
        """Update the state, and show what a user wants to know."""
        try:
            show = self._actions().get(getattr(record, "event", None), self._on_message)
            show(record)
        except Exception:
            self.handleError(record)

    def close(self) -> None:
        """Show how the run ended."""
        if self._ended.is_set():
            return
        self._ended.set()
        with self.lock or threading.RLock():
            self._display.close()
            text = ending(self.run, self._clock())
            if text:
                bad = self.run.failed or self.run.interrupted or self.run.broken
                self._display.say(text, "bold red" if bad else "bold green")
        super().close()

    def _tick(self) -> None:
        while not self._ended.wait(1.0):
            with self.lock or threading.RLock():
                self._display.tick()

    def _actions(self) -> dict[Any, Callable[[Any], None]]:
        return {
            LogEvent.RUN_INFO: self._on_plan,
            LogEvent.RESOURCES_INFO: self._on_resources,
            LogEvent.JOB_INFO: self._on_job,
            LogEvent.JOB_FINISHED: self._on_job_finished,
            LogEvent.JOB_ERROR: self._on_job_error,
            LogEvent.GROUP_ERROR: self._on_group_error,
            REASON_EVENT: self._on_reason,
            LogEvent.ERROR: self._on_error,
            EXPECTED_EVENT: self._on_expected,
            NOTE_EVENT: self._on_note,
            **dict.fromkeys(
                (
                    LogEvent.WORKFLOW_STARTED,
                    LogEvent.JOB_STARTED,
                    LogEvent.GROUP_INFO,
                    LogEvent.SHELLCMD,
                    LogEvent.DEBUG_DAG,
                    LogEvent.PROGRESS,
                    LogEvent.RULEGRAPH,
                ),
                lambda _: None,
            ),
        }

    def _on_plan(self, record: Any) -> None:
        counts = dict(record.stats)
        self.run.total = counts.pop("total")
        self.run.counts = counts

    def _on_resources(self, record: Any) -> None:
        self.run.workers = getattr(record, "cores", getattr(record, "nodes", self.run.workers))

    def _on_expected(self, record: Any) -> None:
        self.run.expected = record.seconds
        self.run.pages = record.pages

    def _on_note(self, record: LogRecord) -> None:
        self._display.say(
            record.getMessage(), "yellow" if record.levelno >= logging.WARNING else ""
        )

    def _on_job(self, record: Any) -> None:
        if not self._stages:
            self._display.say(plan_line(self.run, self._clock()))
        logs = tuple(record.log or ())
        job = Job(record.jobid, record.rule_name, dict(record.wildcards), logs, self._clock())
        self.run.start(job)
        name = stage(job.rule)
        if name not in self._stages:
            self._stages.add(name)
            self._display.stage()

    def _on_job_finished(self, record: Any) -> None:
        self.run.finish(record.job_id, self._clock())

    def _on_job_error(self, record: Any) -> None:
        self.run.fail(record.jobid)
        # An indented error is one of all jobs of a group; see the event of the group.
        if record.indent or self.run.interrupted:
            return
        message = record.rule_msg or self._cause(record.log)
        self._display.say(failure(self._label(vars(record)), record.log, message), "red")

    def _on_reason(self, record: LogRecord) -> None:
        self._reason = record.getMessage()

    def _on_group_error(self, record: Any) -> None:
        """Show why a group failed: its jobs whose logs tell, or what the cluster says."""
        reason, self._reason = self._reason, ""
        if self.run.interrupted:
            return
        infos = record.job_error_info
        # An entry without a log was refused.
        self.run.lost += len(infos) > 1 and bool(record.aux_logs)
        failed = [info for info in infos if tells_failure(info["log"])]
        for info in failed[:_GROUP_SHOWN]:
            self._display.say(failure(self._label(info), info["log"], ""), "red")
        if not failed:
            text = group_failure(infos, record.aux_logs, reason, reason in self._reasons)
            self._display.say(text, "red")
        self._reasons.add(reason)

    def _label(self, info: dict[str, Any]) -> str:
        """Return what a job that failed does, from Snakemake's information on the failure."""
        number = info["jobid"]
        job = self.run.running.get(number) or self.run.failed.get(number)
        return label(job.rule, job.wildcards) if job else f"running {info['rule_name']}"

    def _on_error(self, record: Any) -> None:
        text = record.getMessage()
        if "CalledProcessError" in text:  # the event of the job follows
            self._causes.append(text)
            return
        self.run.broken = True
        # Ctrl-C during the plan interrupts a function of a rule.
        if "KeyboardInterrupt" in (record.exception, text) or "\n  KeyboardInterrupt" in text:
            self.run.interrupted = True
        if self.run.interrupted or "At least one job did not complete successfully" in text:
            return
        self._display.say(text, "red")

    def _cause(self, logs: list[str]) -> str:
        """Return the error of Snakemake that belongs to a job, which is named by its log."""
        for text in self._causes:
            if any(path in text for path in logs):
                self._causes.remove(text)
                return text
        return ""

    def _on_message(self, record: LogRecord) -> None:
        text = record.getMessage()
        if text.startswith((_INTERRUPT, _TERMINATION)):
            if self.run.interrupted:
                return
            self.run.interrupted = True
            running = len(self.run.running)
            words = plural(running, "running jobs")
            verb = "stopping" if text.startswith(_INTERRUPT) else "waiting for the end of"
            self._display.say(f"Interrupted; {verb} {words}", "yellow")
            return
        running = bool(self.run.total) and record.levelno < logging.WARNING
        if text in ("", "None") or text.startswith(_CHATTER):
            return
        if running and not text.startswith(_KEPT_DURING_A_RUN):
            return
        colors = {logging.WARNING: "yellow", logging.ERROR: "red", logging.CRITICAL: "red"}
        self._display.say(text.strip("\n"), colors.get(record.levelno, ""))
