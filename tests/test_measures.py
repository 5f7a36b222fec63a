"""What is measured of a network, against NumPy and finite differences on a tiny one."""

import copy

import numpy as np
import pytest
from conftest import settings

from bnmatrix.datasets.preparation import Prepared
from bnmatrix.training import seeds
from bnmatrix.training.minibatches import stretches
from bnmatrix.variants import as_json

pytestmark = pytest.mark.usefixtures("tensorflow")

SEED = 5
RATE = 0.3
BATCH = 16
EPSILON = 1e-3
GROUPS = 4

KINDS = [
    *(("none", "before"), ("batch", "before"), ("batch", "after")),
    *(("layer", "before"), ("group", "after")),
]


@pytest.fixture(scope="module")
def prepared() -> Prepared:
    """Forty examples to train on, and tests enough that accuracies tell modes apart."""
    rng = np.random.default_rng(3)
    x = rng.normal(size=(40 + 20 + 200, 5)) * [1, 2, 0.5, 1, 3] + [0, 1, 0, -2, 0]
    y = np.argmax(x @ rng.normal(size=(5, 3)) + rng.normal(size=(len(x), 3)), axis=1)
    y = y.astype(np.int32)
    return Prepared(x[:40], y[:40], x[40:60], y[40:60], x[60:], y[60:], 3, 0.0)


#: Programs by settings and data: each is compiled once, and starts afresh for every test.
PROGRAMS = {}


def program_for(prepared, normalization="none", placement="before", **changes):
    from bnmatrix.training.keras.trainer import Trainer
    from bnmatrix.training.runs import Program

    chosen = {
        **{"hidden_layers": [8, 8], "batch_size": BATCH, "activation": "tanh"},
        **{"optimizer": "sgd", "learning_rate": RATE, "input_scaling": "raw", "epochs": 3},
        **{"normalization": normalization, "placement": placement},
        **{"normalization_groups": GROUPS, "normalization_epsilon": EPSILON},
    }
    chosen = settings(**(chosen | changes))
    key = as_json(chosen), len(prepared.y_test)
    if key not in PROGRAMS:
        PROGRAMS[key] = Program(chosen, prepared, SEED, Trainer)
    return PROGRAMS[key]


def begun(program, replicate=1, rate=RATE):
    """Return what a replicate is measured on before its first step."""
    from bnmatrix.training.keras.measures import Probe

    program.start(program.trainer.settings, rate, replicate)
    order = seeds.generator(SEED, replicate, seeds.Purpose.PROBE).permutation(program.examples)
    return Probe(program.trainer, program.test, order)


def trained(program, replicate=1):
    """Train a replicate for three epochs, and return what is measured on."""
    chosen = program.trainer.settings
    probe = begun(program, replicate, chosen["learning_rate"])
    for stretch in stretches(chosen, program.examples, SEED, replicate):
        program.trainer.train(stretch)
    return probe


def measured(name, probe):
    """Return a measure's values, by name and part."""
    from bnmatrix.training.keras.measures import MEASURES

    return {(measure, part): value for measure, part, value in MEASURES[name](probe)}


class Plain:
    """A network written down in NumPy, in double precision, with the weights of another."""

    def __init__(self, network, kind, placement, activation=np.tanh):
        self.kind, self.placement, self.activation = kind, placement, activation
        #: For each dense layer: weights, biases, and γ and β of what follows.
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
        """Return logits under given statistics, or those of ``x``; keep what layers were given."""
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
        """Return the gradient of the mean loss in one of the arrays, by central differences."""
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
    """Return the mini-batch that is measured on, as the network gets it."""
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
    """The loss is that of the mini-batch's own statistics; moving averages have no part in it."""
    probe = trained(program_for(prepared, "batch"))
    plain, (x, y) = Plain(probe.network, "batch", "before"), minibatch(probe)
    weights = [variable.value for variable in probe.network.trainable_variables]
    loss, found = probe.gradients(weights)
    assert loss == pytest.approx(plain.loss(x, y), rel=1e-5)
    expected = [gradient for block in plain.gradients(x, y) for gradient in block]
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=2e-6)


@pytest.mark.parametrize(("kind", "placement"), KINDS)
def test_covariate_shift_is_santurkars(prepared, kind, placement):
    """A step of SGD in all layers below, and the layer's gradient before and after it."""
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
    """Layers below move as the optimizer moves them: with momentum, by what it carries on."""
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
    """Means and variances of what each layer is given, on all examples, at two times."""
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
            program.trainer.train(next(stretches(program.trainer.settings, 40, SEED, 9)))
    assert not any("drift" in measure for measure, _ in found[0])
    for number, (old, new) in enumerate(zip(*moments, strict=True), start=2):
        varies = (old[1] > 1e-9) & (new[1] > 1e-9)
        assert varies.any()
        mean = (np.abs(new[0] - old[0])[varies] / np.sqrt(old[1][varies])).mean()
        variance = np.abs(np.log(new[1][varies] / old[1][varies])).mean()
        assert found[1]["input_mean_drift", number] == pytest.approx(mean, rel=1e-3, abs=1e-6)
        assert found[1]["input_variance_drift", number] == pytest.approx(variance, rel=1e-3)


def test_inputs_that_do_not_vary_have_no_drift_to_speak_of(prepared):
    """All units of a layer dead: no gradient has a direction and no input a spread to drift in.

    Counting that as "no shift" would reward a network for being dead.
    """
    probe = trained(program_for(prepared, activation="relu"))
    probe.dense[0].bias.assign(np.full(8, -1e6, np.float32))
    measured("covariate_shift", probe)
    found = measured("covariate_shift", probe)
    for name in ("input_mean_drift", "input_variance_drift", "shift_cosine"):
        assert np.isnan(found[name, 2]), name
    assert found["shift_norm", 2] == 0
    assert not np.isinf(list(found.values())).any()


@pytest.mark.parametrize(("kind", "placement"), KINDS)
def test_smoothness(prepared, kind, placement):
    """Losses and gradients ½, 1, 2 and 4 learning rates along the gradient."""
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


def test_distances_are_in_learning_rates_of_the_run(prepared):
    """A tuned or other rate of the same program counts, not the one it was compiled with."""
    probe = begun(program_for(prepared), rate=RATE / 100)
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
    """The same weights in NumPy, under moving averages, mini-batches', all and single ones'."""
    probe = trained(program_for(prepared, "batch", placement, normalization_momentum=0.9))
    plain = Plain(probe.network, "batch", placement)
    for _, _, _, beta in plain.blocks[:2]:
        assert np.abs(beta).max() > 1e-3
    full = len(probe.test[0]) // BATCH
    assert full * BATCH < len(probe.test[0]), "examples that fill no mini-batch are left out"
    x, y = (tensor.numpy()[: full * BATCH] for tensor in probe.test)
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
    from bnmatrix.training.keras.measures import set_population_statistics

    probe = trained(program_for(prepared, "batch", placement))
    plain = Plain(probe.network, "batch", placement)
    plain.logits(prepared.x_train)
    set_population_statistics(probe)
    replaced = Plain(probe.network, "batch", placement)
    for ours, theirs in zip(replaced.moving, plain.used, strict=True):
        np.testing.assert_allclose(ours[0], theirs[0], rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(ours[1], theirs[1], rtol=1e-4)


@pytest.mark.parametrize(
    ("kind", "dropout"), [("none", 0.0), ("layer", 0.0), ("group", 0.0), ("layer", 0.5)]
)
def test_networks_without_statistics_have_one_mode(prepared, kind, dropout):
    """192 test examples fill 12 mini-batches."""
    fewer = Prepared(**{**prepared.__dict__, "x_test": prepared.x_test[:192]})
    fewer = Prepared(**{**fewer.__dict__, "y_test": prepared.y_test[:192]})
    probe = trained(program_for(fewer, kind, dropout=dropout))
    found = measured("inference_modes", probe)
    assert [mode for _, mode in found] == ["moving", "batch", "single", "population"]
    assert len({round(value * 192) for value in found.values()}) == 1


@pytest.mark.parametrize("kind", ["none", "batch", "layer", "group"])
def test_order_difference(prepared, kind):
    """What the same network in plain Keras gives for the mini-batch and the mini-batch reversed."""
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
    network = keras.Sequential(
        [
            *(keras.Input((5,)), Dense(8), *layers(), Activation("tanh")),
            *(Dense(8), *layers(), Activation("tanh"), Dense(3)),
        ]
    )
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


def test_order_says_nothing_of_dropout(prepared):
    """Masks belong to places, not to examples, and are no effect of the order of sums."""
    probe = trained(program_for(prepared, "batch", dropout=0.5))
    assert measured("order", probe)["order_difference", "all"] < 1e-5


@pytest.mark.parametrize(
    ("optimizer", "dropout"), [("momentum", 0.0), ("adam", 0.0), ("adam", 0.3)]
)
def test_measures_leave_everything_as_it_was(prepared, optimizer, dropout):
    """Weights, moving averages, the optimizer's state and dropout's generators, bit by bit."""
    from bnmatrix.training.keras.measures import MEASURES

    probe = trained(program_for(prepared, "batch", optimizer=optimizer, dropout=dropout))
    before = probe.trainer.state()
    # Three dense layers, two normalizations of four arrays, and two dropouts' generators.
    own = 3 * 2 + 2 * 4 + 2 * bool(dropout)
    assert len(before) == own + len(probe.trainer.optimizer.variables)
    for name in [*MEASURES, *MEASURES]:
        measured(name, probe)
        for old, new in zip(before, probe.trainer.state(), strict=True):
            np.testing.assert_array_equal(old, new, err_msg=name)


def test_measures_repeat(prepared):
    """Taken twice in the same place, all are the same; only drift speaks of the time before."""
    from bnmatrix.training.keras.measures import MEASURES

    probe = trained(program_for(prepared, "batch"))
    for name in MEASURES:
        first, second = measured(name, probe), measured(name, probe)
        assert {key: second[key] for key in first} == first
        assert all(second[key] == 0 for key in second.keys() - first.keys())


def test_all_measures_are_registered():
    from bnmatrix.registry import MEASURES as names
    from bnmatrix.training.keras.measures import MEASURES

    assert [*MEASURES, "step_time"] == list(names)


def test_all_arms_are_measured_on_the_same_examples(prepared):
    """A replicate's mini-batch is drawn for it, whatever the variant; a smaller one begins it."""
    probes = {
        (kind, size, replicate): begun(program_for(prepared, kind, batch_size=size), replicate)
        for kind, size, replicate in [
            *(("none", 16, 1), ("batch", 16, 1), ("layer", 16, 1)),
            *(("none", 16, 2), ("batch", 16, 2), ("batch", 8, 1)),
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
    first_epoch = next(stretches(probes["none", 16, 1].trainer.settings, 40, SEED, 1)).order
    assert (first.order.numpy() != first_epoch).any()
    for row, label in zip(first.x.numpy(), first.y.numpy(), strict=True):
        place = np.abs(prepared.x_train - row).sum(axis=1).argmin()
        np.testing.assert_allclose(prepared.x_train[place], row, rtol=1e-6)
        assert prepared.y_train[place] == label


def test_step_times(prepared, monkeypatch):
    """A row a round for each variant, in this loop and in Keras's."""
    from bnmatrix.training.keras import step_time

    monkeypatch.setattr(step_time, "ROUNDS", 3)
    monkeypatch.setattr(step_time, "STEPS", 4)
    variants = {
        "plain": settings(hidden_layers=[8], batch_size=16),
        "normalized": settings(hidden_layers=[8], batch_size=16, normalization="batch"),
        "tuned": settings(hidden_layers=[8], batch_size=40, tuned=True, optimizer="momentum"),
    }
    spec = {
        "seed": SEED,
        "variants": [{"variant": name, "settings": own} for name, own in variants.items()],
    }
    found = step_time.step_times(spec, prepared)
    assert list(found) == list(variants)
    for rows in found.values():
        assert [(row["replicate"], row["part"]) for row in rows] == [
            (number, part) for number in (1, 2, 3) for part in ("loop", "fit")
        ]
        assert all(row["measure"] == "seconds_per_step" and row["step"] == 4 for row in rows)
        assert all(row["value"] > 0 for row in rows)


def test_step_times_of_a_strip_are_a_table_of_their_own(prepared, monkeypatch):
    from bnmatrix.training.keras import step_time
    from bnmatrix.training.keras.framework import KERAS
    from bnmatrix.training.replicates import train_strip

    monkeypatch.setattr(step_time, "ROUNDS", 2)
    monkeypatch.setattr(step_time, "STEPS", 3)
    chosen = settings(hidden_layers=[8], batch_size=16)
    spec = {
        **{"study": "test", "dataset": "d", "axes": ["normalization", "batch_size"], "seed": 0},
        **{"replicates": 1, "tuning": None, "measures": {"step_time": ["last"]}},
        "predictions": False,
        "variants": [{"variant": "v", "baseline": None, "settings": chosen}],
    }
    tables = train_strip(spec, prepared, KERAS, threads=1).tables
    assert list(tables["step_times"]["part"]) == ["loop", "fit"] * 2
    assert (tables["step_times"]["variant"] == "v").all()
    assert tables["measurements"].empty
