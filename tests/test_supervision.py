"""If a signal ends a job, the log and the console name the signal."""

import signal
import subprocess
import sys
import time

import psutil
import pytest

CODE = """
import os, signal, sys, time
from pathlib import Path
from bnmatrix.supervision import supervised
from bnmatrix import logs

def work():
    logs.set_up("job.log")
    print("working", file=sys.stderr)
    {work}
    return 0

sys.exit(supervised(work, "train", Path("job.log")))
"""


def start(folder, work):
    return subprocess.Popen(
        [sys.executable, "-c", CODE.format(work=work)],
        cwd=folder,
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("name", ["SIGSEGV", "SIGKILL", "SIGABRT", "SIGTERM"])
def test_the_signal_is_named(tmp_path, name):
    job = start(tmp_path, f"x = bytearray(50_000_000); os.kill(os.getpid(), signal.{name})")
    printed, _ = job.communicate(timeout=60)
    assert job.returncode == 128 + signal.Signals[name]
    log = (tmp_path / "job.log").read_text(encoding="utf-8")
    for text in (printed, log):
        assert f"train: killed by {name};" in text
        assert "Log: job.log" in text
    assert "working" in log
    if name == "SIGSEGV":
        assert "in work" in log, "no stack of Python in the log"
    if name == "SIGKILL":
        assert "ran out of memory" in printed
    peak = int(printed.partition("used up to ")[2].partition(" MB")[0])
    assert 50 <= peak < 1000


def test_a_job_that_ends_without_a_signal_keeps_its_status(tmp_path):
    for work, status in (("pass", 0), ("return 3", 3), ("raise ValueError", 1)):
        job = start(tmp_path, work)
        printed, _ = job.communicate(timeout=60)
        assert (job.returncode, printed) == (status, "")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_the_child_does_not_outlive_its_parent(tmp_path, number):
    job = start(tmp_path, "time.sleep(60)")
    end = time.monotonic() + 30
    while not (children := psutil.Process(job.pid).children()) and time.monotonic() < end:
        time.sleep(0.05)
    # The log file exists after the child has asked to die with its parent.
    while not (tmp_path / "job.log").exists() and time.monotonic() < end:
        time.sleep(0.05)
    job.send_signal(number)
    job.communicate(timeout=30)
    _, alive = psutil.wait_procs(children, timeout=10)
    if number == signal.SIGKILL and sys.platform != "linux":
        pytest.skip("only Linux can tie a child to its parent")
    assert not alive
