"""Endpoints on small tables, with results computed by hand."""

import math

import pytest
from study_tables import arm_of

from bnmatrix.errors import UserError
from bnmatrix.statistics.endpoints.declared import ENDPOINTS
from bnmatrix.statistics.endpoints.registry import of_each_arm
from bnmatrix.training.initializers import NormalInitializer

AXES = {
    "learning_rate": [0.001, 0.01, 0.1, 1.0],
    "batch_size": [16, 64, 256],
    "initializer": [{"normal": 0.01}, {"normal": 0.1}, {"normal": 1.0}],
}


def runs(axis, values, column="validation_accuracy"):
    """Return runs of replicates along an axis; ``values`` has one row per replicate."""
    return [
        {"replicate": replicate, axis: at, column: value}
        for replicate, row in enumerate(values, start=1)
        for at, value in zip(AXES[axis], row, strict=True)
    ]


def values(name, treatment, control=None, **arguments):
    """Return the values of an endpoint in the first arm, and in the second arm if there is one."""
    found = ENDPOINTS[name](treatment, control, **arguments).table
    first = dict(found["treatment"])
    if control is None:
        assert (found["control"] == 0).all(), "no second arm: compared with zero"
        return first
    return first, dict(found["control"])


def close(expected):
    return pytest.approx(expected, abs=1e-12)


def test_final_pairs_replicates_of_both_arms():
    first = arm_of([{"replicate": r, "test_accuracy": 0.9 + r / 100} for r in (3, 1, 2)])
    second = arm_of([{"replicate": r, "test_accuracy": 0.8} for r in (2, 3, 4)])
    found = ENDPOINTS["final"](first, second)
    assert list(found.table.index) == [2, 3]
    assert list(found.table.columns) == ["treatment", "control"]
    assert values("final", first, second) == (close({2: 0.92, 3: 0.93}), {2: 0.8, 3: 0.8})
    assert found.note == "2 of 4 pairs left out: a value is missing."
    assert ENDPOINTS["final"](first, first).note == ""


def test_final_is_a_mean_over_cells():
    both = arm_of(
        [
            {"replicate": r, "variant": v, "train_accuracy": a}
            for r, v, a in [(1, "x", 0.5), (1, "y", 0.7), (2, "x", 0.6), (2, "y", 1.0)]
        ]
    )
    assert values("final", both, column="train_accuracy") == close({1: 0.6, 2: 0.8})


def test_a_diverged_run_is_at_chance():
    some = arm_of(
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
    some = arm_of([{"replicate": 1, "parameters": 8}, {"replicate": 2, "parameters": 32}])
    assert values("count", some, column="parameters") == {1: 8, 2: 32}
    assert values("size", some, column="parameters") == {1: 3, 2: 5}


def test_evaluations():
    some = arm_of(
        history=[
            {"replicate": r, "epoch": e, "validation_accuracy": a}
            for r, e, a in [(1, 1, 0.5), (1, 2, 0.8), (1, 3, 0.7), (2, 1, 0.9), (2, 2, 0.6)]
        ]
    )
    assert values("at_epoch", some, column="validation_accuracy", epoch=2) == {1: 0.8, 2: 0.6}
    assert values("at_epoch", some, column="validation_accuracy", epoch=3) == {1: 0.7}
    assert values("best_epoch", some, column="validation_accuracy") == {1: 0.8, 2: 0.9}


def test_gain_along():
    """The gain is 0.9 − 0.5 with BN, and 0.8 − 0.7 without."""
    first = arm_of(runs("batch_size", [[0.5, 0.1, 0.9]], "test_accuracy"))
    second = arm_of(runs("batch_size", [[0.7, 0.1, 0.8]], "test_accuracy"))
    arguments = {"axis": "batch_size", "at": 256, "reference": 16}
    assert values("gain_along", first, second, **arguments) == (close({1: 0.4}), close({1: 0.1}))
    with pytest.raises(UserError, match="no run has"):
        values("gain_along", first, axis="batch_size", at=2, reference=16)


def test_spread_over():
    some = arm_of(runs("batch_size", [[0.5, 0.9, 0.6], [0.7, 0.7, 0.7]], "test_accuracy"))
    assert values("spread_over", some, axis="batch_size") == close({1: 0.4, 2: 0})


def test_slope_on_log2():
    """log₂ of 16, 64 and 256 is 4, 6 and 8: the slope is (last − first)/4."""
    some = arm_of(runs("batch_size", [[0.9, 0.8, 0.4], [0.5, 0.6, 0.7]], "test_accuracy"))
    assert values("slope_on_log2", some, axis="batch_size") == close({1: -0.125, 2: 0.05})
    two = values("slope_on_log2", some, axis="batch_size", over=[64, 256])
    assert two == close({1: -0.2, 2: 0.05})


#: Of the rates 0.001, 0.01, 0.1 and 1, the third is best on average.
RATES = [[0.90, 0.945, 0.95, 0.50], [0.95, 0.70, 0.955, 0.951]]
#: Here it is the second.
OTHER_RATES = [[0.60, 0.80, 0.70, 0.50], [0.60, 0.81, 0.70, 0.50]]


def rated(validation):
    """Return an arm with test accuracy below validation accuracy, by 0.1 points per rate."""
    rows = runs("learning_rate", validation)
    places = {rate: place for place, rate in enumerate(AXES["learning_rate"])}
    return arm_of(
        [
            row
            | {"test_accuracy": row["validation_accuracy"] - places[row["learning_rate"]] / 1000}
            for row in rows
        ]
    )


def test_the_best_of_an_axis():
    """Mean validation accuracy selects the value, for all replicates; test accuracy is returned."""
    first, second = rated(RATES), rated(OTHER_RATES)
    assert values("best_over", first, second, axis="learning_rate") == (
        close({1: 0.948, 2: 0.953}),
        close({1: 0.799, 2: 0.809}),
    )
    assert values("at_best_of_control", first, second, axis="learning_rate") == (
        close({1: 0.944, 2: 0.699}),
        close({1: 0.799, 2: 0.809}),
    )
    note = ENDPOINTS["at_best_of_control"](first, second, axis="learning_rate").note
    assert note == "The control's best learning rate is 0.01."


def test_values_of_an_axis_that_work():
    """Each rate counts as one decade; the gap of the second replicate does not count."""
    some = rated(RATES)
    near = {"axis": "learning_rate", "within": 0.0075}
    assert values("largest_working", some, **near) == close({1: -1, 2: 0})
    assert values("working_width", some, **near) == close({1: 2, 2: 3})
    assert values("working_width", some, axis="learning_rate", within=1) == close({1: 4, 2: 4})


def test_values_are_known_to_a_step_of_the_grid():
    """Each edge that is read off has a uniform error over a step, of variance step² / 12."""
    some, other = rated(RATES), rated(OTHER_RATES)
    near = {"axis": "learning_rate", "within": 0.0075}
    assert ENDPOINTS["largest_working"](some, None, **near).resolution == close(12**-0.5)
    assert ENDPOINTS["largest_working"](some, other, **near).resolution == close(6**-0.5)
    assert ENDPOINTS["working_width"](some, other, **near).resolution == close(3**-0.5)
    assert ENDPOINTS["working_width"](some, other, **near).note == (
        "Values are read off a grid with steps of 1 decade. In 1 of 4 series of runs, a value at "
        "the end of the grid works: values beyond it may work, too."
    )
    bounds = ENDPOINTS["working_width"](some, other, **near).censored
    assert bounds["treatment"].tolist() == [False, True], "the last rate works in the second run"
    assert not bounds["control"].any()


def test_a_diverged_run_does_not_work():
    rows = runs("learning_rate", [[0.90, 0.94, math.nan, math.nan]])
    for row in rows[2:]:
        row["status"] = "diverged"
    near = {"axis": "learning_rate", "within": 0.05}
    assert values("largest_working", arm_of(rows), **near) == close({1: -2})
    assert values("working_width", arm_of(rows), **near) == close({1: 2})
    # Chance of two classes is within half a point of 0.9.
    assert values("working_width", arm_of(rows, 2), axis="learning_rate", within=0.5) == close(
        {1: 4}
    )


def test_initial_weights_are_an_axis_of_numbers():
    some = arm_of(runs("initializer", [[0.9, 0.95, 0.2]]))
    assert values("working_width", some, axis="initializer", within=0.1) == close({1: 2})
    assert values("largest_working", some, axis="initializer", within=0.1) == close({1: -1})
    along = {"axis": "initializer", "column": "validation_accuracy"}
    ends = {"at": NormalInitializer(normal=1.0), "reference": NormalInitializer(normal=0.01)}
    assert values("gain_along", some, **along, **ends) == close({1: -0.7})


def test_an_axis_of_names_has_no_numbers():
    some = arm_of([{"activation": "relu", "validation_accuracy": 0.5}])
    with pytest.raises(UserError, match="'activation' is not a number: relu"):
        values("best_over", some, axis="activation")


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
    first = arm_of(history=curve(1, [0.5, 0.9, 0.8, 0.9]) + curve(2, [0.1, 0.1, 0.1, 0.1]))
    second = arm_of(history=curve(1, [0.5, 0.5, 0.5, 0.91]) + curve(2, [0.9, 0.1, 0.1, 0.1]))
    found = ENDPOINTS["steps_to"](first, second, target=0.9)
    assert values("steps_to", first, second, target=0.9) == (
        close({1: math.log2(20), 2: math.log2(40)}),
        # Interpolated from 0.5 after 30 steps to 0.91 after 40, and from chance to 0.9 after 10.
        close({1: math.log2(30 + 10 * 0.4 / 0.41), 2: math.log2(10)}),
    )
    assert found.note == "Never reached in 1 of 2 and 0 of 2 runs (first arm, second arm)."
    alone = ENDPOINTS["steps_to"](first, None, target=0.9)
    assert alone.note == "Never reached in 1 of 2 runs (first arm, second arm)."


def test_a_diverged_run_takes_its_whole_length():
    """Its last evaluation is the one at which it was stopped."""
    some = arm_of(history=curve(1, [0.5, math.nan]) + curve(2, [0.5, 0.6, 0.7, 0.8]))
    assert values("steps_to", some, target=0.75) == close({1: math.log2(40), 2: math.log2(35)})


def test_steps_to_are_a_mean_over_cells():
    some = arm_of(history=curve(1, [0.9, 0.9], "x") + curve(1, [0.1, 0.1, 0.9], "y"))
    assert values("steps_to", some, target=0.9) == close({1: math.log2((10 + 30) / 2)})


def test_runs_that_diverge_early_count_with_the_longest_time():
    """The end is the longest time of either arm."""
    first = arm_of(history=curve(1, [math.nan]) + curve(2, [math.nan]))
    second = arm_of(history=curve(1, [0.1, 0.2, 0.9, 0.9]) + curve(2, [0.1, 0.9, 0.9, 0.9]))
    found, _ = values("steps_to", first, second, target=0.9)
    assert found == close({1: math.log2(40), 2: math.log2(40)})


def test_a_pair_that_misses_the_target_is_left_out():
    first = arm_of(history=curve(1, [0.1, 0.2]) + curve(2, [0.1, 0.2]))
    second = arm_of(history=curve(1, [0.1, 0.9]) + curve(2, [0.3, 0.4]))
    found = ENDPOINTS["steps_to"](first, second, target=0.9)
    assert list(found.table.index) == [1]
    assert "1 of 2 pairs left out" in found.note


def test_seconds_to_are_cumulative_and_without_compilation():
    """The first segment of replicate 1 took ten seconds; segments count with their median."""
    seconds = {1: [10, 2, 1], 2: [1, 2, 1], 3: [1, 2.5, 1]}
    accuracies = {1: [0.5, 0.9, 0.9], 2: [0.9, 0.9, 0.9], 3: [0.1, 0.1, 0.1]}
    some = arm_of(
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
    assert ENDPOINTS["seconds_to"](some, some, target=0.9).note.startswith(
        "Never reached in 1 of 3 and 1 of"
    )


def losses(replicate, loss, gap):
    return curve(replicate, [0.9 - g for g in gap], train_loss=loss, train_accuracy=[0.9] * 3)


def test_gap_at_matched_loss_by_interpolation():
    """The lowest loss that both reach is 0.4, which the first one passes on its way from 0.5 to
    0.25: two fifths of the way, where the gap has gone from 0.1 two fifths of the way to 0.2."""
    first = arm_of(history=losses(1, [1, 0.5, 0.25], [0, 0.1, 0.2]))
    second = arm_of(history=losses(1, [1, 0.75, 0.4], [0, 0.05, 0.3]))
    found = values("gap_at_matched_loss", first, second)
    assert found == (close({1: 0.14}), close({1: 0.3}))


def test_gap_at_matched_loss_at_the_first_evaluation_and_without_an_arm():
    """The second arm is at 0.8 at best, below which the first one begins; replicate 2 diverged in
    one arm before it had a loss, and replicate 3 is in one arm alone."""
    first = arm_of(
        history=losses(1, [0.7, 0.5, 0.25], [0.01, 0.1, 0.2])
        + losses(2, [1, 0.5, 0.25], [0, 0.1, 0.2])
    )
    second = arm_of(
        history=losses(1, [1, 0.8, 0.9], [0.02, 0.05, 0.3])
        + losses(2, [math.nan] * 3, [0, 0, 0])
        + losses(3, [1, 1, 1], [0, 0, 0])
    )
    found = values("gap_at_matched_loss", first, second)
    # From ln 4 and no gap at the start, to 0.7 and 0.01.
    on_the_way = 0.01 * (math.log(4) - 0.8) / (math.log(4) - 0.7)
    assert found == (close({1: on_the_way}), close({1: 0.05}))


def test_roughness_is_the_mean_rise():
    some = arm_of(
        history=curve(1, [0] * 5, validation_loss=[1, 0.8, 0.9, 0.7, 0.95])
        + curve(2, [0] * 3, validation_loss=[1, 0.5, 0.4])
        + curve(2, [0] * 3, "w", validation_loss=[0, 0.2, 0.2])
    )
    assert values("roughness", some) == close({1: 0.35 / 4, 2: 0.2 / 4})


def measurements(*rows):
    keys = ("replicate", "measure", "step", "part", "value")
    return [dict(zip(keys, row, strict=True)) for row in rows]


def test_measured_over_parts_and_steps():
    some = arm_of(
        measurements=measurements(
            *((1, "m", 0, "1", 0.1), (1, "m", 0, "2", 10), (1, "m", 5, "1", 1000)),
            *((1, "other", 0, "1", 7), (2, "m", 0, "1", 1), (2, "m", 5, "2", 0)),
        )
    )
    # Replicate 2 lacks values of replicate 1, so that its mean is not comparable.
    assert values("measured", some, measure="m") == close({1: 1010.1 / 3})
    assert values("measured", some, measure="m", step=0) == close({1: 5.05})
    assert values("measured", some, measure="m", parts=[1]) == close({1: 500.05})
    assert values("measured", some, measure="m", step=0, parts=[1]) == close({1: 0.1, 2: 1})
    assert values("measured", some, measure="m", step=5, parts=["1"]) == {1: 1000}
    zero_is_small = values("log_measured", some, measure="m", step=5)
    assert zero_is_small == close({1: 3, 2: -12})
    assert values("log_measured", some, measure="m", step=0) == close({1: 0})


def test_a_part_of_a_measurement_is_selected():
    some = arm_of(
        measurements=measurements((1, "m", 9, "batch", 0.9), (1, "m", 9, "moving", 0.7)),
    )
    parts = [some.select({"part": part}) for part in ("batch", "moving")]
    assert values("measured", *parts, measure="m") == ({1: 0.9}, {1: 0.7})


DEEP = {"variant": "v", "hidden_layers": (8, 64, 64, 64, 64)}


def gradient_norms(norms, replicate=1, step=3, **more):
    """Return measurements of the layers of a network: five hidden ones, and the output layer."""
    return [
        row | more
        for row in measurements(
            *((replicate, "gradient_norm", step, str(n), v) for n, v in enumerate(norms, start=1))
        )
    ]


def test_gradient_imbalance_is_the_slope_over_equal_layers():
    """Layers 3, 4 and 5 have 64 inputs and 64 units; layers 1, 2 and the output layer do not."""
    rows = [
        *gradient_norms([9, 7, 1, 10, 100, 5]),
        *gradient_norms([9, 7, 1000, 10, 0.1, 5], replicate=2),
        # Through 0, 2 and 1 goes the line with slope 1/2: one decade.
        *gradient_norms([9, 7, 1, 100, 10, 5], replicate=3),
        *gradient_norms([9, 7, 0, 0, 0, 5], replicate=4),
        *gradient_norms([1, 1, 1, 1, 1, 1], step=0),
    ]
    some = arm_of([DEEP], measurements=rows[::-1])
    assert values("gradient_imbalance", some, step=3) == close({1: 2, 2: 4, 3: 1})
    assert values("gradient_imbalance", some, step=0) == {1: 0}


def test_gradient_imbalance_is_a_mean_over_cells():
    """Factors of a hundred and of ten thousand in opposite directions do not cancel."""
    rows = gradient_norms([9, 7, 1, 10, 100, 5])
    rows += gradient_norms([9, 7, 1e4, 100, 1, 5], variant="w")
    some = arm_of([DEEP, DEEP | {"variant": "w"}], measurements=rows)
    assert values("gradient_imbalance", some, step=3) == close({1: 3})


def test_gradient_imbalance_needs_equal_layers():
    some = arm_of(
        [{"variant": "v", "hidden_layers": (8, 64, 64)}],
        measurements=gradient_norms([1, 1, 1, 1]),
    )
    with pytest.raises(
        UserError, match="three hidden layers with as many inputs as units; v has 1"
    ):
        values("gradient_imbalance", some, step=3)


def test_step_time():
    rows = measurements(
        *((1, "step_time", 9, "loop", 0.5), (1, "step_time", 9, "fit", 8)),
        *((2, "step_time", 9, "loop", 0.125), (2, "step_time", 9, "loop", 0.5)),
    )
    assert values("step_time", arm_of(step_times=rows), part="loop") == close({1: -1, 2: -2})


def test_selections():
    """Selections compare values of settings, not the names in tables."""
    some = arm_of(
        [
            {"variant": "a", "hidden_layers": (8,), "learning_rate": 0.1},
            {"variant": "b", "normalization": "batch", "hidden_layers": (8, 4), "tuned": True},
            {"variant": "c", "normalization": "batch", "initializer": {"normal": 0.1}},
        ],
        history=[{"variant": name, "step": 1} for name in "abc"],
    )

    def chosen(**selection):
        arm = some.select(selection)
        names = list(arm.runs["variant"])
        assert list(arm.history["variant"]) == names
        return names

    assert chosen() == ["a", "b", "c"]
    assert chosen(normalization="batch") == ["b", "c"]
    assert chosen(normalization="batch", tuned=True) == ["b"]
    assert chosen(placement=None) == ["a"], "without normalization, its placement has no effect"
    assert chosen(placement=["before", None]) == ["a", "b", "c"]
    assert chosen(learning_rate=None) == ["b"], "a tuned rate is not a declared one"
    assert chosen(hidden_layers=(8, 4)) == ["b"]
    assert chosen(hidden_layers=[(8,), (8, 4)]) == ["a", "b"]
    assert chosen(initializer=NormalInitializer(normal=0.1)) == ["c"]
    with pytest.raises(UserError, match=r"no run has \{'placement': 'after'\}"):
        chosen(placement="after")


def test_a_measure_along_an_axis():
    rows = [(1, "m", 5, "1", 0.9, 2), (1, "m", 5, "1", 0.7, 64), (1, "m", 5, "2", 0.1, 64)]
    keys = ("replicate", "measure", "step", "part", "value", "batch_size")
    some = arm_of(measurements=[dict(zip(keys, row, strict=True)) for row in rows])
    along = {"measure": "m", "axis": "batch_size", "at": 2, "reference": 64}
    assert values("measured_along", some, **along, parts=["1"]) == close({1: 0.2})
    assert values("measured_along", some, **along) == close({1: 0.5})


@pytest.fixture
def registered():
    """The registry, to which tests can add endpoints."""
    before = dict(ENDPOINTS)
    yield ENDPOINTS
    ENDPOINTS.clear()
    ENDPOINTS.update(before)


def test_one_function_declares_an_endpoint(registered):
    @of_each_arm("nats", "{column} before step {step}", measure="gradient_norm")
    def earlier(arm, step, column="test_loss"):
        return arm.runs.set_index("replicate")[column] / step

    found = registered["earlier"]
    assert (found.needs, found.takes) == (("step",), {"column": "test_loss"})
    assert not found.needs_control
    assert found.describe({"step": 3}) == "test loss before step 3"
    assert found.measure_of({"step": 3}) == "gradient_norm"
    some = arm_of([{"replicate": 1, "test_loss": 6.0, "train_loss": 3.0}])
    assert values("earlier", some, step=3) == {1: 2}
    assert values("earlier", some, some, step=3, column="train_loss") == ({1: 1}, {1: 1})


@pytest.mark.parametrize(("name", "unit"), [("final", "points"), ("new", "metres")])
def test_a_wrong_declaration_is_refused(registered, name, unit):
    def endpoint(arm):
        return arm

    endpoint.__name__ = name
    with pytest.raises(ValueError, match=f"two endpoints are named final|{unit}"):
        of_each_arm(unit, "x")(endpoint)
    assert registered.get(name) is not endpoint


def test_labels_name_arguments_of_their_endpoint():
    for name, endpoint in ENDPOINTS.items():
        arguments = dict.fromkeys(endpoint.arguments, "some_value")
        assert "_" not in endpoint.describe(arguments), name
