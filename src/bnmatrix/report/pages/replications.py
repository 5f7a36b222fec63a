"""The page of the replications."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from bnmatrix.config.project import Project
from bnmatrix.config.replications import Replication
from bnmatrix.report.pages.records import Record
from bnmatrix.report.pages.rendering import environment
from bnmatrix.statistics import units
from bnmatrix.tables.csv import read_runs


@dataclass(frozen=True)
class _Entry:
    """A replication on the page.

    Attributes:
        name: its name.
        replication: how it is declared.
        run: whether its study was run.
        rows: its quantities, ours beside the published ones.
        timed: those that are wall-clock times.
    """

    name: str
    replication: Replication
    run: bool
    rows: list[Record]
    timed: list[Record]


def replications_page(
    project: Project, studies: Sequence[str], root: Path, links: Sequence[str]
) -> str:
    """Return the page that sets what we found beside what was published.

    Args:
        project: the configuration.
        studies: the studies that were run.
        root: the folder that holds ``data/results`` and ``reports``.
        links: pages that every page links to.
    """
    table = read_runs(root / "reports/replications.csv")
    timed = read_runs(root / "data/results/claims/replications-timing.csv")
    entries = [
        _Entry(
            name,
            replication,
            run=replication.study in studies,
            rows=_rows(table[table["replication"] == name]),
            timed=_rows(timed[timed["replication"] == name]),
        )
        for name, replication in project.replications.items()
    ]
    template = environment(links, "replications").get_template("replications.html.j2")
    return template.render(entries=entries, timed=[entry for entry in entries if entry.timed])


def _rows(table: pd.DataFrame) -> list[Record]:
    return [{**row, "text": _texts(row)} for row in table.to_dict("records")]


def _texts(row: Record) -> dict[str, str]:
    """Return the numbers of a row as text: fractions as percentages, counts without decimals."""
    unit = row["unit"]
    scale, digits = {"points": (100, 2), "count": (1, 0)}.get(unit, (1, 3))

    def text(value: float) -> str:
        return "n/a" if pd.isna(value) else f"{value * scale:.{digits}f}"

    written = unit in ("points", "count")
    return {
        "published": text(row["published"]),
        "published_sd": text(row["published_sd"]),
        "ours": text(row["ours"]),
        "ours_sd": text(row["ours_sd"]),
        "difference": units.number(row["difference"], unit) if written else text(row["difference"]),
        "interval": f"{text(row['ci_low'])} to {text(row['ci_high'])}",
        "unit": {"points": "percent", "count": ""}.get(unit, "log₂"),
    }
