"""How a job ends: the log and the console name the cause, and no job outlives Snakemake."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from checkout import Copy

from bnmatrix.supervision import OUT_OF_MEMORY

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


LARGE = {
    "Python": "bytearray(1 << 55)",
    "NumPy": "import numpy; numpy.ones(1 << 55)",
    "TensorFlow": "import tensorflow as tf; tf.zeros([1 << 25, 1 << 25]) + 1",
    "PyTorch": "import torch; torch.ones(1 << 55)",
}
IMPORTED = {"TensorFlow": "tensorflow", "PyTorch": "torch"}


@pytest.mark.parametrize(
    "library", ["Python", "NumPy", *(pytest.param(n, marks=pytest.mark.slow) for n in IMPORTED)]
)
def test_a_lack_of_memory_is_named(tmp_path, library):
    """A stage that asks for more memory than any machine has."""
    if library in IMPORTED:
        pytest.importorskip(IMPORTED[library])
    stages = tmp_path / "stages"
    code = (
        "import sys; from bnmatrix import cli, stages; "
        f"stages.__path__.insert(0, {str(stages)!r}); sys.exit(cli.main(sys.argv[1:]))"
    )
    stages.mkdir()
    (stages / "schemas.py").write_text(f"def run(folder):\n    {LARGE[library]}\n")
    command = [sys.executable, "-c", code, "schemas", "--log", "job.log", "--folder", "x"]
    job = subprocess.run(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True, check=False)
    assert job.returncode == OUT_OF_MEMORY
    assert job.stdout.startswith("schemas: ran out of memory. Run fewer jobs at once (--cores)")
    assert "Log: job.log" in job.stdout
    assert job.stdout.count("\n") == 1
    log = (tmp_path / "job.log").read_text(encoding="utf-8")
    assert "Error: out of memory: " in log
    assert "Traceback" not in log


@pytest.fixture
def limited_memory():
    """The file that moves a process into a control group of 150 MB."""
    controller = Path("/sys/fs/cgroup/memory")
    group = (controller if controller.exists() else controller.parent) / f"bnmatrix-{os.getpid()}"
    try:
        group.mkdir()
        name = "memory.limit_in_bytes" if controller.exists() else "memory.max"
        (group / name).write_text("150M")
    except OSError:
        pytest.skip("limiting the memory of a process needs root and control groups")
    yield group / "cgroup.procs"
    group.rmdir()


def test_a_job_that_linux_kills_for_lack_of_memory(tmp_path, limited_memory):
    enter = f"Path({str(limited_memory)!r}).write_text(str(os.getpid()))"
    job = start(tmp_path, f"{enter}; bytearray(400_000_000)")
    printed, _ = job.communicate(timeout=60)
    assert job.returncode == 128 + signal.SIGKILL
    assert "train: killed by the system, which ran out of memory" in printed


@pytest.fixture
def running(tmp_path):
    """Snakemake in a copy of the project, and the processes of its two training jobs."""

    def lengthen(studies):
        studies["iris-tiny"]["settings"]["epochs"] = 100_000

    copy = Copy(tmp_path, "iris-tiny", edit=lengthen)
    snakemake = subprocess.Popen(
        [sys.executable, "-m", "snakemake", "--cores", "2", "reports/iris-tiny.csv"],
        cwd=copy.folder,
        env=os.environ | copy.python_path(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        # If the tests run in the background, the process inherits that SIGINT is ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    jobs = []
    try:
        end = time.monotonic() + 180
        logs = tmp_path / "logs/train/iris-tiny"
        while len([log for log in logs.glob("*/*.log") if "parameters" in log.read_text()]) < 2:
            assert time.monotonic() < end, "training did not start"
            time.sleep(0.2)
        jobs = psutil.Process(snakemake.pid).children(recursive=True)
        assert len(jobs) >= 4
        yield snakemake, jobs
    finally:
        snakemake.kill()
        for job in jobs:
            with contextlib.suppress(psutil.NoSuchProcess):
                job.kill()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("SIGTERM", "train: killed by SIGTERM"),
        ("SIGINT", "train: killed by SIGTERM"),
        ("SIGKILL", "train: ended, because the process of Snakemake is gone"),
    ],
)
def test_jobs_end_with_snakemake(running, tmp_path, name, said):
    """A signal to the process of Snakemake alone ends its jobs within 5 s."""
    snakemake, jobs = running
    snakemake.send_signal(signal.Signals[name])
    _, alive = psutil.wait_procs(jobs, timeout=5)
    assert not alive
    printed, _ = snakemake.communicate(timeout=30)
    assert snakemake.returncode != 0
    assert ("Interrupted after" in printed) == (name != "SIGKILL")
    for log in tmp_path.glob("logs/train/iris-tiny/*/*.log"):
        assert said in log.read_text(encoding="utf-8")
    assert not list(tmp_path.glob("data/runs/*/*/*/results.arrow"))


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ties a child to its parent")
def test_a_supervisor_that_is_killed_takes_its_job_along(running):
    snakemake, jobs = running
    for job in jobs:
        if job.ppid() == snakemake.pid:
            job.kill()
    _, alive = psutil.wait_procs(jobs, timeout=5)
    assert not alive
    printed, _ = snakemake.communicate(timeout=30)
    assert "killed by SIGKILL" in printed
