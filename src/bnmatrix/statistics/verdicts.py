"""What effects say of a claim, and the adjustment of families of tests."""

from collections.abc import Sequence

import numpy as np
from statsmodels.stats.multitest import multipletests

from bnmatrix.statistics.means import ALPHA

SUPPORTED, CONTRADICTED, EQUIVALENT = "supported", "contradicted", "equivalent"
CONDITIONAL, INCONCLUSIVE, NOT_MEASURED = "conditional", "inconclusive", "not measured"


def adjust(p_values: Sequence[float]) -> np.ndarray:
    """Return Holm's adjustment of a family of p-values; a NaN stays NaN and does not count."""
    p = np.asarray(p_values, np.float64)
    adjusted, known = np.full(len(p), np.nan), ~np.isnan(p)
    if known.any():
        adjusted[known] = multipletests(p[known], method="holm")[1]
    return adjusted


def verdict(effect: float, p: float, p_equivalence: float, direction: str) -> str:
    """Return what an analysis says of a claim.

    Equivalence goes first: a difference that is surely within the margin makes no practical
    difference, however surely it is not zero.

    Args:
        effect: the mean difference.
        p: of no difference, adjusted.
        p_equivalence: of a difference at least as large as the margin, adjusted.
        direction: what the claim says of the effect: ``greater`` or ``less`` than zero,
            ``different`` from zero, or ``equal`` to it.
    """
    if p_equivalence < ALPHA:
        return SUPPORTED if direction == "equal" else EQUIVALENT
    if not p < ALPHA:
        return INCONCLUSIVE
    if direction == "different":
        return SUPPORTED
    if direction == "equal":
        return CONTRADICTED
    return SUPPORTED if (effect > 0) == (direction == "greater") else CONTRADICTED


def combine(primary: str, conditions: Sequence[str]) -> str:
    """Return a claim's verdict from those of its primary analysis and of its conditions.

    It is conditional when the primary analysis supports it and a condition speaks against it
    (contradicted or equivalent), or when a condition supports it and the primary analysis does not.
    An inconclusive condition has no influence.
    """
    if primary == SUPPORTED:
        against = {CONTRADICTED, EQUIVALENT} & set(conditions)
        return CONDITIONAL if against else SUPPORTED
    if primary != NOT_MEASURED and SUPPORTED in conditions:
        return CONDITIONAL
    return primary
