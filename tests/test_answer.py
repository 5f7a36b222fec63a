"""The answer of the overview: its rules, and that its numbers are those of the tables."""

import re

import numpy as np
import pandas as pd
import pytest
from claim_tables import claim, project_of, study_arm

from bnmatrix.claims.batch_sizes import by_batch_size
from bnmatrix.report.answer import answer_lines, markdown, with_titles
from bnmatrix.report.figures import drawing
from bnmatrix.report.figures.answer import answer_chart
from bnmatrix.report.wording import plain_points
from bnmatrix.statistics.verdicts import verdict

MARGIN = 0.01


def effects(*rows):
    """Return effects: (column, normalization, batch size, effect, half width of the interval)."""
    table = pd.DataFrame(
        rows, columns=["column", "normalization", "batch_size", "effect", "half"]
    ).assign(margin=MARGIN, label="with tuned rates", network="dense", pairs=5)
    table["ci_low"] = table["effect"] - table["half"]
    table["ci_high"] = table["effect"] + table["half"]
    table["dataset"] = table["column"]
    table["says"] = [
        verdict(low, high, MARGIN, "greater")
        for low, high in zip(table["ci_low"], table["ci_high"], strict=True)
    ]
    return table


A = [("A", "batch", 2, -0.1, 0.02), ("A", "batch", 16, 0.012, 0.01), ("A", "batch", 64, 0.03, 0.01)]
B = [("B", "batch", 2, -0.2, 0.02), ("B", "batch", 16, 0.03, 0.01), ("B", "batch", 64, 0.04, 0.01)]
OTHERS = [("A", "layer", 2, 0.001, 0.002), ("A", "group", 2, -0.02, 0.004)]
MATRIX = pd.DataFrame(
    {
        "effect": [0.02, -0.03, 0.0],
        "ci_low": [0.01, -0.04, -0.01],
        "ci_high": [0.03, -0.02, 0.01],
    }
)


def leads(table, matrix=MATRIX):
    return [line.lead for line in answer_lines(table, {"S": matrix})]


def test_the_lines_follow_intervals_and_margins():
    use, avoid, fixed = answer_lines(effects(*A, *B, *OTHERS), {"S": MATRIX})
    assert use.lead == "Use batch normalization from batch size 64 up."
    assert "by 3.0 points on A and 4.0 points on B" in use.text
    assert "At 16 the gain is real, but may be within the margin: 1.2 points on A" in use.text
    assert avoid.lead == "Do not use it at batch size 2."
    assert "It cost 10.0 points on A and 20.0 points on B." in avoid.text
    assert "Layer normalization did not cost more than the margin." in avoid.text
    assert "Group normalization cost 2.0 points on A." in avoid.text
    unsure = [("A", "group", 2, -0.002, 0.02), ("B", "group", 2, 0.0, 0.001)]
    avoid = answer_lines(effects(*A, *B, *unsure), {})[1]
    assert avoid.text.endswith("Group normalization may cost as much as 2.2 points on A.")
    mixed = [("A", "group", 2, -0.002, 0.02), ("B", "group", 2, -0.004, 0.001)]
    avoid = answer_lines(effects(*A, *B, *mixed), {})[1]
    assert avoid.text.endswith(
        "Group normalization cost 0.4 points on B (within the margin) and may cost as much as "
        "2.2 points on A."
    )
    losses = [("A", "group", 2, -0.02, 0.001), ("B", "group", 2, -0.03, 0.001)]
    avoid = answer_lines(effects(*A, *B, *losses), {})[1]
    assert "Group normalization cost 2.0 points on A and 3.0 points on B." in avoid.text
    assert fixed.lead.endswith("it helps in some cells and hurts in others.")
    assert "in one (by 2.0 points) and lowered it in one (by 3.0 points); in one" in fixed.text


def test_one_comparison_has_no_range():
    fixed = answer_lines(effects(), {"S": MATRIX[:1]})[-1]
    assert fixed.lead.endswith("it helps in all cells.")
    assert fixed.text == "There is one comparison; its mean difference is 2.0 points."


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        # The interval of the largest size reaches below the margin: no advice to use it.
        ([("A", "batch", 64, 0.03, 0.025)], ["The gain is small on A."]),
        ([("A", "batch", 64, 0.03, 0.035)], ["No batch size is shown at which it helps."]),
        # A gain at 16 does not count if there is none at 64.
        (
            [("A", "batch", 16, 0.05, 0.01), ("A", "batch", 64, 0.0, 0.005)],
            ["No batch size is shown at which it helps."],
        ),
        # Data sets that differ are named.
        (
            [("A", "batch", 64, 0.05, 0.01), ("B", "batch", 64, -0.05, 0.01)],
            [
                "On A, use batch normalization from batch size 64 up.",
                "On B, do not use it at batch size 64.",
            ],
        ),
        # A loss within the margin is no advice.
        (
            [("A", "batch", 2, -0.015, 0.01), ("A", "batch", 64, 0.05, 0.01)],
            ["Use batch normalization from batch size 64 up."],
        ),
    ],
)
def test_advice_needs_an_interval_beyond_the_margin(rows, expected):
    assert leads(effects(*rows))[:-1] == expected


def test_a_run_without_effects_or_without_a_matrix_has_fewer_lines():
    assert answer_lines(effects(), {}) == []
    assert len(answer_lines(effects(*A), {})) == 2
    (line,) = answer_lines(effects(), {"S": MATRIX[:1]})
    assert line.lead.endswith("it helps in all cells.")


def test_every_number_of_the_answer_is_in_a_table():
    table = effects(*A, *B, *OTHERS)
    known = {plain_points(abs(value)).split()[0] for value in (*table["effect"], *MATRIX["effect"])}
    known |= {str(size) for size in table["batch_size"]} | {str(len(MATRIX)), "95"}
    for line in answer_lines(table, {"S": MATRIX}):
        for number in re.findall(r"\d+(?:\.\d+)?", f"{line.lead} {line.text}"):
            assert number in known, line


def test_effects_by_batch_size_are_those_of_the_runs():
    entry = claim(by_batch_size={"label": "with one rate", "where": {}})
    project = project_of({"better": entry})
    found = by_batch_size(project, {"study-a": study_arm({8: 0.0, 32: 0.05})}, {})
    assert list(found["batch_size"]) == [8, 32]
    assert found["effect"].tolist() == pytest.approx([0.0, 0.05], abs=1e-9)
    assert set(found["network"]) == {"dense"}
    assert list(with_titles(found, project)["column"]) == ["A", "A"]
    assert np.isfinite(found["ci_low"]).all()


def test_the_chart_says_its_numbers_and_has_a_dark_copy(tmp_path):
    table = effects(*A, *B)
    drawing.set_style()
    made = answer_chart(table)
    assert "A: at 2 −10.00" in made.description
    drawing.save(made, tmp_path / "chart.svg")
    text = (tmp_path / "chart.svg").read_text(encoding="utf-8")
    assert "helps" in text
    dark = drawing.dark(text)
    assert "#1c2330" in text
    assert "#1c2330" not in dark
    assert "fill: #ffffff" not in dark
    readme = markdown(answer_lines(table, {}), "docs/images/answer")
    assert "**Use batch normalization from batch size 64 up.**" in readme
    assert 'srcset="docs/images/answer-dark.svg"' in readme
