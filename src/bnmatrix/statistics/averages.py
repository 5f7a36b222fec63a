"""Whether the moving averages of batch normalization have settled at the end of training."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

#: Statistics under which the measure ``inference_modes`` takes test accuracy, for summaries.
MODES = ("moving", "batch", "population")

#: Share of their starting values from which on moving averages count as not settled.
UNSETTLED = 0.05


def starting_share(momentum: float, steps: int) -> float:
    """Return the share of their starting values that moving averages hold: momentum ** steps.

    Args:
        momentum: the weight of the former average in each step.
        steps: the number of training steps.
    """
    return float(momentum**steps)


def accuracy_by_mode(measurements: pd.DataFrame) -> pd.DataFrame:
    """Return the mean test accuracy of each variant at the end of training, by statistics.

    Returns:
        ``variant``, and ``accuracy_moving``, ``accuracy_batch`` and ``accuracy_population``
        (:func:`bnmatrix.training.measures.inference_modes.inference_modes`); no rows if the study
        does not measure them.
    """
    rows = measurements[measurements["measure"] == "accuracy_by_mode"]
    last = rows[rows["step"] == rows.groupby("variant")["step"].transform("max")]
    means = last.pivot_table("value", "variant", "part", sort=False)
    found = means.reindex(columns=list(MODES)).add_prefix("accuracy_")
    return found.rename_axis(columns=None).reset_index()
