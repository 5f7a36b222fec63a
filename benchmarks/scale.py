"""Measure time, memory and files of the workflow for synthetic matrices of 100 to 50 000 variants.

Each variant has its own job. Nothing is trained: the runs are made up, and the benchmark measures
everything except training. It prints the table of docs/scaling.md; ``make scale`` runs it.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import yaml
from pyarrow import ipc

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "src"))

from bnmatrix.datasets.own.cache import INSPECTED_VARIABLE, for_jobs  # noqa: E402
from bnmatrix.installed import DIGEST_VARIABLE, package_digest  # noqa: E402
from bnmatrix.plan.jobs import jobs  # noqa: E402
from bnmatrix.plan.loading import load_project  # noqa: E402
from bnmatrix.report.wording import thousands  # noqa: E402
from bnmatrix.tables import job_files  # noqa: E402
from bnmatrix.tables.schema import TABLES  # noqa: E402
from bnmatrix.training.spec import Variant  # noqa: E402

SIZES = (100, 1_000, 10_000, 50_000)
REPLICATES, EVALUATIONS = 20, 5
BATCH_SIZES = (16, 32, 64, 128, 256)

#: Trivial jobs are started up to this size. For larger sizes, only the dry run covers scheduling.
MOST_PROCESSES = 1_000


@dataclass(frozen=True)
class Taken:
    """Seconds, seconds of processors, and peak memory (MB) of a command."""

    seconds: float
    cpu_seconds: float
    mem_mb: float


def measured(*command: str, folder: Path, **variables: str) -> Taken:
    """Run a module with this Python in ``folder``; return its time and memory.

    Args:
        command: the module and its arguments.
        folder: the copy of the project.
        variables: further environment variables.

    Raises:
        SystemExit: the command fails; shows its output.
    """
    environment = os.environ | {"PYTHONPATH": str(folder / "src")} | variables
    environment.pop("BNMATRIX_MIRROR", None)
    with tempfile.TemporaryFile() as output:
        began = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=folder,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
        if status:
            output.seek(0)
            sys.exit(f"{' '.join(command)} failed:\n{output.read().decode()}")
    return Taken(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


#: The prepared data of all jobs.
DATA = "data/processed/digits/random-0.2-42.npz"


def job_command(job: str) -> list[str]:
    """Return the module and the arguments with which an executor starts a training job."""
    return [
        *("snakemake", "--snakefile", "Snakefile", "--cores", "1", "--force", "--nolock"),
        *("--target-jobs", f"train:study=scale,job={job},block=1-{REPLICATES}"),
        *("--allowed-rules", "train", "--mode", "subprocess", "--ignore-incomplete"),
        *("--rerun-triggers", "mtime", "--quiet", "all"),
    ]


def job_variables(project: Path) -> dict[str, str]:
    """Return the environment variables that the main process sets for its jobs."""
    return {
        DIGEST_VARIABLE: package_digest(),
        INSPECTED_VARIABLE: for_jobs([], project / "data"),
    }


def start_of_a_job(folder: Path) -> Taken:
    """Return what the Snakemake process of a job needs before it trains."""
    name = jobs(load_project(root=folder), "scale")[-1].name
    (folder / DATA).parent.mkdir(parents=True, exist_ok=True)
    (folder / DATA).touch()
    return measured(*job_command(name), "-n", folder=folder, **job_variables(folder))


def make_project(folder: Path, size: int) -> None:
    """Write a copy of the project with one study of ``size`` variants, one job per variant."""
    for name in ("workflow", "src", "config", "profiles"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("Snakefile", "environment.yml"):
        shutil.copy(ROOT / name, folder / name)
    rates = size // (2 * len(BATCH_SIZES))
    study = {
        "title": f"{size} variants",
        "question": "How does it scale?",
        "dataset": "digits",
        "predictions": False,
        "settings": {"hidden_layers": [16], "epochs": EVALUATIONS},
        "axes": {
            "normalization": ["none", "batch"],
            "batch_size": list(BATCH_SIZES),
            "learning_rate": [round(0.001 * (1 + number), 6) for number in range(rates)],
        },
        "replicates": REPLICATES,
        "together": [],
    }
    for name, content in (
        ("studies", {"scale": study}),
        ("claims", {}),
        ("replications", {}),
    ):
        text = yaml.safe_dump({name: content})
        (folder / f"config/{name}.yaml").write_text(text, encoding="utf-8")


def make_runs(folder: Path) -> None:
    """Write the files of all training jobs, with random numbers as results."""
    project = load_project(root=folder)
    rng = np.random.default_rng(0)
    template: dict[str, pa.Table] = {}
    axes = project.study("scale").axes
    for one in jobs(project, "scale"):
        (variant,) = one.variants
        job = folder / f"data/runs/scale/{one.name}/1-{REPLICATES}"
        if not template:
            job_files.save(job, _tables(variant, axes, rng), _MACHINE, recipe="")
            template = {
                name: ipc.open_file((job / f"{name}.arrow").read_bytes()).read_all()
                for name in job_files.FILES
            }
        job.mkdir(parents=True, exist_ok=True)
        keys = {axis: variant.settings.label(axis) for axis in axes}
        keys |= {"variant": variant.name, "baseline": variant.baseline}
        for name, table in template.items():
            for key in set(keys) & set(table.column_names):
                place, kind = table.column_names.index(key), table.schema.field(key).type
                kind = pa.string() if key == "baseline" else kind
                table = table.set_column(place, key, pa.array([keys[key]], type=kind))
            with ipc.new_file(job / f"{name}.arrow", table.schema) as writer:
                writer.write_table(table)


_MACHINE = {
    **dict.fromkeys(("commit", "processor", "platform", "python"), "none"),
    **{"packages": {}, "threads": 1, "seconds": 1.0, "peak_memory_mb": 1},
}


def _tables(
    variant: Variant, axes: Iterable[str], rng: np.random.Generator
) -> dict[str, pd.DataFrame]:
    """Return the tables of a job with one variant, filled with random numbers."""
    keys = {"study": "scale", "dataset": "digits"}
    keys |= {axis: variant.settings.label(axis) for axis in axes}

    def table(name: str, rows: int) -> pd.DataFrame:
        columns = {
            column: pd.array(["completed"] * rows, dtype="str")
            if kind == pa.string()
            else rng.random(rows)
            if kind == pa.float64()
            else np.ones(rows, dtype=bool if kind == pa.bool_() else np.int64)
            for column, kind in TABLES[name].items()
        }
        columns["replicate"] = 1 + np.arange(rows) % REPLICATES
        columns |= {"variant": [variant.name] * rows}
        columns |= {"baseline": [variant.baseline] * rows} if "baseline" in columns else {}
        columns |= {"epoch": 1.0 + np.arange(rows) // REPLICATES} if "epoch" in columns else {}
        columns |= {"step": 1 + np.arange(rows) // REPLICATES} if "step" in columns else {}
        return pd.DataFrame({**{k: [v] * rows for k, v in keys.items()}, **columns})

    counts = {"runs": REPLICATES, "history": REPLICATES * EVALUATIONS}
    counts["timings"] = counts["history"]
    return {name: table(name, counts.get(name, 0)) for name in TABLES}


TRIVIAL = """
rule all:
    input:
        expand("made/{{number}}", number=range({size})),


rule trivial:
    output:
        "made/{{number}}",
    shell:
        "touch {{output}}"
"""


def trivial_jobs(folder: Path, size: int) -> Taken:
    """Return the time and memory that Snakemake needs for ``size`` jobs that do nothing."""
    folder.mkdir()
    (folder / "Snakefile").write_text(TRIVIAL.format(size=size), encoding="utf-8")
    return measured("snakemake", "--cores", "2", "--quiet", "all", folder=folder)


def opening(page: Path) -> float:
    """Return the seconds that headless Chromium needs to load a page."""
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium")
    arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=arguments)
        opened = browser.new_page()
        opened.goto("about:blank")
        began = time.perf_counter()
        opened.goto(page.as_uri(), wait_until="load")
        opened.evaluate("() => document.body.offsetHeight")
        seconds = time.perf_counter() - began
        browser.close()
    return seconds


def one_size(size: int, folder: Path, only_job: bool) -> dict[str, object]:
    """Return the measurements for one size, by name of the row in the table.

    Args:
        size: number of variants.
        folder: for the copy of the project.
        only_job: whether to measure only the start of a job.
    """
    make_project(folder, size)
    row: dict[str, object] = {"variants": size}

    def note(name: str, taken: Taken) -> None:
        row[f"{name} (s)"] = round(taken.seconds, 1)
        row[f"{name} (MB)"] = round(taken.mem_mb)

    start = start_of_a_job(folder)
    row["start of a job (s of a processor)"] = round(start.cpu_seconds, 1)
    (folder / DATA).unlink()
    if only_job:
        return row
    note("dry run", measured("snakemake", "-n", "--quiet", "all", folder=folder))
    if size <= MOST_PROCESSES:
        note("trivial jobs", trivial_jobs(folder / "trivial", size))
    rest = ["snakemake", "--cores", "2", "--rerun-triggers", "mtime", "--quiet", "all", "--"]
    measured(*rest, DATA, folder=folder)
    make_runs(folder)
    files = [path for path in (folder / "data/runs").rglob("*") if path.is_file()]
    row["files"] = len(files)
    row["bytes a variant"] = round(sum(path.stat().st_size for path in files) / size)
    aggregate = [
        *("bnmatrix", "aggregate", "--config", "{}", "--log", "logs/x.log", "--study", "scale"),
        *("--replicates", str(REPLICATES), "--codes", "{}"),
        *("--folder", "data/runs", "--processed", "data/processed"),
        *("--runs", "reports/scale.csv", "--results", "data/results/scale"),
    ]
    note("aggregate", measured(*aggregate, folder=folder))
    note("report", measured(*rest, folder=folder))
    if shutil.which("chromium"):
        for name in ("index", "scale"):
            page = folder / f"reports/{name}.html"
            row[f"{name}.html (MB)"] = round(page.stat().st_size / 1e6, 2)
            row[f"{name}.html opens (s)"] = round(opening(page), 2)
    return row


def main() -> None:
    """Measure each size and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--only-job", action="store_true", help="measure only the start of a job")
    options = parser.parse_args()
    sizes = options.sizes
    rows = []
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder:
            rows.append(one_size(size, Path(folder) / "project", options.only_job))
        print(f"{size}: {rows[-1]}", file=sys.stderr)
    table = pd.DataFrame(rows).set_index("variants").T
    print("| | " + " | ".join(thousands(size) for size in table.columns) + " |")
    print("|---|" + "--:|" * len(table.columns))
    for name, values in table.iterrows():
        cells = ("" if pd.isna(value) else f"{value:,.10g}".replace(",", " ") for value in values)
        print(f"| {name} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
