"""How many replicates claims need, planned from the spread in a finished run, the pilot."""

import math

import pandas as pd

from bnmatrix.config.claims import DECIDING
from bnmatrix.config.project import Project

#: Columns of a plan. ``sd_in_margins`` is the standard deviation of the pairs' differences over the
#: margin. ``pairs_needed`` pairs would tell half a margin apart, and ``replicates`` of the study
#: give them. The two are empty if no number would, or if the pairs do not vary.
PLAN_COLUMNS = (
    *("claim", "dataset", "study", "sd_in_margins", "pairs", "pairs_needed"),
    *("declared", "replicates"),
)


def planned_replicates(project: Project, analyses: pd.DataFrame) -> pd.DataFrame:
    """Return how many replicates each claim needs on each data set (:data:`PLAN_COLUMNS`).

    Args:
        project: the configuration.
        analyses: the analyses of the pilot (:data:`bnmatrix.claims.analyses.ANALYSIS_COLUMNS`). The
            primary ones that have pairs count, except facts, which need no test.
    """
    made = analyses[(analyses["role"].isin(DECIDING)) & (analyses["pairs"] > 0) & ~analyses["fact"]]
    rows = [
        {name: row[name] for name in ("claim", "dataset", "study", "pairs", "pairs_needed")}
        | {"sd_in_margins": row["sd"] / row["margin"]}
        | {"declared": project.study(row["study"]).replicates}
        | {"replicates": _replicates(project, row)}
        for row in made.to_dict("records")
    ]
    numbers = dict.fromkeys(("pairs", "pairs_needed", "declared", "replicates"), "Int64")
    return pd.DataFrame(rows, columns=list(PLAN_COLUMNS)).astype(numbers)


def _replicates(project: Project, row: dict[str, float | str]) -> int | None:
    """Return the replicates that give the pairs that an analysis needs, in complete blocks."""
    name, needed = str(row["study"]), float(row["pairs_needed"])
    if math.isnan(needed):
        return None
    study = project.study(name)
    # Replicates of which neither run reaches the target have no pair.
    share = float(row["pairs_thorough"]) / project.thorough_replicates_of(name)
    block = study.tuning.shared_by if study.tunes else 1
    return math.ceil(needed / share / block) * block
