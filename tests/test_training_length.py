"""Whether training was done: the change of validation accuracy over its last fifth."""

import math

import numpy as np
import pandas as pd
import pytest

from bnmatrix.statistics.training_length import CurveEnds, LateChange, curve_ends, late_changes

STEPS = range(5, 101, 5)


def tables(**variants):
    """Return evaluations and runs: for each variant, a list of curves, one per replicate.

    A curve is a function of the step, or None for a run that diverged early.
    """
    history, runs = [], []
    for variant, curves in variants.items():
        for replicate, curve in enumerate(curves, start=1):
            key = {"variant": variant, "replicate": replicate}
            runs.append(key | {"status": "completed" if curve else "diverged"})
            history += [
                key | {"step": step, "validation_accuracy": curve(step) if curve else 0.1}
                for step in (STEPS if curve else STEPS[:5])
            ]
    return pd.DataFrame(history), pd.DataFrame(runs)


def risen_by(*changes):
    """Return curves that rise by so much over the last fifth of training, from step 80 on."""
    return [lambda step, change=change: 0.5 + change * max(0, step - 80) / 20 for change in changes]


def test_the_change_over_the_last_fifth_with_its_interval():
    """What came before does not count. 4.303: the 97.5 % quantile of t with 2 degrees.

    The variance of three replicates counts 2 − 3/20 times.
    """
    history, runs = tables(
        early=[lambda step: min(step, 80) / 100] * 2, late=risen_by(0.01, 0.02, 0.03)
    )
    found = late_changes(history, runs, margin=0.01).set_index("variant")
    assert found.index.tolist() == ["early", "late"]
    assert found.loc["early", "late_change_mean"] == pytest.approx(0, abs=1e-12)
    assert found.loc["late", "late_change_mean"] == pytest.approx(0.02)
    half = 4.303 * 0.01 * math.sqrt(1.85 / 3)
    assert found.loc["late", "late_change_ci_low"] == pytest.approx(0.02 - half, rel=1e-3)
    assert found.loc["late", "late_change_ci_high"] == pytest.approx(0.02 + half, rel=1e-3)


@pytest.mark.parametrize(("step", "change"), [(90, 0), (95, 0.004), (100, 0.008)])
def test_all_evaluations_of_the_last_fifth_count(step, change):
    """By hand, for one of five that is higher by a point: (step − 90) · 0.01 / 250 · 20."""
    history, runs = tables(v=[lambda at: 0.51 if at == step else 0.5])
    (found,) = late_changes(history, runs, margin=0.01)["late_change_mean"]
    assert found == pytest.approx(change, abs=1e-12)


NAN = math.nan


@pytest.mark.parametrize(
    ("change", "curve"),
    [
        (LateChange(0.004, 0.001, 0.007), "flat"),  # told from zero, surely within the margin
        (LateChange(0.004, -0.02, 0.028), "flat"),  # not told from zero, below half the margin
        (LateChange(0.006, -0.02, 0.032), "unclear"),
        (LateChange(0.02, 0.01, 0.03), "rising"),
        (LateChange(0.004, 0.0001, 0.0101), "rising"),
        (LateChange(-0.02, -0.03, -0.01), "falling"),
        (LateChange(0.004, NAN, NAN), "flat"),  # of one run
        (LateChange(0.02, NAN, NAN), "unclear"),
        (LateChange(), "not measured"),
    ],
)
def test_the_end_of_a_curve_in_a_word(change, curve):
    assert change.curve(margin=0.01) == curve


def test_too_few_evaluations_are_not_measured():
    history, runs = tables(v=risen_by(0.1, 0.2))
    few = history[~history["step"].isin([85, 90, 95])]
    (row,) = late_changes(few, runs, margin=0.01).to_dict("records")
    assert row["late_curve"] == "not measured"
    assert np.isnan(row["late_change_mean"])
    ends = curve_ends(few, runs, 0.01)
    assert (ends.variants, ends.flat, ends.rising) == (1, 0, 0)
    assert np.isnan(ends.largest_rise)


def test_diverged_runs_do_not_count():
    history, runs = tables(some=[*risen_by(0.02, 0.03), None], every=[None, None])
    found = late_changes(history, runs, margin=0.01).set_index("variant")
    assert found.loc["some", "late_change_mean"] == pytest.approx(0.025)
    assert found.loc["every", "late_curve"] == "not measured"


def test_the_ends_of_an_analysis():
    """Of all its variants, each once; curves that fall do not hide one that rises."""
    history, runs = tables(
        a=risen_by(*[-0.2, -0.21] * 6), b=risen_by(*[0.014, 0.016] * 6), c=[None], d=risen_by(0, 0)
    )
    found = curve_ends(pd.concat([history] * 2), pd.concat([runs] * 2), 0.01)
    assert found == CurveEnds(4, 1, 1, 1, 0, pytest.approx(0.015))
    falling = runs["variant"] == "a"
    assert curve_ends(history, runs[falling], 0.01).largest_rise == pytest.approx(-0.205)
