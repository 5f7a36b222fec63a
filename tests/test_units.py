"""The text of differences."""

import math

import pytest

from bnmatrix.statistics.units import UNITS, interval, margin_text, number, quantity

NUMBERS = [
    (0.012, "points", "+1.20"),
    (-0.0345, "points", "−3.45"),
    (0.0, "points", "0.00"),
    (-0.0, "points", "0.00"),
    (0.002, "points a doubling", "+0.20"),
    (0.1234, "nats", "+0.123"),
    (-0.1234, "plain", "−0.123"),
    (7168.0, "count", "+7168"),
    (-3.0, "count", "−3"),
    (0.0, "count", "0"),
    (1.0, "factor of 2", "×2"),
    (-1.0, "factor of 2", "×0.5"),
    (0.0, "factor of 2", "×1"),
    (math.log2(1.1), "factor of 2", "×1.1"),
    (0.5, "factor of 10", "×3.16"),
    (-2.0, "factor of 10", "×0.01"),
    (-5.0, "factor of 10", "×1.0e-05"),
    (6.0, "factor of 10", "×1.0e+06"),
]


@pytest.mark.parametrize(("value", "unit", "text"), NUMBERS)
def test_numbers(value, unit, text):
    assert number(value, unit) == text


@pytest.mark.parametrize(
    ("value", "text"), [(math.log2(1234), "×1234"), (math.log2(999.7), "×1000")]
)
def test_large_factors_are_written_out(value, text):
    assert number(value, "factor of 2") == text


def test_small_differences_are_not_written_as_zero():
    assert number(-0.00002, "points") == "−0.002"
    assert number(-2e-7, "plain") == "−2 × 10⁻⁷"
    assert number(0.4, "count").removeprefix("+") == "0.4"
    assert number(1e-13, "plain") == number(-1e-13, "plain") == "0.000", "rounding error"


def test_quantities_have_a_unit():
    assert quantity(0.012, "points") == "+1.20 points"
    assert quantity(-0.002, "points a doubling") == "−0.20 points a doubling"
    assert quantity(0.05, "nats") == "+0.050 nats"
    assert quantity(0.05, "plain") == "+0.050"
    assert quantity(-3.0, "count") == "−3"
    assert quantity(-1.0, "factor of 2") == "×0.5"


@pytest.mark.parametrize("unit", ["points", "count", "factor of 2", "factor of 10"])
def test_missing_values_are_written_as_words(unit):
    assert number(math.nan, unit) == quantity(math.nan, unit) == "n/a"
    assert interval(math.nan, 0.1, unit) == interval(0.1, math.nan, unit) == "no interval"


def test_intervals():
    assert interval(-0.001, 0.0125, "points") == "[−0.10, +1.25]"
    assert interval(0.0, 0.0, "points") == "[0.00, 0.00]"
    assert interval(-1, 1, "factor of 2") == "[×0.5, ×2]"


def test_margins():
    assert margin_text(0.002, "points") == "±0.2 points"
    assert margin_text(0.0004, "points a doubling") == "±0.04 points a doubling"
    assert margin_text(0.005, "nats") == "±0.005 nats"
    assert margin_text(0.05, "plain") == "±0.05"
    assert margin_text(0.1375, "factor of 2") == "a factor of 1.1"
    assert margin_text(0.301, "factor of 10") == "a factor of 2"
    assert margin_text(0.00144, "factor of 2") == "a factor of 1.001"


def test_every_unit_can_be_written():
    for unit in UNITS:
        assert quantity(0.1, unit), unit
        assert margin_text(0.1, unit), unit
