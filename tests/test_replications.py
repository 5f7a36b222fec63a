"""Published results beside ours, from small tables with results computed by hand."""

import math

import pytest
from claim_tables import NOISE, T, close, project_of, study_arm

from bnmatrix.claims.replications import REPLICATION_COLUMNS, replicate
from bnmatrix.statistics.means import welch_interval


def compared(timed=False, **figure):
    """Return the rows of a published figure; the study has mean 0.8 and standard deviation S."""
    figure = {"what": "accuracy", "treatment": {"normalization": "batch"}} | figure
    texts = dict.fromkeys(("title", "reference", "protocol"), "…")
    entry = texts | {"study": "study-a", "figures": [figure]}
    project = project_of({}, published=entry)
    found = replicate(project, {"study-a": study_arm({32: 0.1})}, timed)
    assert list(found.columns) == REPLICATION_COLUMNS
    return found.to_dict("records")


S = float(NOISE.std(ddof=1))


def test_a_published_mean_with_its_spread_is_compared_by_welch():
    (row,) = compared(value=0.805, sd=0.01, executions=10)
    assert (row["ours"], row["ours_sd"], row["runs"]) == (close(0.8), close(S), 8)
    assert row["difference"] == close(-0.005)
    expected = welch_interval(0.8, S, 8, 0.805, 0.01, 10)
    assert (row["ci_low"], row["ci_high"]) == close(expected)
    assert row["agreement"] == "cannot tell"
    (row,) = compared(value=0.85, sd=0.01, executions=10)
    assert row["ci_high"] < 0
    assert row["agreement"] == "does not agree"


def test_a_published_mean_without_a_spread_gets_the_spread_of_the_study():
    (row,) = compared(value=0.805, executions=10)
    expected = welch_interval(0.8, S, 8, 0.805, S, 10)
    assert (row["ci_low"], row["ci_high"]) == close(expected)


@pytest.mark.parametrize("more", [{}, {"sd": 0.01}])
def test_a_single_published_number_counts_as_one_run(more):
    """The interval predicts one more run: t with 7 degrees of freedom times s √(1 + 1/8)."""
    half = T * S * math.sqrt(9 / 8)
    (row,) = compared(value=0.8 + 0.99 * half, **more)
    assert (row["ci_low"], row["ci_high"]) == pytest.approx((-1.99 * half, 0.01 * half))
    assert row["agreement"] == "cannot tell"
    (row,) = compared(value=0.8 + 1.01 * half, **more)
    assert row["agreement"] == "does not agree"


def test_agreement_needs_an_interval_within_the_tolerance():
    """The interval of the difference is 0.05 ± 1.06 · T · S."""
    half = T * S * math.sqrt(9 / 8)
    for tolerance, expected in (
        (0.05 + 1.01 * half, "agrees"),
        (0.05 + 0.99 * half, "cannot tell"),
        (0.05 - 0.99 * half, "cannot tell"),
        (0.05 - 1.01 * half, "does not agree"),
    ):
        assert compared(value=0.85, tolerance=tolerance)[0]["agreement"] == expected


def test_a_published_difference():
    (row,) = compared(value=0.1, control={"normalization": "none"})
    assert (row["ours"], row["difference"]) == (close(0.1), close(0))


def test_replications_of_time_have_a_separate_table():
    figure = {"endpoint": "step_time", "arguments": {"part": "loop"}, "value": 0.1}
    figure |= {"control": {"normalization": "none"}, "wall_clock": True}
    assert compared(**figure) == []
    (row,) = compared(timed=True, **figure)
    assert (row["ours"], row["unit"]) == (close(0.1), "factor of 2")


def test_a_replication_that_was_not_run_has_no_row():
    texts = dict.fromkeys(("title", "reference", "protocol"), "…")
    figure = {"what": "accuracy", "value": 1, "treatment": {}}
    project = project_of({}, published=texts | {"study": "study-a", "figures": [figure]})
    assert replicate(project, {}, wall_clock=False).empty
