"""Show the published run in README.md and in docs/evidence.md.

`make results` calls it after the pages were made in `published/` from `docs/results/`. It keeps the
answer, the verdicts and the chart in `docs/results/`, writes the answer into README.md, and the
verdicts with their numbers into docs/evidence.md.
"""

import re
import shutil
from pathlib import Path

import pandas as pd

from bnmatrix.config.claims import GROUPS
from bnmatrix.config.project import Project
from bnmatrix.plan.loading import load_project
from bnmatrix.plan.networks import DENSE, column_title
from bnmatrix.statistics.units import interval, quantity
from bnmatrix.statistics.verdicts import NOT_MEASURED, UNTESTABLE

ROOT = Path(__file__).resolve().parent.parent
RESULTS = "docs/results"
README, EVIDENCE = "README.md", "docs/evidence.md"
BEGIN, END = "<!-- `make results` writes this. -->", "<!-- `make results` wrote this. -->"


def replaced(name: str, text: str, content: str) -> str:
    """Return a text with other content between the marks.

    Args:
        name: what an error message calls the text.
        text: the text.
        content: what stands between the marks from now on.

    Raises:
        ValueError: the text does not have each mark once, in order.
    """
    parts = re.split(f"({re.escape(BEGIN)}\n|{re.escape(END)}\n)", text)
    if parts[1::2] != [f"{BEGIN}\n", f"{END}\n"]:
        raise ValueError(f"{name}: needs the lines {BEGIN!r} and {END!r}, each once")
    return "".join([*parts[:2], f"\n{content.strip()}\n\n", *parts[3:]])


def answer_block(answer: str) -> str:
    """Return what README.md shows of the answer, as `docs/results/` keeps it beside its chart."""
    return re.sub(r'((?:src|srcset)=")', rf"\1{RESULTS}/", answer)


def verdict_tables(project: Project, claims: pd.DataFrame) -> str:
    """Return the verdicts with effects and intervals as tables in Markdown, one for each group.

    Args:
        project: the configuration.
        claims: the verdicts (:data:`bnmatrix.claims.verdicts.CLAIM_COLUMNS`).
    """
    measured = claims[claims["verdict"] != NOT_MEASURED]
    found = measured[["dataset", "network"]].drop_duplicates().itertuples(index=False)
    columns = sorted(found, key=lambda key: (list(project.datasets).index(key[0]), key[1] != DENSE))
    titles = [column_title(project.datasets[name].title, network) for name, network in columns]
    tables = []
    for group, title in GROUPS.items():
        names = [name for name, claim in project.claims.items() if claim.group == group]
        lines = [f"| {title} | {' | '.join(titles)} |", f"|---|{'---|' * len(titles)}"]
        for name in names:
            rows = measured[measured["claim"] == name].set_index(["dataset", "network"])
            cells = [_cell(rows.loc[key]) if key in rows.index else "" for key in columns]
            lines.append(f"| {name} | {' | '.join(cells)} |")
        tables.append("\n".join(lines))
    return "\n\n".join(tables)


def _cell(row: pd.Series) -> str:
    """Return a verdict with its effect and the interval that decides."""
    if row["verdict"] == UNTESTABLE or row["fact"]:
        return str(row["verdict"])
    bound = f"{row['bound']} " if isinstance(row["bound"], str) else ""
    effect = quantity(row["effect"], row["unit"])
    spread = interval(row["ci_low"], row["ci_high"], row["unit"])
    return f"{row['verdict']}: {bound}{effect} {spread}, {row['pairs']:.0f} pairs"


def main() -> None:
    """Copy what `docs/results/` keeps, and write README.md and docs/evidence.md."""
    reports, kept = ROOT / "published/reports", ROOT / RESULTS
    charts = "figures/answer"
    answer = (reports / "answer.md").read_text(encoding="utf-8").replace(f"{charts}/", "")
    (kept / "answer.md").write_text(answer, encoding="utf-8")
    pictures = [f"{charts}/{name}" for name in re.findall(r'(?:src|srcset)="([^"]+)"', answer)]
    for name in ("claims.csv", *pictures):
        shutil.copyfile(reports / name, kept / Path(name).name)
    tables = verdict_tables(load_project({}, root=ROOT), pd.read_csv(kept / "claims.csv"))
    for name, content in ((README, answer_block(answer)), (EVIDENCE, tables)):
        text = (ROOT / name).read_text(encoding="utf-8")
        (ROOT / name).write_text(replaced(name, text, content), encoding="utf-8")


if __name__ == "__main__":
    main()
