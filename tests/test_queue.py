"""PBS, LSF and Grid Engine: what is submitted, and how Snakemake learns of the end."""

import os
import shutil
import subprocess
import sys

import pytest
import yaml
from checkout import Copy
from conftest import QUICK, ROOT
from slurm_cluster import SlurmCluster, missing, wait_for

SCRIPT = ROOT / "tools/queue.sh"

#: Commands of each engine, which record their arguments and run the job in the background. A file
#: ``lost`` means that the queue no longer has the entry.
STAND_INS = {
    "pbs": {
        "qsub": 'for last; do :; done\nsh "$last" > job.out 2>&1 &\necho 7.server',
        "qstat": '[ ! -e lost ] || { echo "qstat: Unknown Job Id" >&2; exit 153; }\n'
        "echo job_state = R",
    },
    "lsf": {
        "bsub": 'for last; do :; done\nsh "$last" > job.out 2>&1 &\n'
        'echo "Job <7> is submitted to default queue <normal>."',
        "bjobs": '[ ! -e lost ] || { echo "Job <7> is not found" >&2; exit 255; }\necho RUN',
    },
    "sge": {
        "qsub": 'for last; do :; done\nsh "$last" > job.out 2>&1 &\necho 7',
        "qstat": '[ ! -e lost ] || { echo "Following jobs do not exist: 7" >&2; exit 1; }\necho 7',
    },
}

ASKED = {
    "pbs": "-l nodes=1:ppn=1,mem=1400mb -l walltime=90:00 -q long",
    "lsf": "-n 1 -R span[hosts=1] rusage[mem=1400] -W 90",
    "sge": "-l h_rt=5400,mem_free=1400M -q long",
}


@pytest.fixture(params=list(STAND_INS))
def queue(request, tmp_path):
    """Run tools/queue.sh with stand-ins; return what it prints."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, body in STAND_INS[request.param].items():
        text = f'#!/bin/sh\necho "{name} $*" >> {tmp_path}/calls\n{body}\n'
        (programs / name).write_text(text, encoding="utf-8")
        (programs / name).chmod(0o755)

    def call(action, *arguments):
        path = f"{programs}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(
            [str(SCRIPT), action, request.param, *arguments],
            cwd=tmp_path,
            env={**os.environ, "PATH": path, "QUEUE_OPTIONS": "-q long", "QUEUE_LATE": "0"},
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()

    call.engine = request.param
    return call


def submitted(queue, folder, text):
    script = folder / "job.sh"
    script.write_text(text, encoding="utf-8")
    return queue("submit", "1", "1400", "90", str(script))


@pytest.mark.parametrize(("code", "status"), [(0, "success"), (1, "failed")])
def test_how_an_entry_ended(queue, tmp_path, code, status):
    number = submitted(queue, tmp_path, f"exit {code}\n")
    assert number.startswith("7")
    assert ASKED[queue.engine] in (tmp_path / "calls").read_text(encoding="utf-8")
    wait_for(lambda: queue("status", number) == status, status, seconds=20)


def test_an_entry_that_was_killed(queue, tmp_path):
    """It writes no status, and the queue no longer has it."""
    number = submitted(queue, tmp_path, "sleep 5\n")
    assert queue("status", number) == "running"
    (tmp_path / "lost").touch()
    assert queue("status", number) == "failed"


@pytest.mark.slow
@pytest.mark.skipif(missing() is not None, reason=f"Slurm: {missing()}")
@pytest.mark.skipif(shutil.which("qsub") is None, reason="no qsub: install slurm-wlm-torque")
def test_the_profile_on_a_real_queue(cluster_plugins, tmp_path):
    """Torque's commands for Slurm: an entry that fails is tried again, and the rest is done."""
    cluster = SlurmCluster(tmp_path / "cluster", ["n1"])
    try:
        copy = Copy(tmp_path / "copy", "iris-tiny")
        (copy.folder / "tools").mkdir()
        shutil.copy(SCRIPT, copy.folder / "tools")
        stage = copy.folder / "src/bnmatrix/stages/train_keras.py"
        fails_once = (
            "import pathlib\nif not (m := pathlib.Path('failed-once')).exists():\n"
            "    m.touch()\n    raise SystemError('broken on purpose')\n"
        )
        stage.write_text(fails_once + stage.read_text(encoding="utf-8"), encoding="utf-8")
        hidden = ("BNMATRIX_MIRROR", "PYTHONPATH", *QUICK)
        environment = {k: v for k, v in cluster.environment.items() if k not in hidden}
        done = subprocess.run(
            [
                *(sys.executable, "-m", "snakemake", "--profile", "profiles/pbs"),
                *("--seconds-between-status-checks", "2", "--", "reports/iris-tiny.csv"),
            ],
            cwd=copy.folder,
            env=environment | copy.python_path(str(cluster_plugins)) | {"QUEUE_LATE": "2"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=400,
        )
        print(done.stdout)
        assert done.returncode == 0
        assert "SystemError: broken on purpose" in done.stdout
        states = [job["JobState"] for job in cluster.ended()]
        assert sorted(states) == ["COMPLETED", "COMPLETED", "FAILED"]
        assert (copy.folder / "reports/iris-tiny.csv").exists()
    finally:
        cluster.stop()


def test_the_profile_has_the_groups_of_the_others():
    pbs, slurm = (
        yaml.safe_load((ROOT / f"profiles/{name}/config.yaml").read_text(encoding="utf-8"))
        for name in ("pbs", "slurm")
    )
    for key in ("groups", "group-components", "resources", "retries", "default-resources"):
        assert pbs[key] == slurm[key]
