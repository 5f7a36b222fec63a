"""What practitioners set: ghost batches, accumulation, decay, averages, orders, fine-tuning."""

from dataclasses import replace

import numpy as np
import pytest
from conftest import settings
from pydantic import ValidationError
from scipy.special import softmax
from sklearn.metrics import log_loss as reference_log_loss
from support import (
    LAYERS,
    SEED,
    configured,
    job_spec,
    keras_weights,
    program_for,
    small_digits,
)

from bnmatrix.training.job import train_job
from bnmatrix.training.measures.calibration import calibration
from bnmatrix.training.minibatches import segments
from bnmatrix.training.program import Evaluations, Program
from bnmatrix.training.scores import expected_calibration_error, log_loss
from bnmatrix.training.seeds import Streams

#: 288 examples fill nine mini-batches of 32, so that no example is left out.
BATCH = {"normalization": "batch", "batch_size": 32, "last_batch": "drop", "optimizer": "sgd"}
SHORT = {"learning_rate": 0.1, "normalization_momentum": 0.9, "steps": 20, "evaluate_every": 20}
CONVOLUTIONAL = {"convolutional": [{"filters": 8, "stride": 2}], "dense": [12]}


@pytest.fixture(scope="module", autouse=True)
def keras():
    configured("keras")


@pytest.fixture(scope="module")
def digits():
    return replace(small_digits(), shape=(8, 8))


def trained(digits, **chosen):
    """Return the numbers of a network after a run, and its trainer."""
    program, own = program_for(digits, **{**BATCH, **SHORT, **chosen})
    program.run(own, own.learning_rate, 1)
    return program.trainer.weights(), program.trainer


def assert_equal(found, expected, tolerance=2e-5):
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, atol=tolerance, rtol=1e-4)


def differ(found, expected) -> bool:
    pairs = zip(found, expected, strict=True)
    return any(not np.allclose(one, other, atol=1e-3) for one, other in pairs)


# Known answers -------------------------------------------------------------------------------


@pytest.mark.parametrize("network", ["dense", CONVOLUTIONAL], ids=["dense", "convolutional"])
def test_a_ghost_batch_of_the_whole_batch_is_batch_normalization(digits, network):
    usual, _ = trained(digits, network=network)
    assert_equal(trained(digits, network=network, ghost_batch_size=32)[0], usual)
    assert differ(trained(digits, network=network, ghost_batch_size=4)[0], usual)


def test_ghost_batches_have_their_own_statistics():
    from bnmatrix.training.keras.normalization import GhostBatchNormalization

    layer = GhostBatchNormalization(4, momentum=0.9, epsilon=1e-3)
    x = np.random.default_rng(0).normal(3, 2, (8, 5)).astype(np.float32)
    found = layer(x, training=True).numpy()
    for rows in (slice(0, 4), slice(4, 8)):
        part = x[rows]
        expected = (part - part.mean(0)) / np.sqrt(part.var(0) + 1e-3)
        np.testing.assert_allclose(found[rows], expected, atol=1e-5)
    means = np.stack([x[:4].mean(0), x[4:].mean(0)])
    np.testing.assert_allclose(layer.moving_mean.numpy(), 0.1 * means.mean(0), atol=1e-6)


def test_accumulation_equals_the_large_batch_without_batch_normalization(digits):
    whole, _ = trained(digits, normalization="none")
    parts, _ = trained(digits, normalization="none", accumulation=8)
    assert_equal(parts, whole)
    whole, _ = trained(digits)
    assert differ(trained(digits, accumulation=8)[0], whole)


def test_accumulation_with_batch_normalization_has_the_gradients_of_ghost_batches(digits):
    """Both normalize by parts of four; they differ in moving averages alone."""
    _, parts = trained(digits, accumulation=8)
    _, ghosts = trained(digits, ghost_batch_size=4)
    for one, other in zip(
        parts.network.trainable_variables, ghosts.network.trainable_variables, strict=True
    ):
        np.testing.assert_allclose(one.numpy(), other.numpy(), atol=2e-5, rtol=1e-4)
    assert differ(parts.weights(), ghosts.weights())


def test_renormalization_with_closed_limits_is_batch_normalization(digits):
    _, usual = trained(digits)
    _, closed = trained(digits, normalization="renorm", renormalization_limits=[1, 0])
    _, opened = trained(digits, normalization="renorm", renormalization_limits=[3, 5])
    weights = [[v.numpy() for v in one.network.trainable_variables] for one in (usual, closed)]
    assert_equal(*weights)
    assert differ([v.numpy() for v in opened.network.trainable_variables], weights[0])


@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "adam"])
def test_one_step_of_weight_decay(digits, optimizer):
    """Loshchilov & Hutter 2019: w ← w − learning rate · (decay · w + the optimizer's step)."""
    one = {"steps": 1, "evaluate_every": 1, "optimizer": optimizer, "placement": "after"}
    program, own = program_for(digits, **{**BATCH, **SHORT, **one, "weight_decay": 0.5})
    program.start(own, 0.1, 1)
    start = program.trainer.weights()
    without, _ = trained(digits, **one)
    decayed, trainer = trained(digits, **one, weight_decay=0.5)
    kernels, _ = trained(digits, **one, weight_decay=0.5, decayed="kernels")
    for number, variable in enumerate(trainer.network.variables):
        shrunk = without[number] - 0.1 * 0.5 * start[number]
        trains = variable.trainable
        expected = shrunk if trains else without[number]
        np.testing.assert_allclose(decayed[number], expected, atol=1e-6)
        expected = shrunk if trains and variable.name == "kernel" else without[number]
        np.testing.assert_allclose(kernels[number], expected, atol=1e-6)


def test_averages_of_weights(digits):
    steps = {"steps": 8, "evaluate_every": 8}
    program, own = program_for(digits, **{**BATCH, **SHORT, **steps})
    program.start(own, own.learning_rate, 1)
    seen = []
    for segment in segments(own, program.examples, Streams(SEED, 1), pauses=range(1, 9)):
        program.trainer.train([segment])
        seen.append([v.numpy() for v in program.trainer.network.trainable_variables])
    last = [np.mean(values, axis=0) for values in zip(*seen[4:], strict=True)]
    _, trainer = trained(digits, **steps, weight_averaging="swa")
    assert_equal([v.numpy() for v in trainer.network.trainable_variables], last)
    # The first hundred steps count evenly.
    mean = [np.mean(values, axis=0) for values in zip(*seen, strict=True)]
    _, trainer = trained(digits, **steps, weight_averaging="ema")
    assert_equal([v.numpy() for v in trainer.network.trainable_variables], mean)


@pytest.mark.parametrize("averaging", ["ema", "swa"])
@pytest.mark.parametrize("framework", ["keras", "torch"])
def test_a_run_does_not_depend_on_the_run_before(digits, framework, averaging):
    if framework == "torch":
        pytest.importorskip("torch", reason="PyTorch is not installed: make torch")
    own = settings(**BATCH, **SHORT, framework=framework, weight_averaging=averaging)
    program = Program(own, digits, SEED, configured(framework))
    first = program.run(own, own.learning_rate, 1).history
    program.run(own, 0.5, 2)
    assert program.run(own, own.learning_rate, 1).history == first
    assert program.run(own, 1e30, 2).diverged
    assert program.run(own, own.learning_rate, 1).history == first


def test_recalibrated_statistics_are_those_of_the_training_examples(digits):
    program, own = program_for(digits, **{**BATCH, **SHORT, "recalibrated": True})
    program.run(own, own.learning_rate, 1)
    layer, after = program.trainer.network.layers[1], program.trainer.network.layers[2]
    x = program.current.x_train / 16
    inputs = x @ layer.kernel.numpy() + layer.bias.numpy()
    np.testing.assert_allclose(after.moving_mean.numpy(), inputs.mean(0), atol=1e-5)
    np.testing.assert_allclose(after.moving_variance.numpy(), inputs.var(0), rtol=1e-4)


@pytest.mark.parametrize("placement", ["before", "after"])
def test_folding_is_exact_in_dense_networks(digits, placement):
    tables = train_job(
        job_spec({**BATCH, **SHORT, "placement": placement}, measures={"folding": ["last"]}),
        digits,
        configured("keras"),
        threads=1,
    ).tables
    assert 0 < tables["measurements"].value.item() < 1e-5


def test_folding_into_a_convolution_after_the_activation_is_not_exact(digits):
    """Zeros around an image are not normalized, so that borders differ."""
    network = {"convolutional": [{"filters": 8}, {"filters": 8}], "dense": [12]}
    worst = {}
    for placement in ("before", "after"):
        chosen = {**BATCH, **SHORT, "network": network, "placement": placement}
        spec = job_spec(chosen, measures={"folding": ["last"]}, hidden_layers=[64, 64])
        tables = train_job(spec, digits, configured("keras"), threads=1).tables
        worst[placement] = tables["measurements"].value.item()
    assert worst["before"] < 1e-5
    assert worst["after"] > 1e-3


# Orders of mini-batches ----------------------------------------------------------------------


def orders(minibatches, labels, **chosen):
    own = settings(minibatches=minibatches, batch_size=8, epochs=2, last_batch="drop", **chosen)
    found = segments(own, len(labels), Streams(SEED, 1), labels=labels)
    return [segment.order for segment in found]


def test_orders_of_mini_batches():
    labels = np.repeat(np.arange(4), 16).astype(np.int32)
    labels = np.random.default_rng(0).permutation(labels)
    shuffled, again = orders("shuffled", labels)
    assert not np.array_equal(shuffled, again)
    fixed, again = orders("fixed", labels)
    np.testing.assert_array_equal(fixed, again)
    for order in orders("sorted", labels):
        assert sorted(order) == list(range(64))
        assert np.all(np.diff(labels[order]) >= 0)
    first, second = orders("blocks", labels)
    assert not np.array_equal(first, second)
    for order in (first, second):
        assert sorted(order) == list(range(64))
        classes = labels[order].reshape(8, 8)
        assert np.all(classes == classes[:, :1])
        assert not np.all(np.diff(classes[:, 0]) >= 0)


# Fine-tuning ---------------------------------------------------------------------------------

FINE_TUNED = {
    **{"training_examples": 32, "validation": {"examples": 32}, "redraw": True},
    **{"pretraining": {"source": "other_classes", "examples": 96, "learning_rate": 0.1}},
}


def test_fine_tuning_starts_from_a_network_trained_on_other_classes(digits):
    program, own = program_for(digits, **{**BATCH, **SHORT, **FINE_TUNED})
    seen = []
    train = program.trainer.train

    def watched(group):
        seen.append(set(program.trainer.y.numpy().tolist()))
        return train(group)

    program.trainer.train = watched
    program.run(own, 0.1, 1, evaluations=Evaluations.LAST_VALIDATION)
    assert seen[0] == set(range(5))
    assert seen[-1] <= set(range(5, 10))
    assert set(program.test.y.tolist()) == set(range(5, 10))
    assert set(program.validation.y.tolist()) <= set(range(5, 10))
    # Another attempt of the replicate does not pre-train again; another replicate does.
    count = len(seen)
    program.run(own, 0.1, 1, attempt=1, evaluations=Evaluations.LAST_VALIDATION)
    assert all(classes <= set(range(5, 10)) for classes in seen[count:])
    program.run(own, 0.1, 2, evaluations=Evaluations.LAST_VALIDATION)
    assert set(range(5)) in seen[count:]


@pytest.mark.parametrize("frozen", ("nothing", "statistics", "normalization"))
def test_what_is_frozen_does_not_change(digits, frozen):
    program, own = program_for(digits, **{**BATCH, **SHORT, **FINE_TUNED, "frozen": frozen})
    program.run(own, 0.1, 1)
    before, after = program._pretrained[1], program.trainer.weights()
    same = {
        name: all(
            np.array_equal(old, new)
            for old, new, variable in zip(
                before, after, program.trainer.network.variables, strict=True
            )
            if variable.name == name
        )
        for name in ("kernel", "gamma", "beta", "moving_mean", "moving_variance")
    }
    assert not same["kernel"]
    assert same["moving_mean"] == same["moving_variance"] == (frozen != "nothing")
    assert same["gamma"] == same["beta"] == (frozen == "normalization")


def test_fine_tuning_on_other_brightness_draws_other_examples(digits):
    other = FINE_TUNED | {"pretraining": {"source": "other_brightness", "examples": 96}}
    program, own = program_for(digits, **{**BATCH, **SHORT, **other})
    program.start(own, 0.1, 1)
    examples = program.current
    source, _ = examples.source
    assert source.min() == 0
    assert examples.x_train.min() == examples.x_test.min() == 8
    ours = {row.tobytes() for row in examples.x_train * 2 - 16}
    assert not ours & {row.tobytes() for row in source // 2 * 2}


FROZEN = ("nothing", "statistics", "normalization")
FINISHED = {
    "ema": {"weight_averaging": "ema"},
    "swa, recalibrated": {"weight_averaging": "swa", "recalibrated": True},
    **{f"fine-tuning, {frozen} frozen": FINE_TUNED | {"frozen": frozen} for frozen in FROZEN},
}


@pytest.mark.parametrize("case", FINISHED)
def test_keras_and_pytorch_finish_a_run_alike(digits, case):
    pytest.importorskip("torch", reason="PyTorch is not installed: make torch")
    both = []
    for framework in ("keras", "torch"):
        chosen = {**BATCH, **SHORT, **FINISHED[case], "hidden_layers": LAYERS}
        own = settings(**chosen, framework=framework)
        program = Program(own, digits, SEED, configured(framework))
        program.run(own, own.learning_rate, 1)
        both.append(keras_weights(program.trainer))
    for name, value in both[0].items():
        # A bias before batch normalization has no effect.
        if not name.startswith("bias"):
            np.testing.assert_allclose(both[1][name], value, rtol=2e-3, atol=2e-4, err_msg=name)


# Calibration ---------------------------------------------------------------------------------


def test_expected_calibration_error():
    """Ten predictions at .8 of which six are right: the error is .2 (Guo et al. 2017)."""
    shares = np.tile([0.8, 0.2], (10, 1))
    y = np.array([0] * 6 + [1] * 4, np.int32)
    assert expected_calibration_error(shares, y) == pytest.approx(0.2)
    shares = np.array([[0.95, 0.05], [0.95, 0.05], [0.4, 0.6], [0.4, 0.6]])
    y = np.array([0, 0, 1, 0], np.int32)
    assert expected_calibration_error(shares, y) == pytest.approx((0.05 * 2 + 0.1 * 2) / 4)


def test_temperature_scaling_is_fitted_on_the_validation_part():
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, (4000, 3))
    y = np.array([rng.choice(3, p=row) for row in softmax(logits, axis=1)], np.int32)
    parts = {"test": slice(0, 2000), "validation": slice(2000, 4000)}

    class Probe:
        def logits(self, part):
            return (3 * logits[parts[part]]).astype(np.float32)

        def labels(self, part):
            return y[parts[part]]

    found = {(name, part): value for name, part, value in calibration.function(Probe())}
    assert found["temperature", "scaled"] == pytest.approx(3, rel=0.1)
    expected = reference_log_loss(y[:2000], softmax(3 * logits[:2000], axis=1))
    assert found["log_loss", "raw"] == pytest.approx(expected, rel=1e-5)
    assert found["log_loss", "scaled"] < found["log_loss", "raw"]
    assert found["calibration_error", "scaled"] < 0.03 < found["calibration_error", "raw"]
    assert log_loss(np.array([[0.0, 0.0]], np.float32), np.array([1])) == pytest.approx(np.log(2))


# What cannot be asked ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        ({"ghost_batch_size": 5}, "ghost_batch_size: mini-batches of 32 cannot be divided"),
        ({"accumulation": 3}, "accumulation: mini-batches of 32 cannot be divided"),
        ({"accumulation": 8, "ghost_batch_size": 8}, "in 8 parts"),
        ({"accumulation": 2, "last_batch": "keep"}, "use `last_batch: drop`"),
        ({"pretraining": {"source": "other_classes"}}, "use `folds` or `redraw`"),
        ({"pretraining": "others"}, "must be one of none, or"),
        ({**FINE_TUNED, "input_scaling": "standardized"}, "use `unit` or `raw`"),
        ({**FINE_TUNED, "steps": None, "evaluate_every": None, "epochs": 3}, "in `steps`"),
        ({"weight_decay": -0.1}, "weight_decay"),
        ({"renormalization_limits": [0.5, 1]}, "renormalization_limits"),
    ],
)
def test_settings_that_cannot_be(chosen, message):
    with pytest.raises(ValidationError, match=message):
        settings(**{**BATCH, **SHORT, **chosen})


def test_settings_without_effect_make_no_other_variants():
    usual = settings(**{**BATCH, **SHORT})
    assert "frozen" in usual.unused
    assert "decayed" in usual.unused
    plain = settings(**{**BATCH, **SHORT, "normalization": "none", "recalibrated": True})
    assert {"recalibrated", "ghost_batch_size", "renormalization_limits"} <= plain.unused
    tuned = settings(**{**BATCH, **SHORT, **FINE_TUNED, "weight_decay": 0.1, "recalibrated": True})
    assert not {"frozen", "decayed", "recalibrated"} & tuned.unused
