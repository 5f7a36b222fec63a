"""Print how many replicates the claims need, planned from a finished run."""

from pathlib import Path

import pandas as pd

from bnmatrix.claims.planning import planned_replicates
from bnmatrix.errors import UserError
from bnmatrix.plan.loading import load_project
from bnmatrix.tables.csv import read_runs


def run(*, config: str | None, results: Path) -> None:
    """Print a row for each claim and data set, and what to write into ``studies.yaml``.

    Args:
        config: the configuration as JSON; if None, ``config/config.yaml`` is read.
        results: the folder that holds ``data/results`` and ``reports``.

    Raises:
        UserError: there is no run of claims.
    """
    project = load_project(config)
    file = results / "data/results/claims/analyses.csv"
    if not file.exists():
        raise UserError(
            f"{file}: there is no such file; run `snakemake --cores 4 reports/claims.csv` first, "
            "with fewer replicates for a quick pilot, such as `--config replicates=8`"
        )
    table = planned_replicates(project, read_runs(file))
    print("| claim | data set | study | spread, in margins | pairs | pairs for half a margin |")
    print("|---|---|---|--:|--:|--:|")
    for row in table.to_dict("records"):
        needed = "no number" if pd.isna(row["pairs_needed"]) else row["pairs_needed"]
        print(
            f"| {row['claim']} | {row['dataset']} | {row['study']} | {row['sd_in_margins']:.2f} | "
            f"{row['pairs']} | {needed} |"
        )
    print("\nIn config/studies.yaml, for the claim that needs most (complete tuning blocks):\n")
    for study, rows in table.groupby("study", sort=False):
        most = rows["replicates"].max()
        if not pd.isna(most):
            print(f"  {study}: {{replicates: {most}}}  # declared: {rows['declared'].iloc[0]}")
