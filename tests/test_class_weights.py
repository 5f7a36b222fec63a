"""Weights of classes in the loss: values, both frameworks, and what they cost and do."""

import numpy as np
import pytest
from conftest import settings
from pydantic import ValidationError
from sklearn.utils.class_weight import compute_class_weight
from support import SEED, configured, train

from bnmatrix.datasets.data import Prepared
from bnmatrix.training.class_weights import balanced_weights
from bnmatrix.training.scores import scores
from bnmatrix.training.settings import Settings

USUAL = {"hidden_layers": [16, 8], "batch_size": 32, "input_scaling": "standardized"}


@pytest.fixture(scope="module")
def rare() -> Prepared:
    """Return 1 000 examples, a twentieth of which are of a class that overlaps with the other."""
    rng = np.random.default_rng(0)
    y = (rng.random(1000) < 0.05).astype(np.int32)
    x = rng.normal(size=(1000, 5)) + 1.2 * y[:, None]
    parts = np.split(np.arange(1000), [600, 800])
    named = zip(("train", "validation", "test"), parts, strict=True)
    arrays = {f"{k}_{n}": v[i] for n, i in named for k, v in (("x", x), ("y", y))}
    return Prepared(**arrays, classes=2, maximum=0.0)


def test_weights_are_those_of_scikit_learn():
    y = np.repeat([0, 1, 2], [70, 25, 5]).astype(np.int32)
    known = compute_class_weight("balanced", classes=np.arange(3), y=y)
    assert balanced_weights(y, 3) == pytest.approx(known)
    assert balanced_weights(y, 3)[y].mean() == pytest.approx(1)
    assert balanced_weights(y, 4)[3] == 0, "no examples"


def test_a_regression_has_no_classes_to_weight():
    with pytest.raises(ValidationError, match="class_weights: a regression"):
        Settings(epochs=1, class_weights="balanced", loss="squared_error")


def test_losses_are_weighted_and_accuracies_are_not():
    logits = np.array([[2, 0], [0, 1], [0, 0]], np.float32)
    y = np.array([0, 0, 1], np.int32)
    alone = [scores(logits[[n]], y[[n]])[0] for n in range(3)]
    loss, accuracy = scores(logits, y, np.array([0.75, 1.5]))
    assert loss == pytest.approx((0.75 * alone[0] + 0.75 * alone[1] + 1.5 * alone[2]) / 3)
    assert accuracy == scores(logits, y)[1]


@pytest.mark.usefixtures("tensorflow")
def test_the_loop_takes_the_steps_of_keras_fit(rare):
    """Against plain Keras: one step of SGD on all examples, with sample weights."""
    import keras

    from bnmatrix.training.program import Program

    chosen = settings(
        **USUAL | {"batch_size": 600},
        class_weights="balanced",
        optimizer="sgd",
        learning_rate=0.1,
        epochs=1,
    )
    program = Program(chosen, rare, SEED, configured("keras"))
    program.start(chosen, chosen.learning_rate, 1)
    twin = keras.models.clone_model(program.trainer.network)
    twin.set_weights(program.trainer.network.get_weights())
    entropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    twin.compile(keras.optimizers.SGD(0.1), entropy)
    x = program.current.scaling.apply(rare.x_train)
    weights = balanced_weights(rare.y_train, 2)
    twin.train_on_batch(x, rare.y_train, sample_weight=weights[rare.y_train])
    program.run(chosen, chosen.learning_rate, 1)
    pairs = zip(program.trainer.network.get_weights(), twin.get_weights(), strict=True)
    assert all(ours == pytest.approx(theirs, abs=1e-6) for ours, theirs in pairs)


@pytest.mark.usefixtures("tensorflow")
def test_the_rare_class_is_recognized_more_often(rare):
    tables = train(rare, {}, {"class_weights": "balanced"}, **USUAL, epochs=20, replicates=3)
    runs = tables["runs"].groupby("variant")[["test_balanced_accuracy", "test_accuracy"]].mean()
    gain = runs.loc["v1"] - runs.loc["v0"]
    assert gain["test_balanced_accuracy"] > 0.05
    assert gain["test_accuracy"] < 0, "at the expense of the other class"


@pytest.mark.usefixtures("tensorflow")
def test_each_draw_of_examples_has_its_own_weights(rare):
    from bnmatrix.training.program import Program

    chosen = settings(**USUAL, class_weights="balanced", epochs=1, redraw=True)
    program = Program(chosen, rare, SEED, configured("keras"))
    found = []
    for replicate in (1, 2):
        program.start(chosen, chosen.learning_rate, replicate)
        found.append(program.trainer._class_weights.numpy())
        expected = balanced_weights(program.current.y_train, 2)
        assert found[-1] == pytest.approx(expected, rel=1e-6)
    assert found[0][1] != found[1][1]


@pytest.mark.usefixtures("tensorflow")
def test_without_weights_nothing_is_added(rare):
    from bnmatrix.training.program import Program

    program = Program(settings(**USUAL, epochs=1), rare, SEED, configured("keras"))
    assert program.trainer._class_weights is None


@pytest.mark.parametrize("loss", ["cross_entropy", "softmax_twice"])
def test_keras_and_pytorch_take_the_same_steps(rare, loss):
    pytest.importorskip("torch", reason="PyTorch is not installed: make torch")
    from bnmatrix.training.program import Program

    found = {}
    for framework in ("keras", "torch"):
        chosen = settings(
            **USUAL,
            framework=framework,
            normalization="batch",
            class_weights="balanced",
            loss=loss,
            epochs=4,
        )
        run = Program(chosen, rare, SEED, configured(framework)).run(chosen, 0.001, 1)
        found[framework] = [
            row[name]
            for row in run.history
            for name in ("train_loss_as_trained", "validation_loss", "train_loss")
        ]
    assert found["keras"] == pytest.approx(found["torch"], rel=1e-3)
