"""The primary metric of a user's own data: choice, intervals, claims and words."""

import math

import numpy as np
import pandas as pd
import pytest
from own_data import configure, look, rows
from study_tables import runs_table

from bnmatrix.errors import UserError
from bnmatrix.plan.variants import variants
from bnmatrix.report.labels import study_labels
from bnmatrix.report.metric_wording import MetricWording
from bnmatrix.report.pages.metrics import metric_facts
from bnmatrix.statistics.comparisons import compare, scored_values, summarize
from bnmatrix.statistics.recalls import recalls
from bnmatrix.tables.example_groups import GROUPS
from bnmatrix.tables.metrics import BY_GROUP, METRICS

#: 3 000 rows, 90 of which are of the rare class.
RARE = "a,b,kind\n" + "".join(
    f"{row * 37 % 101},{row * 5 % 7},{'ill' if row % 100 < 3 else 'well'}\n" for row in range(3000)
)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


# ---------------------------------------------------------------------------------- choice


def test_a_rare_class_makes_balanced_accuracy_the_metric():
    dataset = look(RARE)
    assert (dataset.primary, dataset.margin) == ("balanced_accuracy", 0.01)
    said = " ".join(dataset.reasons)
    assert "'ill' has 90 of 3000 examples (3 %), less than a fifth of an even share (50 %)" in said
    assert "always answers 'well' is right in 97.0 %" in said


def test_even_classes_keep_accuracy():
    dataset = look(rows(300, classes=3))
    assert (dataset.primary, dataset.margin, dataset.reasons) == ("accuracy", 0.01, ())
    # A fifth of an even share is not rare, one example less is.
    fifth = "a,b,kind\n" + "".join(f"{r % 11},{r % 3},{int(r < 10)}\n" for r in range(100))
    assert look(fifth).primary == "accuracy"
    assert look(fifth.replace("9,0,1\n", "9,0,0\n", 1)).primary == "balanced_accuracy"


@pytest.mark.parametrize(("metric", "margin"), [("log_loss", 0.01), ("ece", 0.01), ("auc", 0.01)])
def test_the_entry_chooses_the_metric(metric, margin):
    dataset = look(RARE, metric=metric)
    assert (dataset.primary, dataset.margin) == (metric, margin)
    assert look(RARE, metric=metric, margin=0.2).margin == 0.2
    # A margin of log loss can be large, that of a fraction cannot.
    if metric == "log_loss":
        assert look(RARE, metric=metric, margin=2).margin == 2
    else:
        with pytest.raises(UserError, match="margin: 2 must be below 1"):
            look(RARE, metric=metric, margin=2)


def test_metrics_of_the_other_task_and_unknown_ones_are_refused():
    with pytest.raises(UserError, match=r"metric: rmse is for regression.*use one of accuracy"):
        look(metric="rmse")
    with pytest.raises(UserError, match=r"metric.*must be one of accuracy.*did you mean 'auc'"):
        look(metric="au")


def test_the_rate_is_tuned_by_the_loss_where_accuracy_misleads(folder):
    project = configure(folder, {"path": "own.csv", "target": "kind"}, None, RARE)
    assert project.study("own").tuning.objective == "loss"
    assert "validation loss" in project.study("own").reasons["tuned"]


# ---------------------------------------------------------------------------------- claims


def claims_of(folder, **entry):
    declared = {"path": "own.csv", "target": "kind"} | entry
    project = configure(folder, declared, None, RARE)
    return {name: claim.own[0] for name, claim in project.claims.items() if claim.own}


def test_claims_on_test_accuracy_are_on_the_metric_and_those_on_accuracy_are_left_out(folder):
    found = claims_of(folder)
    assert found["generalization"].arguments["column"] == "test_balanced_accuracy"
    assert (found["generalization"].direction, found["generalization"].margin) == ("greater", 0.01)
    assert found["batch-speed"].written_unit == "points a doubling"
    assert found["batch-speed"].margin == pytest.approx(0.01 / 5)
    left_out = {"regularization", "large-batch", "convergence", "train-inference"}
    assert not left_out & set(found)
    assert {"overhead", "order"} <= set(found), "no accuracies"


def test_claims_in_a_metric_that_is_better_if_lower_turn_round(folder):
    found = claims_of(folder, metric="log_loss", margin=0.05)
    raised, small = found["generalization"], found["small-batch"]
    assert (raised.direction, raised.written_unit, raised.margin) == ("less", "nats", 0.05)
    assert small.direction == "greater", "very small batches hurt"
    assert found["batch-speed"].written_unit == "nats a doubling"


def test_claims_of_accuracy_are_as_before(folder):
    found = claims_of(folder, metric="accuracy")
    assert {"regularization", "large-batch", "convergence", "train-inference"} <= set(found)
    assert "column" not in found["generalization"].arguments


# ------------------------------------------------------------------------------- intervals


def correctness_of(runs, without):
    """Return the correctness of runs whose metrics without each group are given, (n, groups)."""
    stored = np.full((len(runs), len(BY_GROUP), GROUPS), np.nan)
    stored[:, BY_GROUP.index("test_balanced_accuracy")] = without
    return runs[["variant", "replicate"]].assign(
        tested=np.packbits(np.ones(40, bool)).tobytes(),
        correct=np.packbits(np.ones(40, bool)).tobytes(),
        clusters=b"",
        class_tested=np.array([30, 10], "<i4").tobytes(),
        class_correct=np.array([30, 5], "<i4").tobytes(),
        without=[values.astype("<f8").tobytes() for values in stored],
    )


def test_intervals_of_the_metric_include_the_test_examples():
    runs = runs_table()
    rng = np.random.default_rng(0)
    runs["test_balanced_accuracy"] = runs["test_accuracy"] - 0.1 + rng.normal(0, 0.01, len(runs))
    score = runs["test_balanced_accuracy"].to_numpy()[:, None]
    apart = np.where(runs["normalization"] == "batch", 1, -1)[:, None] * rng.normal(size=GROUPS)
    column = "test_balanced_accuracy"
    widths = {}
    for spread in (1e-5, 0.01):
        without = score + apart * spread
        table = compare(runs, 2, correctness=correctness_of(runs, without), endpoint=column)
        assert list(table["endpoint"].unique()) == [column]
        widths[spread] = (table["ci_high"] - table["ci_low"]).mean()
    alone = compare(runs, 2, endpoint=column)
    assert widths[1e-5] == pytest.approx((alone["ci_high"] - alone["ci_low"]).mean(), rel=0.01)
    assert widths[0.01] > 1.2 * widths[1e-5]


def test_a_diverged_run_counts_as_one_that_knows_nothing():
    runs = runs_table(test_brier=0.1)
    runs.loc[0, ["status", "test_brier"]] = "diverged", np.nan
    found = scored_values(runs, "test_brier", 4, None)
    assert found["none-8"]["score"].tolist() == [0.375, 0.1, 0.1]


def test_the_summary_has_the_metric_and_the_means_of_the_others():
    runs = runs_table(test_balanced_accuracy=0.6, test_ece=0.2)
    summary = summarize(runs, 2, endpoint="test_balanced_accuracy")
    assert summary["test_balanced_accuracy_mean"].tolist() == [pytest.approx(0.6)] * 4
    assert summary["test_balanced_accuracy_n"].tolist() == [3] * 4
    assert summary["test_ece_mean"].tolist() == [pytest.approx(0.2)] * 4
    assert "test_auc_mean" not in summary


def test_diverged_runs_count_in_the_mean_of_the_metric_alone():
    runs = runs_table(test_ece=0.1)
    runs.loc[0, ["status", "test_loss", "test_ece", "test_accuracy"]] = "diverged", *[np.nan] * 3
    first = summarize(runs, 4, endpoint="test_loss").iloc[0]
    assert first["test_loss_mean"] == pytest.approx((math.log(4) + 0.5 + 0.5) / 3)
    assert first["test_loss_ci_high"] > first["test_loss_mean"]
    assert first["test_ece_mean"] == pytest.approx(0.1)
    assert summarize(runs, 4).iloc[0]["test_loss_mean"] == pytest.approx(0.5)


# ----------------------------------------------------------------------------------- words


def test_recalls_are_means_over_the_completed_runs():
    runs = runs_table()
    correctness = correctness_of(runs, 0.5)
    correctness.loc[0, ["class_tested", "class_correct"]] = b"", b""
    found = recalls(correctness)
    first = found[found["variant"] == "none-8"]
    assert first["recall"].tolist() == [1.0, 0.5]
    assert first["tested"].tolist() == [30, 10]
    assert first["runs"].tolist() == [2, 2]


def test_the_page_says_what_happens_to_the_rare_class(folder):
    project = configure(folder, {"path": "own.csv", "target": "kind"}, None, RARE)
    names = [variant.name for variant in variants(project, "own")]
    columns = [f"{METRICS[name].column}_mean" for name in METRICS if name not in ("rmse", "r2")]
    summary = pd.DataFrame({"variant": names, **dict.fromkeys(columns, 0.5)})
    table = pd.DataFrame(
        {
            "variant": np.repeat(names, 2),
            "label": [0, 1] * len(names),
            "tested": [18.0, 582.0] * len(names),
            "recall": [0.25, 0.99] * len(names),
            "runs": 12,
        }
    )
    facts = metric_facts(project.dataset_of("own"), summary, table, study_labels(project, "own"))
    said = " ".join(facts.rare)
    assert "recognized in (no normalization → batch normalization) batch size 4: 25 % → 2" in said
    assert "18 test examples of 'ill', which are too few" in said
    assert "could move its recall by 20 points" in said
    assert [row["label"] for row in facts.classes] == ["ill", "well"]
    assert facts.metrics[0].name == "test balanced accuracy"


def test_values_and_differences_have_the_unit_of_the_metric():
    loss, area, target = (MetricWording(METRICS[n]) for n in ("log_loss", "auc", "rmse"))
    assert (loss.value(0.1234), loss.difference(-0.0123)) == ("0.123", "−0.012")
    assert (loss.unit, loss.amount(0.01), area.amount(0.01)) == (" (nats)", "0.01 nats", "1 point")
    assert loss.direction(-0.3, -0.1) == "up", "lower is better"
    assert area.direction(-0.3, -0.1) == "down"
    assert loss.direction(-0.3, 0.1) == loss.direction(math.nan, math.nan) == ""
    assert (target.value(53.218), target.difference(1234.5)) == ("53.2", "+1234")
    assert (target.value(0.0123456), target.difference(0.0)) == ("0.0123", "0.00")
