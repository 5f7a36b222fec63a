"""Analyses of the claims in a study of a user's own data."""

import pytest

from bnmatrix.config.claims import Claim
from bnmatrix.config.own_data import InspectedDataset
from bnmatrix.config.studies import Study
from bnmatrix.config.validation import validated
from bnmatrix.plan.claim_checks import check_claims
from bnmatrix.plan.own_claims import own_claims

DATASET = InspectedDataset(
    title="Wine",
    source={"path": "wine.csv", "target": "kind"},
    fingerprint="0" * 64,
    examples={"train": 1000},
    test_split={"fraction": 0.2},
    shape=[13],
    classes=["red", "white"],
    rows_by_class=[500, 500],
    test_rows_by_class=[500, 500],
    margin=0.03,
)
TEXTS = dict.fromkeys(("title", "wording", "question", "reason", "literature"), "…")
PRIMARY = {
    **{"label": "primary", "studies": ["digits-64-64"], "endpoint": "final"},
    **{"direction": "greater", "margin": {"digits": 0.01}},
}


def study(**changes):
    axes = {"normalization": ["none", "batch"], "batch_size": [64, 8, 16]}
    entry = {"title": "Wine", "question": "?", "dataset": "wine", "settings": {"epochs": 1}}
    return validated(Study, entry | {"axes": axes} | changes, "here")


def analyses_of(own_data, studies=None):
    """Return the analyses of a claim in studies of data set ``wine``."""
    claim = validated(Claim, TEXTS | {"primary": PRIMARY, "own_data": own_data}, "here")
    studies = {"wine": study()} if studies is None else studies
    return own_claims({"c": claim}, studies, {"wine": DATASET})["c"].own


def test_batch_sizes_are_named_by_their_place():
    (found,) = analyses_of(
        {
            "endpoint": "gain_along",
            "arguments": {"axis": "batch_size", "at": "smallest", "reference": "largest"},
            "treatment": {"normalization": "batch"},
            "where": {"batch_size": "middle"},
        }
    )
    assert found.studies == ["wine"]
    assert found.arguments == {"axis": "batch_size", "at": 8, "reference": 64}
    assert found.where == {"batch_size": 16}
    assert found.margin == 0.03, "that of the data set"


@pytest.mark.parametrize(
    ("own_data", "margin"),
    [
        ({"endpoint": "slope_on_log2", "arguments": {"axis": "batch_size"}}, 0.03 / 5),
        ({"endpoint": "steps_to_share", "arguments": {"share": 0.9}, "margin": 0.2}, 0.2),
        ({"unit": "points", "endpoint": "roughness"}, 0.03),
        ({"endpoint": "final", "margin": 0.5}, 0.5),
    ],
)
def test_margins_of_accuracies_are_the_data_set_s(own_data, margin):
    assert [found.margin for found in analyses_of(own_data)] == [pytest.approx(margin)]


def test_an_arm_is_one_cell_of_further_axes():
    axes = study().axes | {"hidden_layers": [[64, 64], [8]], "dropout_order": ["after", "before"]}
    (found,) = analyses_of({"label": "mine"}, {"wine": study(axes=axes)})
    assert found.where == {"hidden_layers": [(64, 64), None], "dropout_order": ["after", None]}


def test_studies_that_cannot_answer_have_no_analysis():
    assert analyses_of({"endpoint": "measured", "arguments": {"measure": "order_difference"}}) == []
    assert analyses_of({"endpoint": "gradient_imbalance", "arguments": {"step": 0}}) == []
    measuring = study(measures={"order": ["last"]})
    own_data = {"endpoint": "measured", "arguments": {"measure": "order_difference"}}
    assert len(analyses_of(own_data, {"wine": measuring})) == 1
    assert analyses_of(None) == []
    axes = {"normalization": ["none", "batch"], "batch_size": [8]}
    assert analyses_of({}, {"wine": study(axes=axes)}) == [], "one batch size alone"
    assert analyses_of({}, {"wine": study(role="experiment")}) == []
    first = analyses_of({}, {"one": study(), "two": study()})
    assert [found.studies for found in first] == [["one"]]


def test_all_declared_claims_can_be_judged_on_own_data(project):
    studies = project.studies | {"wine": study(measures={"order": ["last"]})}
    claims = own_claims(project.claims, studies, {"wine": DATASET})
    datasets = project.datasets | {"wine": DATASET}
    changed = {"studies": studies, "claims": claims, "datasets": datasets}
    check_claims(project.model_copy(update=changed))
    assert any(claim.own for claim in claims.values())
