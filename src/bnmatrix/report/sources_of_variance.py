"""What the figure and the page of variance call sources, arms and panels."""

import pandas as pd

from bnmatrix.config.project import Project
from bnmatrix.report.labels import COLOURS, SPARE_COLOURS
from bnmatrix.statistics.variance import DIFFERENCE, SAMPLING
from bnmatrix.training.normalizations import NORMALIZATIONS

#: The sources in the order of figure and table, with their names.
SOURCE_NAMES = {
    "all": "all together",
    "weights": "initial weights",
    "order": "order of examples",
    "examples": "draw of examples",
    "tuning": "tuning",
    SAMPLING: "sampling of test examples",
}


def arm_name(arm: str) -> str:
    """Return the name of an arm of the table of variance."""
    if arm == DIFFERENCE:
        return "difference, batch − none"
    return NORMALIZATIONS[arm].label


def arm_colours(table: pd.DataFrame) -> dict[str, str]:
    """Return the colour of each arm of the table, in the order of the table."""
    arms = list(dict.fromkeys(table["arm"]))
    spare = iter(SPARE_COLOURS)
    return {arm: COLOURS.get(arm) or next(spare) for arm in arms}


def with_panels(table: pd.DataFrame, project: Project) -> pd.DataFrame:
    """Return the table of variance with the column ``panel``, a name for each study and cell.

    It is the title of the data set, with the study or the cell where the data set has several.

    Args:
        table: the content of ``variance.csv``.
        project: the configuration.
    """
    keys = table[["dataset", "study", "cell"]].drop_duplicates()
    studies = keys.groupby("dataset")["study"].nunique()
    cells = keys.groupby("study")["cell"].nunique()
    names = {}
    for row in keys.itertuples(index=False):
        parts = [project.datasets[row.dataset].title]
        parts += [row.study] if studies[row.dataset] > 1 else []
        parts += [row.cell] if cells[row.study] > 1 else []
        names[row.study, row.cell] = ", ".join(parts)
    panels = [names[key] for key in zip(table["study"], table["cell"], strict=True)]
    return table.assign(panel=panels)
