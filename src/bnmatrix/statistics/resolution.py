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
        equivalent: of these, how many have an interval within the margin.
        unclear: of these, how many have an interval that neither excludes zero nor is within the
            margin.
        half_width: median half width of the unclear intervals, as a fraction; NaN if there is none.
        widest: largest half width of the unclear intervals, as a fraction; NaN if there is none.
    """

    comparisons: int
    equivalent: int
    unclear: int
    half_width: float
    widest: float


def resolution(comparisons: pd.DataFrame, margin: float) -> Resolution:
    """Return what the intervals of comparisons can show.

    Args:
        comparisons: a row for each variant that has a baseline
            (:func:`bnmatrix.statistics.comparisons.compare`).
        margin: differences up to this, either way, make no practical difference.
    """
    table = comparisons.dropna(subset=["ci_low"])
    equivalent = (table["ci_low"] > -margin) & (table["ci_high"] < margin)
    unclear = ~((table["ci_low"] > 0) | (table["ci_high"] < 0) | equivalent)
    half_widths = ((table["ci_high"] - table["ci_low"]) / 2)[unclear]
    return Resolution(
        comparisons=len(table),
        equivalent=int(equivalent.sum()),
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
