"""Run a study under two Pythons, and compare the tables byte for byte.

python tools/compare_pythons.py .venv-3.13/bin/python
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

TARGET = "reports/iris-64-32.csv"
TABLES = ("reports/*.csv", "data/results/*/*.parquet", "data/runs/*/*/*/results.arrow")


def run(python: Path, folder: Path, replicates: int) -> dict[str, bytes]:
    """Run the study; return the content of each table by relative path."""
    command = [str(python), "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile")]
    command += ["--directory", str(folder), "--cores", str(os.cpu_count()), "--quiet", "all"]
    command += ["--config", f"replicates={replicates}", "--", TARGET]
    # Jobs find the command `bnmatrix` in the environment of their Python.
    path = os.pathsep.join([str(python.parent), os.environ["PATH"]])
    subprocess.run(command, env=os.environ | {"PATH": path}, cwd=ROOT, check=True)
    files = [path for pattern in TABLES for path in folder.glob(pattern)]
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(files)
        if path.stem != "timings"
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("python", type=Path, help="the Python to compare with this one")
    parser.add_argument("--replicates", type=int, default=2)
    options = parser.parse_args()
    pythons = [Path(sys.executable), options.python.absolute()]
    with tempfile.TemporaryDirectory() as folder:
        here, there = (
            run(python, Path(folder) / str(number), options.replicates)
            for number, python in enumerate(pythons)
        )
    different = sorted(name for name in here | there if here.get(name) != there.get(name))
    if TARGET not in here or different:
        sys.exit(f"{pythons[1]} gives other tables: {', '.join(different)}")
    print(f"{len(here)} tables have the same bytes under {pythons[0]} and {pythons[1]}")


if __name__ == "__main__":
    main()
