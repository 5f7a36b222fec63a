"""Wall-clock times of training, over runs and evaluations.

The first evaluation of a variant includes the compilation of its program. Functions that describe
the speed of training leave it out.
"""

import pandas as pd


def run_seconds(timings: pd.DataFrame) -> pd.Series:
    """Return the seconds that training each run took, with the index (variant, replicate).

    Args:
        timings: a row for each evaluation (:data:`bnmatrix.tables.schema.TIMING_COLUMNS`).
    """
    return timings.groupby(["variant", "replicate"])["training_seconds"].sum().rename("seconds")


def evaluation_seconds(timings: pd.DataFrame) -> pd.DataFrame:
    """Return the seconds of training between evaluations, a row for each variant.

    Args:
        timings: a row for each evaluation (:data:`bnmatrix.tables.schema.TIMING_COLUMNS`).

    Returns:
        The columns ``variant``; ``first``: seconds to the first evaluation of its first run; and
        ``steady``: the median of all others, NaN if there are none.
    """
    grouped = timings.groupby("variant", sort=False)
    first = grouped["training_seconds"].first()
    steady = timings[grouped.cumcount() > 0].groupby("variant")["training_seconds"].median()
    return pd.DataFrame({"first": first, "steady": steady.reindex(first.index)}).reset_index()


def step_seconds(timings: pd.DataFrame, quantile: float = 0.5) -> pd.Series:
    """Return the seconds of a training step, with the index variant.

    Args:
        timings: a row for each evaluation (:data:`bnmatrix.tables.schema.TIMING_COLUMNS`).
        quantile: which quantile over evaluations. A low one is that of moments in which other
            programs of the machine slowed the step down least.
    """
    steps_before = timings.groupby(["variant", "replicate"], sort=False)["step"].shift(fill_value=0)
    seconds = timings["training_seconds"] / (timings["step"] - steps_before)
    later = timings.groupby("variant").cumcount() > 0
    return seconds[later].groupby(timings["variant"][later]).quantile(quantile)


def time_and_accuracy(runs: pd.DataFrame) -> pd.DataFrame:
    """Return the medians of time and a metric over runs, with the index (arm, cell).

    Medians, since the first run of a program includes its compilation.

    Args:
        runs: runs with the columns ``arm``, ``cell``, ``seconds`` and ``value``, the metric.
    """
    return runs.groupby(["arm", "cell"], sort=False)[["seconds", "value"]].median()
