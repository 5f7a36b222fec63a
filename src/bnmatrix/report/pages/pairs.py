"""The pairs of runs behind a verdict: a strip of their differences, and a table."""

import math
from typing import Any

import pandas as pd
from markupsafe import Markup

from bnmatrix.config.claims import DECIDING
from bnmatrix.report.pages.records import Record
from bnmatrix.statistics import units
from bnmatrix.statistics.verdicts import claimed_side

#: Size of the strip in pixels.
_WIDTH, _HEIGHT = 420, 34


def pair_table(row: Record, pairs: pd.DataFrame) -> dict[str, Any]:
    """Return the pairs behind the main test of a claim on a data set.

    Args:
        row: the row of claims.csv with its texts (:func:`bnmatrix.report.pages.scorecard`).
        pairs: the pairs (:data:`bnmatrix.claims.analyses.PAIR_COLUMNS`).
    """
    found = pairs[
        (pairs["claim"] == row["claim"])
        & (pairs["study"] == row["study"])
        & pairs["role"].isin(DECIDING)
    ].sort_values("replicate")
    differences = found["treatment"] - found["control"]
    unit = row["unit"]
    return {
        "anchor": f"pairs-{row['claim']}-{row['dataset']}-{row['network']}",
        "column": row["column"],
        "verdict": row["verdict"],
        "effect_text": row["effect_text"],
        "strip": strip(list(differences), row, claimed_side(row["direction"], row["effect"])),
        "rows": [
            {
                "replicate": int(pair.replicate),
                "treatment": units.value(pair.treatment, unit),
                "control": units.value(pair.control, unit),
                "difference": units.number(difference, unit),
                "order": difference,
            }
            for pair, difference in zip(found.itertuples(index=False), differences, strict=True)
        ],
    }


def strip(differences: list[float], row: Record, side: int) -> Markup:
    """Return the differences as dots on a line, right as claimed, with zero and the margin."""
    values = [side * value for value in differences if math.isfinite(value)]
    if not values:
        return Markup("")
    margin = float(row["margin"])
    low, high = min(*values, -margin, 0.0), max(*values, margin, 0.0)

    def place(value: float) -> float:
        return 6 + (value - low) / (high - low) * (_WIDTH - 12)

    left, right, zero = place(-margin), place(margin), place(0.0)
    parts = [
        f'<path class="band" d="M{left:.1f} 2H{right:.1f}V{_HEIGHT - 2}H{left:.1f}z"/>',
        f'<path class="zero" d="M{zero:.1f} 2V{_HEIGHT - 2}"/>',
    ]
    for number, value in enumerate(sorted(values)):
        parts.append(f'<circle cx="{place(value):.1f}" cy="{10 + number % 3 * 7}" r="3"/>')
    unit = row["unit"]
    ends = units.number(min(differences), unit), units.number(max(differences), unit)
    label = f"Differences of {len(values)} pairs, from {ends[0]} to {ends[1]}"
    return Markup(
        f'<svg class="strip" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{label}">'
        f"{''.join(parts)}</svg>"
    )
