"""A real Slurm: the same results as on one machine, and the faults of a cluster."""

import os
import re
import signal
import subprocess
import sys
import time

import pandas as pd
import pytest
from checkout import DETAILS, DETERMINISTIC, Copy
from conftest import QUICK
from slurm_cluster import SlurmCluster, missing, wait_for

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(missing() is not None, reason=f"Slurm: {missing()}"),
]

NODES = ["n1", "n2"]
#: Jobs of these tests take seconds. tests/test_slurm_console.py has the command without options.
HERE = (
    *DETAILS,
    *("--profile", "profiles/slurm"),
    *("--slurm-init-seconds-before-status-checks", "2", "--latency-wait", "10"),
    *("--group-components", "training=4", "analysis=4"),
    # Other tests may run on the same cores.
    *("--resources", "slots=1", "time_percent=600"),
)
RUNS = "data/runs/*/*/*/results.arrow"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    found = SlurmCluster(tmp_path_factory.mktemp("slurm") / "cluster", NODES)
    yield found
    found.stop()


@pytest.fixture
def nodes(cluster):
    """The cluster with all nodes up and no jobs."""
    for job in cluster.queue():
        cluster.ask("scancel", job["id"])
    wait_for(lambda: not cluster.queue(), "an empty queue")
    for name in NODES:
        if cluster.states()[name] != "idle":
            cluster.start(name)
    wait_for(lambda: cluster.states() == dict.fromkeys(NODES, "idle"), "idle nodes")
    return cluster


def eight_cells(studies):
    studies["iris-tiny"]["axes"]["batch_size"] = [4, 8, 16, 32]
    studies["iris-tiny"]["settings"]["epochs"] = 10


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    """A run on this machine, without a cluster."""
    copy = Copy(tmp_path_factory.mktemp("local"), "iris-tiny", edit=eight_cells)
    copy.ok("--cores", "2")
    return copy


#: The targets of tests of faults: training, and the combined runs.
TARGET = ("--", "reports/iris-tiny.csv")
RESULTS = (RUNS, "reports/iris-tiny.csv", "data/results/*/history.parquet")


class Run:
    """Snakemake on the cluster, in the background."""

    def __init__(self, copy, cluster, plugins, *arguments):
        self.copy = copy
        hidden = ("BNMATRIX_MIRROR", "PYTHONPATH", *QUICK)
        environment = {k: v for k, v in cluster.environment.items() if k not in hidden}
        self._log = (copy.folder / "snakemake.out").open("w+", encoding="utf-8")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "snakemake", *HERE, *arguments],
            cwd=copy.folder,
            env=environment | copy.python_path(str(plugins)),
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def output(self):
        return (self.copy.folder / "snakemake.out").read_text(encoding="utf-8")

    def wait(self, seconds=600):
        try:
            self.process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            pytest.fail(f"not done after {seconds} s:\n{self.output()}")
        return self.process.returncode

    def ok(self):
        assert self.wait() == 0, self.output()
        return self.output()


@pytest.fixture
def start(nodes, cluster_plugins):
    """Start snakemake in a copy of the project; end it with the test."""
    runs = []

    def begin(copy, *arguments):
        runs.append(Run(copy, nodes, cluster_plugins, *arguments))
        return runs[-1]

    yield begin
    for run in runs:
        if run.process.poll() is None:
            os.killpg(run.process.pid, signal.SIGKILL)


def training_on(cluster, node):
    """Return whether a node trains."""
    return any("bnmatrix train" in command for command in cluster.processes(node).values())


def test_a_cluster_gives_the_same_results(nodes, start, here, tmp_path):
    copy = Copy(tmp_path / "copy", "iris-tiny", edit=eight_cells)
    before = len(nodes.ended())
    start(copy).ok()
    assert copy.digests(*DETERMINISTIC) == here.digests(*DETERMINISTIC)
    jobs = nodes.ended()[before:]
    assert {job["JobState"] for job in jobs} == {"COMPLETED"}
    assert {job["NodeList"] for job in jobs} == set(NODES)
    # Eight cells in two entries, and all of the analysis in one.
    assert len(jobs) == 3
    # Each entry requests the resources of its rules: four jobs of 1400 MB and 14 s in turn, times
    # six.
    training = [job for job in jobs if re.search(r"mem=1400M\b", job["Tres"])]
    assert [(job["ProcCnt"], job["TimeLimit"]) for job in training] == [("1", "6"), ("1", "6")]


def test_a_node_that_dies(nodes, start, here, tmp_path):
    """The jobs run again on another node; nothing is lost or counted twice."""
    copy = Copy(tmp_path / "copy", "iris-tiny", edit=eight_cells)
    before = len(nodes.ended())
    run = start(copy, *TARGET)
    wait_for(lambda: training_on(nodes, "n2"), "a training job on n2")
    killed = nodes.kill("n2")
    died = time.monotonic()
    assert len(killed) > 4, "the daemon, and processes of the job"
    wait_for(lambda: nodes.states()["n2"].startswith("down"), "the controller to notice")
    print(f"\nnoticed {time.monotonic() - died:.0f} s after the node died")
    run.ok()
    print(f"all done {time.monotonic() - died:.0f} s after the node died")
    assert copy.digests(*RESULTS) == here.digests(*RESULTS)
    ended = nodes.ended()[before:]
    assert [job["NodeList"] for job in ended if job["JobState"] == "NODE_FAIL"] == ["n2"]
    runs = pd.read_csv(copy.folder / "reports/iris-tiny.csv", keep_default_na=False)
    assert len(runs) == 16
    assert not runs.duplicated(["variant", "replicate"]).any()


def test_snakemake_and_the_controller_start_again(nodes, start, here, tmp_path):
    """Snakemake is killed, and the controller restarts later: finished results are kept."""
    copy = Copy(tmp_path / "copy", "iris-tiny", edit=eight_cells)
    run = start(copy, "--jobs", "1", *TARGET)
    wait_for(lambda: run.output().count("(Rule: train)") == 4, "half of the training")
    os.killpg(run.process.pid, signal.SIGKILL)
    run.process.wait()
    finished = {path: path.stat().st_mtime_ns for path in copy.folder.glob(RUNS)}
    assert len(finished) == 4
    # The commands of docs/cluster.md.
    name = re.search(r"SLURM run ID: (\S+)", run.output())[1]
    nodes.ask("scancel", f"--name={name}")
    wait_for(lambda: not nodes.queue(), "the queue to empty")
    start(copy, "--unlock", *TARGET).ok()
    again = start(copy, *TARGET)
    wait_for(lambda: any(training_on(nodes, name) for name in NODES), "the other half")
    nodes.end("slurmctld")
    time.sleep(1)
    nodes.start("slurmctld")
    output = again.ok()
    assert output.count("(Rule: train)") == 4, "and not eight"
    assert {path: path.stat().st_mtime_ns for path in finished} == finished
    assert copy.digests(*RESULTS) == here.digests(*RESULTS)


def one_cell(**settings):
    def edit(studies):
        studies["iris-tiny"]["axes"] |= {"normalization": ["none"]}
        del studies["iris-tiny"]["settings"]["epochs"]
        studies["iris-tiny"]["settings"] |= settings

    return edit


ONE = "data/runs/iris-tiny/normalization~none__batch_size~16/1-2/results.arrow"


def test_more_memory_the_second_time(nodes, start, tmp_path):
    copy = Copy(tmp_path / "copy", "iris-tiny", edit=one_cell(epochs=3))
    before = len(nodes.ended())
    output = start(copy, "--set-resources", "train:mem_mb=600*attempt", "--", ONE).ok()
    assert "Trying to restart" in output
    assert (copy.folder / ONE).exists()
    asked = [re.search(r"mem=(\w+)", job["Tres"])[1] for job in nodes.ended()[before:]]
    assert asked == ["600M", "1200M"]


def test_never_enough_memory(start, tmp_path):
    """The failed job is reported with its log, and no incomplete file is left."""
    copy = Copy(tmp_path / "copy", "iris-tiny", edit=one_cell(epochs=3))
    arguments = ("--set-resources", "train:mem_mb=250*attempt", "--retries", "1", "--", ONE)
    run = start(copy, *arguments)
    assert run.wait() != 0
    output = run.output()
    assert output.count("Trying to restart") == 1
    assert "logs/train/iris-tiny/normalization~none__batch_size~16/1-2.log" in output
    log = re.search(r"log: (\S+slurm_logs/group_training\S+\.log)", output)[1]
    assert "memory" in (copy.folder / log).read_text(encoding="utf-8")
    assert not (copy.folder / ONE).exists()


#: Put at the start of the module of a stage: its first process does not end.
HANGS_ONCE = """
import pathlib, time
if not (mark := pathlib.Path("hung-once")).exists():
    mark.touch()
    time.sleep(600)
"""


def test_more_time_the_second_time(nodes, start, tmp_path):
    """A job that exceeds its limit of one minute, Slurm's least, is tried again with ten."""
    copy = Copy(tmp_path / "copy", "iris-tiny", edit=one_cell(epochs=3))
    stage = copy.folder / "src/bnmatrix/stages/train_keras.py"
    stage.write_text(HANGS_ONCE + stage.read_text(encoding="utf-8"), encoding="utf-8")
    before = len(nodes.ended())
    minutes = "train:runtime=1 if attempt == 1 else 10"
    output = start(copy, "--set-resources", minutes, "--", ONE).ok()
    assert output.count("Trying to restart") == 1
    assert "DUE TO TIME LIMIT" in output, "its log is shown"
    jobs = nodes.ended()[before:]
    assert [(job["JobState"], job["TimeLimit"]) for job in jobs] == [
        ("TIMEOUT", "1"),
        ("COMPLETED", "10"),
    ]
