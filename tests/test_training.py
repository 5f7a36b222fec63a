"""The training loop against Keras's own ``fit``, and what a run must record."""

import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT, settings

from bnmatrix.datasets.loaders import sklearn_digits
from bnmatrix.datasets.preparation import Prepared
from bnmatrix.datasets.scaling import fit_scaling
from bnmatrix.training import seeds
from bnmatrix.training.examples import examples_of
from bnmatrix.training.minibatches import stretches

pytestmark = pytest.mark.usefixtures("tensorflow")

SEED = 7


@pytest.fixture(scope="module")
def digits() -> Prepared:
    arrays = sklearn_digits(None)
    x, y = arrays.x, arrays.y
    return Prepared(x[:300], y[:300], x[300:400], y[300:400], x[400:600], y[400:600], 10, 16.0)


TUNING = {"rates": [0.001, 0.01, 0.1], "replicates": 2, "objective": "final", "widen": 0}


def spec(*variants, replicates=1, tuning=None, measures=None, predictions=False, **changes):
    """Return a strip's spec: a variant for each of ``variants``, all of them with ``changes``."""
    return {
        "study": "test",
        "dataset": "digits",
        "axes": ["normalization", "batch_size"],
        "replicates": replicates,
        "seed": SEED,
        "tuning": tuning,
        "measures": measures or {},
        "predictions": predictions,
        "variants": [
            {
                "variant": f"v{number}",
                "baseline": None,
                "settings": settings(**{"hidden_layers": [16, 8], **changes, **own}),
            }
            for number, own in enumerate(variants or [{}])
        ],
    }


def train(prepared, *variants, **changes):
    from bnmatrix.training.keras.framework import KERAS
    from bnmatrix.training.replicates import train_strip

    return train_strip(spec(*variants, **changes), prepared, KERAS, threads=1).tables


def rows_of(table, variant):
    """Return the rows of a variant, without its name."""
    rows = table[table["variant"] == variant].drop(columns="variant")
    return rows.reset_index(drop=True)


def program_for(prepared, **changes):
    from bnmatrix.training.keras.trainer import Trainer
    from bnmatrix.training.runs import Program

    chosen = settings(**{"hidden_layers": [16, 8], **changes})
    return Program(chosen, prepared, SEED, Trainer), chosen


def trainer_for(prepared, chosen):
    from bnmatrix.training.keras.trainer import Trainer

    scaling = fit_scaling(chosen["input_scaling"], prepared.x_train, prepared.maximum)
    return Trainer(chosen, prepared.classes, prepared.x_train, prepared.y_train, scaling)


def plain_keras(case):
    """Return settings, and the same network and optimizer written down in plain Keras."""
    import keras
    from keras.layers import (
        Activation,
        BatchNormalization,
        Dense,
        GroupNormalization,
        LayerNormalization,
    )

    from bnmatrix.training.keras.network import Dropout

    relu = [Dense(16, activation="relu"), Dense(8, activation="relu")]
    return {
        "none, adam": ({}, relu, keras.optimizers.Adam(0.001)),
        "batch before, adam": (
            {"normalization": "batch"},
            [
                *(Dense(16), BatchNormalization(), Activation("relu")),
                *(Dense(8), BatchNormalization(), Activation("relu")),
            ],
            keras.optimizers.Adam(0.001),
        ),
        "batch after, rmsprop": (
            {"normalization": "batch", "placement": "after", "optimizer": "rmsprop"},
            [relu[0], BatchNormalization(), relu[1], BatchNormalization()],
            keras.optimizers.RMSprop(0.001),
        ),
        "momentum and epsilon of the layer, no biases, sgd": (
            {
                **{"normalization": "batch", "optimizer": "sgd", "learning_rate": 0.1},
                **{"normalization_momentum": 0.9, "normalization_epsilon": 1e-2, "biases": False},
            },
            [
                *(Dense(16, use_bias=False), BatchNormalization(momentum=0.9, epsilon=1e-2)),
                Activation("relu"),
                *(Dense(8, use_bias=False), BatchNormalization(momentum=0.9, epsilon=1e-2)),
                Activation("relu"),
            ],
            keras.optimizers.SGD(0.1),
        ),
        "layer, sgd with momentum": (
            {"normalization": "layer", "optimizer": "momentum", "learning_rate": 0.05},
            [
                *(Dense(16), LayerNormalization(), Activation("relu")),
                *(Dense(8), LayerNormalization(), Activation("relu")),
            ],
            keras.optimizers.SGD(0.05, momentum=0.9),
        ),
        "group, adam": (
            {"normalization": "group", "normalization_groups": 4},
            [
                *(Dense(16), GroupNormalization(4), Activation("relu")),
                *(Dense(8), GroupNormalization(4), Activation("relu")),
            ],
            keras.optimizers.Adam(0.001),
        ),
        "group after, sgd": (
            {
                **{"normalization": "group", "normalization_groups": 2, "placement": "after"},
                **{"normalization_epsilon": 1e-2, "optimizer": "sgd", "learning_rate": 0.1},
            },
            [
                *(relu[0], GroupNormalization(2, epsilon=1e-2)),
                *(relu[1], GroupNormalization(2, epsilon=1e-2)),
            ],
            keras.optimizers.SGD(0.1),
        ),
        "tanh, standardized": (
            {"activation": "tanh", "input_scaling": "standardized"},
            [Dense(16, activation="tanh"), Dense(8, activation="tanh")],
            keras.optimizers.Adam(0.001),
        ),
        "dropout after the activation, centered": (
            {"normalization": "batch", "dropout": 0.3, "input_scaling": "centered"},
            [
                *(Dense(16), BatchNormalization(), Activation("relu"), Dropout(0.3, seed=0)),
                *(Dense(8), BatchNormalization(), Activation("relu"), Dropout(0.3, seed=0)),
            ],
            keras.optimizers.Adam(0.001),
        ),
        "dropout before the normalization": (
            {"normalization": "batch", "dropout": 0.3, "dropout_order": "before"},
            [
                *(Dense(16), Dropout(0.3, seed=0), BatchNormalization(), Activation("relu")),
                *(Dense(8), Dropout(0.3, seed=0), BatchNormalization(), Activation("relu")),
            ],
            keras.optimizers.Adam(0.001),
        ),
        "dropout before the activation, layer after it": (
            {
                **{"normalization": "layer", "placement": "after", "activation": "sigmoid"},
                **{"dropout": 0.3, "dropout_order": "before"},
            },
            [
                *(Dense(16), Dropout(0.3, seed=0), Activation("sigmoid"), LayerNormalization()),
                *(Dense(8), Dropout(0.3, seed=0), Activation("sigmoid"), LayerNormalization()),
            ],
            keras.optimizers.Adam(0.001),
        ),
        "one batch": (
            {"normalization": "batch", "batch_size": 300},
            [
                *(Dense(16), BatchNormalization(), Activation("relu")),
                *(Dense(8), BatchNormalization(), Activation("relu")),
            ],
            keras.optimizers.Adam(0.001),
        ),
    }[case]


@pytest.mark.parametrize(
    "case",
    [
        *("none, adam", "batch before, adam", "batch after, rmsprop"),
        *("momentum and epsilon of the layer, no biases, sgd", "layer, sgd with momentum"),
        *("group, adam", "group after, sgd", "tanh, standardized"),
        *("dropout after the activation, centered", "dropout before the normalization"),
        *("dropout before the activation, layer after it", "one batch"),
    ],
)
def test_same_weights_as_keras_fit(digits, case):
    """From equal weights, and with the same batches, three epochs give what ``fit`` gives."""
    import keras

    changes, layers, optimizer = plain_keras(case)
    # 300 = 9 × 32 + 12: the last batch of an epoch is a smaller one.
    chosen = settings(**{"hidden_layers": [16, 8], "epochs": 3, "batch_size": 32, **changes})
    trainer = trainer_for(digits, chosen)
    trainer.start(chosen, chosen["learning_rate"], SEED, 1)
    last = keras.layers.Dense(10, use_bias=chosen["biases"])
    network = keras.Sequential([keras.Input((64,)), *layers, last])
    network.compile(
        optimizer,
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        jit_compile=True,
    )
    network.set_weights(trainer.network.get_weights())
    for ours, theirs in zip(trainer.network.layers, network.layers, strict=False):
        if isinstance(theirs, keras.layers.Dropout):
            theirs.seed_generator.state.assign(ours.seed_generator.state)
    start = [weight.copy() for weight in network.get_weights()]
    scaling = fit_scaling(chosen["input_scaling"], digits.x_train, digits.maximum)
    x = scaling.apply(digits.x_train)

    for stretch in stretches(chosen, len(x), SEED, 1):
        loss, correct = trainer.train(stretch)
        history = network.fit(
            x[stretch.order],
            digits.y_train[stretch.order],
            batch_size=chosen["batch_size"],
            shuffle=False,
            verbose=0,
        ).history
        assert loss / len(x) == pytest.approx(history["loss"][0], rel=1e-4)
        assert correct / len(x) == pytest.approx(history["accuracy"][0], abs=0.5 / len(x))

    for ours, theirs in zip(trainer.network.weights, network.weights, strict=True):
        # Batch normalization takes a bias before it away again: its gradient is rounding error,
        # which Adam and RMSprop blow up to steps of full size in no direction.
        idle = chosen["normalization"] == "batch" and chosen["placement"] == "before"
        # One that dropout thins out is a bias of the units that stay.
        idle = idle and chosen["dropout_order"] != "before"
        if not (idle and theirs.name == "bias" and theirs is not last.bias):
            np.testing.assert_allclose(ours, theirs, rtol=2e-3, atol=5e-4, err_msg=theirs.path)
    moved = [np.abs(new - old).max() for new, old in zip(network.get_weights(), start, strict=True)]
    assert max(moved) > 0.01, "nothing was learned, so nothing was compared"

    ours = trainer.evaluate(*trainer.place(digits.x_test, digits.y_test))
    x_test = scaling.apply(digits.x_test)
    theirs = network.evaluate(x_test, digits.y_test, verbose=0)
    assert ours == pytest.approx(theirs, rel=1e-3)


def test_dropout_before_needs_a_normalization():
    """Without one there is one order, and the network is the same."""
    from bnmatrix.training.keras.network import build_network

    plain, before = (
        [type(layer).__name__ for layer in build_network(chosen, 64, 10).layers]
        for chosen in (settings(dropout=0.5), settings(dropout=0.5, dropout_order="before"))
    )
    assert plain == before == ["Dense", "Activation", "Dropout"] * 2 + ["Dense"]
    chosen = settings(dropout=0.5, dropout_order="before", normalization="batch")
    names = [type(layer).__name__ for layer in build_network(chosen, 64, 10).layers]
    hidden = ["Dense", "Dropout", "BatchNormalization", "Activation"]
    assert names == hidden * 2 + ["Dense"]


def test_arms_share_weights_order_and_masks():
    """Replicate k starts from the same weights, sees the same data and drops the same units."""
    from bnmatrix.training.keras.network import Dropout, build_network, initialize

    kernels, masks = [], []
    for changes in (
        {},
        {"normalization": "batch"},
        {"normalization": "layer", "placement": "after"},
    ):
        chosen = settings(hidden_layers=[16, 8], dropout=0.5, **changes)
        network = build_network(chosen, 64, 10)
        initialize(network, chosen, SEED, 2)
        kernels.append([w.numpy() for w in network.trainable_variables if w.name == "kernel"])
        dropout = [layer for layer in network.layers if isinstance(layer, Dropout)]
        masks.append([layer.seed_generator.state.numpy().tolist() for layer in dropout])
    for other in kernels[1:]:
        for a, b in zip(kernels[0], other, strict=True):
            np.testing.assert_array_equal(a, b)
    assert masks[0] == masks[1] == masks[2]
    assert masks[0][0] != masks[0][1]
    orders = [
        next(stretches(settings(batch_size=size, normalization=n), 300, SEED, 2)).order
        for size in (16, 64)
        for n in ("none", "batch")
    ]
    assert all((order == orders[0]).all() for order in orders)


@pytest.mark.parametrize(
    ("initializer", "expected"),
    # He: √(2 / fan-in); Glorot: √(2 / (fan-in + fan-out)).
    [
        ({"normal": 0.05}, 0.05),
        ("he_normal", (2 / 64) ** 0.5),
        ("glorot_uniform", (2 / 364) ** 0.5),
    ],
)
def test_a_network_starts_with_its_initializers_spread(initializer, expected):
    from bnmatrix.training.keras.network import build_network, initialize

    chosen = settings(hidden_layers=[300], initializer=initializer)
    network = build_network(chosen, 64, 10)
    initialize(network, chosen, SEED, 1)
    kernel = network.layers[0].kernel.numpy()
    assert kernel.std() == pytest.approx(expected, rel=0.03)
    assert (network.layers[0].bias.numpy() == 0).all()


def test_replicates_differ_and_repeat(digits):
    outcome = train(digits, replicates=3, epochs=2, normalization="batch", dropout=0.2)
    again = train(digits, replicates=3, epochs=2, normalization="batch", dropout=0.2)
    assert outcome["runs"].equals(again["runs"])
    assert outcome["history"].equals(again["history"])
    assert outcome["runs"]["test_loss"].nunique() == 3
    assert list(outcome["runs"]["replicate"]) == [1, 2, 3]


def test_a_replicate_does_not_depend_on_those_before(digits):
    """Weights, optimizer and dropout start afresh: the second replicate is the same by itself."""
    chosen = settings(hidden_layers=[16, 8], normalization="batch", dropout=0.2)
    results = []
    for earlier in ([], [1]):
        trainer = trainer_for(digits, chosen)
        for replicate in [*earlier, 2]:
            trainer.start(chosen, chosen["learning_rate"], SEED, replicate)
            for stretch in stretches(chosen, 300, SEED, replicate):
                trainer.train(stretch)
        results.append(
            trainer.network.get_weights() + [v.numpy() for v in trainer.optimizer.variables]
        )
    for a, b in zip(*results, strict=True):
        np.testing.assert_array_equal(a, b)


def test_compiled_once(digits):
    """Replicates, epochs and stretches of any length share one compilation."""
    chosen = settings(hidden_layers=[8], steps=25, evaluate_every=3, batch_size=32)
    trainer = trainer_for(digits, chosen)
    for replicate in (1, 2):
        trainer.start(chosen, chosen["learning_rate"], SEED, replicate)
        for stretch in stretches(chosen, 300, SEED, replicate):
            trainer.train(stretch)
    assert trainer._full.experimental_get_tracing_count() == 1
    assert trainer._tail.experimental_get_tracing_count() == 1


def test_history_and_runs_agree(digits):
    outcome = train(digits, replicates=2, epochs=4, normalization="batch")
    assert list(outcome["history"]["epoch"]) == [1, 2, 3, 4] * 2
    assert list(outcome["history"]["step"]) == [10, 20, 30, 40] * 2
    last = outcome["history"].groupby("replicate").last()
    runs = outcome["runs"].set_index("replicate")
    for column in ("validation_loss", "train_accuracy", "train_loss_as_trained"):
        assert (last[column] == runs[column]).all()
    assert (runs["epochs"] == 4).all()
    assert (runs["steps"] == 40).all()
    # 64·16+16 + 16·8+8 + 8·10+10, and four values a unit of BN.
    assert (runs["parameters"] == 1040 + 136 + 90 + 4 * (16 + 8)).all()
    assert len(outcome["timings"]) == len(outcome["history"])


def test_divergence_is_an_outcome(digits):
    outcome = train(
        digits, replicates=2, epochs=5, optimizer="sgd", learning_rate=1e30, input_scaling="raw"
    )
    assert list(outcome["runs"]["status"]) == ["diverged", "diverged"]
    assert outcome["runs"][["test_accuracy", "test_loss"]].isna().all(axis=None)
    assert (outcome["runs"]["epochs"] < 5).all()


def test_training_subset_is_fixed_and_nested(digits):
    """A smaller subset is the beginning of a larger one, with its labels."""
    small, large, every = (
        examples_of(digits, settings(training_examples=n), SEED, 1) for n in (50, 120, 300)
    )
    np.testing.assert_array_equal(small.x_train, large.x_train[:50])
    np.testing.assert_array_equal(small.y_train, every.y_train[:50])
    assert (small.x_train != digits.x_train[:50]).any()
    again = examples_of(digits, settings(training_examples=50), SEED, 2)
    np.testing.assert_array_equal(small.x_train, again.x_train)
    outcome = train(digits, training_examples=50, batch_size=20)
    assert list(outcome["runs"]["steps"]) == [3]


def test_training_subset_as_the_examples_come(digits):
    chosen = settings(training_examples=50, training_take="first", input_scaling="standardized")
    first = examples_of(digits, chosen, SEED, 1)
    np.testing.assert_array_equal(first.x_train, digits.x_train[:50])
    np.testing.assert_array_equal(first.y_train, digits.y_train[:50])
    np.testing.assert_allclose(first.scaling.shift, digits.x_train[:50].mean(axis=0))
    np.testing.assert_array_equal(first.x_test, digits.x_test)


def numbered(examples, classes=3):
    """Return data whose only feature is the example's number, in classes of unequal sizes."""
    x = np.arange(examples, dtype=np.float64)[:, None]
    y = np.sort(np.random.default_rng(1).integers(classes, size=examples).astype(np.int32))
    one, two = examples // 2, examples * 3 // 4
    return Prepared(x[:one], y[:one], x[one:two], y[one:two], x[two:], y[two:], classes, 0.0)


@pytest.mark.parametrize("take", ["random", "last"])
def test_folds_test_every_example_once_a_repeat(take):
    """Folds are stratified; parts do not overlap; all replicates train on equally many."""
    prepared, folds = numbered(103), 7
    labels = np.concatenate([prepared.y_train, prepared.y_validation, prepared.y_test])
    chosen = settings(
        folds=folds, validation={"fraction": 0.2, "take": take}, input_scaling="standardized"
    )
    found = [examples_of(prepared, chosen, SEED, k) for k in range(1, 2 * folds + 1)]
    for repeat in (found[:folds], found[folds:]):
        tested = np.concatenate([part.x_test[:, 0] for part in repeat])
        assert sorted(tested) == list(range(103))
        counts = np.array([np.bincount(part.y_test, minlength=3) for part in repeat])
        assert (np.ptp(counts, axis=0) <= 1).all()
    assert set(found[0].x_test[:, 0]) != set(found[folds].x_test[:, 0])
    for part in found:
        numbers = [part.x_train[:, 0], part.x_validation[:, 0], part.x_test[:, 0]]
        together = np.concatenate(numbers).astype(int)
        assert len(set(together)) == len(together)
        given = np.concatenate([part.y_train, part.y_validation, part.y_test])
        np.testing.assert_array_equal(given, labels[together])
        assert part.scaling.shift == pytest.approx(part.x_train.mean())
    # The largest fold has 15 of 103; a fifth of the 88 others is for validation.
    assert {(len(p.x_train), len(p.x_validation)) for p in found} == {(70, 18)}
    assert {len(part.x_test) for part in found} == {14, 15}


def test_replicates_are_trained_on_their_folds(digits):
    """A cross-validated replicate is the run on data split as its fold is."""
    shared = {"input_scaling": "standardized", "epochs": 2, "normalization": "batch"}
    chosen = settings(folds=6, **shared)
    together = train(digits, replicates=3, folds=6, **shared)
    for replicate in (1, 3):
        part = examples_of(digits, chosen, SEED, replicate)
        data = Prepared(
            *(part.x_train.astype(np.float64), part.y_train),
            *(part.x_validation.astype(np.float64), part.y_validation),
            *(part.x_test.astype(np.float64), part.y_test, 10, 16.0),
        )
        alone = train(data, replicates=replicate, **shared)
        for name in ("runs", "history"):
            ours, theirs = (
                table[table["replicate"] == replicate].reset_index(drop=True)
                for table in (together[name], alone[name])
            )
            pd.testing.assert_frame_equal(ours, theirs, check_exact=True)


def test_learning_rates_of_a_strip_are_trained_as_each_by_itself(digits):
    """Variants that share a program, and those that do not, leave no trace in one another."""
    variants = [
        {"learning_rate": 0.03},
        {"learning_rate": 1e20},
        {"learning_rate": 0.003},
        {"learning_rate": 0.003, "initializer": "he_normal"},
        {"learning_rate": 0.003, "normalization": "none"},
        {"tuned": True},
    ]
    shared = {
        **{"normalization": "batch", "optimizer": "momentum", "epochs": 2},
        **{"replicates": 2, "tuning": TUNING, "measures": {"gradients": [3, "last"]}},
    }
    together = train(digits, *variants, **shared)
    assert list(together["runs"]["variant"].unique()) == [f"v{n}" for n in range(len(variants))]
    for number, variant in enumerate(variants):
        alone = train(digits, variant, **shared)
        for name in ("runs", "history", "tuning", "measurements"):
            ours, theirs = rows_of(together[name], f"v{number}"), rows_of(alone[name], "v0")
            pd.testing.assert_frame_equal(ours, theirs, check_exact=True, check_dtype=len(ours) > 0)
    assert together["runs"].groupby("variant")["test_loss"].first().nunique() == 5


def test_variants_that_differ_in_no_compiled_setting_share_a_program():
    from bnmatrix.training.replicates import _sharing_a_program

    variants = spec(
        *({"learning_rate": 0.1}, {"batch_size": 16}, {"tuned": True}),
        *({"initializer": {"normal": 0.1}}, {"batch_size": 16, "learning_rate": 0.1}),
    )["variants"]
    groups = [[v["variant"] for v in group] for group in _sharing_a_program(variants)]
    assert groups == [["v0", "v2", "v3"], ["v1", "v4"]]


@pytest.mark.parametrize("objective", ["final", "average"])
def test_the_tuned_rate_has_the_best_mean(digits, objective):
    """Means over tuning replicates, as runs with these seeds give them, are largest for it."""
    tuning = TUNING | {"objective": objective}
    changes = {"optimizer": "momentum", "epochs": 3}
    tables = train(digits, tuned=True, replicates=2, tuning=tuning, **changes)
    rows = tables["tuning"]
    assert list(rows["rate"]) == [0.001, 0.001, 0.01, 0.01, 0.1, 0.1]
    assert list(rows["replicate"]) == [1, 2] * 3
    assert not rows["widened"].any()
    program, chosen = program_for(digits, tuned=True, **changes)
    for rate, group in rows.groupby("rate"):
        scores = []
        for replicate in (1, 2):
            run = program.run(chosen, rate, seeds.TUNING + replicate)
            taken = [row["validation_accuracy"] for row in run.history]
            scores.append(taken[-1] if objective == "final" else np.mean(taken))
        assert list(group["tuning_objective"]) == pytest.approx([np.mean(scores)] * 2)
    best = rows.loc[rows["tuning_objective"].idxmax(), "rate"]
    assert rows.groupby("rate")["tuning_objective"].first().nunique() == 3
    assert set(rows.loc[rows["chosen"], "rate"]) == {best}
    assert (tables["runs"]["learning_rate_used"] == best).all()
    assert tables["runs"]["learning_rate_used"].dtype == np.float64


@pytest.mark.parametrize(
    ("rates", "widen", "expected", "best"),
    [
        ([0.001, 0.01, 0.1], 3, [0.001, 0.01, 0.1, 1.0], 0.1),
        ([0.001, 0.01, 0.1], 0, [0.001, 0.01, 0.1], 0.1),
        ([0.1, 1.0, 10.0], 3, [0.01, 0.1, 1.0, 10.0], 0.1),
    ],
)
def test_the_grid_is_widened_where_the_best_lies_at_its_edge(digits, rates, widen, expected, best):
    """One more rate is tried on that side; it is worse, and the search ends."""
    tuning = {"rates": rates, "replicates": 1, "objective": "final", "widen": widen}
    rows = train(digits, tuned=True, tuning=tuning, epochs=2)["tuning"]
    assert list(rows["rate"]) == expected
    assert list(rows["widened"]) == [rate not in rates for rate in expected]
    assert list(rows["chosen"]) == [rate == best for rate in expected]


def test_runs_that_diverge_count_as_guesses(digits):
    """Of rates that are equally bad the lowest is taken, and lower ones are tried."""
    tuning = {"rates": [1e24, 1e26, 1e28], "replicates": 2, "objective": "final", "widen": 1}
    rows = train(digits, tuned=True, tuning=tuning, optimizer="sgd")["tuning"]
    assert list(rows["rate"]) == [1e22, 1e22, 1e24, 1e24, 1e26, 1e26, 1e28, 1e28]
    assert (rows["status"] == "diverged").all()
    assert (rows["tuning_objective"] == 0.1).all()
    assert list(rows["chosen"]) == [True] * 2 + [False] * 6


class Scored:
    """Stands in for a program whose validation accuracies are known."""

    classes = 10

    def __init__(self, score):
        self.score = score

    def run(self, chosen, rate, replicate, evaluations):
        from bnmatrix.training.runs import LAST_VALIDATION, Run

        assert chosen["tuned"]
        assert evaluations == LAST_VALIDATION
        accuracy = self.score(rate, replicate - seeds.TUNING)
        # Falls with the rate: of rates with the same accuracy the largest has the least loss.
        return Run(history=[{"validation_accuracy": accuracy, "validation_loss": 1 / rate}])


@pytest.mark.parametrize(
    ("score", "widen", "expected", "best"),
    [
        # The better the larger, or the smaller, without end.
        (lambda rate, _: 1 - 1 / (1 + rate), 2, [0.01, 0.1, 1, 10, 100], 100),
        (lambda rate, _: 1 / (1 + rate), 2, [0.0001, 0.001, 0.01, 0.1, 1], 0.0001),
        # Best in the middle, and best three further.
        (lambda rate, _: 1 / (1 + abs(rate - 0.1)), 2, [0.01, 0.1, 1], 0.1),
        (lambda rate, _: 1 / (1 + abs(rate - 1000)), 9, [0.01, 0.1, 1, 10, 100, 1000, 10000], 1000),
        # All at chance: towards the lower loss.
        (lambda _rate, _: 0.1, 2, [0.01, 0.1, 1, 10, 100], 100),
        # One good seed is not a good mean.
        (
            lambda rate, replicate: {0.01: (0.9, 0.1), 0.1: (0.6, 0.6)}.get(rate, (0.2, 0.3))[
                replicate - 1
            ],
            *(2, [0.01, 0.1, 1], 0.1),
        ),
    ],
)
def test_how_far_the_grid_is_widened(score, widen, expected, best):
    from bnmatrix.training.runs import tune

    tuning = {"rates": [0.01, 0.1, 1], "replicates": 2, "objective": "final", "widen": widen}
    rate, rows = tune(Scored(score), settings(tuned=True), tuning)
    assert rate == best
    assert [row["rate"] for row in rows] == [rate for rate in expected for _ in range(2)]
    assert {row["rate"] for row in rows if row["chosen"]} == {best}
    assert {row["rate"] for row in rows if row["widened"]} == set(expected) - {0.01, 0.1, 1}
    for row in rows:
        mean = (score(row["rate"], 1) + score(row["rate"], 2)) / 2
        assert row["tuning_objective"] == pytest.approx(mean)


def test_tuning_leaves_measured_runs_as_they_are(digits, monkeypatch):
    """They are those of the chosen rate given outright, from seeds that tuning never had."""
    from bnmatrix.training.keras.trainer import Trainer

    started, start = [], Trainer.start

    def spy(self, chosen, rate, seed, replicate):
        started.append((seed, replicate))
        start(self, chosen, rate, seed, replicate)

    monkeypatch.setattr(Trainer, "start", spy)
    shared = {"replicates": 3, "normalization": "batch", "dropout": 0.2, "epochs": 2}
    tuned = train(digits, tuned=True, tuning=TUNING, **shared)
    seen_in_tuning = set(started[: 2 * 3])
    assert started[2 * 3 :] == [(SEED, 1), (SEED, 2), (SEED, 3)]
    assert seen_in_tuning == {(SEED, seeds.TUNING + 1), (SEED, seeds.TUNING + 2)}
    rate = tuned["runs"]["learning_rate_used"].iloc[0]
    fixed = train(digits, learning_rate=rate, **shared)
    for name in ("runs", "history"):
        pd.testing.assert_frame_equal(tuned[name], fixed[name], check_exact=True)
    assert fixed["tuning"].empty


def test_tuning_replicates_draw_from_streams_of_their_own():
    chosen = settings(batch_size=32)
    orders = [
        next(stretches(chosen, 300, SEED, replicate)).order.tolist()
        for replicate in (1, 2, seeds.TUNING + 1, seeds.TUNING + 2)
    ]
    assert all(a != b for n, a in enumerate(orders) for b in orders[:n])


@pytest.mark.parametrize(
    ("normalization", "dropout"), [("none", 0.0), ("batch", 0.0), ("batch", 0.2)]
)
def test_measures_do_not_change_a_run(digits, normalization, dropout):
    """With pauses for measuring at and between evaluations, weights and scores are the same."""
    steps = [0, 3, 4, 10, 17, "last"]
    measures = dict.fromkeys(
        ["gradients", "covariate_shift", "smoothness", "inference_modes", "order"], steps
    )
    shared = {"normalization": normalization, "dropout": dropout, "epochs": 2, "replicates": 2}
    plain, measured = train(digits, **shared), train(digits, measures=measures, **shared)
    as_trained = ["train_loss_as_trained"]
    for name in ("runs", "history"):
        # A sum over mini-batches, which a pause takes apart.
        pd.testing.assert_frame_equal(
            *(table[name].drop(columns=as_trained) for table in (plain, measured)), check_exact=True
        )
        np.testing.assert_allclose(plain[name][as_trained], measured[name][as_trained], rtol=1e-6)
    assert plain["measurements"].empty
    rows = measured["measurements"]
    taken = rows[rows["measure"] == "order_difference"]
    assert list(taken["step"]) == [0, 3, 4, 10, 17, 20] * 2
    assert list(taken["replicate"]) == [1] * 6 + [2] * 6
    assert np.isfinite(rows["value"]).all()


def test_a_run_gives_the_same_bytes_with_and_without_measures(digits):
    """As long as they are taken where it is evaluated anyway."""
    shared = {"normalization": "batch", "epochs": 2}
    measures = {"covariate_shift": [0, 10, "last"], "order": [0, "last"]}
    plain, measured = train(digits, **shared), train(digits, measures=measures, **shared)
    for name in ("runs", "history"):
        pd.testing.assert_frame_equal(plain[name], measured[name], check_exact=True)
    assert set(measured["measurements"]["step"]) == {0, 10, 20}


def test_tables_have_their_columns(digits):
    from bnmatrix.results import TABLES

    tables = train(digits, {}, {"normalization": "batch"}, measures={"order": ["last"]})
    keys = ["study", "dataset", "normalization", "batch_size"]
    assert list(tables) == list(TABLES)
    for name, columns in TABLES.items():
        assert list(tables[name].columns) == [*keys, *columns]
    assert list(tables["runs"]["normalization"]) == ["none", "batch"]
    assert tables["step_times"].empty
    assert tables["predictions"].empty


def test_predictions_are_what_was_scored(digits):
    """A row a run and test example, of which the right ones are the test accuracy."""
    chosen = {"learning_rate": 0.01, "epochs": 8}
    variants = [chosen, {"optimizer": "sgd", "learning_rate": 1e20}]
    tables = train(digits, *variants, predictions=True, replicates=2)
    rows, runs = tables["predictions"], tables["runs"]
    assert set(rows["variant"]) == {"v0"}
    for replicate, own in rows.groupby("replicate"):
        assert list(own["example"]) == list(range(200))
        assert (own["label"].to_numpy() == digits.y_test).all()
        scored = runs[(runs["variant"] == "v0") & (runs["replicate"] == replicate)]
        correct = (own["label"] == own["predicted"]).mean()
        assert correct == pytest.approx(scored["test_accuracy"].item(), abs=1e-6)
        assert 0.5 < correct < 1
    assert rows["probability"].between(0.1, 1).all()
    assert set(rows["replicate"]) == {1, 2}


def test_predictions_against_keras(digits):
    import keras

    chosen = {"hidden_layers": [16], "normalization": "batch", "epochs": 1}
    program, chosen = program_for(digits, **chosen)
    program.run(chosen, 0.01, 1)
    expected = keras.ops.softmax(program.trainer.network.predict(digits.x_test / 16.0, verbose=0))
    found = program.trainer.predict(program.test[0])
    assert found.shape == (200, 10)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_pixels_on_the_device_are_scaled_like_numbers(digits):
    """Pixels scaled in the loop give the loss of the same pixels scaled beforehand."""
    as_floats = Prepared(
        **{
            **digits.__dict__,
            "x_train": digits.x_train.astype(np.float64),
            "x_validation": digits.x_validation.astype(np.float64),
            "x_test": digits.x_test.astype(np.float64),
        }
    )
    for scaling in ("unit", "standardized"):
        on_device = train(digits, input_scaling=scaling)["runs"]["test_loss"]
        beforehand = train(as_floats, input_scaling=scaling)["runs"]["test_loss"]
        np.testing.assert_allclose(on_device, beforehand, rtol=1e-3)


def test_nothing_of_the_test_part_reaches_training(digits):
    """Test examples a thousand times as large change the test scores, and nothing else."""
    floats = {
        name: getattr(digits, name).astype(np.float64)
        for name in ("x_train", "x_validation", "x_test")
    }
    usual = Prepared(**{**digits.__dict__, **floats})
    floats["x_test"] = floats["x_test"] * 1000
    odd = Prepared(**{**digits.__dict__, **floats})
    a, b = (train(data, input_scaling="standardized") for data in (usual, odd))
    assert a["history"].equals(b["history"])
    assert (a["runs"]["test_loss"] != b["runs"]["test_loss"]).all()


def test_dropout_is_keras_dropout(tensorflow):
    """Each unit is dropped with the rate, anew at each call, and what stays is scaled up."""
    from bnmatrix.training.keras.network import Dropout

    layer = Dropout(0.3, seed=1)
    ones = np.ones((200, 500), np.float32)

    @tensorflow.function(jit_compile=True)
    def call(x):
        return layer(x, training=True)

    first, second = call(ones).numpy(), call(ones).numpy()
    assert set(np.unique(first)) == {0.0, np.float32(1 / 0.7)}
    # 100 000 draws: five standard errors are 0.007.
    assert (first == 0).mean() == pytest.approx(0.3, abs=0.007)
    assert ((first == 0) & (second == 0)).mean() == pytest.approx(0.09, abs=0.005)
    assert np.abs((first == 0).mean(axis=0) - 0.3).max() < 0.2
    np.testing.assert_array_equal(layer(ones, training=False), ones)


def test_streams_are_independent():
    draws = {
        (replicate, purpose, key): seeds.integer(0, replicate, purpose, key)
        for replicate in (1, 2)
        for purpose in seeds.Purpose
        for key in (0, 1)
    }
    assert len(set(draws.values())) == len(draws)


def test_a_gpu_that_is_not_there_is_said_once():
    """In a process of its own, since TensorFlow is set up once."""
    code = (
        "import logging; logging.basicConfig(level='WARNING', format='%(levelname)s %(message)s')\n"
        "from bnmatrix.training.keras.environment import configure\n"
        "configure(1, gpus=1)\n"
        "import tensorflow as tf; print(float(tf.reduce_sum(tf.ones(3))))"
    )
    environment = os.environ | {"CUDA_VISIBLE_DEVICES": "", "PYTHONPATH": str(ROOT / "workflow")}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "3.0\n"
    assert done.stderr.count("WARNING No GPU found, though 1 was asked for") == 1
