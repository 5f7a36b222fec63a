"""What a person sees of a run."""

import io
import logging
import os
import re
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import psutil
import pytest
from checkout import STUDIES, Copy
from rich.console import Console
from snakemake_interface_logger_plugins.common import LogEvent

from bnmatrix.datasets.availability import Availability
from bnmatrix.plan.plan import Plan
from snakemake_logger_plugin_bnmatrix.display import SILENCE_SECONDS, Lines, Terminal
from snakemake_logger_plugin_bnmatrix.groups import REASON_EVENT, pass_on_reasons
from snakemake_logger_plugin_bnmatrix.handler import RunHandler
from snakemake_logger_plugin_bnmatrix.run import Job, Run
from snakemake_logger_plugin_bnmatrix.wording import duration, estimate, failure, label

LOG = "2026-11-24 15:15:50,123 INFO "


class Clock:
    """A clock that moves when the test says so."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def job(number, rule="train", began=0.0, logs=(), **wildcards):
    return Job(
        number, rule, {"study": "iris", "job": "normalization~none"} | wildcards, logs, began
    )


@pytest.mark.parametrize(
    ("rule", "wildcards", "text"),
    [
        (
            "train",
            {"study": "iris-64-32", "job": "normalization~none__batch_size~16", "block": "1-5"},
            "training iris-64-32 (normalization none, batch size 16)",
        ),
        ("train", {"study": "iris", "job": "all", "block": "1-5"}, "training iris"),
        ("train", {"study": "a", "job": "all", "block": "6-9"}, "training a (replicates 6-9)"),
        ("download", {"dataset": "mnist"}, "downloading mnist"),
        ("mine", {"sample": "a"}, "running mine (sample a)"),
    ],
)
def test_a_job_has_a_name_in_words(rule, wildcards, text):
    assert label(rule, wildcards) == text


@pytest.mark.parametrize(
    ("seconds", "exact", "rough"),
    [
        (3, "3 s", "about 10 s"),
        (48, "48 s", "about 50 s"),
        (190, "3 min 10 s", "about 3 min"),
        (7500, "2 h 5 min", "about 2 h 5 min"),
        (40_000, "11 h 7 min", "about 11 h"),
    ],
)
def test_durations(seconds, exact, rough):
    assert (duration(seconds), estimate(seconds)) == (exact, rough)


def test_the_time_left_follows_the_measured_times():
    run = Run(0.0, total=12, expected=dict.fromkeys(range(12), 100.0), workers=2)
    assert run.remaining(0.0) == 600
    for number in (0, 1):
        run.start(job(number))
        run.finish(number, 200.0)  # twice the expected time
    assert 900 < run.remaining(200.0) < 1000
    run.start(job(2, began=200.0))
    assert run.remaining(300.0) < run.remaining(200.0), "a running job counts"
    overdue = run.remaining(700.0)
    assert overdue > 900, "a job that takes longer makes the others look longer"
    assert 0 < run.work_done(300.0) < 1
    run.expected = {2: 100.0}
    assert run.remaining(250.0) > 100, "no faster than the longest job"


def test_a_line_at_least_every_30_seconds():
    clock, run = Clock(), Run(0.0)
    console = Console(record=True, file=io.StringIO(), width=200)
    lines = Lines(console, run, clock, quiet=False)

    def written():
        return console.export_text().splitlines()

    for _ in range(2):
        for _ in range(int(SILENCE_SECONDS) - 1):
            clock.now += 1
            lines.tick()
        assert written() == [], "not more often"
        clock.now += 2
        lines.tick()
        (line,) = written()
        assert "planning the jobs" in line
    assert SILENCE_SECONDS + 1 <= 30
    clock.now += 20
    lines.say("something else")
    clock.now += 20
    lines.tick()
    assert written() == ["something else"]
    run.total, run.expected = 3, dict.fromkeys(range(3), 60.0)
    run.start(job(1))
    clock.now += 10
    lines.tick()
    assert "0 of 3 jobs done, about" in (text := written()[0])
    assert "training iris (normalization none)" in text


def test_the_display_of_a_terminal(tmp_path):
    """The last message of a job, what is left, and the place of the page, in 80 columns."""
    (tmp_path / "job.log").write_text(f"{LOG}iris a: replicate 2 of 5, epoch 3\n", encoding="utf-8")
    run = Run(0.0, total=20, expected=dict.fromkeys(range(20), 60.0), workers=2)
    run.pages = ["/somewhere/reports/iris.html"]
    for number in range(12):
        run.start(job(number, logs=(str(tmp_path / "job.log"),)))
    run.finish(0, 60.0)
    display = Terminal(Console(file=io.StringIO()), run, lambda: 75.0)
    display.close()
    paper = Console(record=True, file=io.StringIO(), width=80)
    paper.print(display.rendered())
    text = paper.export_text()
    assert all(len(line) <= 80 for line in text.splitlines())
    for part in (
        "1/20 jobs, about",
        "1:15 so far",
        "training iris (normalization none): replicate 2 of 5, epoch 3",
        "and 3 more jobs",
        "→ /somewhere/reports/iris.html",
    ):
        assert part in text


NOISE = "I0000 00:00:1795533452.69 10717 port.cc:153] oneDNN custom operations are on."
TRACEBACK = "\n".join(
    ["Traceback (most recent call last):", *["  File x"] * 30, "ValueError: this"]
)


@pytest.mark.parametrize(
    ("content", "message", "expected"),
    [
        (f"{LOG}a\n{LOG}train failed\n{TRACEBACK}\n", "", "ValueError: this"),
        (
            f"{NOISE}\n{LOG.replace('INFO', 'ERROR')}Error: wine.csv: no such file\n",
            "returned non-zero exit status 1.",
            "  | Error: wine.csv: no such file\n  Log",
        ),
        (f"{LOG}a\n", "returned non-zero exit status 137.", "killed by SIGKILL: another process"),
        ("", "died with <Signals.SIGSEGV: 11>.", "killed by SIGSEGV"),
        (
            f"{NOISE}\ntrain: killed by SIGKILL; it ran out. It used up to 9 MB. Log: a\n",
            "returned non-zero exit status 137.",
            "  | train: killed by SIGKILL; it ran out. It used up to 9 MB.\n  Log",
        ),
        ("", "SLURM status is: 'TIMEOUT'\nmore", "SLURM status is: 'TIMEOUT'"),
    ],
)
def test_a_failure_in_at_most_ten_lines(tmp_path, content, message, expected):
    log = tmp_path / "job.log"
    log.write_text(content, encoding="utf-8")
    text = failure("training iris", [str(log)], message)
    assert text.startswith("Failed: training iris\n")
    assert expected in text
    assert text.endswith(f"  Log: {log}")
    assert len(text.splitlines()) <= 10
    assert "oneDNN" not in text
    assert "No such" not in failure("training iris", [str(tmp_path / "none")], message)


class Said:
    """A display that keeps what is said."""

    def __init__(self, run):
        self.run, self.texts = run, []

    def say(self, text, style=""):  # noqa: ARG002
        self.texts.append(text)

    def stage(self):
        pass

    tick = close = stage


def record(event=None, level=logging.INFO, msg="", **fields):
    made = logging.LogRecord("snakemake", level, "", 0, msg, None, None)
    vars(made).update(fields | ({"event": event} if event else {}))
    return made


@pytest.fixture
def shown():
    """A handler, and what it says."""
    handler = RunHandler(Said)
    yield SimpleNamespace(handle=handler.handle, close=handler.close, said=handler._display.texts)
    handler.close()


def begin(shown, total, *numbers, log=()):
    shown.handle(record(LogEvent.RUN_INFO, stats={"train": total, "total": total}))
    for number in numbers:
        wildcards = {"study": "iris", "job": f"seed~{number}"}
        shown.handle(
            record(LogEvent.JOB_INFO, jobid=number, rule_name="train", wildcards=wildcards, log=log)
        )


def test_snakemakes_messages(shown):
    """Warnings and rare messages are shown; what Snakemake always says is not."""
    begin(shown, 1)
    for text in ("Select jobs to execute...", "Complete log(s): a", "Execute 1 jobs..."):
        shown.handle(record(msg=text))
    shown.handle(record(level=logging.WARNING, msg="a warning"))
    shown.handle(record(msg="Trying to restart job 1."))
    assert shown.said == ["a warning", "Trying to restart job 1."]


def test_the_jobs_of_a_group_that_failed(shown, tmp_path):
    """A cluster tells only that a group failed; the logs tell which job did."""
    logs = [tmp_path / f"{number}.log" for number in range(4)]
    for number, log in enumerate(logs):
        words = f"{LOG}train failed\n{TRACEBACK}" if number == 2 else f"{LOG}done"
        log.write_text(words, encoding="utf-8")
    begin(shown, 4, 0, 1, 2, 3)
    infos = [{"jobid": n, "rule_name": "train", "log": [str(log)]} for n, log in enumerate(logs)]
    error = record(LogEvent.GROUP_ERROR, logging.ERROR, aux_logs=["slurm"], job_error_info=infos)
    shown.handle(error)
    for info in infos:
        shown.handle(record(LogEvent.JOB_ERROR, logging.ERROR, indent=True, rule_msg=None, **info))
    failures = [text for text in shown.said if text.startswith("Failed")]
    assert len(failures) == 1
    assert failures[0].startswith("Failed: training iris (seed 2)\n")
    assert "ValueError: this" in failures[0]
    # Nothing in the logs of the jobs: that of the cluster.
    logs[2].write_text("", encoding="utf-8")
    (tmp_path / "slurm").write_text("CANCELLED DUE TO TIME LIMIT", encoding="utf-8")
    error.aux_logs = [str(tmp_path / "slurm")]
    shown.handle(error)
    assert "DUE TO TIME LIMIT" in shown.said[-1]
    # The reason of the cluster comes first, once; a log that was not written is not named.
    for _ in range(2):
        shown.handle(record(REASON_EVENT, logging.ERROR, msg="sbatch: error: no such partition"))
        error.aux_logs = [str(tmp_path / "never written")]
        shown.handle(error)
    assert shown.said[-2].endswith("\n  | sbatch: error: no such partition\n  It has no log")
    assert shown.said[-1].endswith("for the same reason as above")
    shown.close()
    assert shown.said[-1].startswith("4 jobs failed")
    assert "except those of queue entries that failed" in shown.said[-1]


def test_snakemake_drops_the_reason_why_a_group_failed():
    """If Snakemake passes it on itself, ``snakemake_logger_plugin_bnmatrix.groups`` can go."""
    import inspect

    from snakemake.jobs import GroupJob

    pass_on_reasons()
    code = inspect.getsource(inspect.unwrap(GroupJob.log_error))
    assert "msg=msg" not in code
    assert len(re.findall(r"\bmsg\b", code)) == 1, "it only accepts the message"


def test_what_is_left_out_is_told_only_where_it_was_asked_for(project):
    absent = Availability(False, "no network")
    plan = Plan(project, {"mnist": absent, "cifar10": absent})
    number = sum(map(len, plan.not_run.values()))
    assert plan.warnings({"page", "train"}, {"iris-64-32"}) == []
    (all_studies,) = plan.warnings({"overview"}, {"iris-64-32"})
    assert f"{number} of {plan.asked} studies do not run" in all_studies
    (of_claims,) = plan.warnings({"judge"}, set())
    assert 0 < int(of_claims.split()[0]) < number


def start(copy, *arguments):
    """Start snakemake as a terminal does: in a group of its own, which gets Ctrl-C."""
    hidden = ("BNMATRIX_MIRROR", "PYTHONPATH")
    environment = {key: value for key, value in os.environ.items() if key not in hidden}
    return subprocess.Popen(
        [sys.executable, "-m", "snakemake", "--cores", "2", *arguments],
        cwd=copy.folder,
        env=environment | copy.python_path(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        # If the tests run in the background, the process inherits that SIGINT is ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def wait_for_training(copy, process):
    """Wait until both jobs train."""
    logs = copy.folder / "logs/train/iris-tiny"
    deadline = time.monotonic() + 180
    while sum("parameters" in path.read_text() for path in logs.glob("*/*.log")) < 2:
        assert time.monotonic() < deadline, "training did not start"
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.2)


def lengthen(studies):
    studies["iris-tiny"]["settings"]["epochs"] = 20_000


@pytest.mark.slow
def test_one_page_in_40_lines(tmp_path):
    copy = Copy(tmp_path, "iris-tiny", "mnist-tiny")
    output = copy.ok("--cores", "2", "reports/iris-tiny.html")
    assert len(output.splitlines()) <= 40
    assert "9 jobs to run: 1 data preparation, 2 training jobs, 6 analyses and pages" in output
    assert re.search(r"\d of 9 jobs done, about \d+ \w+ left; \w+ .*iris", output)
    assert f"Report: {tmp_path / 'reports/iris-tiny.html'}" in output
    assert "Done in" in output
    assert "do not run" not in output, "nobody asked for other studies"
    output = copy.ok("--cores", "2")
    assert output.count("do not run") == 1
    assert f"Report: {tmp_path / 'reports/index.html'}" in output
    # The complete output of Snakemake is kept.
    logs = (copy.folder / ".snakemake/log").glob("*.log")
    assert any("rule train:" in log.read_text(encoding="utf-8") for log in logs)


@pytest.mark.slow
def test_an_interrupted_run_continues(tmp_path):
    """Ctrl-C ends a run within 5 s and ten lines, leaves no incomplete file, and loses nothing."""
    copy = Copy(tmp_path, "iris-tiny", edit=lengthen)
    process = start(copy, "reports/iris-tiny.csv")
    wait_for_training(copy, process)
    began = time.monotonic()
    os.killpg(process.pid, signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert time.monotonic() - began < 5
    assert process.returncode != 0
    after = output.partition("Interrupted; stopping")[2].splitlines()
    assert 1 < len(after) <= 10
    assert "1 of 4 jobs done. Finished results are kept." in output
    assert "To go on, run the same command again" in output
    assert "Traceback" not in output
    assert not list(copy.folder.glob("data/runs/**/*.tmp*"))
    copy.declare({"iris-tiny": STUDIES["iris-tiny"]})
    assert "training" in copy.ok("--cores", "2", "reports/iris-tiny.csv")


@pytest.mark.slow
def test_an_interrupted_plan(tmp_path):
    process = start(Copy(tmp_path, "iris-tiny"))
    # Snakemake opens its log, and then reads the workflow.
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob(".snakemake/log/*.log")):
        assert time.monotonic() < deadline, "Snakemake did not start"
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert process.returncode != 0
    assert "Interrupted" in output
    assert "Traceback" not in output


@pytest.mark.slow
def test_a_job_that_is_killed(tmp_path):
    """The console tells that it was killed, its peak of memory, and its log; the others go on."""
    copy = Copy(tmp_path, "iris-tiny", edit=lengthen)
    process = start(copy, "reports/iris-tiny.csv")
    wait_for_training(copy, process)
    supervisors = [
        child
        for child in psutil.Process(process.pid).children(recursive=True)
        if "train" in child.cmdline() and child.children()
    ]
    for supervisor in supervisors:
        supervisor.children()[0].kill()
    output, _ = process.communicate(timeout=120)
    assert process.returncode != 0
    failures = re.findall(r"^Failed: .*\n(?:  .*\n)+", output, flags=re.MULTILINE)
    assert len(failures) == 2
    for text in failures:
        assert len(text.splitlines()) <= 10
        assert "killed by SIGKILL" in text
        assert re.search(r"used up to \d+ MB", text)
        assert re.search(r"Log: logs/train/iris-tiny/\S+\.log", text)
    assert "2 jobs failed" in output
    assert "run the same command again to go on" in output
    assert "Traceback" not in output
