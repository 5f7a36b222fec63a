"""Published figures beside those measured here."""

import math
from typing import Any

import numpy as np
import pandas as pd

from bnmatrix.claims.arms import endpoint_pairs
from bnmatrix.config.project import Project
from bnmatrix.config.replications import Published
from bnmatrix.statistics.endpoints.declared import ENDPOINTS
from bnmatrix.statistics.endpoints.values import Arm
from bnmatrix.statistics.means import prediction_interval, welch_interval
from bnmatrix.statistics.verdicts import UNKNOWN

#: Whether our figure and a published one agree; the third answer is ``UNKNOWN``.
AGREES, DIFFERS = "agrees", "does not agree"

#: Columns of replications.csv: one row per published figure.
REPLICATION_COLUMNS = [
    "replication",
    "study",
    "what",
    "published",
    "published_sd",
    "executions",
    "ours",
    "ours_sd",
    "runs",
    "difference",
    "ci_low",
    "ci_high",
    "agreement",
    "unit",
]


def replicate(project: Project, tables: dict[str, Arm], wall_clock: bool) -> pd.DataFrame:
    """Return the published figures, those measured here, and whether the two agree.

    The two agree if the 95 % interval of the difference is within the declared tolerance, and
    differ if it is outside; otherwise these runs cannot tell. Where no standard deviation was
    published, it is taken to be that measured here; where no number of executions was published,
    the published figure is taken to be a single run, and the interval is that of one further run.

    Args:
        project: the configuration.
        tables: the tables of the studies that were run, by study.
        wall_clock: whether to return figures that rest on wall-clock time, or all others.
    """
    rows = []
    for name, replication in project.replications.items():
        for figure in replication.figures:
            if figure.wall_clock != wall_clock or replication.study not in tables:
                continue
            where = f"{project.run.replications_file}: {name}: {figure.what}"
            _, _, pairs = endpoint_pairs(
                figure, figure.typed_arguments, tables[replication.study], where
            )
            values = (pairs.table["treatment"] - pairs.table["control"]).to_numpy(np.float64)
            rows.append(
                {"replication": name, "study": replication.study, "what": figure.what}
                | {"unit": ENDPOINTS[figure.endpoint].unit}
                | _compare(values, figure)
            )
    return pd.DataFrame(rows, columns=REPLICATION_COLUMNS)


def _compare(values: np.ndarray, figure: Published) -> dict[str, Any]:
    n, mean = len(values), float(values.mean()) if len(values) else math.nan
    sd = float(values.std(ddof=1)) if n > 1 else 0.0
    difference = mean - figure.value
    if n < 2:
        low = high = difference
    elif figure.executions and figure.executions > 1:
        low, high = welch_interval(mean, sd, n, figure.value, figure.sd or sd, figure.executions)
    else:
        low, high = prediction_interval(difference, sd, n)
    within = -figure.tolerance <= low and high <= figure.tolerance
    outside = low > figure.tolerance or high < -figure.tolerance
    return {
        "published": figure.value,
        "published_sd": figure.sd,
        "executions": figure.executions,
        "ours": mean,
        "ours_sd": sd,
        "runs": n,
        "difference": difference,
        "ci_low": low,
        "ci_high": high,
        "agreement": AGREES if within else DIFFERS if outside else UNKNOWN,
    }
