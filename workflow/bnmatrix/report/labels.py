"""How settings, arms and numbers are written and coloured, in figures and on pages alike."""

import math
from typing import Any

import pandas as pd

from bnmatrix.registry import NORMALIZATION_SETTINGS, NORMALIZATIONS
from bnmatrix.units import MINUS

#: Colour-blind safe (Okabe & Ito), darkened to stand on white; one colour an arm on all pages.
COLOURS = {"none": "#B85C00", "batch": "#0067A5", "layer": "#00795B"}
SPARE_COLOURS = ("#A3478B", "#5B5B5B", "#8A6D00", "#3D8FC9", "#7A3E9D", "#B02A30")


def arm_columns(axes: list[str]) -> list[str]:
    """Return the axes that make up an arm: normalization, and settings that only it has."""
    return [axis for axis in axes if axis == "normalization" or axis in NORMALIZATION_SETTINGS]


def cell_columns(axes: list[str]) -> list[str]:
    """Return the axes that arms are compared within: all others."""
    return [axis for axis in axes if axis not in arm_columns(axes)]


#: What is said of a setting's value in the name of a cell; nothing, where everyone expects it.
_PHRASES = {
    ("framework", "keras"): "Keras",
    ("framework", "torch"): "PyTorch",
    ("conventions", "keras"): "",
    ("conventions", "torch"): "its own conventions",
    ("loss", "cross_entropy"): "",
    ("loss", "softmax_twice"): "softmax twice",
}


def setting_name(setting: str) -> str:
    """Return a setting's name for people."""
    return setting.removeprefix("normalization_").replace("_", " ")


def value_text(value: Any) -> str:
    """Return a setting's value for people: numbers as short as they are, "20 × 64" for layers."""
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, str) and value.startswith("mean-"):
        mean, deviation = value.removeprefix("mean-").split("-deviation-")
        return f"(x − {mean}) / {deviation}"
    layers = value.split("-") if isinstance(value, str) else []
    if len(layers) > 2 and layers[0].isdigit() and len(set(layers)) == 1:
        return f"{len(layers)} × {layers[0]}"
    return str(value)


def arm_label(row: Any, axes: list[str]) -> str:
    """Return the name of a row's arm, such as "batch normalization, placement after"."""
    parts = [NORMALIZATIONS[row["normalization"]].label]
    for axis in arm_columns(axes)[1:]:
        if not _missing(row[axis]):
            parts.append(f"{setting_name(axis)} {value_text(row[axis])}")
    return ", ".join(parts)


def cell_label(row: Any, axes: list[str]) -> str:
    """Return the name of a row's cell, such as "batch size 32, learning rate 0.1"."""
    return phrases(row, cell_columns(axes))


def phrases(row: Any, axes: list[str]) -> str:
    """Return the values of axes in words, such as "learning rate 0.1, PyTorch"."""
    said = [
        _PHRASES.get((axis, row[axis]), f"{setting_name(axis)} {value_text(row[axis])}")
        for axis in axes
        if not _missing(row[axis])
    ]
    return ", ".join(phrase for phrase in said if phrase)


def with_labels(table: pd.DataFrame, axes: list[str]) -> pd.DataFrame:
    """Return a table with columns ``arm`` and ``cell``."""
    return table.assign(
        arm=[arm_label(row, axes) for _, row in table.iterrows()],
        cell=[cell_label(row, axes) for _, row in table.iterrows()],
    )


def arm_colours(table: pd.DataFrame) -> dict[str, str]:
    """Return the colour of each arm in a table made by :func:`with_labels`."""
    colours: dict[str, str] = {}
    spare = iter(SPARE_COLOURS * 20)
    arms = table[["arm", "normalization"]].drop_duplicates()
    for arm, normalization in arms.itertuples(index=False):
        own = COLOURS.get(normalization)
        colours[arm] = own if own and own not in colours.values() else next(spare)
    return colours


def points(difference: float) -> str:
    """Return a difference of two fractions in percentage points, with its sign."""
    if _missing(difference):
        return "n/a"
    text = f"{abs(difference) * 100:.2f}"
    return text if float(text) == 0 else f"{MINUS if difference < 0 else '+'}{text}"


def percent(fraction: float, digits: int = 2) -> str:
    """Return a fraction as a percentage."""
    return "n/a" if _missing(fraction) else f"{fraction * 100:.{digits}f} %"


def interval(low: float, high: float) -> str:
    """Return an interval of differences in percentage points."""
    if _missing(low) or _missing(high):
        return "no interval"
    return f"[{points(low)}, {points(high)}]"


def p_text(p: float) -> str:
    """Return a p-value to three significant digits."""
    return "n/a" if _missing(p) else ("< 0.001" if p < 0.001 else f"{p:.3g}")


def duration(seconds: float) -> str:
    """Return a time as seconds, minutes or hours."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.1f} min" if seconds < 3600 else f"{seconds / 3600:.1f} h"


def join(parts: list[str]) -> str:
    """Return "a, b and c"."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def _missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))
