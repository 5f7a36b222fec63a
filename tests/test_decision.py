"""The verdict on a user's own data: its rules, with known tables."""

import math
import re

import numpy as np
import pandas as pd
import pytest

from bnmatrix.report.decision import NO, NO_MATTER, UNKNOWN, YES, Cell, decision, decisions, word
from bnmatrix.statistics.comparisons import compare
from bnmatrix.statistics.units import Scale

POINTS = Scale(0.01)


def cell(size, effect, half, pairs=40, needed=math.nan, name=None):
    name = name or f"batch size {size}"
    return Cell(name, size, effect, effect - half, effect + half, pairs, needed)


def line(*cells, scale=POINTS):
    return decision("batch normalization", cells, scale).line("**")


def advice(*cells):
    return " ".join(decision("batch normalization", cells, POINTS).advice)


@pytest.mark.parametrize(
    ("effect", "half", "expected"),
    [
        (0.021, 0.009, YES),
        (0.02, 0.01, UNKNOWN),  # at the margin
        (0.021, 0.012, UNKNOWN),
        (0.003, 0.005, NO_MATTER),
        (0.005, 0.002, NO_MATTER),  # real, and within the margin
        (0.003, 0.007, UNKNOWN),
        (-0.021, 0.009, NO),
        (-0.021, 0.012, UNKNOWN),
        (0.0, math.nan, UNKNOWN),
        (0.0, 0.0, NO_MATTER),
    ],
)
def test_a_word_follows_from_interval_and_margin(effect, half, expected):
    assert word(cell(16, effect, half), 0.01) == expected


def test_the_line_of_the_example():
    small = [cell(16, 0.001, 0.005), cell(32, 0.0, 0.004), cell(64, 0.002, 0.003)]
    assert line(*small, cell(4, -0.021, 0.009)) == (
        "Use batch normalization? **No matter** at batch 16 to 64 (within 1 point; 40 pairs). "
        "**No** at 4: it costs 2.1 points [1.2, 3.0]."
    )


def test_all_words_have_their_order_and_numbers():
    cells = [cell(2, 0.0, 0.03, 38), cell(4, -0.03, 0.01), cell(8, -0.04, 0.01)]
    cells += [cell(16, 0.001, 0.002), cell(32, 0.03, 0.01)]
    assert line(*cells) == (
        "Use batch normalization? **Yes** at batch 32: it gains 3.0 points [2.0, 4.0] (40 pairs). "
        "**No matter** at 16 (within 1 point). "
        "**No** at 4 and 8: it costs 3.0 to 4.0 points (at least 2.0). "
        "**Cannot tell** at 2: between a loss of 3.0 and a gain of 3.0 points."
    )


@pytest.mark.parametrize(
    ("effect", "half", "ending"),
    [
        (0.015, 0.012, "it gains 0.3 to 2.7 points, which may be too little to matter"),
        (-0.015, 0.012, "it costs 0.3 to 2.7 points, which may be too little to matter"),
        (0.01, 0.018, "a gain of 2.8 points, so that a loss that matters is ruled out"),
        (-0.01, 0.018, "a gain of 0.8 points, so that a gain that matters is ruled out"),
        (0.0, 0.018, "between a loss of 1.8 and a gain of 1.8 points"),
        (0.0, math.nan, "there is no interval, since the pairs are too few or do not differ"),
    ],
)
def test_what_cannot_be_told_says_what_is_ruled_out(effect, half, ending):
    text = line(cell(16, effect, half))
    assert text.startswith("Use batch normalization? **Cannot tell** at batch 16: ")
    assert text.endswith(f"{ending} (40 pairs).")


def test_cells_of_which_others_are_ruled_out_are_told_apart():
    cells = [cell(4, -0.015, 0.0244), cell(16, -0.0088, 0.0253), cell(64, 0.0022, 0.0178)]
    assert line(*cells) == (
        "Use batch normalization? **Cannot tell** at batch 4: between a loss of 3.9 and a gain of "
        "0.9 points, so that a gain that matters is ruled out (40 pairs). "
        "**Cannot tell** at 16 and 64: between a loss of 3.4 and a gain of 2.0 points."
    )


def test_cells_of_other_axes_are_named():
    cells = [cell(16, 0.03, 0.01, name=f"batch size 16, activation {a}") for a in "ab"]
    assert "at batch size 16, activation a; batch size 16, activation b: " in line(*cells)
    many = [cell(16, 0.03, 0.01, name=f"{n}") for n in range(6)]
    assert "**Yes** in 6 of 6 cells: it gains 3.0 points (at least 2.0; 40 pairs)" in line(*many)


def test_other_units_and_margins():
    nats = Scale(0.005, "nats")
    assert line(cell(16, 0.0123, 0.004), scale=nats).endswith(
        "0.0123 nats [0.0083, 0.0163] (40 pairs)."
    )
    assert "within 0.5 points" in line(cell(16, 0.0, 0.001), scale=Scale(0.005))
    assert Scale(0.01).number(-0.0001) == "0.0"


def test_advice_says_what_more_pairs_would_tell():
    assert advice(cell(16, 0.03, 0.01)) == "Use batch normalization."
    assert advice(cell(16, 0.0, 0.001)).startswith("Choose the simpler network:")
    mixed = advice(cell(4, -0.03, 0.01), cell(16, 0.0, 0.02, needed=85))
    assert mixed == (
        "Leave batch normalization out at batch 4. Keep the network that you have at batch 16: "
        "these runs cannot tell. About 85 pairs instead of 40 would narrow the interval to half "
        "the margin."
    )
    assert "these examples are too few; more data would" in advice(cell(16, 0.0, 0.02))
    assert "close to the margin" in advice(cell(16, 0.012, 0.004, needed=12))
    assert "More pairs are needed" in advice(cell(16, 0.0, math.nan, needed=math.nan))


def runs_of(**effects):
    """Return runs of two arms at each batch size, with effects on accuracy by ``b<size>``."""
    rng = np.random.default_rng(0)
    rows = []
    for key, effect in effects.items():
        size = int(key[1:])
        for replicate in range(1, 31):
            base = 0.9 + rng.normal(0, 0.002)
            for arm, shift in (("none", 0.0), ("batch", effect + rng.normal(0, 0.004))):
                rows.append((f"{arm}-{size}", "own", arm, size, replicate, base + shift))
    names = ["variant", "dataset", "normalization", "batch_size", "replicate", "test_accuracy"]
    table = pd.DataFrame(rows, columns=names).assign(status="completed", tuning_block=math.nan)
    baseline = "none-" + table["batch_size"].astype(str)
    return table.assign(baseline=baseline.where(table["normalization"] != "none"))


def test_joint_intervals_are_wider_and_lead_to_the_line():
    table = compare(runs_of(b4=-0.03, b16=0.0, b64=0.02), 2, margin=0.01)
    single = table["ci_high"] - table["ci_low"]
    joint = table["joint_high"] - table["joint_low"]
    # By Bonferroni for three cells, with 29 degrees of freedom: 2.541 / 2.045.
    np.testing.assert_allclose(joint / single, 2.541 / 2.045, rtol=0.02)
    alone = compare(runs_of(b4=-0.03), 2, margin=0.01)
    np.testing.assert_allclose(alone["joint_low"], alone["ci_low"])
    assert (table["pairs_needed"] < 30).all()
    labelled = table.assign(arm="batch normalization", cell="?")
    (found,) = decisions(labelled, POINTS)
    assert [part.word for part in found.parts] == [YES, NO_MATTER, NO]
    # Of a loss, less is better.
    (turned,) = decisions(labelled, POINTS, sign=-1)
    assert [(part.word, part.cells[0].batch_size) for part in turned.parts] == [
        (YES, 4),
        (NO_MATTER, 16),
        (NO, 64),
    ]
    assert re.search(r"gains 2\.9 points \[2\.7, 3\.0\]", turned.line())
