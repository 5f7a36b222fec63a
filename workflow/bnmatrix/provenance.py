"""Where results come from: code, data, machines and time. Recorded, never an input of results."""

import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from bnmatrix.config import Dataset, InspectedDataset
from bnmatrix.files import sha256

PACKAGES = ("snakemake", "scikit-learn", "pandas", "scipy", "seaborn", "matplotlib")


def git_commit(folder: Path) -> str:
    """Return the commit that ``folder`` is at, marked when files differ from it; or "unknown"."""

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(folder), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    try:
        commit = git("rev-parse", "HEAD")
        return f"{commit} with local changes" if git("status", "--porcelain") else commit
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _source(dataset: Dataset) -> dict[str, str] | str:
    if isinstance(dataset, InspectedDataset):
        return {dataset.own.place: dataset.fingerprint}
    files = {file.name: file.sha256 for file in dataset.files}
    return files or f"scikit-learn {version('scikit-learn')}"


def study_provenance(
    study: str, dataset: Dataset, data_files: list[Path], jobs: list[dict[str, Any]]
) -> dict[str, Any]:
    """Return what the results of a study rest on.

    Args:
        study: its name.
        dataset: its data set.
        data_files: the prepared arrays it was trained on.
        jobs: what each training job says of its machine.
    """
    packages = {name: package for job in jobs for name, package in job["packages"].items()}
    for name in PACKAGES:
        try:
            packages[name] = version(name)
        except PackageNotFoundError:
            packages[name] = "not installed"

    def distinct(key: str) -> list[Any]:
        return sorted({job[key] for job in jobs})

    return {
        "study": study,
        "commits": distinct("commit"),
        "python": platform.python_version(),
        "packages": packages,
        "data": {
            "source": _source(dataset),
            "prepared": {path.name: sha256(path) for path in data_files},
        },
        "machines": {key: distinct(key) for key in ("processor", "platform", "threads")},
        "jobs": len(jobs),
        "seconds_of_training_jobs": round(sum(job["seconds"] for job in jobs), 1),
        "peak_memory_mb": max(job["peak_memory_mb"] for job in jobs),
    }
