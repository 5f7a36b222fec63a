"""How differences in an endpoint are written, by the unit of the endpoint.

A unit is declared once, in one of the two tables below.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

MINUS = "\N{MINUS SIGN}"

#: Unit → factor to multiply by, decimals (None: three significant digits), and the text after the
#: number.
_PER_STEP: dict[str, tuple[int, int | None, str]] = {
    "points": (100, 2, " points"),
    "nats": (1, 3, " nats"),
    "plain": (1, 3, ""),
    # Three significant digits, because a target can be of any size.
    "target units": (1, None, " units of the target"),
    "count": (1, 0, ""),
}
#: What the unit of a slope on log₂ of an axis ends in.
DOUBLING = " a doubling"
_LINEAR = _PER_STEP | {
    f"{unit}{DOUBLING}": (scale, digits, f"{suffix}{DOUBLING}")
    for unit, (scale, digits, suffix) in _PER_STEP.items()
    if unit != "count"
}
#: Unit → base of the logarithms that the endpoint gives.
_FACTORS = {"factor of 2": 2, "factor of 10": 10}

#: The units of endpoints.
UNITS = (*_LINEAR, *_FACTORS)


def quantity(value: float, unit: str) -> str:
    """Return a difference with its unit: "+1.20 points", "×0.43"."""
    if math.isnan(value):
        return "n/a"
    suffix = "" if unit in _FACTORS else _LINEAR[unit][2]
    return number(value, unit) + suffix


def value(measured: float, unit: str) -> str:
    """Return the value of an endpoint in one run, without a sign or a unit: "97.20", "240"."""
    if math.isnan(measured):
        return "n/a"
    if unit in _FACTORS:
        return f"{_FACTORS[unit] ** measured:.4g}"
    scale, digits, _ = _LINEAR[unit]
    return _decimal(measured * scale, digits).replace("-", MINUS)


def number(value: float, unit: str) -> str:
    """Return a difference without its unit: "+1.20"; a factor as "×0.43"."""
    if math.isnan(value):
        return "n/a"
    if unit in _FACTORS:
        try:
            factor = _FACTORS[unit] ** value
        except OverflowError:
            return "×∞"
        if 1e-3 < factor < 1e4:
            return f"×{factor:.0f}" if factor >= 999.5 else f"×{factor:.3g}"
        return f"×{factor:.1e}"
    scale, digits, _ = _LINEAR[unit]
    text = _decimal(abs(value * scale), digits)
    if float(text) == 0:
        # Zero when rounded, but not zero.
        return text if abs(value) < 1e-12 else _power(value * scale)
    return f"{MINUS if value < 0 else '+'}{text}"


def size_range(effects: Sequence[float], unit: str) -> str:
    """Return the sizes of effects of one sign: "1.2 points", "1.2 to 3.4 points", "4.8 times"."""
    sizes = sorted(abs(effect) for effect in effects)
    if unit in _FACTORS:
        return _span([f"{_FACTORS[unit] ** size:.3g}" for size in sizes]) + " times"
    scale, digits, suffix = _LINEAR[unit]
    return _span([_short(size * scale, digits) for size in sizes]) + suffix


def share_range(effects: Sequence[float], unit: str) -> str:
    """Return factors below 1 as percentages: "21 %", "21 to 35 %"; "" for other units."""
    if unit not in _FACTORS:
        return ""
    sizes = sorted((abs(effect) for effect in effects), reverse=True)
    return _span([f"{100 * _FACTORS[unit] ** -size:.0f}" for size in sizes]) + " %"


def _span(ordered: Sequence[str]) -> str:
    first, last = ordered[0], ordered[-1]
    return first if first == last else f"{first} to {last}"


def _decimal(value: float, digits: int | None) -> str:
    """Return a number with so many decimals; None: with three significant digits."""
    if digits is None:
        whole = math.floor(math.log10(abs(value))) if value else 0
        digits = max(0, 2 - whole)
    return f"{value:.{digits}f}"


def _short(value: float, digits: int | None) -> str:
    """Return a number with its decimals; one that would be zero is a power of ten."""
    text = _decimal(value, digits)
    return _power(value).lstrip("+") if float(text) == 0 and value > 1e-12 else text


def _power(value: float) -> str:
    """Return a number close to zero with its sign, as a power of ten: "+1.5 × 10⁻⁷"."""
    mantissa, _, exponent = f"{value:+.2g}".partition("e")
    mantissa = mantissa.replace("-", MINUS)
    if not exponent:
        return mantissa
    digits = str(int(exponent)).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return f"{mantissa} × 10{digits}"


def margin_text(margin: float, unit: str) -> str:
    """Return a margin: "±0.2 points", "a factor of 1.2"."""
    if unit in _FACTORS:
        factor = _FACTORS[unit] ** margin
        short = f"{factor:.3g}"
        return f"a factor of {short if short != '1' else f'{factor:.4g}'}"
    scale, _, suffix = _LINEAR[unit]
    text = f"{margin * scale:.4g}"
    return f"±{text}{suffix.replace('points', 'point') if text == '1' else suffix}"


def interval(low: float, high: float, unit: str) -> str:
    """Return an interval of differences, without its unit."""
    if math.isnan(low) or math.isnan(high):
        return "no interval"
    return f"[{number(low, unit)}, {number(high, unit)}]"


@dataclass(frozen=True)
class Scale:
    """How sentences write effects: in a unit, with as many decimals as the margin deserves.

    Attributes:
        margin: differences up to this do not matter; above 0, in the endpoint's unit.
        unit: a unit whose effects are differences, not factors.
        of: what is measured, if that does not go without saying: "balanced accuracy".
    """

    margin: float
    unit: str = "points"
    of: str = ""

    def number(self, value: float) -> str:
        """Return a value without its unit, with two significant digits of the margin: "−1.2"."""
        scale = _LINEAR[self.unit][0]
        decimals = max(0, 1 - math.floor(math.log10(self.margin * scale)))
        text = f"{value * scale:.{decimals}f}"
        return text.replace("-", MINUS if float(text) else "")

    def amount(self, value: float) -> str:
        """Return a value with its unit: "2.1 points"."""
        return self.number(value) + _LINEAR[self.unit][2]

    @property
    def margin_amount(self) -> str:
        """The margin with its unit: "1 point", "0.5 points"."""
        scale, _, suffix = _LINEAR[self.unit]
        text = f"{self.margin * scale:g}"
        return text + (suffix.removesuffix("s") if text == "1" else suffix)
