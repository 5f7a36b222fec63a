"""Whether training lasted until it was done: the validation curve at its end."""

import math
from collections import Counter
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from bnmatrix.statistics.means import estimate
from bnmatrix.tables.status import DIVERGED

#: What the end of a variant's validation curve is. ``UNCLEAR``: the replicates cannot tell.
FLAT, RISING, FALLING, UNCLEAR = "flat", "rising", "falling", "unclear"
NOT_MEASURED = "not measured"

#: Evaluations that the last fifth of training needs, the one at its beginning included.
_FEWEST = 3


@dataclass(frozen=True)
class LateChange:
    """How the validation accuracy of a variant changed over the last fifth of training.

    Attributes:
        mean: mean change over the completed replicates, a fraction; NaN if it was not measured.
        ci_low: lower end of the 95 % t interval of the mean; NaN without one.
        ci_high: upper end of the interval.
    """

    mean: float = math.nan
    ci_low: float = math.nan
    ci_high: float = math.nan

    def curve(self, margin: float) -> str:
        """Return what the end of the curve is: one of the words of this module.

        It is flat if the interval lies within the margin, or if it holds zero and the mean is below
        half the margin. It rises or falls if it is not flat and the interval excludes zero. A mean
        without an interval is judged by the same half margin.

        Args:
            margin: the largest change, in either direction, that does not matter, a fraction.
        """
        if math.isnan(self.mean):
            return NOT_MEASURED
        rises, falls = self.ci_low > 0, self.ci_high < 0
        within = -margin < self.ci_low and self.ci_high < margin
        if within or (not rises and not falls and abs(self.mean) < margin / 2):
            return FLAT
        if rises or falls:
            return RISING if rises else FALLING
        return UNCLEAR


def late_changes(history: pd.DataFrame, runs: pd.DataFrame, margin: float) -> pd.DataFrame:
    """Return how the validation accuracy of each variant changed over the last fifth of training.

    The change of a run is the least-squares slope of its validation accuracy on the step, from four
    fifths of the training to its end, times a fifth of the training. Diverged runs do not count. A
    variant is not measured if no run was completed, or with fewer than three evaluations there.

    Args:
        history: evaluations (:data:`bnmatrix.tables.schema.HISTORY_COLUMNS`).
        runs: the runs of the same variants (:data:`bnmatrix.tables.schema.RUN_COLUMNS`).
        margin: the largest change that does not matter, a fraction.

    Returns:
        A row for each variant, in the order of the runs: ``late_change_mean``,
        ``late_change_ci_low`` and ``late_change_ci_high`` (see :class:`LateChange`), ``late_curve``
        (see :meth:`LateChange.curve`) and ``variant``.
    """
    return pd.DataFrame(
        {f"late_change_{name}": value for name, value in asdict(change).items()}
        | {"late_curve": change.curve(margin), "variant": variant}
        for variant, change in _by_variant(history, runs).items()
    )


def with_explained(history: pd.DataFrame) -> pd.DataFrame:
    """Return the history of a regression with its R² on the validation part as the accuracy.

    It is 1 minus the loss, the squared error of the standardized target: relative to the variance
    of the target of the training examples.

    Args:
        history: evaluations (:data:`bnmatrix.tables.schema.HISTORY_COLUMNS`).
    """
    return history.assign(validation_accuracy=1 - history["validation_loss"])


@dataclass(frozen=True)
class CurveEnds:
    """How the validation curves of several variants end.

    Attributes:
        variants: number of variants; those that were not measured are in no other number.
        flat, rising, falling, unclear: how many of the curves are (see :meth:`LateChange.curve`).
        largest_rise: the largest mean change over the last fifth of training, a fraction: below
            zero if all curves fall. NaN if none was measured.
    """

    variants: int
    flat: int
    rising: int
    falling: int
    unclear: int
    largest_rise: float


def curve_ends(history: pd.DataFrame, runs: pd.DataFrame, margin: float) -> CurveEnds:
    """Return how the validation curves of the variants of an analysis end.

    Args:
        history, runs, margin: see :func:`late_changes`; a run can be there several times.
    """
    runs = runs.drop_duplicates(["variant", "replicate"])
    history = history.drop_duplicates(["variant", "replicate", "step"])
    changes = _by_variant(history, runs).values()
    curves = Counter(change.curve(margin) for change in changes)
    means = [change.mean for change in changes if not math.isnan(change.mean)]
    return CurveEnds(
        variants=len(changes),
        flat=curves[FLAT],
        rising=curves[RISING],
        falling=curves[FALLING],
        unclear=curves[UNCLEAR],
        largest_rise=max(means, default=math.nan),
    )


def _by_variant(history: pd.DataFrame, runs: pd.DataFrame) -> dict[str, LateChange]:
    """Return the change of each variant, in the order of the runs."""
    completed = runs.loc[runs["status"] != DIVERGED, ["variant", "replicate"]]
    curves = dict(list(history.merge(completed).groupby("variant", sort=False)))
    return {
        variant: _late_change(curves[variant]) if variant in curves else LateChange()
        for variant in runs["variant"].unique()
    }


def _late_change(curves: pd.DataFrame) -> LateChange:
    """Return the change of a variant, given the evaluations of its completed runs."""
    last = int(curves["step"].max())
    late = curves[5 * curves["step"] >= 4 * last]
    values = late.pivot_table(index="step", columns="replicate", values="validation_accuracy")
    if len(values) < _FEWEST:
        return LateChange()
    slopes = np.polyfit(values.index.to_numpy(np.float64), values.to_numpy(), deg=1)[0]
    found = estimate(slopes * last / 5)
    return LateChange(found.mean, found.ci_low, found.ci_high)
