"""Verdicts on claims, from small tables with results computed by hand."""

import dataclasses
import math

import numpy as np
import pandas as pd
import pytest
from claim_tables import (
    AT_8,
    NOISE,
    REPLICATES,
    TIMED,
    UNSEEN,
    claim,
    close,
    project_of,
    study_arm,
)
from scipy import stats
from study_tables import arm_of

from bnmatrix.claims.analyses import ANALYSIS_COLUMNS, analyse, family_sizes
from bnmatrix.claims.effects import copies_without_groups, measure
from bnmatrix.claims.verdicts import CLAIM_COLUMNS, judge
from bnmatrix.config.claims import Claim
from bnmatrix.config.validation import validated
from bnmatrix.errors import UserError
from bnmatrix.plan.claim_checks import check_claims
from bnmatrix.statistics.paired import pairs_needed
from bnmatrix.statistics.uncertainty import uncertainty
from bnmatrix.statistics.units import quantity
from bnmatrix.training.initializers import NormalInitializer


def judged(entry, tables=None, wall_clock=False):
    """Return the analyses and verdicts of a project with one claim."""
    project = project_of({"better": entry})
    tables = {"study-a": study_arm({8: -0.1, 32: 0.1})} if tables is None else tables
    analyses, pairs = analyse(project, tables, wall_clock)
    return analyses, judge(project, analyses), pairs


def test_columns():
    analyses, verdicts, pairs = judged(claim())
    assert list(verdicts.columns) == CLAIM_COLUMNS
    assert CLAIM_COLUMNS[:13] == [
        *("claim", "dataset", "study", "endpoint", "effect", "ci_low", "ci_high", "p_adjusted"),
        *("pairs", "margin", "verdict", "condition", "sentence"),
    ]
    assert list(analyses.columns) == ANALYSIS_COLUMNS
    assert list(pairs.columns) == [
        *("claim", "role", "label", "dataset", "study", "replicate", "treatment", "control")
    ]


def test_a_supported_claim_and_one_that_was_not_measured():
    analyses, verdicts, pairs = judged(claim())
    first, second = (row for _, row in verdicts.iterrows())
    assert (first["claim"], first["dataset"], first["study"]) == ("better", "a", "study-a")
    assert first["effect"] == pytest.approx(0.1)
    error = NOISE.std(ddof=1) * math.sqrt(UNSEEN / 8)
    assert first["p_adjusted"] == pytest.approx(stats.t.sf(0.1 / error, 7)), "one analysis"
    half = stats.t.ppf(0.95, 7) * error
    assert (first["ci_low"], first["ci_high"]) == pytest.approx((0.1 - half, 0.1 + half)), (
        "the claim has a direction, and each end fails with 5 %"
    )
    assert (first["pairs"], first["margin"], first["verdict"]) == (8, 0.01, "supported")
    assert first["condition"] == ""
    low, high = (f"{100 * first[end]:+.2f}" for end in ("ci_low", "ci_high"))
    assert first["sentence"] == (
        "Supported on A. Test accuracy, at batch size 32: +10.00 points, simultaneous interval "
        f"[{low}, {high}], 8 pairs; margin ±1 point."
    )
    assert (second["dataset"], second["study"], second["pairs"]) == ("b", "study-b", 0)
    assert (second["verdict"], second["margin"]) == ("not measured", 0.02)
    assert second["sentence"] == "BN is better: not measured on B: there are no runs."
    assert np.isnan([second["effect"], second["ci_low"], second["p_adjusted"]]).all()
    assert list(pairs["replicate"]) == list(range(1, 9))
    assert list(pairs["treatment"] - pairs["control"]) == close(list(0.1 + NOISE))
    row = analyses.iloc[0]
    assert (row["treatment"], row["control"]) == (
        "batch_size=32, normalization=batch",
        "normalization=none",
    )
    assert (row["treatment_mean"], row["control_mean"]) == (close(0.8), close(0.7))
    assert (row["diverged_treatment"], row["diverged_low_treatment"]) == (0, close(0))
    assert row["diverged_high_treatment"] == pytest.approx(0.3244, abs=1e-4), "Wilson, 0 of 8"


@pytest.mark.parametrize(
    ("gain", "direction", "verdict", "opening"),
    [
        (-0.1, "greater", "contradicted", "Contradicted on A. "),
        (0.1, "less", "contradicted", "Contradicted on A. "),
        (0.001, "greater", "no difference that matters", "No difference that matters on A. "),
        (0.0075, "greater", "real but small", "Real but small on A: the effect is positive. "),
        (0.0075, "less", "real but small", "Real but small on A: the effect is positive. "),
        (0.001, "at most", "supported", "Supported on A. "),
        (-0.1, "at most", "supported", "Supported on A. "),
        (0.1, "at most", "contradicted", "Contradicted on A. "),
        (0.001, "equal", "supported", "Supported on A. "),
        (0.1, "equal", "contradicted", "Contradicted on A. "),
        (0.1, "different", "supported", "Supported on A. "),
    ],
)
def test_verdicts(gain, direction, verdict, opening):
    entry = claim()
    entry["primary"] |= {"direction": direction, "studies": ["study-a"]}
    _, verdicts, _ = judged(entry, {"study-a": study_arm({32: gain})})
    assert list(verdicts["verdict"]) == [verdict]
    assert verdicts["sentence"][0].startswith(opening)


def test_pairs_that_cannot_tell_say_how_many_would():
    """A spread of five times the usual one, with an effect of half the margin."""
    some = study_arm({32: 0.005})
    runs = some.runs.assign(test_accuracy=0.7 + 5 * (some.runs["test_accuracy"] - 0.7))
    better = runs["normalization"] == "batch"
    runs["test_accuracy"] -= 0.02 * better
    entry = claim()
    _, verdicts, _ = judged(entry, {"study-a": dataclasses.replace(some, runs=runs)})
    row = verdicts.iloc[0]
    assert row["verdict"] == "cannot tell"
    sd, n = 5 * NOISE.std(ddof=1), int(row["pairs_needed"])
    halves = [stats.t.ppf(0.95, k - 1) * sd * math.sqrt(max(1, 2 - k / 20) / k) for k in (n - 1, n)]
    assert halves[1] <= 0.005 < halves[0], "half a margin"
    assert row["sentence"].startswith("These runs cannot tell on A. ")
    assert row["pairs_thorough"] == 10, "the study declares 5 replicates, and 8 were run"
    start = f" About {n} pairs would tell half a margin apart"
    assert row["sentence"].endswith(f"{start}; `effort: thorough` gives only 10.")
    project = project_of({"better": entry})
    for replicates, ending in ((n, f"; `effort: thorough` gives {2 * n}."), (4, ".")):
        study = project.studies["study-a"].model_copy(update={"replicates": replicates})
        other = project.model_copy(update={"studies": project.studies | {"study-a": study}})
        analyses, _ = analyse(other, {"study-a": dataclasses.replace(some, runs=runs)}, False)
        assert judge(other, analyses)["sentence"][0].endswith(start + ending)


def test_where_more_pairs_cannot_tell_the_sentence_asks_for_data():
    """Folds share training examples: their part of the variance does not fall with pairs."""
    project = project_of({"better": claim()})
    study = project.studies["study-a"]
    folded = study.model_copy(update={"settings": {"epochs": 1, "folds": 5}})
    project = project.model_copy(update={"studies": project.studies | {"study-a": folded}})
    analyses, _ = analyse(project, {"study-a": study_arm({32: 0.002})}, False)
    verdicts = judge(project, analyses)
    assert (verdicts["verdict"][0], verdicts["pairs_needed"].isna()[0]) == ("cannot tell", True)
    assert verdicts["sentence"][0].endswith(
        " More pairs, such as those of `effort: thorough`, cannot tell half a margin apart; more "
        "data would."
    )


def test_analyses_of_accuracies_say_whether_training_was_done():
    """With BN accuracy still rises, by two points over the last fifth, from step 80 to 100."""
    study = study_arm({32: 0.1})
    rows = [
        {"variant": f"{arm}-32", "replicate": number, "step": step}
        | {"validation_accuracy": 0.5 + (step - 80) / 1000 * (arm == "batch") + noise * step}
        for arm in ("none", "batch")
        for number, noise in enumerate(NOISE / 1000, start=1)
        for step in (80, 90, 100)
    ]
    study = dataclasses.replace(study, history=pd.DataFrame(rows))
    steps = {"label": "steps", "endpoint": "steps_to", "arguments": {"target": 0.505}}
    analyses, _, _ = judged(claim(exploratory=[steps]), {"study-a": study})
    first, explored = (
        analyses[(analyses["dataset"] == "a") & (analyses["role"] == role)].iloc[0]
        for role in ("primary", "exploratory")
    )
    counts = [first[f"curves_{name}"] for name in ("variants", "rising", "flat", "unclear")]
    assert counts == [2, 1, 1, 0]
    assert first["curves_largest_rise"] == pytest.approx(0.02)
    assert np.isnan(explored["curves_variants"]), "it is of steps"


def test_a_conditional_claim_names_its_condition():
    _, verdicts, _ = judged(claim(conditions=[AT_8]))
    row = verdicts.iloc[0]
    assert row["verdict"] == "conditional"
    assert row["condition"] == "it holds at batch size 32; it fails at batch size 8"
    assert row["sentence"].startswith(
        "Depends on conditions on A: it holds at batch size 32; it fails at batch size 8. "
        "Test accuracy, at batch size 32: +10.00 points"
    )
    assert row["effect"] == pytest.approx(0.1), "numbers are the primary analysis's"
    tables = {"study-a": study_arm({8: 0.1, 32: 0.0})}
    analyses, verdicts, _ = judged(claim(conditions=[AT_8]), tables)
    assert verdicts["condition"][0] == (
        "it holds at batch size 8; there is no difference that matters at batch size 32"
    )
    condition = analyses[analyses["role"] == "condition"].iloc[0]
    assert condition["interaction"] == pytest.approx(0.1), "0.1 more than 0"


def test_a_small_effect_against_the_claim_is_named_as_one():
    tables = {"study-a": study_arm({8: -0.015, 16: 0.013, 32: 0.1})}
    conditions = [{"label": f"at {size}", "where": {"batch_size": size}} for size in (8, 16)]
    _, verdicts, _ = judged(claim(conditions=conditions), tables)
    assert verdicts["condition"][0] == (
        "it holds at batch size 32; the effect is real but may be within the margin at 16; the "
        "effect is real but may be within the margin, and is the opposite of what is claimed, at 8"
    )


def test_labels_with_commas_are_one_phrase_each():
    tables = {"study-a": study_arm({8: 0.1, 16: 0.1, 32: 0.0, 64: 0.0})}
    primary = claim()["primary"] | {"label": "in dense networks, with ReLU (2, 3)"}
    labels = {
        8: "with sigmoid, late",
        16: "with tanh",
        64: "in convolutional networks, with ReLU (2, 3)",
    }
    conditions = [{"label": text, "where": {"batch_size": size}} for size, text in labels.items()]
    _, verdicts, _ = judged(claim(primary=primary, conditions=conditions), tables)
    assert verdicts["condition"][0] == (
        "it holds with sigmoid late and with tanh; there is no difference that matters in dense "
        "and convolutional networks with ReLU (2, 3)"
    )


def test_conditions_that_agree_do_not_restrict_the_claim():
    tables = {"study-a": study_arm({8: 0.1, 32: 0.1})}
    _, verdicts, _ = judged(claim(conditions=[AT_8]), tables)
    assert (verdicts["verdict"][0], verdicts["condition"][0]) == ("supported", "")


def convolutional_project(**changes):
    """Return a project in which study-c trains convolutional networks on data set a."""
    part = {"label": "in convolutional networks", "studies": ["study-c"]}
    project = project_of({"better": claim(convolutional=part | changes)})
    images = project.datasets["a"].model_copy(update={"shape": [8, 8]})
    full = {
        name: study.model_copy(update={"settings": study.settings | {"last_batch": "drop"}})
        for name, study in project.studies.items()
    }
    network = {"network": {"convolutional": [{"filters": 4}]}}
    settings = full["study-a"].settings | network
    study = full["study-a"].model_copy(update={"settings": settings})
    return project.model_copy(
        update={
            "datasets": project.datasets | {"a": images},
            "studies": full | {"study-c": study},
        }
    )


@pytest.mark.parametrize(
    ("gain", "dense", "convolutional"),
    [(-0.1, "conditional", "contradicted"), (0.1, "supported", "supported")],
)
def test_each_kind_of_network_has_a_verdict(gain, dense, convolutional):
    """Where they differ, the verdict on dense networks is conditional on the kind of network."""
    project = convolutional_project()
    arms = {"study-a": study_arm({32: 0.1}), "study-c": study_arm({32: gain})}
    table = judge(project, analyse(project, arms, wall_clock=False)[0])
    rows = table[table["dataset"] == "a"].set_index("network")
    assert rows.loc["dense", "verdict"] == dense
    assert rows.loc["convolutional", "verdict"] == convolutional
    assert rows.loc["convolutional", "study"] == "study-c"
    assert "A with convolutions" in rows.loc["convolutional", "sentence"]
    if dense == "conditional":
        assert "it fails in convolutional networks" in rows.loc["dense", "condition"]


def test_the_part_of_convolutional_networks_names_their_studies():
    project = convolutional_project(studies=["study-a"])
    with pytest.raises(UserError, match="'study-a' trains dense networks"):
        check_claims(project)


def test_exploratory_analyses_do_not_affect_verdicts():
    analyses, verdicts, _ = judged(claim(exploratory=[AT_8, AT_8, AT_8]))
    assert list(verdicts["verdict"]) == ["supported", "not measured"]
    alone = judged(claim())[1]
    assert verdicts["ci_low"][0] == alone["ci_low"][0]
    explored = analyses[(analyses["role"] == "exploratory") & (analyses["dataset"] == "a")]
    assert set(explored["verdict"]) == {"contradicted"}


def test_questions_of_practitioners_are_a_family_of_their_own():
    claims = {name: claim() for name in ("one", "two", "asked")}
    claims["asked"]["group"] = "practice"
    sizes = family_sizes(project_of(claims))
    assert (sizes["a", "sources"], sizes["a", "practice"]) == (2, 1)


def test_primary_analyses_of_a_data_set_are_one_family():
    """Two claims on data set a, one of them not run, and a fact; only one on data set b."""
    second = claim()
    second["primary"] = second["primary"] | {"studies": ["study-a"]}
    fact = claim()
    fact["primary"] = fact["primary"] | {"studies": ["study-a"], "fact": True}
    project = project_of({"better": claim(), "second": second, "fact": fact})
    tables = {name: study_arm({32: 0.1}) for name in ("study-a", "study-b")}
    analyses, _ = analyse(project, tables, wall_clock=False)
    verdicts = judge(project, analyses).set_index(["claim", "dataset"])
    error = NOISE.std(ddof=1) * math.sqrt(UNSEEN / 8)
    for dataset, family in (("a", 2), ("b", 1)):
        row = verdicts.loc[("better", dataset)]
        assert row["ci_low"] == pytest.approx(0.1 - stats.t.ppf(1 - 0.05 / family, 7) * error)
        assert row["p_adjusted"] == pytest.approx(family * stats.t.sf(0.1 / error, 7))


def test_a_fact_is_judged_by_its_extreme_without_an_interval():
    entry = claim()
    entry["primary"] |= {"fact": True, "studies": ["study-a"]}
    _, verdicts, _ = judged(entry, {"study-a": study_arm({32: 0.1})})
    row = verdicts.iloc[0]
    assert (row["verdict"], row["effect"]) == ("supported", pytest.approx(0.09))
    assert np.isnan([row["ci_low"], row["p_adjusted"]]).all()
    assert row["sentence"] == (
        "Supported on A. Test accuracy, at batch size 32: +9.00 points, a fact (the extreme of 8 "
        "pairs); margin ±1 point."
    )
    entry["primary"]["direction"] = "equal"
    _, verdicts, _ = judged(entry, {"study-a": study_arm({32: 0.001})})
    assert verdicts["effect"][0] == pytest.approx(0.011), "of the pair that differs most"
    assert verdicts["verdict"][0] == "cannot tell", "one pair is beyond the margin"


def test_a_precondition_that_is_not_met_leaves_the_claim_untestable():
    entry = claim(requires=[AT_8])
    tables = {"study-a": study_arm({8: -0.1, 32: 0.1})}
    _, verdicts, _ = judged(entry, tables)
    assert list(verdicts["verdict"]) == ["not testable here", "not measured"]
    assert verdicts["sentence"][0] == (
        "Not testable on A: a precondition is not shown (at batch size 8)."
    )
    for gain, verdict in ((0.1, "supported"), (0.0075, "supported"), (0.0, "not testable here")):
        _, verdicts, _ = judged(entry, {"study-a": study_arm({8: gain, 32: 0.1})})
        assert verdicts["verdict"][0] == verdict


def test_time_is_judged_separately_and_affects_no_other_verdict():
    plain, verdicts, _ = judged(claim(conditions=[AT_8]))
    with_time, same, _ = judged(claim(conditions=[AT_8], exploratory=[TIMED]))
    pd.testing.assert_frame_equal(plain, with_time)
    pd.testing.assert_frame_equal(verdicts, same)
    # BN takes 2^0.1 times as long.
    entry = claim(conditions=[AT_8], exploratory=[TIMED | {"margin": 0.01, "direction": "greater"}])
    timed, nothing, pairs = judged(entry, wall_clock=True)
    assert nothing.empty
    assert list(timed["label"]) == ["a step", "a step"]
    assert list(timed["wall_clock"]) == [True, True]
    assert list(timed["verdict"]) == ["supported", "not measured"]
    assert timed["effect"][0] == pytest.approx(0.1)
    assert (timed["unit"][0], timed["endpoint"][0]) == ("factor of 2", "seconds a step (loop)")
    assert set(pairs["label"]) == {"a step"}


def test_no_analyses_give_empty_tables():
    analyses, pairs = analyse(project_of({"better": claim()}), {}, wall_clock=True)
    assert analyses.empty
    assert pairs.empty
    assert list(analyses.columns) == ANALYSIS_COLUMNS
    _, verdicts, pairs = judged(claim(), {})
    assert list(verdicts["verdict"]) == ["not measured"] * 2
    assert pairs.empty


def test_arms_without_a_common_replicate_are_not_measured():
    some = study_arm({32: 0.1})
    keep = (some.runs["replicate"] <= 4) == (some.runs["normalization"] == "batch")
    some = dataclasses.replace(some, runs=some.runs[keep])
    analyses, verdicts, _ = judged(claim(), {"study-a": some})
    assert verdicts["verdict"][0] == "not measured"
    note = "8 of 8 pairs left out: a value is missing. No pair has a value."
    assert analyses["note"][0] == note


def test_diverged_runs_count_at_chance_and_are_counted():
    some = study_arm({32: 0.1})
    lost = (some.runs["normalization"] == "none") & (some.runs["replicate"] <= 2)
    table = some.runs.assign(status=some.runs["status"].where(~lost, "diverged"))
    table.loc[lost, "test_accuracy"] = np.nan
    _, verdicts, _ = judged(claim(), {"study-a": dataclasses.replace(some, runs=table)})
    row = verdicts.iloc[0]
    assert (row["pairs"], row["diverged_treatment"], row["diverged_control"]) == (8, 0, 0.25)
    assert row["effect"] == pytest.approx(0.1 + 2 * (0.7 - 0.5) / 8)


def test_folds_widen_the_interval():
    """The ratio of test examples to those of training and validation counts."""
    project = project_of({"better": claim()})
    tables = {"study-a": study_arm({32: 0.1})}
    study = project.studies["study-a"]
    folded = study.model_copy(update={"settings": {"epochs": 1, "folds": 5}})
    studies = project.studies | {"study-a": folded}
    analyses, _ = analyse(project.model_copy(update={"studies": studies}), tables, False)
    examples = project.dataset_of("study-a").examples.train
    test = math.ceil(examples / 5)
    validation = math.ceil((examples - test) * 0.2)
    training = examples - test - validation
    error = NOISE.std(ddof=1) * math.sqrt(UNSEEN / 8 + test / (training + validation))
    half = stats.t.ppf(0.95, 7) * error
    row = analyses.iloc[0]
    assert (row["ci_low"], row["ci_high"]) == pytest.approx((0.1 - half, 0.1 + half))


def test_few_training_examples_widen_the_interval_further():
    """The setting of 400 of 640 training examples counts, not the size of the folds."""
    project = project_of({"better": claim()})
    tables = {"study-a": study_arm({32: 0.1})}
    study = project.studies["study-a"]
    settings = study.settings | {"folds": 5, "training_examples": 400}
    studies = project.studies | {"study-a": study.model_copy(update={"settings": settings})}
    analyses, _ = analyse(project.model_copy(update={"studies": studies}), tables, False)
    test = math.ceil(project.dataset_of("study-a").examples.train / 5)
    error = NOISE.std(ddof=1) * math.sqrt(UNSEEN / 8 + test / (400 + 160))
    half = stats.t.ppf(0.95, 7) * error
    assert analyses["ci_high"][0] == pytest.approx(0.1 + half)


def with_correctness(study, positions=400, lasting=0.0):
    """Return a study with the correctness of test examples, by which its accuracies are counts.

    Half of the examples are right in all runs; of all, a tenth with BN and a fiftieth without. A
    ``lasting`` share of the others is right in all runs with BN.
    """
    rng = np.random.default_rng(2)
    rows, accuracy = [], []
    easy, helped = rng.random(positions) < 0.5, np.arange(positions) / positions < lasting
    for row in study.runs.to_dict("records"):
        correct = easy.copy()
        gain = rng.random(positions) < (0.1 if row["normalization"] == "batch" else 0.02)
        correct |= gain | (helped & (row["normalization"] == "batch"))
        accuracy.append(correct.mean())
        rows.append(
            {"variant": row["variant"], "replicate": row["replicate"]}
            | {"tested": np.packbits(np.ones(positions, bool)).tobytes(), "clusters": b""}
            | {"correct": np.packbits(correct).tobytes()}
        )
    runs = study.runs.assign(test_accuracy=accuracy)
    return dataclasses.replace(study, runs=runs, correctness=pd.DataFrame(rows))


def test_other_test_examples_are_inside_the_interval():
    """The interval is that of the engine, from accuracies that are counted by hand."""
    study = with_correctness(study_arm({32: 0.1}))
    analyses, _ = analyse(project_of({"better": claim()}), {"study-a": study}, False)
    row = analyses.iloc[0]
    bits = {
        (r["variant"], r["replicate"]): np.unpackbits(np.frombuffer(r["correct"], np.uint8))
        for r in study.correctness.to_dict("records")
    }
    group = np.random.default_rng(0).permutation(400) % 20
    differences, without = [], []
    for number in range(1, REPLICATES + 1):
        first, second = (bits[f"{arm}-32", number].astype(float) for arm in ("batch", "none"))
        differences.append((first - second).mean())
        without.append([(first - second)[group != g].mean() for g in range(20)])
    found = uncertainty(differences, without=np.array(without))
    assert row["effect"] == pytest.approx(np.mean(differences))
    assert (row["ci_low"], row["ci_high"]) == pytest.approx(found.bounds(row["effect"], 0.05))
    assert found.fixed_variance > 0, "the example must have a test part"
    swapped = claim(conditions=[{"label": "again"}])
    conditions, _ = analyse(project_of({"better": swapped}), {"study-a": study}, False)
    same = conditions[conditions["role"] == "condition"].iloc[0]
    assert same["interaction"] == pytest.approx(0), "the same analysis has the same effect"


def test_pairs_needed_allow_for_folds_that_are_not_tested_yet():
    """Eight replicates in two blocks test two of four folds: half of the test part will stay."""
    study = with_correctness(study_arm({32: 0.01}), positions=1000, lasting=0.2)
    folds = [np.arange(1000) % 4 == (number - 1) // 4 for number in study.runs["replicate"]]
    study = dataclasses.replace(
        study,
        variants={n: s.model_copy(update={"folds": 4}) for n, s in study.variants.items()},
        correctness=study.correctness.assign(tested=[np.packbits(f).tobytes() for f in folds]),
    )
    project = project_of({"better": claim()})
    analysis, copies = project.claims["better"].primary, copies_without_groups(study)
    found = measure(project, "study-a", analysis, study, copies, "here")
    assert found.tested == 0.5
    effect = found.effect(0.05).uncertainty
    wanted = pairs_needed(effect, 0.02, 0.05, 0.5)
    assert effect.fixed_variance > 0
    assert wanted < pairs_needed(effect, 0.02, 0.05)
    wide = claim()
    wide["primary"] |= {"margin": 0.04}
    analyses, _ = analyse(project_of({"better": wide}), {"study-a": study}, False)
    assert analyses["pairs_needed"][0] == wanted


def test_completed_runs_without_correctness_are_an_error():
    study = with_correctness(study_arm({32: 0.1}))
    partial = dataclasses.replace(study, correctness=study.correctness.iloc[1:])
    with pytest.raises(UserError, match=r"correctness\.parquet of study 'study-a' lacks completed"):
        analyse(project_of({"better": claim()}), {"study-a": partial}, False)


def test_replicates_that_share_a_tuned_rate_widen_the_interval():
    study = study_arm({32: 0.1})
    blocks = (study.runs["replicate"] - 1) // 2 + 1
    tuned = dataclasses.replace(study, runs=study.runs.assign(tuning_block=blocks))
    analyses, _ = analyse(project_of({"better": claim()}), {"study-a": tuned}, False)
    plain, _ = analyse(project_of({"better": claim()}), {"study-a": study}, False)
    found = uncertainty(0.1 + NOISE, np.repeat([1, 2, 3, 4], 2))
    assert analyses["ci_low"][0] == pytest.approx(found.bounds(0.1, 0.05)[0])
    assert analyses["ci_low"][0] < plain["ci_low"][0]


def test_effects_with_censored_steps_are_bounds():
    """BN needs 10 to 17 of 100 steps; without it, one run of eight misses the target."""
    rows = [
        {"normalization": arm, "batch_size": 32, "replicate": number, "step": step}
        | {"validation_accuracy": 0.9 if step >= first else 0.5}
        for arm, slow in (("batch", 0), ("none", 40))
        for number in range(1, REPLICATES + 1)
        for step in (1, 9 + number, 49 + number, 100)
        for first in [9 + number + slow + (100 if arm == "none" and number == 1 else 0)]
    ]
    study = arm_of(classes=2, history=rows)
    entry = claim()
    entry["primary"] |= {"endpoint": "steps_to", "arguments": {"target": 0.9}, "direction": "less"}
    entry["primary"] |= {"studies": ["study-a"], "margin": 0.1}
    _, verdicts, _ = judged(entry, {"study-a": study})
    row = verdicts.iloc[0]
    assert (row["verdict"], row["censored"], row["bound"]) == ("supported", 1 / 8, "≤")
    assert f": ≤ {quantity(row['effect'], 'factor of 2')}, " in row["sentence"]
    assert "8 pairs, 12 % of them censored;" in row["sentence"]


def test_errors_of_an_analysis_name_the_claim_and_the_study():
    for changes, expected in [
        ({"arguments": {"colum": "x"}}, ["arguments of final", "colum"]),
        ({"arguments": {"column": "test_acuracy"}}, ["final: there is no 'test_acuracy'"]),
        ({"where": {"batch_size": 8}}, ["no run has {'batch_size': 8, 'normalization': 'batch'}"]),
    ]:
        entry = claim()
        entry["primary"] |= changes
        with pytest.raises(UserError) as error:
            judged(entry, {"study-a": study_arm({32: 0.1})})
        start = "config/claims.yaml: claims → better (at batch size 32, study-a): "
        assert str(error.value).startswith(start)
        for part in expected:
            assert part in str(error.value)


def test_analyses_inherit_from_the_primary_one():
    entry = validated(Claim, claim(conditions=[AT_8], exploratory=[TIMED]), "here")
    (condition,), (timed,) = entry.conditions, entry.exploratory
    assert condition.model_dump() == entry.primary.model_dump() | AT_8
    assert timed.model_dump() == entry.primary.model_dump() | TIMED
    assert timed.where == {"batch_size": 32}
    assert [role for role, _ in entry.analyses] == ["primary", "condition", "exploratory"]
    other = {"label": "both", "where": {}, "control": None, "margin": 0.5}
    (condition,) = validated(Claim, claim(conditions=[other]), "here").conditions
    assert (condition.where, condition.control, condition.margin) == ({}, None, 0.5)


def test_margins_and_arguments_of_each_data_set():
    entry = claim()
    entry["primary"]["arguments"] = {"target": {"a": 0.9, "b": 0.5}, "other": 1}
    primary = validated(Claim, entry, "here").primary
    assert (primary.margin_on("a"), primary.margin_on("b")) == (0.01, 0.02)
    assert primary.arguments_on("b", ["a", "b"]) == {"target": 0.5, "other": 1}


def test_a_value_of_an_axis_may_be_a_mapping():
    """`{normal: 0.1}` is an initializer, unless a data set of the analysis has that name."""
    entry = claim()
    weights = {"at": {"normal": 0.1}, "reference": {"a": {"normal": 0.01}, "b": "he_normal"}}
    entry["primary"] |= {"endpoint": "gain_along", "arguments": {"axis": "initializer"} | weights}
    primary = validated(Claim, entry, "here").primary
    found = primary.arguments_on("a", ["a", "b"])
    assert found["at"] == NormalInitializer(normal=0.1)
    assert found["reference"] == NormalInitializer(normal=0.01)
    assert primary.arguments_on("b", ["a", "b"])["reference"] == "he_normal"
    other = claim()
    other["primary"] |= {"arguments": {"axis": "initializer", "at": {"normal": {"normal": 0.1}}}}
    found = validated(Claim, other, "here").primary.arguments_on("normal", ["normal"])
    assert found["at"] == NormalInitializer(normal=0.1)


def test_an_effect_along_an_axis_of_mappings():
    """BN raises accuracy at a standard deviation of 1, and has no effect at 0.01."""
    weights = {"at": {"normal": 1.0}, "reference": {"normal": 0.01}}
    rows = [
        {
            **{"normalization": normalization, "batch_size": 8, "initializer": {"normal": sd}},
            **{"replicate": number},
            "test_accuracy": 0.7 + (0.1 + noise) * (sd == 1.0 and normalization == "batch"),
        }
        for normalization in ("none", "batch")
        for sd in (0.01, 1.0)
        for number, noise in enumerate(NOISE, start=1)
    ]
    entry = claim()
    entry["primary"] |= {"endpoint": "gain_along", "arguments": {"axis": "initializer"} | weights}
    entry["primary"] |= {"where": {}, "studies": ["study-a"]}
    analyses, verdicts, _ = judged(entry, {"study-a": arm_of(rows, classes=2)})
    assert list(verdicts["verdict"]) == ["supported"]
    assert analyses["effect"][0] == close(0.1)
    expected = "change of test accuracy from initializer normal-0.01 to normal-1.0"
    assert analyses["endpoint"][0] == expected
