"""What an interval says of a claim, and how a primary analysis and its conditions combine."""

import math
from collections.abc import Sequence

from bnmatrix.statistics.uncertainty import ALPHA

SUPPORTED, CONTRADICTED = "supported", "contradicted"
SMALL, NO_DIFFERENCE = "real but small", "no difference that matters"
UNKNOWN, CONDITIONAL = "cannot tell", "conditional"
UNTESTABLE, NOT_MEASURED = "not testable here", "not measured"

#: All verdicts, in the order of pages.
VERDICTS = (
    SUPPORTED,
    CONDITIONAL,
    SMALL,
    NO_DIFFERENCE,
    CONTRADICTED,
    UNKNOWN,
    UNTESTABLE,
    NOT_MEASURED,
)

#: Columns that tell verdicts apart.
KEYS = ["claim", "dataset", "network"]

#: Verdicts of analyses that say the same of a claim. An unknown one says nothing.
_KINDS = {SUPPORTED: 1, CONTRADICTED: -1, SMALL: 0, NO_DIFFERENCE: 0}

#: Verdicts that place the effect on one side of the margin.
_DECIDED = (SUPPORTED, CONTRADICTED, NO_DIFFERENCE)


def tail(direction: str, family: int) -> float:
    """Return the probability with which each end of an interval fails, by Bonferroni.

    Wordings with a direction are judged by one end only, ``different`` by both.

    Args:
        direction: see :func:`verdict`.
        family: the number of analyses that are judged together, at least 1.
    """
    return ALPHA / (2 * family if direction == "different" else family)


def orientation(direction: str) -> int:
    """Return −1 if the claim says that the effect is negative, otherwise 1."""
    return -1 if direction == "less" else 1


def claimed_side(direction: str, effect: float) -> int:
    """Return the sign that makes an effect positive where it is as claimed.

    Args:
        direction: see :func:`verdict`. A claim of a difference holds on either side, and a claim of
            at most a small gain fails above.
        effect: the effect.
    """
    if direction == "different":
        return -1 if effect < 0 else 1
    return -1 if direction in ("less", "at most") else 1


def verdict(low: float, high: float, margin: float, direction: str) -> str:
    """Return what the interval of an effect says of a claim.

    Args:
        low, high: the ends of the interval; NaN if there is none.
        margin: differences up to this, either way, make no practical difference.
        direction: what the claim says of the effect: beyond the margin and ``greater`` or ``less``
            than zero or ``different`` from it; within the margin (``equal``); or at most the margin
            (``at most``), however negative.
    """
    if math.isnan(low) or math.isnan(high):
        return UNKNOWN
    if orientation(direction) < 0:
        low, high = -high, -low
    above, below, within = low > margin, high < -margin, -margin < low and high < margin
    supports, contradicts = {
        "different": (above or below, False),
        "equal": (within, above or below),
        "at most": (high < margin, above),
    }.get(direction, (above, below))
    if supports or contradicts:
        return SUPPORTED if supports else CONTRADICTED
    if direction == "at most":
        return UNKNOWN
    if low > 0 or high < 0:
        return SMALL
    return NO_DIFFERENCE if within else UNKNOWN


def combine(primary: str, conditions: Sequence[tuple[str, bool]]) -> str:
    """Return a claim's verdict from those of its primary analysis and of its conditions.

    It is conditional when the effect under a condition differs significantly from the primary one,
    and when the two verdicts differ in kind, one of them at least being decided. Supported and
    contradicted play the same part.

    Args:
        primary: the verdict of the primary analysis.
        conditions: the verdict of each condition, and whether its effect, in units of its margin
            and oriented as claimed, differs significantly from the primary one.
    """
    if primary in (NOT_MEASURED, UNTESTABLE):
        return primary
    for other, differs in conditions:
        kinds_differ = _KINDS.get(primary) != _KINDS.get(other) and other != NOT_MEASURED
        if differs and kinds_differ and (primary in _DECIDED or other in _DECIDED):
            return CONDITIONAL
    return primary
