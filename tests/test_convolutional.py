"""Convolutional networks: layers, normalizations on maps, augmentation, measures, sizes."""

import hashlib
import math
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from conftest import ROOT, settings
from support import SEED, configured, job_spec, small_digits

from bnmatrix.datasets.data import save
from bnmatrix.training.augmentation import Augmentation, augmented
from bnmatrix.training.job import train_job
from bnmatrix.training.minibatches import segments
from bnmatrix.training.networks import layer_sizes
from bnmatrix.training.program import Program
from bnmatrix.training.seeds import Streams

SHAPE = (8, 8)
PLAIN = {"convolutional": [{"filters": 8, "pooling": 2}, {"filters": 16}], "dense": [12]}
RESIDUAL = {
    "convolutional": [
        {"filters": 8},
        {"filters": 16, "repeats": 2, "stride": 2, "residual": True},
        {"filters": 16, "repeats": 2, "residual": True},
    ]
}

#: So much to compute that the network is a graph, and not compiled by XLA.
LARGE = {"convolutional": [{"filters": 128, "pooling": 2}, {"filters": 64}], "dense": [12]}


@pytest.fixture(scope="module", autouse=True)
def keras():
    configured("keras")


@pytest.fixture(scope="module")
def digits():
    return replace(small_digits(), shape=SHAPE)


def program_for(digits, **chosen):
    own = settings(**({"network": PLAIN, "epochs": 2, "batch_size": 32} | chosen))
    return Program(own, digits, SEED, configured("keras")), own


def test_the_loop_equals_keras_fit(digits):
    """From equal weights, two epochs of a plain Keras network in ``fit`` give the same weights."""
    import keras
    from keras import layers

    program, own = program_for(digits, normalization="batch", optimizer="sgd", learning_rate=0.05)
    program.start(own, 0.05, 1)
    network = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(8, 3, padding="same"),
            layers.BatchNormalization(),
            layers.Activation("relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(16, 3, padding="same"),
            layers.BatchNormalization(),
            layers.Activation("relu"),
            layers.Flatten(),
            layers.Dense(12),
            layers.BatchNormalization(),
            layers.Activation("relu"),
            layers.Dense(10),
        ]
    )
    network.compile(
        keras.optimizers.SGD(0.05),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    network.set_weights(program.trainer.network.get_weights())
    x = (digits.x_train / 16).astype(np.float32).reshape(-1, 8, 8, 1)
    for segment in segments(own, 300, Streams(SEED, 1)):
        ((loss, correct),) = program.trainer.train([segment])
        rows = segment.rows(32)
        fitted = network.fit(
            x[rows], digits.y_train[rows], batch_size=32, shuffle=False, verbose=0
        ).history
        assert loss / 300 == pytest.approx(fitted["loss"][0], rel=1e-4)
        assert correct / 300 == pytest.approx(fitted["accuracy"][0], abs=0.004)
    for ours, theirs in zip(program.trainer.network.weights, network.weights, strict=True):
        np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=1e-3, atol=2e-4)


@pytest.mark.parametrize(
    ("normalization", "axes"),
    # Ioffe & Szegedy 2015; Wu & He 2018, figure 2: the axes of examples × height × width × channels
    # over which mean and variance are taken (groups of channels as an axis of their own).
    [("batch", (0, 1, 2)), ("layer", (1, 2, 3, 4)), ("group", (1, 2, 4))],
)
def test_normalizations_of_maps_have_the_axes_of_the_literature(normalization, axes):
    from bnmatrix.training.keras.normalization import normalizations

    x = np.random.default_rng(0).normal(3, 2, (5, 4, 3, 8)).astype(np.float32)
    own = settings(normalization=normalization, normalization_groups=2)
    (layer,) = normalizations(own, maps=True)
    found = np.asarray(layer(x, training=True))
    values = x if normalization == "batch" else x.reshape(5, 4, 3, 2, 4)
    mean, variance = values.mean(axes, keepdims=True), values.var(axes, keepdims=True)
    expected = ((values - mean) / np.sqrt(variance + 1e-3)).reshape(x.shape)
    np.testing.assert_allclose(found, expected, atol=2e-5)
    # A scale and a shift per channel.
    assert [tuple(weight.shape) for weight in layer.trainable_weights] == [(8,), (8,)]


def test_rms_normalization_of_maps_is_over_the_channels_of_a_pixel():
    """Zhang & Sennrich 2019, equation 4: x / √(mean of x² + ε), here of each pixel."""
    from bnmatrix.training.keras.normalization import normalizations

    x = np.random.default_rng(0).normal(3, 2, (5, 4, 3, 8)).astype(np.float32)
    (layer,) = normalizations(settings(normalization="rms"), maps=True)
    expected = x / np.sqrt(np.square(x).mean(axis=-1, keepdims=True) + 1e-3)
    np.testing.assert_allclose(np.asarray(layer(x)), expected, atol=2e-5)
    assert [tuple(weight.shape) for weight in layer.trainable_weights] == [(8,)]


@pytest.mark.parametrize("network", [PLAIN, RESIDUAL], ids=["plain", "residual"])
def test_arms_start_from_the_same_kernels(digits, network):
    from bnmatrix.training.keras.layers import weighted_layers

    kernels = []
    for normalization, placement in (("none", "before"), ("batch", "before"), ("batch", "after")):
        program, own = program_for(
            digits, network=network, normalization=normalization, placement=placement
        )
        program.start(own, 0.01, 3)
        layers = weighted_layers(program.trainer.network)
        kernels.append([layer.kernel.numpy() for layer in layers])
    for other in kernels[1:]:
        for first, second in zip(kernels[0], other, strict=True):
            np.testing.assert_array_equal(first, second)
    # He et al. 2015: a filter's inputs are those of all pixels of the kernel.
    program, own = program_for(digits, initializer="he_normal", network=network)
    program.start(own, 0.01, 1)
    kernel = weighted_layers(program.trainer.network)[1].kernel.numpy()
    assert kernel.std() == pytest.approx(math.sqrt(2 / math.prod(kernel.shape[:3])), rel=0.1)


def test_a_residual_block_adds_its_input():
    """With all kernels zero, a block whose shapes agree passes its input on."""
    import keras

    from bnmatrix.training.keras.network import build_network

    blocks = [{"filters": 1, "repeats": 2, "residual": True}]
    own = settings(network={"convolutional": blocks}, activation="linear", epochs=1)
    network = build_network(own, SHAPE, 2)
    for layer in network.layers:
        if isinstance(layer, keras.layers.Conv2D):
            layer.kernel.assign(np.zeros(layer.kernel.shape))
    head = network.layers[-1]
    head.kernel.assign(np.ones(head.kernel.shape))
    x = np.random.default_rng(0).normal(size=(3, 8, 8, 1)).astype(np.float32)
    np.testing.assert_allclose(network(x)[:, 0], x.mean((1, 2, 3)), rtol=1e-5)


def test_sizes_of_layers_are_those_of_the_network():
    """The sum of weights that the sizes imply is what Keras counts."""
    from bnmatrix.training.keras.layers import weighted_layers
    from bnmatrix.training.keras.network import build_network

    for network in (PLAIN, RESIDUAL, "dense"):
        own = settings(network=network, epochs=1)
        sizes = layer_sizes(own.network, own.hidden_layers, SHAPE, 10)
        layers = weighted_layers(build_network(own, SHAPE, 10))
        counted = []
        for layer in layers:
            output = layer.output.shape[1:]
            positions = math.prod(output[:-1])
            counted.append((output[-1], layer.kernel.numpy().size * positions, math.prod(output)))
        assert [(s.units, s.multiplications, s.outputs) for s in sizes] == counted


def test_augmentation_moves_and_mirrors_images():
    image = np.arange(1, 7, dtype=np.uint8).reshape(1, 6)  # 2 × 3: 1 2 3 / 4 5 6
    changes = np.array([[0, 0, 0], [1, 0, 0], [0, -1, 0], [0, 0, 1], [-1, 1, 1]], np.int8)
    found = augmented(np.repeat(image, 5, axis=0), changes, (2, 3))
    assert found.tolist() == [
        [1, 2, 3, 4, 5, 6],
        [0, 0, 0, 1, 2, 3],
        [2, 3, 0, 5, 6, 0],
        [3, 2, 1, 6, 5, 4],
        [0, 6, 5, 0, 0, 0],
    ]
    drawn = Augmentation(shift=2, flip=True).draw(np.random.default_rng(0), 2000)
    assert (drawn.min(axis=0), drawn.max(axis=0))[0].tolist() == [-2, -2, 0]
    assert drawn.max(axis=0).tolist() == [2, 2, 1]
    assert drawn[:, 2].mean() == pytest.approx(0.5, abs=0.05)


def test_both_arms_augment_alike_and_each_epoch_anew():
    chosen = {"augmentation": {"shift": 1}, "epochs": 2, "batch_size": 50}
    arms = [
        list(segments(settings(normalization=name, **chosen), 100, Streams(SEED, 1)))
        for name in ("none", "batch")
    ]
    for one, other in zip(*arms, strict=True):
        np.testing.assert_array_equal(one.changes, other.changes)
    assert (arms[0][0].changes != arms[0][1].changes).any()


def test_augmented_training_sees_other_images(digits):
    losses = []
    for augmentation in ("none", {"shift": 2, "flip": True}):
        program, own = program_for(digits, augmentation=augmentation)
        losses.append(program.run(own, 0.001, 1).history[0]["train_loss_as_trained"])
    assert losses[0] != losses[1]


@pytest.mark.parametrize(
    "network",
    [PLAIN, RESIDUAL, pytest.param(LARGE, marks=pytest.mark.slow)],
    ids=["plain", "residual", "large"],
)
def test_every_measure_takes_a_convolutional_network(digits, network):
    """One value for each dense layer or convolution; nothing that is measured changes the run."""
    measures = {
        name: [0, "last"]
        for name in ("gradients", "covariate_shift", "smoothness", "inference_modes", "order")
    }
    changes = {"network": network, "normalization": "batch", "dropout": 0.2, "epochs": 3}
    spec, plain = (job_spec(changes, replicates=1, measures=taken) for taken in (measures, {}))
    tables = train_job(spec, digits, configured("keras"), 1).tables
    values = tables["measurements"]
    layers = len(layer_sizes(settings(**changes).network, (), SHAPE, 10))
    last = values[values["step"] > 0]
    norms = last[last["measure"] == "gradient_norm"]
    assert list(norms["part"]) == [str(number) for number in range(1, layers + 1)]
    assert (norms["value"] > 0).all()
    drift = last[last["measure"] == "input_mean_drift"]
    assert len(drift) == layers - 1
    assert np.isfinite(last["value"]).all()
    modes = last[last["measure"] == "accuracy_by_mode"].set_index("part")["value"]
    assert modes["population"] > modes["single"]
    alone = train_job(plain, digits, configured("keras"), 1).tables["runs"]
    assert alone["test_loss"].tolist() == tables["runs"]["test_loss"].tolist()


@pytest.mark.slow
@pytest.mark.parametrize("network", [PLAIN, LARGE], ids=["plain", "large"])
def test_any_number_of_threads_gives_the_same_numbers(digits, tmp_path, network):
    save(digits, tmp_path / "digits.npz")
    spec = job_spec({"network": network, "normalization": "batch", "epochs": 1}, replicates=1)
    digests = set()
    for threads in (1, 2):
        folder = tmp_path / str(threads)
        command = ["train", "--spec", spec.as_json(), "--data", str(tmp_path / "digits.npz")]
        options = ["--threads", str(threads), "--gpus", "0", "--folder", str(folder)]
        options += ["--log", str(tmp_path / f"{threads}.log")]
        subprocess.run([sys.executable, "-m", "bnmatrix", *command, *options], check=True, cwd=ROOT)
        digests.add(hashlib.sha256((folder / "results.arrow").read_bytes()).hexdigest())
    assert len(digests) == 1
