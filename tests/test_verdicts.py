"""Verdicts from intervals: every case by hand, and simulations of families of claims."""

import math

import numpy as np
import pytest

from bnmatrix.statistics.paired import paired_effect
from bnmatrix.statistics.verdicts import (
    CONDITIONAL,
    CONTRADICTED,
    NO_DIFFERENCE,
    NOT_MEASURED,
    SMALL,
    SUPPORTED,
    UNKNOWN,
    UNTESTABLE,
    combine,
    tail,
    verdict,
)

#: Intervals in units of the margin, and the verdict on each direction.
INTERVALS = {
    # interval: greater, different, equal, at most
    (1.1, 2.0): (SUPPORTED, SUPPORTED, CONTRADICTED, CONTRADICTED),
    (0.5, 2.0): (SMALL, SMALL, SMALL, UNKNOWN),
    (1.0, 2.0): (SMALL, SMALL, SMALL, UNKNOWN),
    (0.1, 0.9): (SMALL, SMALL, SUPPORTED, SUPPORTED),
    (-0.5, 0.9): (NO_DIFFERENCE, NO_DIFFERENCE, SUPPORTED, SUPPORTED),
    (-0.5, 1.5): (UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN),
    (-2.0, 2.0): (UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN),
    (-1.5, 0.5): (UNKNOWN, UNKNOWN, UNKNOWN, SUPPORTED),
    (-0.9, -0.1): (SMALL, SMALL, SUPPORTED, SUPPORTED),
    (-2.0, -0.5): (SMALL, SMALL, SMALL, SUPPORTED),
    (-2.0, -1.1): (CONTRADICTED, SUPPORTED, CONTRADICTED, SUPPORTED),
    (math.nan, math.nan): (UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN),
}


@pytest.mark.parametrize(("interval", "expected"), INTERVALS.items())
def test_verdicts(interval, expected):
    low, high = (0.02 * end for end in interval)
    found = [verdict(low, high, 0.02, way) for way in ("greater", "different", "equal", "at most")]
    assert tuple(found) == expected
    assert verdict(-high, -low, 0.02, "less") == expected[0]


def test_the_level_of_each_end():
    """One-sided wordings are judged by one end, others by both."""
    assert [tail(way, 18) for way in ("greater", "less", "equal", "at most")] == [0.05 / 18] * 4
    assert tail("different", 18) == 0.025 / 18


COMBINATIONS = [
    # primary, condition, and the verdict if their effects differ significantly
    (SUPPORTED, SUPPORTED, SUPPORTED),
    (SUPPORTED, SMALL, CONDITIONAL),
    (SUPPORTED, NO_DIFFERENCE, CONDITIONAL),
    (SUPPORTED, CONTRADICTED, CONDITIONAL),
    (SUPPORTED, UNKNOWN, CONDITIONAL),
    (SUPPORTED, NOT_MEASURED, SUPPORTED),
    (SMALL, NO_DIFFERENCE, SMALL),
    (SMALL, UNKNOWN, SMALL),
    (NO_DIFFERENCE, UNKNOWN, CONDITIONAL),
    (UNKNOWN, UNKNOWN, UNKNOWN),
    (UNKNOWN, SUPPORTED, CONDITIONAL),
    (NOT_MEASURED, SUPPORTED, NOT_MEASURED),
    (UNTESTABLE, SUPPORTED, UNTESTABLE),
]


@pytest.mark.parametrize(("primary", "condition", "expected"), COMBINATIONS)
def test_combinations(primary, condition, expected):
    """Without a significant difference of effects, the primary analysis decides."""
    mirror = {SUPPORTED: CONTRADICTED, CONTRADICTED: SUPPORTED}
    first, second = mirror.get(primary, primary), mirror.get(condition, condition)
    assert combine(primary, [(SUPPORTED, False), (condition, True)]) == expected
    assert combine(first, [(second, True)]) == mirror.get(expected, expected)
    assert combine(primary, [(condition, False)]) == primary
    assert combine(primary, []) == primary


# --------------------------------------------------------------------------- simulation

#: Number of primary analyses of a data set, and of pairs.
FAMILY, PAIRS = 18, 20


def supported(effect, direction, simulations, pairs=PAIRS):
    """Return the share of supported claims; the margin is 1 and the standard error 1/4."""
    rng, level = np.random.default_rng(11), tail(direction, FAMILY)
    found = []
    for values in rng.normal(effect, 0.25 * math.sqrt(pairs), (simulations, pairs)):
        effect_found = paired_effect(values, np.zeros(pairs), level)
        found.append(verdict(effect_found.ci_low, effect_found.ci_high, 1.0, direction))
    return found.count(SUPPORTED) / simulations


@pytest.mark.parametrize("simulations", [400, pytest.param(6000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("direction", ["greater", "different"])
def test_an_effect_below_the_margin_is_rarely_supported(record_property, direction, simulations):
    share = supported(0.8, direction, simulations)
    print(f"effect of 0.8 margins, {direction}: supported {share:.4f}")
    record_property("supported", f"{share:.4f}")
    assert share <= 0.05


@pytest.mark.parametrize("simulations", [400, pytest.param(6000, marks=pytest.mark.slow)])
@pytest.mark.parametrize(("pairs", "least"), [(20, 0.75), (24, 0.8)])
def test_an_effect_of_two_margins_is_mostly_supported(record_property, pairs, least, simulations):
    """With 20 pairs Student's t itself stays below 80 %: it reaches 79 %, as P(t > 3.13) at 19
    degrees of freedom and centre 4."""
    share = supported(2, "greater", simulations, pairs)
    print(f"effect of 2 margins, standard error of a quarter, {pairs} pairs: supported {share:.3f}")
    record_property("supported", f"{share:.3f}")
    assert share >= least


@pytest.mark.parametrize("simulations", [300, pytest.param(4000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("effect", [0, 0.5, 1, 1.5, 2, -1])
def test_equal_effects_are_rarely_conditional(record_property, effect, simulations):
    """A primary analysis and two conditions of the same effect, paired by replicate."""
    rng, level = np.random.default_rng(12), tail("greater", FAMILY)
    conditional = 0
    for _ in range(simulations):
        draws = rng.normal(effect, 0.25 * math.sqrt(PAIRS), (3, PAIRS))
        draws += rng.normal(0, 0.5, PAIRS)
        said = []
        for values in draws:
            found = paired_effect(values, np.zeros(PAIRS), level)
            said.append(verdict(found.ci_low, found.ci_high, 1.0, "greater"))
        differs = []
        for values in draws[1:]:
            found = paired_effect(values, draws[0], 0.025 / 2)
            differs.append(found.ci_low > 0 or found.ci_high < 0)
        pairs = list(zip(said[1:], differs, strict=True))
        conditional += combine(said[0], pairs) == CONDITIONAL
    print(f"the same effect of {effect} margins: conditional {conditional / simulations:.4f}")
    record_property("conditional", f"{conditional / simulations:.4f}")
    assert conditional / simulations <= 0.05
