"""How numbers are written, in figures and on pages alike."""

import math
from collections.abc import Sequence

from bnmatrix.statistics.units import MINUS


def points(difference: float) -> str:
    """Return a difference of two fractions in percentage points, with its sign."""
    if math.isnan(difference):
        return "n/a"
    text = f"{abs(difference) * 100:.2f}"
    return text if float(text) == 0 else f"{MINUS if difference < 0 else '+'}{text}"


def plain_points(difference: float) -> str:
    """Return a difference of two fractions for a sentence: "1.3 points", "−10.0 points"."""
    text = f"{abs(difference) * 100:.1f}"
    minus = MINUS if difference < 0 and float(text) else ""
    return f"{minus}{text} points"


def percent(fraction: float, digits: int = 2) -> str:
    """Return a fraction as a percentage."""
    return "n/a" if math.isnan(fraction) else f"{fraction * 100:.{digits}f} %"


def interval(low: float, high: float) -> str:
    """Return an interval of differences in percentage points."""
    if math.isnan(low) or math.isnan(high):
        return "no interval"
    return f"[{points(low)}, {points(high)}]"


def p_text(p: float) -> str:
    """Return a p-value to three significant digits."""
    if math.isnan(p):
        return "n/a"
    return "< 0.001" if p < 0.001 else f"{p:.3g}"


def duration(seconds: float) -> str:
    """Return a time as seconds, minutes or hours."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.1f} min" if seconds < 3600 else f"{seconds / 3600:.1f} h"


def span(numbers: Sequence[int]) -> str:
    """Return "5" if all numbers are 5, and "3 to 5" if they range from 3 to 5."""
    low, high = min(numbers), max(numbers)
    return str(low) if low == high else f"{low} to {high}"


#: Small numbers in words.
COUNTS = ("none", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def count(number: int) -> str:
    """Return a small number in words."""
    return COUNTS[number] if number < len(COUNTS) else str(number)


def thousands(number: int) -> str:
    """Return a number with spaces between thousands."""
    return f"{number:,}".replace(",", " ")


def join(parts: Sequence[str]) -> str:
    """Return "a, b and c"."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
