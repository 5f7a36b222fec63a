"""Print the expected costs of the training jobs of each study, and the measured costs."""

from pathlib import Path

import pandas as pd

from bnmatrix.plan.costs import MEASURED, expected, measured
from bnmatrix.plan.loading import load_project


def run(*, config: str | None, logs: Path) -> None:
    """Print a table of costs in Markdown.

    Args:
        config: the configuration as JSON; if None, ``config/config.yaml`` is read.
        logs: the folder of the training jobs' logs and benchmark files.
    """
    project = load_project(config)
    measurements = pd.DataFrame(measured(logs, project.chosen), columns=["study", *MEASURED])
    table = pd.DataFrame(expected(project, project.chosen)).merge(
        measurements, on="study", how="left"
    )
    total = table[["jobs", "core_minutes", "measured_core_minutes"]].sum()
    rows = [*table.to_dict("records"), {"study": "all", **total}]
    print("| " + " | ".join(name.replace("_", " ") for name in table.columns) + " |")
    print("|---|" + "--:|" * (len(table.columns) - 1))
    for row in rows:
        values = (row.get(name, "") for name in table.columns[1:])
        cells = (
            "" if value in ("", None) or value != value else f"{value:.0f}" for value in values
        )
        print(f"| {row['study']} | " + " | ".join(cells) + " |")
