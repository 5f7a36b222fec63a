"""The provenance of results: code, data, machines and time. Provenance does not affect results."""

import json
import platform
import re
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from bnmatrix.files import sha256

PACKAGES = ("snakemake", "scikit-learn", "pandas", "scipy", "seaborn", "matplotlib")


def study_provenance(
    study: str, source: Mapping[str, str] | str, data_files: list[Path], jobs: list[dict[str, Any]]
) -> dict[str, Any]:
    """Return the provenance of the results of a study.

    Args:
        study: name of the study.
        source: the source of the data: checksums by file, or a package and its version.
        data_files: the prepared data of the study.
        jobs: for each training job, facts about its machine.
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
            "source": source,
            "prepared": {path.name: sha256(path) for path in data_files},
        },
        "machines": {key: distinct(key) for key in ("processor", "platform", "threads")},
        "jobs": len(jobs),
        "started": min(job["started"] for job in jobs),
        "ended": max(job["ended"] for job in jobs),
        "seconds_of_training_jobs": round(sum(job["seconds"] for job in jobs), 1),
        "peak_memory_mb": max(job["peak_memory_mb"] for job in jobs),
    }


def dirty_commits(path: Path) -> list[str]:
    """Return what a provenance says of its code where that is not the name of a commit."""
    commits = json.loads(path.read_text(encoding="utf-8"))["commits"]
    return [commit for commit in commits if not re.fullmatch("[0-9a-f]{40,64}", commit)]
