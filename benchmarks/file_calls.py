"""Count the file-system calls of a training job, without and with packages on a local disk.

A job on a cluster is a Snakemake process that reads the workflow, and ``bnmatrix train``. Each call
that names a path in the environment goes to the shared file system, unless ``make archive`` and
``tools/local_environment.sh`` have put the packages on the local disk. Needs strace. It prints a
table of docs/scaling.md: ``.venv/bin/python benchmarks/file_calls.py``.
"""

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections import Counter
from pathlib import Path

from scale import DATA, job_command, job_variables, make_project, measured

from bnmatrix.report.wording import thousands

PACKAGES = Path(sysconfig.get_path("purelib"))
JOB = "batch_size~16__learning_rate~0.001__normalization~none"


def calls(project: Path, local: Path | None) -> Counter[str]:
    """Return the numbers of calls of a job that name a path, by place.

    Args:
        project: the copy of the project.
        local: the folder that holds the unpacked packages; if None, they are imported from the
            environment.
    """
    record = project / "strace.txt"
    path = [str(project / "src"), *([str(local)] if local else [])]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path)} | job_variables(project)
    trace = ["strace", "-f", "-qq", "-e", "trace=%file", "-o", str(record)]
    command = [*trace, sys.executable, "-m", *job_command(JOB)]
    subprocess.run(command, cwd=project, env=environment, check=True)
    places = {"environment": PACKAGES.parents[2], "local disk": local, "project": project}
    found: Counter[str] = Counter()
    with record.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            named = (name for name, place in places.items() if place and f'"{place}/' in line)
            found[next(named, "other")] += 1
    return found


def main() -> None:
    """Print the counts."""
    if shutil.which("strace") is None:
        sys.exit("no strace: install Debian's package strace")
    with tempfile.TemporaryDirectory() as folder:
        project, local = Path(folder) / "project", Path(folder) / "local"
        make_project(project, 10)
        measured("snakemake", "--cores", "1", "--quiet", "all", "--", DATA, folder=project)
        before = calls(project, None)
        shutil.copytree(PACKAGES, local, symlinks=True)
        after = calls(project, local)
    print("| calls that name a path | packages in the shared folder | on the local disk |")
    print("|---|--:|--:|")
    for place in ("environment", "project", "local disk"):
        print(f"| {place} | {thousands(before[place])} | {thousands(after[place])} |")


if __name__ == "__main__":
    main()
