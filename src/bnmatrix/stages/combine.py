"""Combine the tables of several studies."""

import json
from collections.abc import Sequence
from pathlib import Path

from bnmatrix.files import write_json
from bnmatrix.tables.csv import read_runs, stack, write_csv


def run(
    *,
    tables: Sequence[Path],
    timing_tables: Sequence[Path],
    provenances: Sequence[Path],
    reports: Path,
) -> None:
    """Write the combined tables of all studies.

    Args:
        tables: tables of runs, one per study.
        timing_tables: tables of timings, one per study.
        provenances: provenances, one per study.
        reports: the folder for ``runs.csv``, ``timings.csv`` and ``provenance.json``.
    """
    write_csv(stack([read_runs(path) for path in tables]), reports / "runs.csv")
    write_csv(stack([read_runs(path) for path in timing_tables]), reports / "timings.csv")
    studies = [json.loads(path.read_text(encoding="utf-8")) for path in provenances]
    write_json(reports / "provenance.json", {study.pop("study"): study for study in studies})
