"""The training loop against Keras's own ``fit``, and what a run must record."""

import numpy as np
import pytest
from conftest import settings

from bnmatrix.datasets.loaders import sklearn_digits
from bnmatrix.datasets.preparation import Prepared
from bnmatrix.datasets.scaling import fit_scaling
from bnmatrix.training import seeds
from bnmatrix.training.minibatches import stretches

pytestmark = pytest.mark.usefixtures("tensorflow")

SEED = 7


@pytest.fixture(scope="module")
def digits() -> Prepared:
    arrays = sklearn_digits(None)
    x, y = arrays.x, arrays.y
    return Prepared(x[:300], y[:300], x[300:400], y[300:400], x[400:600], y[400:600], 10, 16.0)


def spec(replicates=1, **changes):
    return {
        "study": "test",
        "dataset": "digits",
        "variant": "v",
        "baseline": None,
        "axes": ["normalization", "batch_size"],
        "settings": settings(**{"hidden_layers": [16, 8], **changes}),
        "replicates": replicates,
        "seed": SEED,
    }


def train(prepared, **changes):
    from bnmatrix.training.replicates import train_variant

    return train_variant(spec(**changes), prepared, threads=1)


def trainer_for(prepared, chosen):
    from bnmatrix.training.loop import Trainer

    scaling = fit_scaling(chosen["input_scaling"], prepared.x_train, prepared.maximum)
    return Trainer(chosen, prepared.classes, prepared.x_train, prepared.y_train, scaling)


def plain_keras(case):
    """Return settings, and the same network and optimizer written down in plain Keras."""
    import keras
    from keras.layers import Activation, BatchNormalization, Dense, LayerNormalization

    from bnmatrix.training.network import Dropout

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
        *("tanh, standardized", "dropout after the activation, centered", "one batch"),
    ],
)
def test_same_weights_as_keras_fit(digits, case):
    """From equal weights, and with the same batches, three epochs give what ``fit`` gives."""
    import keras

    changes, layers, optimizer = plain_keras(case)
    # 300 = 9 × 32 + 12: the last batch of an epoch is a smaller one.
    chosen = settings(**{"hidden_layers": [16, 8], "epochs": 3, "batch_size": 32, **changes})
    trainer = trainer_for(digits, chosen)
    trainer.start(SEED, 1)
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
        if not (idle and theirs.name == "bias" and theirs is not last.bias):
            np.testing.assert_allclose(ours, theirs, rtol=2e-3, atol=5e-4, err_msg=theirs.path)
    moved = [np.abs(new - old).max() for new, old in zip(network.get_weights(), start, strict=True)]
    assert max(moved) > 0.01, "nothing was learned, so nothing was compared"

    ours = trainer.evaluate(*trainer.place(digits.x_test, digits.y_test))
    x_test = scaling.apply(digits.x_test)
    theirs = network.evaluate(x_test, digits.y_test, verbose=0)
    assert ours == pytest.approx(theirs, rel=1e-3)


def test_arms_share_weights_order_and_masks():
    """Replicate k starts from the same weights, sees the same data and drops the same units."""
    from bnmatrix.training.network import Dropout, build_network, initialize

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
def test_initial_weights_have_the_initializers_spread(initializer, expected):
    from bnmatrix.training.network import build_network, initialize

    chosen = settings(hidden_layers=[300], initializer=initializer)
    network = build_network(chosen, 64, 10)
    initialize(network, chosen, SEED, 1)
    kernel = network.layers[0].kernel.numpy()
    assert kernel.std() == pytest.approx(expected, rel=0.03)
    assert (network.layers[0].bias.numpy() == 0).all()


def test_replicates_differ_and_repeat(digits):
    outcome = train(digits, replicates=3, epochs=2, normalization="batch", dropout=0.2)
    again = train(digits, replicates=3, epochs=2, normalization="batch", dropout=0.2)
    assert outcome.runs.equals(again.runs)
    assert outcome.history.equals(again.history)
    assert outcome.runs["test_loss"].nunique() == 3
    assert list(outcome.runs["replicate"]) == [1, 2, 3]


def test_a_replicate_does_not_depend_on_those_before(digits):
    """Weights, optimizer and dropout start afresh: the second replicate is the same by itself."""
    chosen = settings(hidden_layers=[16, 8], normalization="batch", dropout=0.2)
    results = []
    for earlier in ([], [1]):
        trainer = trainer_for(digits, chosen)
        for replicate in [*earlier, 2]:
            trainer.start(SEED, replicate)
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
        trainer.start(SEED, replicate)
        for stretch in stretches(chosen, 300, SEED, replicate):
            trainer.train(stretch)
    assert trainer._full.experimental_get_tracing_count() == 1
    assert trainer._tail.experimental_get_tracing_count() == 1


def test_history_and_runs_agree(digits):
    outcome = train(digits, replicates=2, epochs=4, normalization="batch")
    assert list(outcome.history["epoch"]) == [1, 2, 3, 4] * 2
    assert list(outcome.history["step"]) == [10, 20, 30, 40] * 2
    last = outcome.history.groupby("replicate").last()
    runs = outcome.runs.set_index("replicate")
    for column in ("validation_loss", "train_accuracy", "train_loss_as_trained"):
        assert (last[column] == runs[column]).all()
    assert (runs["epochs"] == 4).all()
    assert (runs["steps"] == 40).all()
    # 64·16+16 + 16·8+8 + 8·10+10, and four values a unit of BN.
    assert (runs["parameters"] == 1040 + 136 + 90 + 4 * (16 + 8)).all()
    assert len(outcome.timings) == len(outcome.history)


def test_divergence_is_an_outcome(digits):
    outcome = train(
        digits, replicates=2, epochs=5, optimizer="sgd", learning_rate=1e30, input_scaling="raw"
    )
    assert list(outcome.runs["status"]) == ["diverged", "diverged"]
    assert outcome.runs[["test_accuracy", "test_loss"]].isna().all(axis=None)
    assert (outcome.runs["epochs"] < 5).all()


def test_training_subset_is_fixed_and_nested(digits):
    from bnmatrix.training.replicates import training_subset

    small, _ = training_subset(digits, settings(training_examples=50))
    large, _ = training_subset(digits, settings(training_examples=120))
    np.testing.assert_array_equal(small, large[:50])
    outcome = train(digits, training_examples=50, batch_size=20)
    assert list(outcome.runs["steps"]) == [3]


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
        on_device = train(digits, input_scaling=scaling).runs["test_loss"]
        beforehand = train(as_floats, input_scaling=scaling).runs["test_loss"]
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
    assert a.history.equals(b.history)
    assert (a.runs["test_loss"] != b.runs["test_loss"]).all()


def test_dropout_is_keras_dropout(tensorflow):
    """Each unit is dropped with the rate, anew at each call, and what stays is scaled up."""
    from bnmatrix.training.network import Dropout

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
