"""The page of the claims."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from bnmatrix.config.claims import GROUPS
from bnmatrix.config.project import Project
from bnmatrix.installed import package_version
from bnmatrix.report.bibliography import bibtex, cited
from bnmatrix.report.findings import advice, finding
from bnmatrix.report.labels import study_labels
from bnmatrix.report.pages.pairs import pair_table
from bnmatrix.report.pages.records import Record
from bnmatrix.report.pages.rendering import environment, svg
from bnmatrix.report.pages.scorecard import analysis_rows, scorecard_rows
from bnmatrix.report.pages.text import curve_ends
from bnmatrix.statistics.verdicts import NOT_MEASURED
from bnmatrix.tables.csv import read_runs

#: What the page cites besides the texts of claims.
_CITED = "Nadeau & Bengio 2003; Smyth 2004"


def claims_page(project: Project, studies: Sequence[str], root: Path, links: Sequence[str]) -> str:
    """Return the page of all claims.

    Args:
        project: the configuration.
        studies: the studies that were run for them.
        root: the folder that holds ``data/results`` and ``reports``.
        links: pages that every page links to.
    """
    claims = read_runs(root / "reports/claims.csv")
    analyses = read_runs(root / "data/results/claims/analyses.csv")
    timed = read_runs(root / "reports/claims-timing.csv")
    pairs = pd.read_parquet(root / "data/results/claims/pairs.parquet")
    entries = []
    timed_entries = []
    for name, claim in project.claims.items():
        figure = root / f"reports/figures/claims/{name}.svg"
        decided = analyses[analyses["claim"] == name]
        timed_too = timed[timed["claim"] == name]
        rows = scorecard_rows(claims[claims["claim"] == name], project)
        measured = [row for row in rows if row["verdict"] != NOT_MEASURED]
        analysed = {*decided["study"], *timed_too["study"]}
        entries.append(
            {
                "name": name,
                "claim": claim,
                "group": GROUPS.get(claim.group or "", "Further claims"),
                "verdicts": measured,
                "missing": [row["column"] for row in rows if row["verdict"] == NOT_MEASURED],
                "finding": finding(claim, measured),
                "advice": advice(claim, measured),
                "asked": [(thread, _address(thread)) for thread in claim.asked],
                "pairs": [pair_table(row, pairs) for row in measured],
                "curves": _curves(decided, project),
                "analyses": analysis_rows(decided, project),
                "studies": [study for study in studies if study in analysed],
                "figure": svg(figure, name) if figure.exists() else None,
            }
        )
        if rows := analysis_rows(timed_too, project):
            timed_entries.append((claim.title, rows))
    return (
        environment(links, "claims")
        .get_template("claims.html.j2")
        .render(
            groups=_groups(entries),
            references=cited([_CITED, *_texts(project)]),
            bibtex=bibtex(package_version()),
            counts=claims["verdict"].value_counts().to_dict(),
            tuning=_tuning(project, studies, root),
            timed=timed_entries,
        )
    )


def _texts(project: Project) -> list[str]:
    """Return the texts of claims that cite publications."""
    return [text for claim in project.claims.values() for text in (claim.literature, claim.reason)]


def _address(thread: str) -> str:
    """Return the address of a thread; GitHub leads numbers of pull requests on to them."""
    repository, _, number = thread.partition("#")
    return f"https://github.com/{repository}/issues/{number}"


def _curves(analyses: pd.DataFrame, project: Project) -> list[str]:
    """Return a sentence for each data set on whether the training that decides was done."""
    decisive = analyses[analyses["role"] != "exploratory"]
    sentences = [
        curve_ends(analysis_rows(rows, project))
        for _, rows in decisive.groupby("dataset", sort=False)
    ]
    return [sentence for sentence in sentences if sentence]


def _groups(entries: list[Record]) -> dict[str, list[Record]]:
    """Return the entries of the page by group of claims, in the order of the scorecard."""
    groups: dict[str, list[Record]] = {title: [] for title in (*GROUPS.values(), "Further claims")}
    for entry in entries:
        groups[entry["group"]].append(entry)
    return {title: found for title, found in groups.items() if found}


def _tuning(project: Project, studies: Sequence[str], root: Path) -> list[Record]:
    """Return the studies that tuned learning rates, each with its figure and what was chosen."""
    entries = []
    for study in studies:
        figure = root / f"reports/figures/claims/tuning-{study}.svg"
        if not figure.exists():
            continue
        table = pd.read_parquet(root / f"data/results/{study}/tuning.parquet")
        if table.empty:
            continue
        entries.append(
            {
                "study": study,
                "title": project.study(study).title,
                "tuning": project.study(study).tuning,
                "widened": table.loc[table["widened"], "rate"].nunique(),
                "chosen": _chosen(project, study, table),
            }
        )
    return entries


def _chosen(project: Project, study: str, table: pd.DataFrame) -> list[Record]:
    """Return the learning rates that were chosen for each variant of a study, by block."""
    labels = study_labels(project, study)
    chosen = table[table["chosen"]].drop_duplicates(["variant", "block"])
    return [
        {
            "arm": labels[variant].arm,
            # All cells here are tuned.
            "cell": labels[variant].cell(without=("tuned",)),
            "rates": ", ".join(f"{rate:g}" for rate in rows["rate"]),
            "objective": rows["tuning_objective"].mean(),
        }
        for variant, rows in chosen.groupby("variant", sort=False)
    ]
