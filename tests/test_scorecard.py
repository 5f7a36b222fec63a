"""The scorecard: findings by sign and interval, dots right as claimed, pairs, and citations."""

import json
import math
import re

import pandas as pd
import pytest
from claim_tables import claim, project_of, study_arm

from bnmatrix.claims.analyses import analyse
from bnmatrix.claims.verdicts import judge
from bnmatrix.config.claims import Claim
from bnmatrix.config.validation import validated
from bnmatrix.errors import UserError
from bnmatrix.report.bibliography import REFERENCES, cite, cited
from bnmatrix.report.findings import advice, finding
from bnmatrix.report.pages.pairs import pair_table
from bnmatrix.report.pages.rendering import table
from bnmatrix.report.pages.scorecard import scorecard, scorecard_rows
from bnmatrix.statistics.units import share_range, size_range
from bnmatrix.statistics.verdicts import claimed_side

FINDING = {"higher": "It gains {amount}", "lower": "It loses {amount}", "same": "It stays"}


def entry(**changes):
    return validated(Claim, claim(finding=FINDING, group="depth") | changes, "c")


def row(effect, half, column="A", **changes):
    """Return a row of claims.csv with an interval of twice ``half``."""
    values = {"effect": effect, "ci_low": effect - half, "ci_high": effect + half, "margin": 0.01}
    texts = {"column": column, "verdict": "supported", "condition": "", "endpoint": "accuracy"}
    return (
        values
        | texts
        | {"unit": "points", "fact": False, "bound": "", "curves_rising": 0}
        | changes
    )


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([row(0.05, 0.01)], "It gains 5.00 points."),
        ([row(-0.012, 0.01)], "It loses 1.20 points."),
        ([row(0.004, 0.005)], "It stays."),
        ([row(0.004, 0.003)], "It stays. Real, but within the margin: +0.40 points."),
        ([row(0.01, 0.02)], "Too close to call: between −1.00 and +3.00 points."),
        (
            [row(-0.005, 0.01), row(0.01, 0.02, "B", verdict="cannot tell")],
            "No gain beyond the margin: between −1.50 and +0.50 points (A). "
            "Too close to call: between −1.00 and +3.00 points (B).",
        ),
        (
            [row(0.05, 0.01), row(0.08, 0.01, "B")],
            "It gains 5.00 to 8.00 points (A and B).",
        ),
        (
            [row(0.05, 0.01), row(-0.05, 0.01, "B")],
            "It gains 5.00 points (A). It loses 5.00 points (B).",
        ),
        (
            [row(0.05, 0.01, verdict="conditional", condition="it fails at 2")],
            "It gains 5.00 points. It fails at 2.",
        ),
        ([row(0.05, 0.01, bound="≥")], "It gains at least 5.00 points."),
        ([row(-0.05, 0.01, bound="≤")], "It loses at least 5.00 points."),
        ([row(0.05, 0.01, bound="≤")], "It gains at most 5.00 points."),
        ([row(0.05, 0.01, ci_low=math.nan, ci_high=math.nan, fact=True)], "It gains 5.00 points."),
        (
            [row(0.05, 0.01, curves_rising=1), row(0.08, 0.01, "B", curves_rising=math.nan)],
            "It gains 5.00 to 8.00 points (A and B). "
            "Accuracy still rose at the end of training (A).",
        ),
        ([row(0.05, 0.01, verdict="not measured")], ""),
    ],
)
def test_a_finding_follows_sign_and_interval(rows, expected):
    assert finding(entry(), rows) == expected


def test_without_templates_an_effect_within_the_margin_is_named_once():
    found = finding(entry(finding=None), [row(0.004, 0.003)])
    assert found == "Accuracy: +0.40 points, within the margin."


ADVICE = {"higher": "Do it: {amount}", "lower": "Leave it: {amount}", "same": "As you like"}


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([row(0.05, 0.01)], "Do it: 5.00 points."),
        ([row(-0.05, 0.01)], "Leave it: 5.00 points."),
        ([row(0.004, 0.003)], "As you like."),
        ([row(0.01, 0.02)], "The runs cannot tell what to do."),
        (
            [row(0.05, 0.01), row(0.01, 0.02, "B")],
            "Do it: 5.00 points (A). The runs cannot tell what to do (B).",
        ),
        (
            [row(0.05, 0.01), row(0.012, 0.01, "B")],
            "Do it: 5.00 points (A). There is an effect, but the runs cannot tell whether it "
            "matters (B).",
        ),
        ([row(0.05, 0.01, verdict="not measured")], ""),
    ],
)
def test_advice_follows_sign_and_interval(rows, expected):
    assert advice(entry(advice=ADVICE), rows) == expected
    assert advice(entry(), rows) == ""


def test_a_thread_has_a_repository_and_a_number():
    with pytest.raises(UserError, match="asked"):
        entry(asked=["https://example.org/3949"])


def test_sizes_of_effects():
    assert size_range([-0.012, -0.02], "points") == "1.20 to 2.00 points"
    assert size_range([-2.0], "factor of 2") == "4 times"
    assert share_range([-2.0, -1.0], "factor of 2") == "25 to 50 %"
    assert size_range([1.5e-7], "plain") == "1.5 × 10⁻⁷"


def test_a_template_with_an_unknown_placeholder_is_refused():
    with pytest.raises(UserError, match=r"unknown placeholder \{size\}"):
        entry(finding=FINDING | {"same": "{size}"})


def test_right_is_as_claimed():
    assert claimed_side("less", -0.1) * -0.1 > 0
    assert claimed_side("greater", -0.1) * -0.1 < 0
    assert claimed_side("different", -0.1) * -0.1 > 0
    assert claimed_side("at most", 0.1) * 0.1 < 0


@pytest.fixture(scope="module")
def judged():
    project = project_of({"better": claim(finding=FINDING, group="depth")})
    analyses, pairs = analyse(project, {"study-a": study_arm({8: 0.1, 32: 0.1})}, False)
    return project, judge(project, analyses), analyses, pairs


def test_the_scorecard_has_a_column_for_each_data_set_with_a_verdict(judged):
    project, claims, analyses, _ = judged
    card = scorecard(claims, project, analyses)
    assert card["columns"] == ["A"]
    assert card["left_out"] == {"B": 1}
    (group,) = card["groups"]
    assert group["title"] == "Depth"
    (found,) = group["rows"]
    assert found["finding"] == "It gains 10.00 points."
    (cell,) = found["cells"]
    assert cell["anchor"] == "pairs-better-a-dense"
    (inputs,) = json.loads(cell["inputs"])
    assert (inputs["role"], inputs["margin"], inputs["direction"]) == ("primary", 0.01, "greater")
    dot = float(re.search(r'class="dot" cx="([\d.]+)"', cell["drawing"])[1])
    assert dot > 52, "as claimed is right of zero"


def test_the_pairs_behind_a_verdict(judged):
    project, claims, _, pairs = judged
    measured = next(r for r in scorecard_rows(claims, project) if r["verdict"] == "supported")
    found = pair_table(measured, pairs)
    assert len(found["rows"]) == measured["pairs"] == 8
    differences = pd.Series([pair["order"] for pair in found["rows"]])
    assert differences.mean() == pytest.approx(measured["effect"])
    assert found["rows"][0]["control"] == "70.00"
    assert found["strip"].count("<circle ") == 8


def test_citations_lead_to_their_entries():
    text = "Wu & He 2018 <b>; Santurkar and others (2018); Ioffe 2017; Ioffe & Szegedy 2015."
    linked = cite(text)
    anchors = re.findall(r'href="#([^"]+)"', linked)
    assert anchors == [
        "ref-wu-he-2018",
        "ref-santurkar-et-al-2018",
        "ref-ioffe-2017",
        "ref-ioffe-szegedy-2015",
    ]
    assert "&lt;b&gt;" in linked
    assert {reference.anchor for reference in cited([text])} == set(anchors)
    assert len({reference.anchor for reference in REFERENCES}) == len(REFERENCES)
    assert all(re.fullmatch(r"10\.\d{4,}/\S+", reference.doi) for reference in REFERENCES)


def test_cells_have_the_heading_of_their_column():
    """On a narrow screen a row is a card, and each value needs its name."""
    head = "<thead><tr><th>Cell</th><th class='num'>Mean <i>x</i></th></tr></thead>"
    line = '<tr><th scope="row">a</th><td class="num">1</td></tr>'
    text, sortable = table(f"{head}<tbody>{line}</tbody>")
    assert '<td data-label="Mean x" class="num">1</td>' in text
    assert '<th scope="row">a</th>' in text
    assert not sortable
    text, sortable = table(f"{head}<tbody>{line * 10}</tbody>", "name")
    assert sortable
    assert "data-filter" in text
