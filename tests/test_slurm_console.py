"""What an account holder meets on Slurm: the documented command, and why jobs fail."""

import re
import shutil
import subprocess
import sys
import tarfile

import pytest
from checkout import Copy
from conftest import QUICK, ROOT
from slurm_cluster import ACCOUNT, SlurmCluster, missing

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(missing() is not None, reason=f"Slurm: {missing()}"),
]

NODES = ["n1", "n2"]

#: All that a run without faults may print. Anything else is noise.
EXPECTED = re.compile(
    r"Using profiles profiles/slurm and workflow specific profile profiles/default .*|"
    r"SLURM run ID: [0-9a-f-]+|"
    r"\d+ jobs to run: .*|"
    r"\d\d:\d\d:\d\d \d+ of \d+ jobs done.*|"
    r"Report: /.*/reports/index\.html|"
    r"Done in .* \(\d+ jobs\)"
)


@pytest.fixture(scope="module", params=["none", "accounting"])
def cluster(request, tmp_path_factory):
    accounting = request.param == "accounting"
    if accounting and (reason := missing(accounting=True)):
        pytest.skip(f"accounting: {reason}")
    folder = tmp_path_factory.mktemp("slurm") / "cluster"
    found = SlurmCluster(folder, NODES, accounting=accounting)
    found.accounting = accounting
    yield found
    found.stop()


#: Other tests may run on the same cores, so that jobs take longer than on a node of a cluster.
SLOWER = 4


@pytest.fixture
def snakemake(cluster, cluster_plugins, tmp_path):
    """Run snakemake as docs/cluster.md says; return the exit status and the console."""
    copy = Copy(tmp_path / "copy", "iris-tiny")
    profile = copy.folder / "profiles/slurm/config.yaml"
    text = profile.read_text(encoding="utf-8")
    assert "time_percent=150" in text
    text = text.replace("time_percent=150", f"time_percent={150 * SLOWER}")
    profile.write_text(text, encoding="utf-8")

    def run(*arguments, seconds=400, **variables):
        hidden = ("BNMATRIX_MIRROR", "PYTHONPATH", *QUICK)
        environment = {k: v for k, v in cluster.environment.items() if k not in hidden}
        done = subprocess.run(
            [sys.executable, "-m", "snakemake", "--profile", "profiles/slurm", *arguments],
            cwd=copy.folder,
            env=environment | copy.python_path(str(cluster_plugins)) | variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=seconds,
        )
        print(done.stdout)
        return done.returncode, done.stdout

    run.copy = copy
    return run


def with_defaults(copy, **values):
    """Set keys of the profile's ``default-resources``, in the lines marked ».

    They are in the profile, because the option of the command line replaces the whole block.
    """
    path = copy.folder / "profiles/slurm/config.yaml"
    text = path.read_text(encoding="utf-8")
    for key, value in values.items():
        text, count = re.subn(rf"# ({key}): .*", rf'\1: "{value}"', text)
        assert count == 1
    path.write_text(text, encoding="utf-8")


def asked_and_used(cluster, number):
    """Return the minutes that the last entries requested, and the minutes that they used."""
    entries = [
        (job["TimeLimit"], cluster.ask("squeue", "--states=all", "-ho", "%M", "-j", job["JobId"]))
        for job in cluster.ended()[-number:]
    ]
    used = [int(m) + int(s) / 60 for _, text in entries for m, s in [text.strip().split(":")]]
    return sum(int(limit) for limit, _ in entries), sum(used)


def test_the_documented_command(cluster, snakemake):
    """It ends, says nothing that is not about the run, and asks for little more than it uses."""
    status, output = snakemake()
    assert status == 0
    noise = [line for line in output.splitlines() if line and not EXPECTED.fullmatch(line)]
    assert not noise
    # Two training jobs in an entry, and the analysis in another.
    asked, used = asked_and_used(cluster, 2)
    print(f"asked {asked} min, used {used:.1f} min")
    # Slurm counts whole minutes, for each of the two entries.
    assert asked / SLOWER <= 2 * used + 2
    if cluster.accounting:
        assert ACCOUNT in cluster.ask("sacct", "--noheader", "--format=Account")


def test_a_partition_that_does_not_exist(snakemake):
    with_defaults(snakemake.copy, slurm_partition="nowhere")
    status, output = snakemake("--retries", "0")
    assert status != 0
    assert "sbatch: error: invalid partition specified: nowhere" in output
    assert "Log:" not in output, "no entry ran"
    assert "sbatch call" not in output
    assert "deletes" not in output


def test_a_gpu_that_does_not_exist(snakemake):
    status, output = snakemake("--retries", "1", "--set-resources", "train:gpu=1")
    assert status != 0
    assert output.count("Invalid generic resource (gres) specification") == 1
    assert "for the same reason as above" in output


def test_an_account_that_does_not_exist(cluster, snakemake):
    if not cluster.accounting:
        pytest.skip("without accounting, Slurm knows no accounts")
    with_defaults(snakemake.copy, slurm_account="nobody")
    status, output = snakemake("--retries", "0")
    assert status != 0
    assert "The given account nobody appears to be invalid" in output
    assert "Traceback" not in output


def test_what_a_failed_entry_keeps(cluster, snakemake):
    """The message is true: Snakemake deletes what the other jobs of the entry finished."""
    if cluster.accounting:
        pytest.skip("does not depend on accounting")
    copy = snakemake.copy
    stage = copy.folder / "src/bnmatrix/stages/train_keras.py"
    text = stage.read_text(encoding="utf-8")
    # The second job fails.
    fails = (
        "import pathlib\n"
        "if pathlib.Path('begun').exists():\n    raise SystemError('broken on purpose')\n"
        "pathlib.Path('begun').touch()\n"
    )
    stage.write_text(fails + text, encoding="utf-8")
    status, output = snakemake("--retries", "0")
    assert status != 0
    assert "SystemError: broken on purpose" in output
    said = "Finished results are kept, except those of queue entries that failed: Snakemake deletes"
    assert said in output
    assert not list(copy.folder.glob("data/runs/*/*/*/results.arrow"))
    logs = re.findall(r"Log: (\S+)", output)
    assert logs
    assert all((copy.folder / path.rstrip(",")).exists() for path in logs)


def check(cluster, copy, plugins):
    """Run ``bnmatrix cluster check``; return the exit status and its lines."""
    hidden = ("BNMATRIX_MIRROR", "PYTHONPATH", *QUICK)
    environment = {k: v for k, v in cluster.environment.items() if k not in hidden}
    done = subprocess.run(
        [sys.executable, "-m", "bnmatrix", "cluster", "check", "--profile", "profiles/slurm"],
        cwd=copy.folder,
        env=environment | copy.python_path(str(plugins)),
        capture_output=True,
        text=True,
        timeout=400,
    )
    print(done.stdout, done.stderr)
    return done.returncode, done.stdout.splitlines(), done.stderr


def test_the_check_of_a_cluster_that_works(cluster, cluster_plugins, snakemake):
    status, lines, _ = check(cluster, snakemake.copy, cluster_plugins)
    assert status == 0
    assert len(lines) <= 10
    assert all(line.startswith("ok  ") for line in lines)
    assert not list(snakemake.copy.folder.glob(".snakemake/bnmatrix-check*"))


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"slurm_partition": "nowhere"}, "there is no partition 'nowhere'"),
        # Slurm accepts an entry that is longer than its partition allows, and never starts it.
        ({"slurm_partition": "short"}, "in its last attempt. Set `longest_minutes=10`"),
        ({"slurm_account": "nobody"}, "Invalid account or account/partition combination"),
    ],
)
def test_the_check_names_what_will_fail(cluster, cluster_plugins, snakemake, values, said):
    if "slurm_account" in values and not cluster.accounting:
        pytest.skip("without accounting, Slurm knows no accounts")
    with_defaults(snakemake.copy, **values)
    status, lines, error = check(cluster, snakemake.copy, cluster_plugins)
    assert status == 1
    assert any(line.startswith("FAIL") and said in line for line in lines)
    assert "of the checks failed" in error


def test_the_check_without_slurm(snakemake, cluster_plugins, tmp_path):
    process = snakemake.copy.run(
        *("cluster", "check", "--profile", "profiles/slurm"),
        command=("bnmatrix",),
        PATH=str(tmp_path),
        PYTHONPATH=str(cluster_plugins),
    )
    assert process.returncode == 1
    assert "there is no sbatch, squeue" in process.stdout


def test_packages_on_the_local_disk_of_a_node(cluster, snakemake, tmp_path):
    """The line of the profile works: Snakemake and its job on the node import from the archive."""
    if cluster.accounting:
        pytest.skip("does not depend on accounting")
    copy = snakemake.copy
    (copy.folder / "tools").mkdir()
    shutil.copy(ROOT / "tools/local_environment.sh", copy.folder / "tools")
    profile = copy.folder / "profiles/slurm/config.yaml"
    text = profile.read_text(encoding="utf-8").replace("# precommand:", "precommand:")
    profile.write_text(text, encoding="utf-8")
    # Python imports this module at its start, wherever it is found first.
    source = tmp_path / "sitecustomize.py"
    source.write_text(
        "import pathlib, sys\n"
        f"with pathlib.Path({str(tmp_path)!r}, 'processes').open('a') as file:\n"
        "    file.write(' '.join(sys.argv[:2]) + '\\n')\n",
        encoding="utf-8",
    )
    (copy.folder / ".venv").mkdir()
    with tarfile.open(copy.folder / ".venv/packages.tar", "w") as made:
        made.add(source, arcname="sitecustomize.py")
    (tmp_path / "disk").mkdir()
    target = "data/runs/iris-tiny/normalization~none__batch_size~16/1-2/results.arrow"
    status, _ = snakemake("--", target, BNMATRIX_LOCAL=str(tmp_path / "disk"))
    assert status == 0
    processes = (tmp_path / "processes").read_text(encoding="utf-8")
    assert "-m --snakefile" in processes, "Snakemake"
    assert "bnmatrix train" in processes
