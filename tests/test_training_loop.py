"""The training loop against Keras's ``fit``, and the streams of random numbers."""

import dataclasses
import os
import subprocess
import sys

import numpy as np
import pytest
from conftest import ROOT, mostly_slow, settings
from support import LAYERS, SEED, configured, program_for, small_digits, train

from bnmatrix.datasets.data import Prepared
from bnmatrix.datasets.scaling import fit_scaling
from bnmatrix.training.minibatches import Segment, segments, together
from bnmatrix.training.scores import probabilities, scores
from bnmatrix.training.seeds import SOURCES, Purpose, Streams

pytestmark = pytest.mark.usefixtures("tensorflow")


@pytest.fixture(scope="module")
def digits() -> Prepared:
    return small_digits()


def trainer_for(prepared, chosen):
    from bnmatrix.training.keras.trainer import Trainer

    scaling = fit_scaling(chosen.input_scaling, prepared.x_train, prepared.maximum)
    return Trainer(chosen, (64,), prepared.classes, prepared.x_train, prepared.y_train, scaling)


#: Settings whose training is compared with ``fit``.
CASES = {
    "none, adam": {},
    "batch before, adam": {"normalization": "batch"},
    "batch after, rmsprop": {
        "normalization": "batch",
        "placement": "after",
        "optimizer": "rmsprop",
    },
    "momentum and epsilon of the layer, no biases, sgd": {
        "normalization": "batch",
        "normalization_momentum": 0.9,
        "normalization_epsilon": 1e-2,
        "biases": False,
        "optimizer": "sgd",
        "learning_rate": 0.1,
    },
    "layer, sgd with momentum": {
        "normalization": "layer",
        "optimizer": "momentum",
        "learning_rate": 0.05,
    },
    "group, adam": {"normalization": "group", "normalization_groups": 4},
    "group after, sgd": {
        "normalization": "group",
        "normalization_groups": 2,
        "normalization_epsilon": 1e-2,
        "placement": "after",
        "optimizer": "sgd",
        "learning_rate": 0.1,
    },
    "tanh, standardized": {"activation": "tanh", "input_scaling": "standardized"},
    "dropout after the activation, centered": {
        "normalization": "batch",
        "dropout": 0.3,
        "input_scaling": "centered",
    },
    "dropout before the normalization": {
        "normalization": "batch",
        "dropout": 0.3,
        "dropout_order": "before",
    },
    "dropout before the activation, layer after it": {
        "normalization": "layer",
        "placement": "after",
        "activation": "sigmoid",
        "dropout": 0.3,
        "dropout_order": "before",
    },
    "one batch": {"normalization": "batch", "batch_size": 300},
    "cosine, adam": {"normalization": "batch", "schedule": "cosine", "learning_rate": 0.01},
    "cosine, rmsprop": {"schedule": "cosine", "optimizer": "rmsprop"},
    "cosine, sgd, the last mini-batch dropped": {
        "normalization": "batch",
        "schedule": "cosine",
        "optimizer": "sgd",
        "learning_rate": 0.1,
        "last_batch": "drop",
    },
}


def cosine(rate, steps):
    """Return the optimizer's argument for a rate that falls along half a cosine, by its formula."""
    import keras

    class Cosine(keras.optimizers.schedules.LearningRateSchedule):
        def __call__(self, step):
            progress = keras.ops.cast(step, "float32") / steps
            return rate * (1 + keras.ops.cos(np.pi * progress)) / 2

    return Cosine()


def plain_keras(case):
    """Return the hidden layers and the optimizer of a case, in plain Keras."""
    from keras import optimizers
    from keras.layers import (
        Activation,
        BatchNormalization,
        Dense,
        GroupNormalization,
        LayerNormalization,
    )

    from bnmatrix.training.keras.network import Dropout

    def hidden(following, **dense):
        """Return dense layers, each followed by new layers."""
        return [
            layer
            for units in LAYERS
            for layer in [Dense(units, **dense), *(make() for make in following)]
        ]

    def relu():
        return Activation("relu")

    def dropout():
        return Dropout(0.3)

    return {
        "none, adam": (hidden([relu]), optimizers.Adam(0.001)),
        "batch before, adam": (hidden([BatchNormalization, relu]), optimizers.Adam(0.001)),
        "batch after, rmsprop": (
            hidden([BatchNormalization], activation="relu"),
            optimizers.RMSprop(0.001),
        ),
        "momentum and epsilon of the layer, no biases, sgd": (
            hidden([lambda: BatchNormalization(momentum=0.9, epsilon=1e-2), relu], use_bias=False),
            optimizers.SGD(0.1),
        ),
        "layer, sgd with momentum": (
            hidden([LayerNormalization, relu]),
            optimizers.SGD(0.05, momentum=0.9),
        ),
        "group, adam": (hidden([lambda: GroupNormalization(4), relu]), optimizers.Adam(0.001)),
        "group after, sgd": (
            hidden([relu, lambda: GroupNormalization(2, epsilon=1e-2)]),
            optimizers.SGD(0.1),
        ),
        "tanh, standardized": (hidden([], activation="tanh"), optimizers.Adam(0.001)),
        "dropout after the activation, centered": (
            hidden([BatchNormalization, relu, dropout]),
            optimizers.Adam(0.001),
        ),
        "dropout before the normalization": (
            hidden([dropout, BatchNormalization, relu]),
            optimizers.Adam(0.001),
        ),
        "dropout before the activation, layer after it": (
            hidden([dropout, lambda: Activation("sigmoid"), LayerNormalization]),
            optimizers.Adam(0.001),
        ),
        "one batch": (hidden([BatchNormalization, relu]), optimizers.Adam(0.001)),
        "cosine, adam": (hidden([BatchNormalization, relu]), optimizers.Adam(cosine(0.01, 30))),
        "cosine, rmsprop": (hidden([relu]), optimizers.RMSprop(cosine(0.001, 30))),
        "cosine, sgd, the last mini-batch dropped": (
            hidden([BatchNormalization, relu]),
            optimizers.SGD(cosine(0.1, 27)),
        ),
    }[case]


FAST = (
    "batch before, adam",
    "momentum and epsilon of the layer, no biases, sgd",
    "group after, sgd",
    "dropout before the activation, layer after it",
    "cosine, sgd, the last mini-batch dropped",
)


@pytest.mark.parametrize("case", mostly_slow(CASES, FAST))
def test_same_weights_as_keras_fit(digits, case):
    """With equal weights and batches, three epochs give the same result as ``fit``."""
    import keras

    layers, optimizer = plain_keras(case)
    # 300 = 9 × 32 + 12: the last batch of an epoch is a smaller one.
    chosen = settings(**{"hidden_layers": LAYERS, "epochs": 3, "batch_size": 32, **CASES[case]})
    trainer = trainer_for(digits, chosen)
    trainer.start(chosen, chosen.learning_rate, Streams(SEED, 1))
    last = keras.layers.Dense(10, use_bias=chosen.biases)
    network = keras.Sequential([keras.Input((64,)), *layers, last])
    network.compile(
        optimizer,
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        jit_compile=True,
    )
    network.set_weights(trainer.network.get_weights())
    for ours, theirs in zip(trainer.network.layers[1:], network.layers, strict=False):
        if isinstance(theirs, keras.layers.Dropout):
            theirs.seed_generator.state.assign(ours.seed_generator.state)
    start = [weight.copy() for weight in network.get_weights()]
    scaling = fit_scaling(chosen.input_scaling, digits.x_train, digits.maximum)
    x = scaling.apply(digits.x_train)

    for segment in segments(chosen, len(x), Streams(SEED, 1)):
        ((loss, correct),) = trainer.train([segment])
        rows = segment.rows(chosen.batch_size)
        history = network.fit(
            x[rows],
            digits.y_train[rows],
            batch_size=chosen.batch_size,
            shuffle=False,
            verbose=0,
        ).history
        assert loss / len(rows) == pytest.approx(history["loss"][0], rel=1e-4)
        assert correct / len(rows) == pytest.approx(history["accuracy"][0], abs=0.5 / len(rows))

    for ours, theirs in zip(trainer.network.weights, network.weights, strict=True):
        # Batch normalization removes a bias before it. The gradient is a rounding error, which
        # which Adam and RMSprop blow up to steps of full size in no direction.
        idle = chosen.normalization == "batch" and chosen.placement == "before"
        # One that dropout thins out is a bias of the units that stay.
        idle = idle and chosen.dropout_order != "before"
        if not (idle and theirs.name == "bias" and theirs is not last.bias):
            np.testing.assert_allclose(ours, theirs, rtol=2e-3, atol=5e-4, err_msg=theirs.path)
    moved = [np.abs(new - old).max() for new, old in zip(network.get_weights(), start, strict=True)]
    assert max(moved) > 0.01, "nothing was learned, so nothing was compared"

    (placed,) = trainer.place([(digits.x_test, digits.y_test)])
    ours = scores(trainer.logits(placed), placed.y)
    x_test = scaling.apply(digits.x_test)
    theirs = network.evaluate(x_test, digits.y_test, verbose=0)
    assert ours == pytest.approx(theirs, rel=1e-3)


@pytest.mark.parametrize("framework", ["keras", "torch"])
def test_the_rate_of_each_step_falls_along_half_a_cosine(digits, framework):
    """One example and no hidden layer: each step of SGD shows its rate in the output biases."""
    if framework == "torch":
        pytest.importorskip("torch", reason="PyTorch is not installed: make torch")
    one = dataclasses.replace(digits, x_train=digits.x_train[:1], y_train=digits.y_train[:1])
    chosen = settings(
        hidden_layers=[],
        batch_size=1,
        steps=8,
        evaluate_every=8,
        optimizer="sgd",
        schedule="cosine",
        framework=framework,
    )
    scaling = fit_scaling("unit", one.x_train, 16)
    x = scaling.apply(one.x_train)
    trainer = configured(framework).trainer(chosen, (64,), 10, one.x_train, one.y_train, scaling)

    def layer():
        """Return kernel and biases."""
        if framework == "keras":
            return trainer.network.get_weights()
        kernel, biases = (weight.detach().numpy().copy() for weight in trainer.network.parameters())
        return kernel.T, biases

    expected = np.array([(1 + np.cos(np.pi * step / 8)) / 2 for step in range(8)])
    # The program is compiled once; each run has its rate, and its schedule starts afresh.
    for replicate, rate in ((1, 0.01), (2, 0.002)):
        trainer.start(chosen, rate, Streams(SEED, replicate))
        found = []
        for step in range(8):
            kernel, biases = layer()
            gradient = probabilities(x @ kernel + biases)[0]
            gradient[one.y_train[0]] -= 1
            trainer.train([Segment(np.zeros(8, np.int32), step, step + 1, False, False)])
            moved = biases - layer()[1]
            found.append(moved @ gradient / (gradient @ gradient))
        np.testing.assert_allclose(found, rate * expected, rtol=2e-3, atol=rate * 1e-3)


def test_dropping_trains_as_on_full_mini_batches_alone(digits):
    """An epoch without its last mini-batch equals one over the examples of the full ones."""
    weights = []
    changes = {"hidden_layers": [16], "normalization": "batch", "dropout": 0.2, "batch_size": 32}
    for chosen in (settings(**changes, last_batch="drop"), settings(**changes)):
        (segment,) = segments(chosen, 300, Streams(SEED, 1))
        if chosen.last_batch == "keep":
            assert segment.tail
            order = segment.order[:288]
            cut = dataclasses.replace(
                digits, x_train=digits.x_train[order], y_train=digits.y_train[order]
            )
            segment = Segment(np.arange(288, dtype=np.int32), 0, 9, tail=False, evaluate=True)
            trainer = trainer_for(cut, chosen)
        else:
            trainer = trainer_for(digits, chosen)
        trainer.start(chosen, chosen.learning_rate, Streams(SEED, 1))
        trainer.train([segment])
        weights.append(trainer.state())
    for a, b in zip(*weights, strict=True):
        np.testing.assert_array_equal(a, b)


def test_runs_count_the_steps_and_epochs_of_full_mini_batches(digits):
    program, chosen = program_for(digits, epochs=2, batch_size=32, last_batch="drop")
    run = program.run(chosen, 0.01, 1)
    assert [row["step"] for row in run.history] == [9, 18]
    assert [row["epoch"] for row in run.history] == [1.0, 2.0]


def test_dropout_before_needs_a_normalization():
    """Without a normalization there is only one order, and the network is the same."""
    from bnmatrix.training.keras.network import build_network

    plain, before = (
        [type(layer).__name__ for layer in build_network(chosen, (64,), 10).layers[1:]]
        for chosen in (settings(dropout=0.5), settings(dropout=0.5, dropout_order="before"))
    )
    assert plain == before == ["Dense", "Activation", "Dropout"] * 2 + ["Dense"]
    chosen = settings(dropout=0.5, dropout_order="before", normalization="batch")
    names = [type(layer).__name__ for layer in build_network(chosen, (64,), 10).layers[1:]]
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
        network = build_network(chosen, (64,), 10)
        initialize(network, chosen, Streams(SEED, 2), (64,), 10)
        kernels.append([w.numpy() for w in network.trainable_variables if w.name == "kernel"])
        dropout = [layer for layer in network.layers if isinstance(layer, Dropout)]
        masks.append([layer.seed_generator.state.numpy().tolist() for layer in dropout])
    for other in kernels[1:]:
        for a, b in zip(kernels[0], other, strict=True):
            np.testing.assert_array_equal(a, b)
    assert masks[0] == masks[1] == masks[2]
    assert masks[0][0] != masks[0][1]
    orders = [
        next(segments(settings(batch_size=size, normalization=n), 300, Streams(SEED, 2))).order
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
def test_initial_weights_have_the_spread_of_the_initializer(initializer, expected):
    from bnmatrix.training.keras.network import build_network, initialize

    chosen = settings(hidden_layers=[300], initializer=initializer)
    network = build_network(chosen, (64,), 10)
    initialize(network, chosen, Streams(SEED, 1), (64,), 10)
    kernel = network.layers[1].kernel.numpy()
    assert kernel.std() == pytest.approx(expected, rel=0.03)
    assert (network.layers[1].bias.numpy() == 0).all()


def test_a_replicate_does_not_depend_on_earlier_ones(digits):
    """The second replicate is the same without the first: all states are reset."""
    chosen = settings(hidden_layers=[16, 8], normalization="batch", dropout=0.2)
    results = []
    for earlier in ([], [1]):
        trainer = trainer_for(digits, chosen)
        for replicate in [*earlier, 2]:
            trainer.start(chosen, chosen.learning_rate, Streams(SEED, replicate))
            for segment in segments(chosen, 300, Streams(SEED, replicate)):
                trainer.train([segment])
        results.append(
            trainer.network.get_weights() + [v.numpy() for v in trainer.optimizer.variables]
        )
    for a, b in zip(*results, strict=True):
        np.testing.assert_array_equal(a, b)


def test_compiled_once(digits, monkeypatch):
    """Replicates, epochs and segments of any number and length share one compilation."""
    chosen = settings(hidden_layers=[8], steps=25, evaluate_every=13, batch_size=32)
    trainer = trainer_for(digits, chosen)
    # The function that scales a mini-batch runs only while a program is traced.
    scaled, traced = trainer.scaled, []
    monkeypatch.setattr(trainer, "scaled", lambda x: traced.append(x) or scaled(x))
    counts, lengths = [], []
    for replicate in (1, 2):
        trainer.start(chosen, chosen.learning_rate, Streams(SEED, replicate))
        found = segments(chosen, 300, Streams(SEED, replicate), pauses=[4])
        for group in together(found, chosen.batch_size, [4], 32 * 13):
            trainer.train(group)
            lengths.append(len(group))
            counts.append(len(traced))
    # Full mini-batches and the smaller one at the end of an epoch are traced once each.
    assert counts == [2] * len(counts)
    assert lengths == [1, 2, 2] * 2


def test_segments_together_train_as_one_by_one(digits):
    """Segments of a group give the sums and the weights that they give in calls of their own."""
    chosen = settings(hidden_layers=[16], normalization="batch", dropout=0.2, epochs=3)
    found = list(segments(chosen, 300, Streams(SEED, 1)))
    sums, weights = [], []
    for groups in ([found], [[segment] for segment in found]):
        trainer = trainer_for(digits, chosen)
        trainer.start(chosen, chosen.learning_rate, Streams(SEED, 1))
        sums.append([pair for group in groups for pair in trainer.train(group)])
        weights.append(trainer.state())
    assert len(sums[0]) == 3
    assert sums[0] == sums[1]
    for a, b in zip(*weights, strict=True):
        np.testing.assert_array_equal(a, b)


def test_training_ends_with_the_segment_that_diverges(digits):
    chosen = settings(
        hidden_layers=[8, 8], activation="linear", optimizer="sgd", learning_rate=1e30, epochs=5
    )
    trainer = trainer_for(digits, chosen)
    trainer.start(chosen, chosen.learning_rate, Streams(SEED, 1))
    sums = trainer.train(list(segments(chosen, 300, Streams(SEED, 1))))
    assert [np.isfinite(loss) for loss, _ in sums] == [False]


@pytest.mark.parametrize("examples", [7, 500, 501, 1250])
def test_logits_of_any_number_of_examples(digits, examples):
    """Examples are evaluated in blocks, and the last one is filled up."""
    chosen = settings(hidden_layers=[8], normalization="batch")
    trainer = trainer_for(digits, chosen)
    trainer.start(chosen, chosen.learning_rate, Streams(SEED, 1))
    x, y = np.resize(digits.x_test, (examples, 64)), np.resize(digits.y_test, examples)
    few, all_of_them = trainer.place([(x[:5], y[:5]), (x, y)])
    expected = trainer.network(x.astype(np.float32) / 16, training=False)
    np.testing.assert_allclose(trainer.logits(all_of_them), expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(trainer.logits(few), trainer.logits(all_of_them)[:5])


def test_one_program_evaluates_all_parts(digits, monkeypatch):
    """Validation, training sample, test part and folds of other lengths are traced once."""
    program, _ = program_for(digits, hidden_layers=[8])
    scaled, traced = program.trainer.scaled, []
    monkeypatch.setattr(program.trainer, "scaled", lambda x: traced.append(x) or scaled(x))
    for part in (program.validation, program.train_sample, program.test):
        program.evaluate(part)
    (fold,) = program.trainer.place([(digits.x_test[:199], digits.y_test[:199])])
    program.evaluate(fold)
    assert len(traced) == 1


def test_scores_of_logits():
    logits = np.array([[0, np.log(3)], [1e9, -1e9], [np.inf, 0], [0, np.nan]], np.float32)
    y = np.array([1, 0, 0, 0], np.int32)
    assert scores(logits[:1], y[:1]) == (pytest.approx(np.log(4 / 3), rel=1e-6), 1.0)
    assert scores(logits[1:2], y[1:2]) == (0.0, 1.0)
    for row in (2, 3):
        assert np.isnan(scores(logits[row : row + 1], y[row : row + 1])[0])
    np.testing.assert_allclose(probabilities(logits[:2]), [[0.25, 0.75], [1, 0]])


def test_training_leaves_no_temporary_files(tmp_path):
    """A stage's process ends without clean-up, so that AutoGraph's files would pile up."""
    code = (
        "import sys; sys.path.insert(0, 'tests');"
        "from support import small_digits, train;"
        "train(small_digits(), {'normalization': 'batch'}, epochs=1,"
        " measures={'gradients': ['last'], 'inference_modes': ['last'], 'step_time': ['last']});"
        "import os; os._exit(0)"
    )
    environment = os.environ | {"TMPDIR": str(tmp_path), "PYTHONPATH": str(ROOT / "src")}
    subprocess.run([sys.executable, "-c", code], env=environment, cwd=ROOT, check=True)
    assert list(tmp_path.iterdir()) == []


def test_predictions_against_keras(digits):
    import keras

    program, chosen = program_for(digits, hidden_layers=[16], normalization="batch")
    program.run(chosen, 0.01, 1)
    expected = keras.ops.softmax(program.trainer.network.predict(digits.x_test / 16.0, verbose=0))
    found = probabilities(program.trainer.logits(program.test))
    assert found.shape == (200, 10)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_pixels_on_the_device_are_scaled_like_numbers(digits):
    """Pixels that the loop scales give the same loss as pixels that were scaled in advance."""
    as_floats = dataclasses.replace(
        digits,
        x_train=digits.x_train.astype(np.float64),
        x_validation=digits.x_validation.astype(np.float64),
        x_test=digits.x_test.astype(np.float64),
    )
    for scaling in ("unit", "standardized"):
        on_device = train(digits, input_scaling=scaling)["runs"]["test_loss"]
        beforehand = train(as_floats, input_scaling=scaling)["runs"]["test_loss"]
        np.testing.assert_allclose(on_device, beforehand, rtol=1e-3)


def test_dropout_equals_that_of_keras(tensorflow):
    """Each call draws a new mask with the rate, and scales up the remaining units."""
    from bnmatrix.training.keras.network import Dropout

    layer = Dropout(0.3)
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


#: What streams of examples are for; they do not depend on tuning.
OF_EXAMPLES = {Purpose.SUBSET, Purpose.FOLDS, Purpose.DRAW, Purpose.SPLIT, Purpose.SOURCE}


def test_streams_are_independent():
    """Weights, orders and masks differ between replicates and tuning runs; examples, only between
    replicates."""
    draws = {
        (replicate, attempt, purpose, key): Streams(0, replicate, attempt).integer(purpose, key)
        for replicate, attempt in ((1, 0), (2, 0), (1, 1), (1, 2))
        for purpose in Purpose
        for key in (0, 1)
    }
    for (_, attempt, purpose, key), value in draws.items():
        if attempt and purpose in OF_EXAMPLES:
            assert value == draws[1, 0, purpose, key]
    draws = {key: v for key, v in draws.items() if not (key[1] and key[2] in OF_EXAMPLES)}
    assert len(set(draws.values())) == len(draws)


def test_a_missing_gpu_is_logged_once():
    """In a separate process, because TensorFlow can be configured only once."""
    code = (
        "import logging; logging.basicConfig(level='WARNING', format='%(levelname)s %(message)s')\n"
        "from bnmatrix.training.keras.environment import configure\n"
        "configure(1, gpus=1)\n"
        "import tensorflow as tf; print(float(tf.reduce_sum(tf.ones(3))))"
    )
    environment = os.environ | {"CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "3.0\n"
    assert done.stderr.count("WARNING No GPU found, though 1 was asked for") == 1


@pytest.mark.parametrize("varied", SOURCES)
def test_one_source_of_variance_alone(varied):
    """Between replicates, only the streams of this source differ."""
    sources = {
        "weights": {Purpose.WEIGHTS},
        "order": {Purpose.ORDER, Purpose.DROPOUT, Purpose.PROBE, Purpose.AUGMENTATION},
        "examples": OF_EXAMPLES,
        "tuning": set(),
        "all": set(Purpose),
    }
    first, second = (Streams(0, replicate, varied=varied) for replicate in (1, 2))
    differ = {p for p in Purpose if first.integer(p) != second.integer(p)}
    assert differ == sources[varied]
    assert (first.draw == second.draw) == (varied not in ("all", "examples"))
