"""Packages on the local disk of a node: unpacked once, by one of the jobs that begin at a time."""

import os
import subprocess
import tarfile

import pytest
from conftest import ROOT

SCRIPT = ROOT / "tools/local_environment.sh"


@pytest.fixture
def archive(tmp_path):
    """An archive with a package that no environment has."""
    package = tmp_path / "packages"
    package.mkdir()
    (package / "of_the_archive.py").write_text("answer = 42\n", encoding="utf-8")
    with tarfile.open(tmp_path / "packages.tar", "w") as made:
        made.add(package, arcname=".")
    (tmp_path / "disk").mkdir()
    return tmp_path / "packages.tar"


def start(archive, local, command='echo "$PYTHONPATH"', **more):
    """Source the script as a job does, with the shell of sbatch's --wrap."""
    variables = {"BNMATRIX_ARCHIVE": str(archive), "BNMATRIX_LOCAL": str(local)}
    base = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    return subprocess.Popen(
        ["/bin/sh", "-c", f". {SCRIPT} && {command}"],
        env=base | variables | more,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_jobs_import_from_the_local_disk(archive, tmp_path):
    code = "python3 -c 'import of_the_archive as a; print(a.__file__, a.answer)'"
    output, errors = start(archive, tmp_path / "disk", code).communicate()
    assert output.endswith("of_the_archive.py 42\n")
    assert str(tmp_path / "disk") in output
    assert not errors
    # The variable of a user stays.
    output, _ = start(archive, tmp_path / "disk", PYTHONPATH="/mine").communicate()
    assert output.strip().endswith(":/mine")


def test_one_of_many_jobs_unpacks(archive, tmp_path):
    """The others wait for it; later jobs find it unpacked."""
    programs = tmp_path / "bin"
    programs.mkdir()
    slow = f'#!/bin/sh\necho once >> {tmp_path}/unpacked\nsleep 1\nexec /bin/tar "$@"\n'
    (programs / "tar").write_text(slow, encoding="utf-8")
    (programs / "tar").chmod(0o755)
    path = f"{programs}:{os.environ['PATH']}"
    jobs = [start(archive, tmp_path / "disk", PATH=path) for _ in range(5)]
    outputs = {job.communicate()[0] for job in jobs}
    assert len(outputs) == 1
    assert "bnmatrix-" in outputs.pop()
    start(archive, tmp_path / "disk", PATH=path).communicate()
    assert (tmp_path / "unpacked").read_text(encoding="utf-8") == "once\n"
    # Another archive has another folder.
    os.utime(archive, (1, 1))
    start(archive, tmp_path / "disk", PATH=path).communicate()
    assert (tmp_path / "unpacked").read_text(encoding="utf-8") == "once\nonce\n"


@pytest.mark.parametrize("fault", ["no archive", "no disk", "broken archive"])
def test_without_the_local_disk_jobs_run_and_say_so(archive, tmp_path, fault):
    local = tmp_path / "disk"
    if fault == "no archive":
        archive.unlink()
    elif fault == "no disk":
        local = tmp_path / "absent"
    else:
        archive.write_bytes(archive.read_bytes()[:700])
    output, errors = start(archive, local, 'echo "ran $PYTHONPATH"').communicate()
    assert output == "ran \n"
    assert "packages are imported from the shared folder" in errors
    assert not list(local.glob("*.complete"))
