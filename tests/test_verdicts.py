"""The adjustment of p-values, and verdicts, computed by hand and in simulations."""

import math
from collections import Counter

import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests

from bnmatrix.statistics.means import ALPHA
from bnmatrix.statistics.paired import paired_effect
from bnmatrix.statistics.verdicts import (
    CONDITIONAL,
    CONTRADICTED,
    EQUIVALENT,
    INCONCLUSIVE,
    NOT_MEASURED,
    SUPPORTED,
    adjust,
    combine,
    verdict,
)

# --------------------------------------------------------------------------- adjustment


def test_holm_by_hand():
    """0.01 · 3; 0.03 · 2; 0.04 · 1, but at least the previous value."""
    assert adjust([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert adjust([0.5, 0.6]) == pytest.approx([1, 1])


def test_adjustment_keeps_nan_and_leaves_it_out_of_the_count():
    assert adjust([math.nan, 0.01, 0.04, math.nan, 0.03]) == pytest.approx(
        [math.nan, 0.03, 0.06, math.nan, 0.06], nan_ok=True
    )
    assert np.isnan(adjust([math.nan, math.nan])).all()
    assert len(adjust([])) == 0


def test_adjustment_against_statsmodels():
    p = np.random.default_rng(5).beta(0.3, 2, 30)
    assert adjust(p) == pytest.approx(multipletests(p, method="holm")[1])


# --------------------------------------------------------------------------- verdicts

NO, YES = 0.5, 0.01

VERDICTS = [
    # direction, effect, p, p of equivalence, verdict
    ("greater", 0.1, YES, NO, SUPPORTED),
    ("greater", -0.1, YES, NO, CONTRADICTED),
    ("greater", 0.1, NO, YES, EQUIVALENT),
    ("greater", 0.1, YES, YES, EQUIVALENT),
    ("greater", 0.1, NO, NO, INCONCLUSIVE),
    ("less", -0.1, YES, NO, SUPPORTED),
    ("less", 0.1, YES, NO, CONTRADICTED),
    ("less", -0.1, NO, YES, EQUIVALENT),
    ("less", -0.1, YES, YES, EQUIVALENT),
    ("less", -0.1, NO, NO, INCONCLUSIVE),
    ("different", 0.1, YES, NO, SUPPORTED),
    ("different", -0.1, YES, NO, SUPPORTED),
    ("different", 0.1, NO, YES, EQUIVALENT),
    ("different", 0.1, YES, YES, EQUIVALENT),
    ("different", 0.1, NO, NO, INCONCLUSIVE),
    ("equal", 0.1, NO, YES, SUPPORTED),
    ("equal", 0.1, YES, YES, SUPPORTED),
    ("equal", 0.1, YES, NO, CONTRADICTED),
    ("equal", -0.1, YES, NO, CONTRADICTED),
    ("equal", 0.1, NO, NO, INCONCLUSIVE),
    *((way, 0.1, math.nan, math.nan, INCONCLUSIVE) for way in ("greater", "less", "equal")),
]


@pytest.mark.parametrize(("direction", "effect", "p", "equivalence", "expected"), VERDICTS)
def test_verdicts(direction, effect, p, equivalence, expected):
    assert verdict(effect, p, equivalence, direction) == expected


@pytest.mark.parametrize(
    ("mean", "sd", "direction", "expected"),
    [
        (0.10, 0.01, "greater", SUPPORTED),
        (0.10, 0.01, "less", CONTRADICTED),
        (0.10, 0.01, "different", SUPPORTED),
        (0.10, 0.01, "equal", CONTRADICTED),
        (0.005, 0.001, "greater", EQUIVALENT),
        (0.005, 0.001, "equal", SUPPORTED),
        (0.0, 0.2, "greater", INCONCLUSIVE),
        (0.0, 0.2, "equal", INCONCLUSIVE),
    ],
)
def test_verdicts_from_pairs(mean, sd, direction, expected):
    """Twelve pairs, evenly spread, and a margin of 0.02."""
    spread = np.linspace(-1, 1, 12)
    ours = paired_effect(mean + sd * spread / spread.std(ddof=1), np.zeros(12), 0.02)
    assert verdict(ours.effect, ours.p_value, ours.p_equivalence, direction) == expected


COMBINATIONS = [
    (SUPPORTED, [], SUPPORTED),
    (SUPPORTED, [SUPPORTED, SUPPORTED], SUPPORTED),
    (SUPPORTED, [NOT_MEASURED], SUPPORTED),
    *((SUPPORTED, [SUPPORTED, v], CONDITIONAL) for v in (CONTRADICTED, EQUIVALENT)),
    (SUPPORTED, [SUPPORTED, INCONCLUSIVE], SUPPORTED),
    *((v, [SUPPORTED], CONDITIONAL) for v in (CONTRADICTED, EQUIVALENT, INCONCLUSIVE)),
    *((v, [], v) for v in (CONTRADICTED, EQUIVALENT, INCONCLUSIVE, NOT_MEASURED)),
    (EQUIVALENT, [CONTRADICTED, INCONCLUSIVE], EQUIVALENT),
    (INCONCLUSIVE, [CONTRADICTED], INCONCLUSIVE),
    (NOT_MEASURED, [SUPPORTED], NOT_MEASURED),
]


@pytest.mark.parametrize(("primary", "conditions", "expected"), COMBINATIONS)
def test_combinations(primary, conditions, expected):
    assert combine(primary, conditions) == expected


# --------------------------------------------------------------------------- simulation

#: Eight pairs: the permutation test of eight has 256 sign patterns, and takes milliseconds. Its
#: smallest p-value times the number of claims is still below 5 %.
FAMILIES, CLAIMS, PAIRS = 100, 5, 8


def simulated_verdicts(mean, margin, directions, families=FAMILIES):
    """Return counts of (direction, verdict) of claims whose differences are normal with sd 1, and
    the number of families in which one at least was called different from zero."""
    rng = np.random.default_rng(11)
    counts, wrong = Counter(), 0
    for _ in range(families):
        found = [
            paired_effect(d, np.zeros(PAIRS), margin) for d in rng.normal(mean, 1, (CLAIMS, PAIRS))
        ]
        p = adjust([item.p_value for item in found])
        equivalence = adjust([item.p_equivalence for item in found])
        wrong += bool((p < ALPHA).any())
        for item, *adjusted in zip(found, p, equivalence, strict=True):
            counts.update((way, verdict(item.effect, *adjusted, way)) for way in directions)
    return counts, wrong


@pytest.mark.slow
def test_claims_without_an_effect(record_property):
    """At most 5 % are called supported, and in about 5 % of the families one is called different.

    Margins are so small that no claim is equivalent; the tests are exact.
    """
    counts, wrong = simulated_verdicts(0, 1e-6, ("greater", "less", "different"))
    claims = FAMILIES * CLAIMS
    rates = {way: counts[way, SUPPORTED] / claims for way in ("greater", "less", "different")}
    print("no effect, no equivalence: supported", rates, "families", wrong / FAMILIES)
    record_property("supported", str(rates))
    assert max(rates.values()) <= 0.05
    assert not any(found == EQUIVALENT for _, found in counts)
    assert rates["greater"] + rates["less"] == pytest.approx(rates["different"])
    assert counts["greater", CONTRADICTED] == counts["less", SUPPORTED]
    assert 0 < wrong / FAMILIES <= 0.1, "100 families: 5 % at most on average"


@pytest.mark.slow
def test_claims_without_an_effect_and_with_large_margins(record_property):
    """Most of them are equivalent. If the effect is as large as the margin, at most 5 % of the
    claims of no effect are supported."""
    claims = FAMILIES * CLAIMS
    counts, _ = simulated_verdicts(0, 1.5, ("greater", "less", "different", "equal"))
    rates = {way: counts[way, SUPPORTED] / claims for way in ("greater", "less", "different")}
    equivalent = counts["different", EQUIVALENT] / claims
    print("no effect, margin 1.5 sd: supported", rates, "equivalent", equivalent)
    record_property("supported", str(rates))
    assert max(rates.values()) <= 0.05
    assert equivalent > 0.5
    assert counts["equal", SUPPORTED] == counts["different", EQUIVALENT]
    counts, _ = simulated_verdicts(1.5, 1.5, ("equal",), families=40)
    rate = counts["equal", SUPPORTED] / (40 * CLAIMS)
    print("effect of the margin: called equal", rate)
    assert rate <= 0.05
