"""How small a difference a study's replicates and examples can show."""

import math
from dataclasses import dataclass

import pandas as pd

#: Standard errors to either side that a 95 % interval of a normal distribution covers.
_Z = 1.96


@dataclass(frozen=True)
class Resolution:
    """What the intervals of a study's comparisons can show.

    Attributes:
        comparisons: comparisons that have an interval.
        unclear: of these, how many have an interval that is neither within the margin nor beyond
            it.
        half_width: median half width of the unclear intervals, as a fraction; NaN if there is none.
        widest: largest half width of the unclear intervals, as a fraction; NaN if there is none.
    """

    comparisons: int
    unclear: int
    half_width: float
    widest: float


def resolution(comparisons: pd.DataFrame, margin: float) -> Resolution:
    """Return what the intervals of comparisons that hold together can show.

    Args:
        comparisons: a row for each variant that has a baseline
            (:func:`bnmatrix.statistics.comparisons.compare`).
        margin: differences up to this, either way, make no practical difference.
    """
    table = comparisons.dropna(subset=["joint_low"])
    within = (table["joint_low"] > -margin) & (table["joint_high"] < margin)
    unclear = ~((table["joint_low"] > margin) | (table["joint_high"] < -margin) | within)
    half_widths = ((table["joint_high"] - table["joint_low"]) / 2)[unclear]
    return Resolution(
        comparisons=len(table),
        unclear=int(unclear.sum()),
        half_width=float(half_widths.median()),
        widest=float(half_widths.max()),
    )


def examples_needed(examples: int, half_width: float, margin: float) -> float:
    """Return how many examples would narrow an interval of this half width to the margin.

    The width of an interval falls with the square root of the number of examples.
    """
    return examples * (half_width / margin) ** 2


def sampling_error(accuracy: float, examples: int) -> float:
    """Return the half width of the 95 % interval of an accuracy over samples of test examples.

    By the normal approximation of the binomial distribution.
    """
    return _Z * math.sqrt(accuracy * (1 - accuracy) / examples)
