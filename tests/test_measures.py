"""Measures of a tiny network, against NumPy and finite differences."""

import copy
import dataclasses
import subprocess
import sys

import numpy as np
import pytest
from conftest import settings
from support import configured, job_spec

from bnmatrix.datasets.data import Prepared
from bnmatrix.training.measures.catalog import MEASURES
from bnmatrix.training.measures.measuring import Measuring
from bnmatrix.training.measures.step_time import step_time
from bnmatrix.training.minibatches import segments
from bnmatrix.training.seeds import Purpose, Streams

pytestmark = pytest.mark.usefixtures("tensorflow")

SEED = 5
RATE = 0.3
BATCH = 16
EPSILON = 1e-3
GROUPS = 4

#: Measures that are taken in runs.
IN_RUNS = [name for name in MEASURES if name != step_time.name]

KINDS = [
    ("none", "before"),
    ("batch", "before"),
    ("batch", "after"),
    ("layer", "before"),
    ("group", "after"),
]


@pytest.fixture(scope="module")
def prepared() -> Prepared:
    """Forty training examples, and enough test examples to distinguish accuracies of modes."""
    rng = np.random.default_rng(3)
    x = rng.normal(size=(40 + 20 + 200, 5)) * [1, 2, 0.5, 1, 3] + [0, 1, 0, -2, 0]
    y = np.argmax(x @ rng.normal(size=(5, 3)) + rng.normal(size=(len(x), 3)), axis=1)
    y = y.astype(np.int32)
    return Prepared(x[:40], y[:40], x[40:60], y[40:60], x[60:], y[60:], 3, 0.0)


#: Programs by settings and data. Each is compiled once, and every test starts a new run.
PROGRAMS = {}


def program_for(prepared, normalization="none", placement="before", **changes):
    from bnmatrix.training.program import Program

    chosen = {
        "hidden_layers": [8, 8],
        "batch_size": BATCH,
        "activation": "tanh",
        "optimizer": "sgd",
        "learning_rate": RATE,
        "input_scaling": "raw",
        "epochs": 3,
        "normalization": normalization,
        "placement": placement,
        "normalization_groups": GROUPS,
        "normalization_epsilon": EPSILON,
    }
    chosen = settings(**(chosen | changes))
    key = repr(chosen), len(prepared.y_test)
    if key not in PROGRAMS:
        PROGRAMS[key] = Program(chosen, prepared, SEED, configured("keras"))
    return PROGRAMS[key]


def begun(program, replicate=1, learning_rate=RATE):
    """Return the object that measures a replicate, before the first step."""
    from bnmatrix.training.keras.probe import Probe

    streams = program.start(program.trainer.settings, learning_rate, replicate)
    probe = Probe(program.trainer)
    order = streams.generator(Purpose.PROBE).permutation(program.examples)
    probe.begin({"test": program.test, "validation": program.validation}, order)
    return probe


def trained(program, replicate=1):
    """Train a replicate for three epochs, and return the object that measures it."""
    chosen = program.trainer.settings
    probe = begun(program, replicate, chosen.learning_rate)
    for segment in segments(chosen, program.examples, Streams(SEED, replicate)):
        program.trainer.train([segment])
    return probe


def measured(name, probe):
    """Return a measure's values, by name and part."""
    values = MEASURES[name].function(probe)
    return {(measure, part): value for measure, part, value in values}


class Plain:
    """A network in NumPy, in double precision, with the weights of another network."""

    def __init__(self, network, kind, placement, activation=np.tanh):
        self.kind, self.placement, self.activation = kind, placement, activation
        #: For each dense layer: weights, biases, and γ and β of the normalization after it.
        self.blocks = []
        #: For each batch normalization: moving mean and variance.
        self.moving = []
        for layer in network.layers:
            weights = [weight.astype(np.float64) for weight in layer.get_weights()]
            if type(layer).__name__ == "Dense":
                self.blocks.append(weights)
            elif weights:
                self.blocks[-1] += weights[:2]
                self.moving.append(weights[2:])

    def normalized(self, values, statistics):
        if self.kind == "group":
            parts = values.reshape(len(values), GROUPS, -1)
            parts = parts - parts.mean(axis=2, keepdims=True)
            parts = parts / np.sqrt((parts**2).mean(axis=2, keepdims=True) + EPSILON)
            return parts.reshape(values.shape)
        if self.kind == "layer":
            mean, variance = values.mean(axis=1)[:, None], values.var(axis=1)[:, None]
        elif statistics is None:
            mean, variance = values.mean(axis=0), values.var(axis=0)
        else:
            mean, variance = statistics
        self.used.append((mean, variance))
        return (values - mean) / np.sqrt(variance + EPSILON)

    def logits(self, x, statistics=None):
        """Return logits with given statistics or those of ``x``; store the inputs of layers."""
        self.inputs, self.used = [], []
        values = x
        for number, (kernel, bias, *scales) in enumerate(self.blocks):
            self.inputs.append(values)
            values = values @ kernel + bias
            if number == len(self.blocks) - 1:
                break
            if self.placement == "after":
                values = self.activation(values)
            if self.kind != "none":
                gamma, beta = scales
                own = None if statistics is None else statistics[number]
                values = self.normalized(values, own) * gamma + beta
            if self.placement == "before":
                values = self.activation(values)
        return values

    def accuracy(self, x, y, statistics=None):
        return float((self.logits(x, statistics).argmax(axis=1) == y).mean())

    def loss(self, x, y):
        logits = self.logits(x)
        exponents = logits - logits.max(axis=1, keepdims=True)
        logarithms = exponents - np.log(np.exp(exponents).sum(axis=1, keepdims=True))
        return -logarithms[np.arange(len(y)), y].mean()

    def gradient(self, weights, x, y):
        """Return the gradient of the mean loss with respect to an array, by central differences."""
        found, step = np.zeros_like(weights), 1e-5
        for index in np.ndindex(weights.shape):
            kept = weights[index]
            weights[index] = kept + step
            above = self.loss(x, y)
            weights[index] = kept - step
            found[index] = (above - self.loss(x, y)) / (2 * step)
            weights[index] = kept
        return found

    def gradients(self, x, y):
        return [[self.gradient(weights, x, y) for weights in block] for block in self.blocks]


def minibatch(probe):
    """Return the mini-batch of the measures, scaled as for the network."""
    return probe.x.numpy().astype(np.float64), probe.y.numpy()


def length(arrays):
    return np.sqrt(sum(np.sum(array**2) for array in arrays))


@pytest.mark.parametrize(("kind", "placement"), KINDS)
def test_gradient_norms(prepared, kind, placement):
    probe = trained(program_for(prepared, kind, placement))
    plain, (x, y) = Plain(probe.network, kind, placement), minibatch(probe)
    expected = {
        ("gradient_norm", number): length([plain.gradient(block[0], x, y)])
        for number, block in enumerate(plain.blocks, start=1)
    }
    assert measured("gradients", probe) == pytest.approx(expected, rel=1e-3)
    assert len(expected) == 3


def test_gradients_are_of_the_mean_loss_in_training_mode(prepared):
    """The loss uses the statistics of the mini-batch, not moving averages."""
    probe = trained(program_for(prepared, "batch"))
    plain, (x, y) = Plain(probe.network, "batch", "before"), minibatch(probe)
    loss, found = probe.loss_and_gradients()
    assert loss == pytest.approx(plain.loss(x, y), rel=1e-5)
    expected = [gradient for block in plain.gradients(x, y) for gradient in block]
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=2e-6)


@pytest.mark.parametrize(("kind", "placement"), KINDS)
def test_covariate_shift_follows_santurkar_et_al(prepared, kind, placement):
    """The layer's gradient is compared before and after a step of SGD in all layers below."""
    probe = trained(program_for(prepared, kind, placement))
    plain, (x, y) = Plain(probe.network, kind, placement), minibatch(probe)
    before = plain.gradients(x, y)
    expected = {}
    for number in (1, 2):
        moved = copy.deepcopy(plain)
        for block, slopes in zip(moved.blocks[:number], before, strict=False):
            for weights, slope in zip(block, slopes, strict=True):
                weights -= RATE * slope
        own, after = before[number][0], moved.gradient(moved.blocks[number][0], x, y)
        expected["shift_norm", number + 1] = length([after - own])
        cosine = np.sum(own * after) / (length([own]) * length([after]))
        expected["shift_cosine", number + 1] = cosine
    found = measured("covariate_shift", probe)
    assert found == pytest.approx(expected, rel=2e-3)
    assert min(expected["shift_norm", 2], expected["shift_norm", 3]) > 1e-3, "nothing shifted"


def test_covariate_shift_follows_the_optimizer(prepared):
    """Layers below move as the optimizer moves them, including its momentum."""
    probe = trained(program_for(prepared, "batch", optimizer="momentum"))
    plain, (x, y) = Plain(probe.network, "batch", "before"), minibatch(probe)
    before = plain.gradients(x, y)
    carried = [v.numpy().astype(np.float64) for v in probe.trainer.optimizer.variables[2:]]
    moved = copy.deepcopy(plain)
    count = len(moved.blocks[0])
    for weights, slope, momentum in zip(moved.blocks[0], before[0], carried[:count], strict=True):
        weights += 0.9 * momentum - RATE * slope
    own, after = before[1][0], moved.gradient(moved.blocks[1][0], x, y)
    assert max(np.abs(momentum).max() for momentum in carried) > 1e-3
    found = measured("covariate_shift", probe)
    assert found["shift_norm", 2] == pytest.approx(length([after - own]), rel=2e-3)


@pytest.mark.parametrize(
    ("kind", "placement", "activation"),
    [*((*kind, "tanh") for kind in KINDS), ("none", "before", "relu")],
)
def test_input_drift(prepared, kind, placement, activation):
    """Means and variances of the inputs of each layer are compared at two times."""
    program = program_for(prepared, kind, placement, activation=activation, learning_rate=0.1)
    probe = trained(program)
    function = {"tanh": np.tanh, "relu": lambda values: np.maximum(values, 0)}[activation]
    moments, found = [], []
    for number in (1, 2):
        plain = Plain(probe.network, kind, placement, function)
        plain.logits(prepared.x_train)
        moments.append([(v.mean(axis=0), v.var(axis=0)) for v in plain.inputs[1:]])
        found.append(measured("covariate_shift", probe))
        if number == 1:
            segment = next(segments(program.trainer.settings, 40, Streams(SEED, 9)))
            program.trainer.train([segment])
    assert not any("drift" in measure for measure, _ in found[0])
    for number, (old, new) in enumerate(zip(*moments, strict=True), start=2):
        varies = (old[1] > 1e-9) & (new[1] > 1e-9)
        assert varies.any()
        mean = (np.abs(new[0] - old[0])[varies] / np.sqrt(old[1][varies])).mean()
        variance = np.abs(np.log(new[1][varies] / old[1][varies])).mean()
        assert found[1]["input_mean_drift", number] == pytest.approx(mean, rel=1e-3, abs=1e-6)
        assert found[1]["input_variance_drift", number] == pytest.approx(variance, rel=1e-3)


def test_inputs_that_do_not_vary_have_no_drift(prepared):
    """If all units of a layer are dead, gradients have no direction, and inputs do not vary.

    Counting this as "no shift" would reward a dead network.
    """
    probe = trained(program_for(prepared, activation="relu"))
    kernel = probe.layer_weights()[0][0]
    probe.set_layer_weights(0, [kernel, np.full(8, -1e6, np.float32)])
    measured("covariate_shift", probe)
    found = measured("covariate_shift", probe)
    for name in ("input_mean_drift", "input_variance_drift", "shift_cosine"):
        assert np.isnan(found[name, 2]), name
    assert found["shift_norm", 2] == 0
    assert not np.isinf(list(found.values())).any()


@pytest.mark.parametrize(("kind", "placement"), KINDS)
def test_smoothness(prepared, kind, placement):
    """Losses and gradients are computed at ½, 1, 2 and 4 learning rates along the gradient."""
    probe = trained(program_for(prepared, kind, placement))
    plain, (x, y) = Plain(probe.network, kind, placement), minibatch(probe)
    start = plain.gradients(x, y)
    losses, changes, ratios = [plain.loss(x, y)], [], []
    steepness = length([slope for block in start for slope in block])
    for distance in (0.5, 1, 2, 4):
        moved = copy.deepcopy(plain)
        for block, slopes in zip(moved.blocks, start, strict=True):
            for weights, slope in zip(block, slopes, strict=True):
                weights -= distance * RATE * slope
        losses.append(moved.loss(x, y))
        there = moved.gradients(x, y)
        differences = [
            new - old
            for blocks in zip(there, start, strict=True)
            for new, old in zip(*blocks, strict=True)
        ]
        changes.append(length(differences))
        ratios.append(changes[-1] / (distance * RATE * steepness))
    expected = {
        ("loss_range", "all"): max(losses) - min(losses),
        ("gradient_change", "all"): max(changes),
        ("beta_smoothness", "all"): max(ratios),
    }
    assert measured("smoothness", probe) == pytest.approx(expected, rel=5e-3)


def test_distances_use_the_learning_rate_of_the_run(prepared):
    """The learning rate of the run counts, not the rate with which the program was compiled."""
    probe = begun(program_for(prepared), learning_rate=RATE / 100)
    plain, (x, y) = Plain(probe.network, "none", "before"), minibatch(probe)
    losses = [plain.loss(x, y)]
    start = plain.gradients(x, y)
    for distance in (0.5, 1, 2, 4):
        moved = copy.deepcopy(plain)
        for block, slopes in zip(moved.blocks, start, strict=True):
            for weights, slope in zip(block, slopes, strict=True):
                weights -= distance * RATE / 100 * slope
        losses.append(moved.loss(x, y))
    found = measured("smoothness", probe)
    assert found["loss_range", "all"] == pytest.approx(max(losses) - min(losses), rel=1e-3)


@pytest.mark.parametrize("placement", ["before", "after"])
def test_inference_modes(prepared, placement):
    """Accuracies in NumPy with statistics from moving averages, mini-batches and all examples."""
    probe = trained(program_for(prepared, "batch", placement, normalization_momentum=0.9))
    plain = Plain(probe.network, "batch", placement)
    for _, _, _, beta in plain.blocks[:2]:
        assert np.abs(beta).max() > 1e-3
    test_x, test_y = prepared.x_test, prepared.y_test
    full = len(test_x) // BATCH
    assert full * BATCH < len(test_x), "examples that fill no mini-batch are left out"
    x, y = test_x[: full * BATCH].astype(np.float32), test_y[: full * BATCH]
    expected = {"moving": plain.accuracy(x, y, plain.moving)}

    parts = [slice(n * BATCH, (n + 1) * BATCH) for n in range(full)]
    expected["batch"] = np.mean([plain.accuracy(x[part], y[part]) for part in parts])

    plain.logits(prepared.x_train)
    population = plain.used
    expected["population"] = plain.accuracy(x, y, population)

    values = np.zeros((1, 8))
    for number in (0, 1):
        beta = plain.blocks[number][3]
        values = beta if placement == "after" else np.tanh(beta)
    kernel, bias = plain.blocks[2]
    expected["single"] = np.mean(y == (values @ kernel + bias).argmax())
    alone = np.array([plain.logits(x[n : n + 1])[0] for n in range(5)])
    np.testing.assert_allclose(alone, np.tile(values @ kernel + bias, (5, 1)), atol=1e-12)

    found = measured("inference_modes", probe)
    assert found == pytest.approx({("accuracy_by_mode", mode): v for mode, v in expected.items()})
    assert len(set(expected.values())) >= 3, "modes that cannot be told apart test nothing"


@pytest.mark.parametrize("placement", ["before", "after"])
def test_population_statistics(prepared, placement):
    """One pass over all training examples gives each layer's mean and biased variance."""
    probe = trained(program_for(prepared, "batch", placement))
    plain = Plain(probe.network, "batch", placement)
    plain.logits(prepared.x_train)
    probe.set_population_statistics()
    replaced = Plain(probe.network, "batch", placement)
    for ours, theirs in zip(replaced.moving, plain.used, strict=True):
        np.testing.assert_allclose(ours[0], theirs[0], rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(ours[1], theirs[1], rtol=1e-4)


@pytest.mark.parametrize(
    ("kind", "dropout"),
    [
        *(pytest.param(kind, 0.0, marks=pytest.mark.slow) for kind in ("none", "layer", "group")),
        ("layer", 0.5),
    ],
)
def test_networks_without_statistics_have_one_mode(prepared, kind, dropout):
    """192 test examples fill 12 mini-batches."""
    fewer = dataclasses.replace(
        prepared, x_test=prepared.x_test[:192], y_test=prepared.y_test[:192]
    )
    probe = trained(program_for(fewer, kind, dropout=dropout))
    found = measured("inference_modes", probe)
    assert [mode for _, mode in found] == ["moving", "batch", "single", "population"]
    assert len({round(value * 192) for value in found.values()}) == 1


@pytest.mark.parametrize("kind", ["none", "batch", "layer", "group"])
def test_order_difference(prepared, kind):
    """The same network in plain Keras, for the mini-batch and the reversed mini-batch."""
    import keras
    from keras.layers import Activation, BatchNormalization, Dense, GroupNormalization
    from keras.layers import LayerNormalization as Layer

    probe = trained(program_for(prepared, kind))
    layers = {
        "none": list,
        "batch": lambda: [BatchNormalization()],
        "layer": lambda: [Layer()],
        "group": lambda: [GroupNormalization(GROUPS)],
    }[kind]
    first = [keras.Input((5,)), Dense(8), *layers(), Activation("tanh")]
    second = [Dense(8), *layers(), Activation("tanh")]
    network = keras.Sequential([*first, *second, Dense(3)])
    network.set_weights(probe.network.get_weights())
    x = probe.x.numpy()
    usual = network(x, training=True).numpy()
    back = network(x[::-1].copy(), training=True).numpy()[::-1]
    expected = np.abs(back - usual).max() / np.abs(usual).max()
    found = measured("order", probe)["order_difference", "all"]
    assert found == pytest.approx(expected, rel=1e-6)
    assert found < 1e-5
    if kind == "batch":
        assert found > 1e-9, "sums in another order are rounded otherwise"
    if kind == "none":
        assert found == 0


def test_order_difference_excludes_dropout(prepared):
    """Dropout's masks belong to positions, and are not an effect of the order of sums."""
    probe = trained(program_for(prepared, "batch", dropout=0.5))
    assert measured("order", probe)["order_difference", "all"] < 1e-5


@pytest.mark.parametrize(
    ("optimizer", "dropout"),
    [("momentum", 0.0), pytest.param("adam", 0.0, marks=pytest.mark.slow), ("adam", 0.3)],
)
def test_measures_do_not_change_the_state(prepared, optimizer, dropout):
    """Weights, moving averages, optimizer state and dropout's generators stay identical."""
    probe = trained(program_for(prepared, "batch", optimizer=optimizer, dropout=dropout))
    before = probe.trainer.state()
    # Three dense layers, two normalizations of four arrays, and two dropouts' generators.
    own = 3 * 2 + 2 * 4 + 2 * bool(dropout)
    assert len(before) == own + len(probe.trainer.optimizer.variables)
    for name in IN_RUNS * 2:
        measured(name, probe)
        for old, new in zip(before, probe.trainer.state(), strict=True):
            np.testing.assert_array_equal(old, new, err_msg=name)


def test_measures_repeat(prepared):
    """Two measurements at the same step are equal, except drift, which needs an earlier one."""
    probe = trained(program_for(prepared, "batch"))
    for name in IN_RUNS:
        first, second = measured(name, probe), measured(name, probe)
        assert {key: second[key] for key in first} == first
        assert all(second[key] == 0 for key in second.keys() - first.keys())


def test_measures_yield_what_they_declare(prepared):
    """The checks of studies rely on these declarations."""
    probe = trained(program_for(prepared, "batch"))
    for name in IN_RUNS:
        # Measured twice, because drift needs an earlier measurement.
        both = {**measured(name, probe), **measured(name, probe)}
        assert {measure for measure, _ in both} == set(MEASURES[name].yields), name


def test_all_arms_are_measured_on_the_same_examples(prepared):
    """A replicate has the same mini-batch in all variants; a smaller one is its beginning."""
    probes = {
        (kind, size, replicate): begun(program_for(prepared, kind, batch_size=size), replicate)
        for kind, size, replicate in [
            ("none", 16, 1),
            ("batch", 16, 1),
            ("layer", 16, 1),
            ("none", 16, 2),
            ("batch", 16, 2),
            ("batch", 8, 1),
        ]
    }
    first, second = probes["none", 16, 1], probes["none", 16, 2]
    for kind in ("batch", "layer"):
        np.testing.assert_array_equal(probes[kind, 16, 1].x, first.x)
        np.testing.assert_array_equal(probes[kind, 16, 1].y, first.y)
        np.testing.assert_array_equal(probes[kind, 16, 1].order, first.order)
    np.testing.assert_array_equal(probes["batch", 16, 2].x, second.x)
    np.testing.assert_array_equal(probes["batch", 8, 1].x, first.x[:8])
    assert (first.x.numpy() != second.x.numpy()).any()
    assert sorted(first.order.numpy()) == list(range(40))
    first_epoch = next(segments(probes["none", 16, 1].trainer.settings, 40, Streams(SEED, 1))).order
    assert (first.order.numpy() != first_epoch).any()
    for row, label in zip(first.x.numpy(), first.y.numpy(), strict=True):
        place = np.abs(prepared.x_train - row).sum(axis=1).argmin()
        np.testing.assert_allclose(prepared.x_train[place], row, rtol=1e-6)
        assert prepared.y_train[place] == label


def timed(rounds, steps):
    """Return Keras, which times steps in ``rounds`` rounds of ``steps`` steps."""
    from bnmatrix.training.keras.probe import Probe
    from bnmatrix.training.keras.turns import turns

    measuring = Measuring(Probe, turns, rounds=rounds, steps=steps)
    return dataclasses.replace(configured("keras"), measuring=measuring)


def test_step_times(prepared):
    """One row per round and variant, for the training loop here and that of Keras."""
    spec = job_spec(
        {"batch_size": 16},
        {"batch_size": 16, "normalization": "batch", "dropout": 0.2},
        {"batch_size": 40, "tuned": True, "optimizer": "momentum"},
        measures={"step_time": ["last"]},
    )
    found = timed(3, 4).measuring.after_runs(spec, prepared)
    assert list(found) == [variant.name for variant in spec.variants]
    for rows in found.values():
        assert [(row["replicate"], row["part"]) for row in rows] == [
            (number, part) for number in (1, 2, 3) for part in ("loop", "fit")
        ]
        assert all(row["measure"] == "seconds_per_step" and row["step"] == 4 for row in rows)
        assert all(row["value"] > 0 for row in rows)


def test_step_times_of_a_job_have_a_separate_table(prepared):
    from bnmatrix.training.job import train_job

    spec = job_spec({"batch_size": 16}, measures={"step_time": ["last"]})
    tables = train_job(spec, prepared, timed(2, 3), threads=1).tables
    assert list(tables["step_times"]["part"]) == ["loop", "fit"] * 2
    assert (tables["step_times"]["variant"] == "v0").all()
    assert tables["measurements"].empty


def test_studies_are_checked_without_a_framework():
    """Snakemake reads the names of measures at each start."""
    code = (
        "import sys, bnmatrix.training.measures.catalog; "
        "sys.exit(bool({'tensorflow', 'keras', 'torch', 'pandas', 'sklearn'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
