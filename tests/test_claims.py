"""Endpoints on tables small enough to compute by hand, verdicts on claims, their declaration."""

import copy
import dataclasses
import inspect
import math
import shutil

import numpy as np
import pandas as pd
import pytest
import yaml
from conftest import ROOT

from bnmatrix import registry
from bnmatrix.claims import (
    ANALYSIS_COLUMNS,
    CLAIM_COLUMNS,
    REPLICATION_COLUMNS,
    analyse,
    judge,
    replicate,
)
from bnmatrix.config import Claim, Dataset, Project, Replication, RunConfig, Study, validated
from bnmatrix.errors import UserError
from bnmatrix.project import load_project
from bnmatrix.results import HISTORY_COLUMNS, RUN_COLUMNS
from bnmatrix.statistics import effects, endpoints
from bnmatrix.statistics.endpoints import Arm

# --------------------------------------------------------------------------- endpoints


def table(rows):
    """Return a table of rows, all of one variant unless they say otherwise."""
    return pd.DataFrame(
        [{"replicate": 1, "variant": "v", "status": "completed"} | row for row in rows]
    )


EMPTY = pd.DataFrame({"replicate": [], "variant": []})


def arm(runs=None, classes=4, **tables):
    """Return an arm; where no runs are given, one run stands for each replicate of the others."""
    tables = {name: table(rows) for name, rows in tables.items()}
    if runs is None:
        keys = pd.concat(tables.values())[["replicate", "variant"]].drop_duplicates()
        runs = keys.to_dict("records")
    others = dict.fromkeys(("history", "measurements", "timings", "step_times"), EMPTY)
    return Arm(runs=table(runs), classes=classes, **(others | tables))


AXES = {
    "learning_rate": [0.001, 0.01, 0.1, 1.0],
    "batch_size": [16, 64, 256],
    "initializer": ["normal-0.01", "normal-0.1", "normal-1.0"],
}


def runs(axis, values, column="validation_accuracy"):
    """Return runs of replicates along an axis: ``values`` has a row a replicate."""
    return [
        {"replicate": replicate, axis: at, column: value}
        for replicate, row in enumerate(values, start=1)
        for at, value in zip(AXES[axis], row, strict=True)
    ]


def values(name, treatment, control=None, **arguments):
    """Return an endpoint's values of the first arm, and of the second if there is one."""
    found = endpoints.ENDPOINTS[name](treatment, control, **arguments).table
    first = dict(found["treatment"])
    if control is None:
        assert (found["control"] == 0).all(), "no second arm: compared with zero"
        return first
    return first, dict(found["control"])


def close(expected):
    return pytest.approx(expected, abs=1e-12)


def test_final_pairs_replicates_and_leaves_out_what_one_arm_lacks():
    first = arm([{"replicate": r, "test_accuracy": 0.9 + r / 100} for r in (3, 1, 2)])
    second = arm([{"replicate": r, "test_accuracy": 0.8} for r in (2, 3, 4)])
    found = endpoints.final(first, second)
    assert list(found.table.index) == [2, 3]
    assert list(found.table.columns) == ["treatment", "control"]
    assert values("final", first, second) == (close({2: 0.92, 3: 0.93}), {2: 0.8, 3: 0.8})
    assert found.note == "2 of 4 pairs left out, for want of a value."
    assert endpoints.final(first, first).note == ""


def test_final_is_a_mean_over_cells():
    both = arm(
        [
            {"replicate": r, "variant": v, "train_accuracy": a}
            for r, v, a in [(1, "x", 0.5), (1, "y", 0.7), (2, "x", 0.6), (2, "y", 1.0)]
        ]
    )
    assert values("final", both, column="train_accuracy") == close({1: 0.6, 2: 0.8})


def test_a_diverged_run_is_at_chance():
    some = arm(
        [
            {"replicate": 1, "test_accuracy": 0.9, "train_accuracy": 0.95},
            {
                **{"replicate": 2, "status": "diverged"},
                **{"test_accuracy": math.nan, "train_accuracy": math.nan},
            },
        ]
    )
    assert values("final", some) == {1: 0.9, 2: 0.25}
    gap = values("final", some, column="generalization_gap")
    assert gap == close({1: 0.05}), "it has no gap, which is not a gap of zero"


def test_counts():
    some = arm([{"replicate": 1, "parameters": 8}, {"replicate": 2, "parameters": 32}])
    assert values("count", some, column="parameters") == {1: 8, 2: 32}
    assert values("size", some, column="parameters") == {1: 3, 2: 5}


def test_evaluations():
    some = arm(
        history=[
            {"replicate": r, "epoch": e, "validation_accuracy": a}
            for r, e, a in [(1, 1, 0.5), (1, 2, 0.8), (1, 3, 0.7), (2, 1, 0.9), (2, 2, 0.6)]
        ]
    )
    assert values("at_epoch", some, column="validation_accuracy", epoch=2) == {1: 0.8, 2: 0.6}
    assert values("at_epoch", some, column="validation_accuracy", epoch=3) == {1: 0.7}
    assert values("best_epoch", some, column="validation_accuracy") == {1: 0.8, 2: 0.9}


def test_gain_along():
    """The difference of differences: 0.9 − 0.5 with, 0.8 − 0.7 without."""
    first = arm(runs("batch_size", [[0.5, 0.1, 0.9]], "test_accuracy"))
    second = arm(runs("batch_size", [[0.7, 0.1, 0.8]], "test_accuracy"))
    arguments = {"axis": "batch_size", "at": 256, "reference": 16}
    assert values("gain_along", first, second, **arguments) == (close({1: 0.4}), close({1: 0.1}))
    with pytest.raises(UserError, match="no run has"):
        values("gain_along", first, axis="batch_size", at=2, reference=16)


def test_spread_over():
    some = arm(runs("batch_size", [[0.5, 0.9, 0.6], [0.7, 0.7, 0.7]], "test_accuracy"))
    assert values("spread_over", some, axis="batch_size") == close({1: 0.4, 2: 0})


def test_slope_on_log2():
    """log₂ of 16, 64 and 256 is 4, 6 and 8: the slope is (last − first)/4."""
    some = arm(runs("batch_size", [[0.9, 0.8, 0.4], [0.5, 0.6, 0.7]], "test_accuracy"))
    assert values("slope_on_log2", some, axis="batch_size") == close({1: -0.125, 2: 0.05})
    two = values("slope_on_log2", some, axis="batch_size", over=[64, 256])
    assert two == close({1: -0.2, 2: 0.05})


#: Of the rates 0.001, 0.01, 0.1 and 1, the third is best on average.
RATES = [[0.90, 0.945, 0.95, 0.50], [0.95, 0.70, 0.955, 0.951]]
#: Here it is the second.
OTHER_RATES = [[0.60, 0.80, 0.70, 0.50], [0.60, 0.81, 0.70, 0.50]]


def rated(validation):
    """Return an arm whose test accuracy is a tenth of a point a rate below the validation's."""
    rows = runs("learning_rate", validation)
    places = {rate: place for place, rate in enumerate(AXES["learning_rate"])}
    return arm(
        [
            row
            | {"test_accuracy": row["validation_accuracy"] - places[row["learning_rate"]] / 1000}
            for row in rows
        ]
    )


def test_the_best_of_an_axis():
    """Chosen by mean validation accuracy, the same for all replicates; test accuracy is given."""
    first, second = rated(RATES), rated(OTHER_RATES)
    assert values("best_over", first, second, axis="learning_rate") == (
        *(close({1: 0.948, 2: 0.953}), close({1: 0.799, 2: 0.809})),
    )
    assert values("at_best_of_control", first, second, axis="learning_rate") == (
        *(close({1: 0.944, 2: 0.699}), close({1: 0.799, 2: 0.809})),
    )
    note = endpoints.at_best_of_control(first, second, "learning_rate").note
    assert note == "The control's best learning rate is 0.01."


def test_what_works_on_an_axis():
    """Each rate stands for one decade; the gap of the second replicate is not bridged."""
    some = rated(RATES)
    near = {"axis": "learning_rate", "within": 0.0075}
    assert values("largest_working", some, **near) == close({1: -1, 2: 0})
    assert values("working_width", some, **near) == close({1: 2, 2: 3})
    assert values("working_width", some, axis="learning_rate", within=1) == close({1: 4, 2: 4})


def test_a_diverged_run_does_not_work():
    rows = runs("learning_rate", [[0.90, 0.94, math.nan, math.nan]])
    for row in rows[2:]:
        row["status"] = "diverged"
    near = {"axis": "learning_rate", "within": 0.05}
    assert values("largest_working", arm(rows), **near) == close({1: -2})
    assert values("working_width", arm(rows), **near) == close({1: 2})
    # Chance of two classes is within half a point of 0.9.
    assert values("working_width", arm(rows, 2), axis="learning_rate", within=0.5) == close({1: 4})


def test_initial_weights_are_an_axis_of_numbers():
    some = arm(runs("initializer", [[0.9, 0.95, 0.2]]))
    assert values("working_width", some, axis="initializer", within=0.1) == close({1: 2})
    assert values("largest_working", some, axis="initializer", within=0.1) == close({1: -1})


def curve(replicate, accuracies, variant="v", every=10, **more):
    return [
        {
            **{"replicate": replicate, "variant": variant, "step": every * place},
            "validation_accuracy": accuracy,
        }
        | {key: value[place - 1] for key, value in more.items()}
        for place, accuracy in enumerate(accuracies, start=1)
    ]


def test_steps_to_are_censored_at_the_end():
    first = arm(history=curve(1, [0.5, 0.9, 0.8, 0.9]) + curve(2, [0.1, 0.1, 0.1, 0.1]))
    second = arm(history=curve(1, [0.5, 0.5, 0.5, 0.91]) + curve(2, [0.9, 0.1, 0.1, 0.1]))
    found = endpoints.steps_to(first, second, target=0.9)
    assert values("steps_to", first, second, target=0.9) == (
        close({1: math.log2(20), 2: math.log2(40)}),
        # From 0.5 after 30 steps to 0.91 after 40; from chance at the start to 0.9 after 10.
        close({1: math.log2(30 + 10 * 0.4 / 0.41), 2: math.log2(10)}),
    )
    assert found.note == "Never reached in 1 of 2 and 0 of 2 runs (first arm, second arm)."
    alone = endpoints.steps_to(first, None, target=0.9)
    assert alone.note == "Never reached in 1 of 2 runs (first arm, second arm)."


def test_a_diverged_run_takes_its_whole_length():
    """Its last evaluation is that after which it was stopped."""
    some = arm(history=curve(1, [0.5, math.nan]) + curve(2, [0.5, 0.6, 0.7, 0.8]))
    assert values("steps_to", some, target=0.75) == close({1: math.log2(40), 2: math.log2(35)})


def test_steps_to_are_a_mean_over_cells():
    some = arm(history=curve(1, [0.9, 0.9], "x") + curve(1, [0.1, 0.1, 0.9], "y"))
    assert values("steps_to", some, target=0.9) == close({1: math.log2((10 + 30) / 2)})


def test_all_that_diverge_early_have_not_got_there_early():
    """The end is the longest of either arm's."""
    first = arm(history=curve(1, [math.nan]) + curve(2, [math.nan]))
    second = arm(history=curve(1, [0.1, 0.2, 0.9, 0.9]) + curve(2, [0.1, 0.9, 0.9, 0.9]))
    found, _ = values("steps_to", first, second, target=0.9)
    assert found == close({1: math.log2(40), 2: math.log2(40)})


def test_a_pair_that_never_gets_there_tells_nothing():
    first = arm(history=curve(1, [0.1, 0.2]) + curve(2, [0.1, 0.2]))
    second = arm(history=curve(1, [0.1, 0.9]) + curve(2, [0.3, 0.4]))
    found = endpoints.steps_to(first, second, target=0.9)
    assert list(found.table.index) == [1]
    assert "1 of 2 pairs left out" in found.note


def test_seconds_to_are_cumulative_and_without_compilation():
    """The first replicate's first stretch took ten seconds; a stretch counts as its median."""
    seconds = {1: [10, 2, 1], 2: [1, 2, 1], 3: [1, 2.5, 1]}
    accuracies = {1: [0.5, 0.9, 0.9], 2: [0.9, 0.9, 0.9], 3: [0.1, 0.1, 0.1]}
    some = arm(
        history=[row for r in (1, 2, 3) for row in curve(r, accuracies[r])],
        timings=[
            row | {"epoch": 0}
            for r in (3, 1, 2)
            for row in curve(r, [0, 0, 0], training_seconds=seconds[r])[::-1]
        ],
    )
    assert values("seconds_to", some, target=0.9) == close(
        {1: math.log2(3), 2: math.log2(1), 3: math.log2(4)}
    )
    assert endpoints.seconds_to(some, some, 0.9).note.startswith("Never reached in 1 of 3 and 1 of")


def losses(replicate, loss, gap):
    return curve(replicate, [0.9 - g for g in gap], train_loss=loss, train_accuracy=[0.9] * 3)


def test_gap_at_matched_loss_by_interpolation():
    """The lowest loss that both reach is 0.4, which the first one passes on its way from 0.5 to
    0.25: two fifths of the way, where the gap has gone from 0.1 two fifths of the way to 0.2."""
    first = arm(history=losses(1, [1, 0.5, 0.25], [0, 0.1, 0.2]))
    second = arm(history=losses(1, [1, 0.75, 0.4], [0, 0.05, 0.3]))
    found = values("gap_at_matched_loss", first, second)
    assert found == (close({1: 0.14}), close({1: 0.3}))


def test_gap_at_matched_loss_at_the_first_evaluation_and_without_an_arm():
    """The second arm is at 0.8 at best, below which the first one begins; replicate 2 diverged in
    one arm before it had a loss, and replicate 3 is in one arm alone."""
    first = arm(
        history=losses(1, [0.7, 0.5, 0.25], [0.01, 0.1, 0.2])
        + losses(2, [1, 0.5, 0.25], [0, 0.1, 0.2])
    )
    second = arm(
        history=losses(1, [1, 0.8, 0.9], [0.02, 0.05, 0.3])
        + losses(2, [math.nan] * 3, [0, 0, 0])
        + losses(3, [1, 1, 1], [0, 0, 0])
    )
    found = values("gap_at_matched_loss", first, second)
    # From ln 4 and no gap at the start, to 0.7 and 0.01.
    on_the_way = 0.01 * (math.log(4) - 0.8) / (math.log(4) - 0.7)
    assert found == (close({1: on_the_way}), close({1: 0.05}))


def test_roughness_is_the_mean_rise():
    some = arm(
        history=curve(1, [0] * 5, validation_loss=[1, 0.8, 0.9, 0.7, 0.95])
        + curve(2, [0] * 3, validation_loss=[1, 0.5, 0.4])
        + curve(2, [0] * 3, "w", validation_loss=[0, 0.2, 0.2])
    )
    assert values("roughness", some) == close({1: 0.35 / 4, 2: 0.2 / 4})


def measurements(*rows):
    keys = ("replicate", "measure", "step", "part", "value")
    return [dict(zip(keys, row, strict=True)) for row in rows]


def test_measured_over_parts_and_steps():
    some = arm(
        measurements=measurements(
            *((1, "m", 0, "1", 0.1), (1, "m", 0, "2", 10), (1, "m", 5, "1", 1000)),
            *((1, "other", 0, "1", 7), (2, "m", 0, "1", 1), (2, "m", 5, "2", 0)),
        )
    )
    # Replicate 2 lacks what replicate 1 has: its mean would be one of other things.
    assert values("measured", some, measure="m") == close({1: 1010.1 / 3})
    assert values("measured", some, measure="m", step=0) == close({1: 5.05})
    assert values("measured", some, measure="m", parts=[1]) == close({1: 500.05})
    assert values("measured", some, measure="m", step=0, parts=[1]) == close({1: 0.1, 2: 1})
    assert values("measured", some, measure="m", step=5, parts=["1"]) == {1: 1000}
    zero_is_small = values("log_measured", some, measure="m", step=5)
    assert zero_is_small == close({1: 3, 2: -12})
    assert values("log_measured", some, measure="m", step=0) == close({1: 0})


def test_a_part_of_a_measurement_is_selected():
    some = arm(
        measurements=measurements((1, "m", 9, "batch", 0.9), (1, "m", 9, "moving", 0.7)),
    )
    parts = [some.select({"part": part}) for part in ("batch", "moving")]
    assert values("measured", *parts, measure="m") == ({1: 0.9}, {1: 0.7})


def test_gradient_imbalance_tells_layer_10_from_layer_1():
    """In order of text, "10" would stand before "2" and "9" be last."""
    norms = {1: 100, 2: 7, 9: 5, 10: 0.1}
    rows = measurements(
        *((1, "gradient_norm", 3, str(layer), norm) for layer, norm in norms.items()),
        *((1, "gradient_norm", 0, str(layer), 1) for layer in norms),
        *((1, "input_mean", 3, str(layer), 9) for layer in norms),
        *((2, "gradient_norm", 3, str(layer), 1 / norm) for layer, norm in norms.items()),
        *((3, "gradient_norm", 3, str(layer), norm - 0.1) for layer, norm in norms.items()),
    )
    some = arm(measurements=rows[::-1])
    assert values("gradient_imbalance", some, step=3) == pytest.approx(
        {1: 3, 2: 3, 3: math.log10(99.9) + 12}
    )
    assert values("gradient_imbalance", some, step=0) == {1: 0}


def test_gradient_imbalance_is_a_mean_over_cells():
    """A factor of ten one way and of a thousand the other way do not cancel."""
    x = measurements((1, "gradient_norm", 3, "1", 1), (1, "gradient_norm", 3, "2", 10))
    y = measurements((1, "gradient_norm", 3, "1", 1000), (1, "gradient_norm", 3, "3", 1))
    some = arm(measurements=x + [row | {"variant": "w"} for row in y])
    assert values("gradient_imbalance", some, step=3) == close({1: 2})


def test_step_time():
    rows = measurements(
        *((1, "step_time", 9, "loop", 0.5), (1, "step_time", 9, "fit", 8)),
        *((2, "step_time", 9, "loop", 0.125), (2, "step_time", 9, "loop", 0.5)),
    )
    assert values("step_time", arm(step_times=rows), part="loop") == close({1: -1, 2: -2})


def test_selections():
    some = arm(
        [
            {"variant": "a", "normalization": "none", "tuned": True, "order": None, "layers": "8"},
            {
                "variant": "b",
                "normalization": "batch",
                "tuned": True,
                "order": "x",
                "layers": "8-4",
            },
            {"variant": "c", "normalization": "batch", "tuned": False, "order": "y", "layers": "8"},
        ]
    )

    def chosen(**selection):
        return list(some.select(selection).runs["variant"])

    assert chosen() == ["a", "b", "c"]
    assert chosen(normalization="batch") == ["b", "c"]
    assert chosen(normalization="batch", tuned=True) == ["b"]
    assert chosen(order=["x", None]) == ["a", "b"]
    assert chosen(order=None) == ["a"]
    assert chosen(layers=[[8, 4]]) == ["b"], "layers are written 8-4 in tables"
    with pytest.raises(UserError, match=r"no run has \{'order': 'z'\}"):
        chosen(order="z")


def test_every_endpoint_is_registered():
    assert set(endpoints.ENDPOINTS) == set(registry.ENDPOINTS)


# --------------------------------------------------------------------------- claims

REPLICATES = 12
#: What makes the replicates differ; sums to zero.
NOISE = np.linspace(-0.01, 0.01, REPLICATES)

DATASET = {
    **{"loader": "sklearn_iris", "homepage": "https://example.org"},
    **{"examples": {"train": 100}, "test_split": {"fraction": 0.2}, "shape": [4]},
    "classes": ["x", "y"],
}
STUDY = {
    **{"title": "S", "question": "?", "settings": {"epochs": 1}},
    "axes": {"normalization": ["none", "batch"], "batch_size": [8, 32]},
}


def claim(**changes):
    """Return a claim: BN is better at batch size 32, in studies of two data sets."""
    texts = dict.fromkeys(("wording", "question", "reason", "literature"), "…")
    return {
        **({"title": "BN is better"} | texts),
        "primary": {
            **{"label": "at batch size 32", "studies": ["study-a", "study-b"]},
            **{"endpoint": "final", "where": {"batch_size": 32}},
            **{"direction": "greater", "margin": {"a": 0.01, "b": 0.02}},
        },
    } | changes


def project_of(claims, **replications):
    """Return a project with data sets a and b, whose titles are A and B, and a study of each."""
    return Project(
        run=RunConfig(),
        datasets={name: Dataset(title=name.upper(), **DATASET) for name in "ab"},
        studies={f"study-{name}": Study(dataset=name, **STUDY) for name in "ab"},
        claims={name: validated(Claim, entry, name) for name, entry in claims.items()},
        replications={
            name: validated(Replication, entry, name) for name, entry in replications.items()
        },
    )


def study_arm(gains):
    """Return a study's runs; ``gains`` says by how much BN raises accuracy at each batch size."""
    rows, times = [], []
    for batch_size, gain in gains.items():
        for normalization in ("none", "batch"):
            for number, noise in enumerate(NOISE, start=1):
                key = {
                    **{"normalization": normalization, "batch_size": batch_size},
                    **{"replicate": number, "variant": f"{normalization}-{batch_size}"},
                }
                better = gain + noise if normalization == "batch" else 0.0
                rows.append(key | {"test_accuracy": 0.7 + better})
                times.append(key | {"part": "loop", "value": 2.0 ** (better + 1)})
    return arm(rows, classes=2, step_times=times)


AT_8 = {"label": "at batch size 8", "where": {"batch_size": 8}}
TIMED = {
    **{"label": "a step", "endpoint": "step_time", "arguments": {"part": "loop"}},
    **{"wall_clock": True, "margin": 0.1},
}
#: Twelve pairs that all point one way: two of 2¹² patterns of signs.
LEAST = 2 / 2**12


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
    assert first["p_adjusted"] == pytest.approx(LEAST), "the only analysis of its data set"
    assert (first["pairs"], first["margin"], first["verdict"]) == (12, 0.01, "supported")
    assert first["condition"] == ""
    low, high = (f"{100 * first[end]:+.2f}" for end in ("ci_low", "ci_high"))
    assert first["sentence"] == (
        "Supported on A. Test accuracy, at batch size 32: +10.00 points, 95 % interval "
        f"[{low}, {high}], 12 pairs; margin ±1 points."
    )
    assert (second["dataset"], second["study"], second["pairs"]) == ("b", "study-b", 0)
    assert (second["verdict"], second["margin"]) == ("not measured", 0.02)
    assert second["sentence"] == "BN is better: not measured on B, for want of runs."
    assert np.isnan([second["effect"], second["ci_low"], second["p_adjusted"]]).all()
    assert list(pairs["replicate"]) == list(range(1, 13))
    assert list(pairs["treatment"] - pairs["control"]) == close(list(0.1 + NOISE))
    row = analyses.iloc[0]
    assert (row["treatment"], row["control"]) == (
        *("batch_size=32, normalization=batch", "normalization=none"),
    )
    assert (row["treatment_mean"], row["control_mean"]) == (close(0.8), close(0.7))
    assert (row["diverged_treatment"], row["diverged_low_treatment"]) == (0, close(0))
    assert row["diverged_high_treatment"] == pytest.approx(0.2425, abs=1e-4), "Wilson, 0 of 12"


@pytest.mark.parametrize(
    ("gain", "direction", "verdict", "opening"),
    [
        (-0.1, "greater", "contradicted", "Contradicted on A. "),
        (0.1, "less", "contradicted", "Contradicted on A. "),
        (0.001, "greater", "equivalent", "No difference that matters on A. "),
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


def test_few_pairs_cannot_tell():
    some = study_arm({32: 0.1})
    some = dataclasses.replace(some, runs=some.runs[some.runs["replicate"] <= 4])
    _, verdicts, _ = judged(claim(), {"study-a": some})
    assert list(verdicts["verdict"]) == ["inconclusive", "not measured"]
    assert verdicts["sentence"][0].startswith("These runs cannot tell on A. ")


def test_a_conditional_claim_names_its_condition():
    _, verdicts, _ = judged(claim(conditions=[AT_8]))
    row = verdicts.iloc[0]
    assert row["verdict"] == "conditional"
    assert row["condition"] == "at batch size 32; not at batch size 8 (contradicted)"
    assert row["sentence"].startswith(
        "Holds only under conditions on A: it holds at batch size 32; not at batch size 8 "
        "(contradicted). Test accuracy, at batch size 32: +10.00 points"
    )
    assert row["effect"] == pytest.approx(0.1), "numbers are the primary analysis's"
    assert row["p_adjusted"] == pytest.approx(2 * LEAST), "of two analyses"
    tables = {"study-a": study_arm({8: 0.1, 32: 0.001})}
    _, verdicts, _ = judged(claim(conditions=[AT_8]), tables)
    assert verdicts["condition"][0] == "at batch size 8; not at batch size 32 (equivalent)"


def test_conditions_that_agree_set_none():
    tables = {"study-a": study_arm({8: 0.1, 32: 0.1})}
    _, verdicts, _ = judged(claim(conditions=[AT_8]), tables)
    assert (verdicts["verdict"][0], verdicts["condition"][0]) == ("supported", "")


def test_exploratory_analyses_decide_nothing():
    analyses, verdicts, _ = judged(claim(exploratory=[AT_8, AT_8, AT_8]))
    assert list(verdicts["verdict"]) == ["supported", "not measured"]
    assert verdicts["p_adjusted"][0] == pytest.approx(LEAST), "they are adjusted by themselves"
    explored = analyses[(analyses["role"] == "exploratory") & (analyses["dataset"] == "a")]
    assert list(explored["p_adjusted"]) == pytest.approx([3 * LEAST] * 3)
    assert set(explored["verdict"]) == {"contradicted"}


def test_data_sets_are_adjusted_by_themselves():
    tables = {"study-a": study_arm({8: -0.1, 32: 0.1}), "study-b": study_arm({32: 0.1})}
    entry = claim(conditions=[AT_8 | {"studies": ["study-a"]}])
    analyses, verdicts, _ = judged(entry, tables)
    assert list(verdicts["verdict"]) == ["conditional", "supported"]
    assert list(verdicts["p_adjusted"]) == pytest.approx([2 * LEAST, LEAST])
    assert list(analyses["dataset"]) == ["a", "b", "a"]


def test_time_taken_is_judged_apart_and_moves_nothing_else():
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
    assert timed["p_adjusted"][0] == pytest.approx(LEAST)
    assert (timed["unit"][0], timed["endpoint"][0]) == ("factor of 2", "seconds a step (loop)")
    assert set(pairs["label"]) == {"a step"}


def test_nothing_of_a_kind_is_an_empty_table():
    analyses, pairs = analyse(project_of({"better": claim()}), {}, wall_clock=True)
    assert analyses.empty
    assert pairs.empty
    assert list(analyses.columns) == ANALYSIS_COLUMNS
    _, verdicts, pairs = judged(claim(), {})
    assert list(verdicts["verdict"]) == ["not measured"] * 2
    assert pairs.empty


def test_arms_without_a_common_replicate_are_not_measured():
    some = study_arm({32: 0.1})
    keep = (some.runs["replicate"] <= 6) == (some.runs["normalization"] == "batch")
    some = dataclasses.replace(some, runs=some.runs[keep])
    analyses, verdicts, _ = judged(claim(), {"study-a": some})
    assert verdicts["verdict"][0] == "not measured"
    note = "12 of 12 pairs left out, for want of a value. No pair has a value."
    assert analyses["note"][0] == note


def test_diverged_runs_count_at_chance_and_are_counted():
    some = study_arm({32: 0.1})
    lost = (some.runs["normalization"] == "none") & (some.runs["replicate"] <= 3)
    table = some.runs.assign(status=some.runs["status"].where(~lost, "diverged"))
    table.loc[lost, "test_accuracy"] = np.nan
    _, verdicts, _ = judged(claim(), {"study-a": dataclasses.replace(some, runs=table)})
    row = verdicts.iloc[0]
    assert (row["pairs"], row["diverged_treatment"], row["diverged_control"]) == (12, 0, 0.25)
    assert row["effect"] == pytest.approx(0.1 + 3 * (0.7 - 0.5) / 12)


def test_folds_widen_the_interval():
    """By the share of test to training examples, those for validation not among the latter."""
    project = project_of({"better": claim()})
    tables = {"study-a": study_arm({32: 0.1})}
    study = project.studies["study-a"]
    folded = study.model_copy(update={"settings": study.settings | {"folds": 5}})
    studies = project.studies | {"study-a": folded}
    analyses, _ = analyse(project.model_copy(update={"studies": studies}), tables, False)
    examples = project.dataset_of("study-a").examples.train
    test = math.ceil(examples / 5)
    training = math.floor((examples - test) * 0.8)
    half = 2.20098516 * NOISE.std(ddof=1) * math.sqrt(1 / 12 + test / training)
    row = analyses.iloc[0]
    assert (row["ci_low"], row["ci_high"]) == pytest.approx((0.1 - half, 0.1 + half))


def test_few_training_examples_widen_it_further():
    """Forty training examples, whatever the folds leave."""
    project = project_of({"better": claim()})
    tables = {"study-a": study_arm({32: 0.1})}
    study = project.studies["study-a"]
    settings = study.settings | {"folds": 5, "training_examples": 40}
    studies = project.studies | {"study-a": study.model_copy(update={"settings": settings})}
    analyses, _ = analyse(project.model_copy(update={"studies": studies}), tables, False)
    test = math.ceil(project.dataset_of("study-a").examples.train / 5)
    half = 2.20098516 * NOISE.std(ddof=1) * math.sqrt(1 / 12 + test / 40)
    assert analyses["ci_high"][0] == pytest.approx(0.1 + half)


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
    assert primary.arguments_on("b") == {"target": 0.5, "other": 1}


# --------------------------------------------------------------------------- replications


def compared(timed=False, **figure):
    """Return the rows of a published figure; ours is 0.8 on average, of standard deviation S."""
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
    assert (row["ours"], row["ours_sd"], row["runs"]) == (close(0.8), close(S), 12)
    assert row["difference"] == close(-0.005)
    expected = effects.welch_interval(0.8, S, 12, 0.805, 0.01, 10)
    assert (row["ci_low"], row["ci_high"]) == close(expected)
    assert row["agrees"] is True
    (row,) = compared(value=0.85, sd=0.01, executions=10)
    assert row["ci_high"] < 0
    assert row["agrees"] is False


def test_a_mean_of_executions_without_a_spread_is_taken_to_have_ours():
    (row,) = compared(value=0.805, executions=10)
    expected = effects.welch_interval(0.8, S, 12, 0.805, S, 10)
    assert (row["ci_low"], row["ci_high"]) == close(expected)


@pytest.mark.parametrize("more", [{}, {"sd": 0.01}])
def test_one_published_number_is_taken_as_one_run(more):
    """The interval is that of one more run: t on 11 degrees of freedom times s √(1 + 1/12)."""
    half = 2.20098516 * S * math.sqrt(13 / 12)
    (row,) = compared(value=0.8 + 0.99 * half, **more)
    assert (row["ci_low"], row["ci_high"]) == pytest.approx((-1.99 * half, 0.01 * half))
    assert row["agrees"] is True
    (row,) = compared(value=0.8 + 1.01 * half, **more)
    assert row["agrees"] is False


def test_a_tolerance_is_agreement_whatever_the_interval():
    assert compared(value=0.85, tolerance=0.06)[0]["agrees"] is True
    assert compared(value=0.85, tolerance=0.04)[0]["agrees"] is False


def test_a_published_difference():
    (row,) = compared(value=0.1, control={"normalization": "none"})
    assert (row["ours"], row["difference"], row["agrees"]) == (close(0.1), close(0), True)


def test_replications_of_time_taken_are_apart():
    figure = {"endpoint": "step_time", "arguments": {"part": "loop"}, "value": 0.1}
    figure |= {"control": {"normalization": "none"}, "wall_clock": True}
    assert compared(**figure) == []
    (row,) = compared(timed=True, **figure)
    assert (row["ours"], row["unit"], row["agrees"]) == (close(0.1), "factor of 2", True)


def test_a_replication_that_was_not_run_has_no_row():
    texts = dict.fromkeys(("title", "reference", "protocol"), "…")
    figure = {"what": "accuracy", "value": 1, "treatment": {}}
    project = project_of({}, published=texts | {"study": "study-a", "figures": [figure]})
    assert replicate(project, {}, wall_clock=False).empty


# --------------------------------------------------------------------------- declaration

CLAIMS = [
    *("convergence", "high-lr", "lr-robust", "init-robust", "gradients", "deep", "activations"),
    *("covariate-shift", "input-scale", "regularization", "generalization", "dropout"),
    *("small-batch", "large-batch", "batch-speed", "small-data", "train-inference", "overhead"),
    *("placement", "order"),
]


def test_the_declared_claims(project):
    assert sorted(project.claims) == sorted(CLAIMS)
    for name, entry in project.claims.items():
        datasets = {project.study(study).dataset for study in entry.primary.studies}
        assert "digits" in datasets, name
        assert not entry.primary.wall_clock, f"{name}: its verdict would change from run to run"


def declared(project):
    for name, entry in project.claims.items():
        for _, analysis in entry.analyses:
            for study in analysis.studies:
                arguments = analysis.arguments_on(project.study(study).dataset)
                yield (
                    f"{name} ({analysis.label}, {study})",
                    project.study(study),
                    analysis,
                    arguments,
                )
    for name, replication in project.replications.items():
        for figure in replication.figures:
            study = project.study(replication.study)
            yield f"{name} ({figure.what})", study, figure, figure.arguments


def test_declared_arguments_fit_their_endpoints(project):
    for where, study, item, arguments in declared(project):
        signature = inspect.signature(endpoints.ENDPOINTS[item.endpoint])
        arms = [name for name in signature.parameters if name in ("arm", "treatment", "control")]
        try:
            signature.bind(*[None] * len(arms), **arguments)
        except TypeError as error:
            pytest.fail(f"{where}: {error}")
        if "axis" in arguments:
            assert arguments["axis"] in study.axes, where
            chosen = [arguments[key] for key in ("at", "reference") if key in arguments]
            for value in [*chosen, *arguments.get("over", [])]:
                assert value in study.axes[arguments["axis"]], where
        if "column" in arguments:
            assert arguments["column"] in {
                *("generalization_gap", *RUN_COLUMNS, *HISTORY_COLUMNS),
            }, where
        if item.endpoint in ("gap_at_matched_loss", "at_best_of_control"):
            assert item.control is not None, where
        assert item.wall_clock == (item.endpoint in ("seconds_to", "step_time")), where


def test_every_data_set_of_a_condition_has_a_primary_analysis(project):
    """A study a data set; and no condition of a data set that the primary analysis has not."""
    for name, entry in project.claims.items():
        primary = [project.study(study).dataset for study in entry.primary.studies]
        for _, analysis in entry.analyses:
            datasets = [project.study(study).dataset for study in analysis.studies]
            assert len(set(datasets)) == len(datasets), name
            assert set(datasets) <= set(primary), name


def test_labels_tell_the_analyses_of_a_claim_apart(project):
    for name, entry in project.claims.items():
        labels = [(role, item.label, item.endpoint) for role, item in entry.analyses]
        assert len(set(labels)) == len(labels), name


@pytest.fixture
def folder(tmp_path):
    shutil.copytree(ROOT / "config", tmp_path / "config")
    return tmp_path


def edit(folder, change, file="claims.yaml"):
    path = folder / "config" / file
    # Copied entry by entry: what YAML's anchors share would change together.
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    key = next(iter(content))
    content = {key: {name: copy.deepcopy(entry) for name, entry in content[key].items()}}
    change(content[key])
    path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")


def primary(claims, name="convergence"):
    return claims[name]["primary"]


PRIMARY = (
    "config/claims.yaml: claims → convergence: primary (when each arm's learning rate is tuned)"
)

ERRORS = {
    "unknown study": (
        lambda c: primary(c)["studies"].append("digits-convergenc"),
        [
            *(PRIMARY, "unknown study 'digits-convergenc'", "did you mean 'digits-convergence'?"),
            "config/studies.yaml declares mnist-64-64, ",
        ],
    ),
    "unknown endpoint": (
        lambda c: primary(c).update(endpoint="step_to"),
        [
            "config/claims.yaml: claims → convergence: primary → endpoint: must be one of final, ",
            *("did you mean 'steps_to'?", "it is 'step_to'"),
        ],
    ),
    "unknown direction": (
        lambda c: primary(c).update(direction="more"),
        ["convergence: primary → direction", "'greater', 'less', 'different' or 'equal'"],
    ),
    "unknown key": (
        lambda c: primary(c).update(margins=1),
        ["convergence: primary → margins: unknown key (did you mean 'margin'?)", "there are label"],
    ),
    "unknown key of a condition": (
        lambda c: c["convergence"]["conditions"][0].update(treatmant={}),
        ["convergence: conditions → 0 → treatmant", "did you mean 'treatment'?"],
    ),
    "unknown key of a claim": (
        lambda c: c["convergence"].update(conditons=[]),
        ["claims → convergence: conditons", "did you mean 'conditions'?"],
    ),
    "no margin": (
        lambda c: primary(c).pop("margin"),
        ["convergence: primary → margin: Field required"],
    ),
    "a margin of nothing": (
        lambda c: primary(c).update(margin=0),
        ["convergence: primary → margin", "greater than 0", "it is 0"],
    ),
    "an axis that the study has not": (
        lambda c: primary(c)["treatment"].update(dropout=0.5),
        [
            f"{PRIMARY}: 'dropout' is not an axis of study 'digits-convergence'; "
            "it has normalization, batch_size"
        ],
    ),
    "an axis of `where` that the study has not": (
        lambda c: primary(c).update(where={"activation": "relu"}),
        [f"{PRIMARY}: 'activation' is not an axis of study 'digits-convergence'"],
    ),
    "a value that the study has not": (
        lambda c: primary(c)["control"].update(normalization="layer"),
        [f"{PRIMARY}: normalization: study 'digits-convergence' has no layer; it has none, batch"],
    ),
    "values that the study has not": (
        lambda c: primary(c)["control"].update(normalization=["layer", "group"]),
        [f"{PRIMARY}: normalization: study 'digits-convergence' has no layer or group; it "],
    ),
    "a margin that a data set has not": (
        lambda c: primary(c, "deep").update(margin={"digits": 0.01}),
        [
            "config/claims.yaml: claims → deep: primary (with 20 ReLU layers): margin: there is "
            "none for data set 'mnist' (mnist-depth)"
        ],
    ),
    "an argument that a data set has not": (
        lambda c: primary(c)["arguments"].update(target={"digits": 0.9, "cifar10": 0.35}),
        [f"{PRIMARY}: target: there is none for data set 'mnist' (mnist-convergence)"],
    ),
    "an error of a condition": (
        lambda c: c["convergence"]["conditions"][0].update(treatment={"tuned": "maybe"}),
        ["convergence: condition (at a shared learning rate of 0.01): tuned: ", "has no maybe"],
    ),
    "an error of an exploratory analysis": (
        lambda c: c["high-lr"]["exploratory"][0].update(studies=["mnist-rate"]),
        ["high-lr: exploratory (at the best rate without BN", "did you mean 'mnist-rates'?"],
    ),
}


@pytest.mark.parametrize("case", ERRORS)
def test_errors_name_file_claim_and_what_is_allowed(folder, case):
    change, expected = ERRORS[case]
    edit(folder, change)
    with pytest.raises(UserError) as error:
        load_project(root=folder)
    for part in expected:
        assert part in str(error.value)


def test_errors_of_replications(folder):
    figure = {"what": "accuracy", "value": 1, "treatment": {}}

    def change(**changes):
        shutil.copy(ROOT / "config/replications.yaml", folder / "config/replications.yaml")
        edit(folder, lambda r: r["garbin"].update(changes), "replications.yaml")
        with pytest.raises(UserError) as error:
            load_project(root=folder)
        return str(error.value)

    start = "config/replications.yaml: replications → garbin: "
    assert change(study="mnist-garbn").startswith(
        f"{start}parameters without BN: unknown study 'mnist-garbn' (did you mean 'mnist-garbin'?)"
    )
    assert change(figures=[figure | {"treatment": {"dropout": 0}}]).startswith(
        f"{start}accuracy: 'dropout' is not an axis of study 'mnist-garbin'"
    )
    assert change(figures=[figure | {"endpoint": "finally"}]).startswith(
        f"{start}figures → 0 → endpoint: must be one of final"
    )


@pytest.mark.parametrize("file", ["claims", "replications"])
def test_the_schema_accepts_what_is_declared_and_refuses_what_is_not(file):
    jsonschema = pytest.importorskip("jsonschema")
    path = ROOT / f"workflow/schemas/{file}.schema.json"
    schema = yaml.safe_load(path.read_text(encoding="utf-8"))
    content = yaml.safe_load((ROOT / f"config/{file}.yaml").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(content, schema)
    next(iter(content[file].values()))["titel"] = "?"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(content, schema)


def test_the_registry_says_what_endpoints_take():
    for name, function in endpoints.ENDPOINTS.items():
        taken = inspect.signature(function).parameters.values()
        arguments = [p for p in taken if p.name not in ("arm", "treatment", "control")]
        needs = {p.name for p in arguments if p.default is p.empty}
        declared = registry.ENDPOINTS[name]
        assert set(declared.needs) == needs, name
        assert set(declared.takes) == {p.name for p in arguments} - needs, name


@pytest.mark.parametrize(
    ("claim_name", "change", "expected"),
    [
        ("convergence", {"arguments": {"targt": 0.9}}, "steps_to has no 'targt' (did you mean"),
        ("convergence", {"arguments": {}}, "steps_to needs 'target'"),
        ("regularization", {"control": None}, "gap_at_matched_loss needs one"),
        ("high-lr", {"arguments": {"axis": "dropout", "within": 0.1}}, "'dropout' is not an axis"),
        (
            "small-batch",
            {"arguments": {"axis": "batch_size", "at": 3, "reference": 64}},
            "batch_size: study 'digits-batches' has no 3",
        ),
        ("order", {"arguments": {"measure": "order_diference"}}, "does not measure"),
        ("gradients", {"arguments": {"step": 7}}, "after 0, 1, 200 steps, not after 7"),
        ("overhead", {"wall_clock": True}, "no two runs take the same time"),
        ("high-lr", {"studies": ["digits-rates", "digits-rates"]}, "one a data set"),
    ],
)
def test_what_cannot_be_judged_is_refused_before_training(tmp_path, claim_name, change, expected):
    shutil.copytree(ROOT / "config", tmp_path / "config")
    path = tmp_path / "config/claims.yaml"
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    content["claims"][claim_name]["primary"] |= change
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    with pytest.raises(UserError) as error:
        load_project(root=tmp_path)
    assert expected in str(error.value)
    assert claim_name in str(error.value)


def test_a_measure_along_an_axis():
    rows = [(1, "m", 5, "1", 0.9, 2), (1, "m", 5, "1", 0.7, 64), (1, "m", 5, "2", 0.1, 64)]
    keys = ("replicate", "measure", "step", "part", "value", "batch_size")
    some = arm(
        runs=[{"replicate": 1, "test_accuracy": 0.5, "batch_size": size} for size in (2, 64)],
        measurements=[dict(zip(keys, row, strict=True)) for row in rows],
    )
    along = {"measure": "m", "axis": "batch_size", "at": 2, "reference": 64}
    assert values("measured_along", some, **along, parts=["1"]) == close({1: 0.2})
    assert values("measured_along", some, **along) == close({1: 0.5})


def test_a_network_without_gradients_has_no_ratio():
    some = arm(
        measurements=[
            {"replicate": r, "measure": "gradient_norm", "step": 0, "part": part, "value": value}
            for r, norms in ((1, (0.0, 0.0)), (2, (1e-3, 1.0)))
            for part, value in zip("12", norms, strict=True)
        ]
    )
    assert values("gradient_imbalance", some, step=0) == close({2: 3})
