"""Regression: targets instead of classes, from the file to the metrics."""

import math
from pathlib import Path

import numpy as np
import pytest
from conftest import settings
from own_data import arrays_of, configure, look, prepared
from sklearn.datasets import load_diabetes
from sklearn.linear_model import LinearRegression
from sklearn.metrics import r2_score, root_mean_squared_error
from support import SEED, configured, job_spec, train

from bnmatrix.datasets.data import Prepared
from bnmatrix.datasets.splitting import Split
from bnmatrix.errors import UserError
from bnmatrix.plan.variants import variants
from bnmatrix.tables.example_groups import GROUPS
from bnmatrix.tables.metrics import BY_GROUP
from bnmatrix.training.examples import examples_of
from bnmatrix.training.seeds import Streams
from bnmatrix.training.settings import Settings

#: A target that the columns tell: 3 a − 2 b + noise.
TABLE = "a,b,price\n" + "".join(
    f"{row * 37 % 101},{row * 5 % 7},{3 * (row * 37 % 101) - 2 * (row * 5 % 7) + row * 0.37 % 1}\n"
    for row in range(400)
)
WHOLE = "a,b,price\n" + "".join(f"{r * 37 % 101},{r * 5 % 7},{r * 7 % 90}\n" for r in range(400))
PRICE = {"path": "own.csv", "target": "price"}
SQUARED = {"loss": "squared_error", "input_scaling": "standardized", "epochs": 30}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def diabetes() -> Prepared:
    x, y = load_diabetes(return_X_y=True)
    parts = np.split(np.random.default_rng(0).permutation(len(y)), [282, 352])
    named = zip(("train", "validation", "test"), parts, strict=True)
    arrays = {f"{k}_{n}": v[i] for n, i in named for k, v in (("x", x), ("y", y))}
    return Prepared(**arrays, classes=1, maximum=0.0)


# ------------------------------------------------------------------------------- the file


def test_numbers_that_are_not_whole_are_measurements_by_themselves():
    dataset = look(TABLE, target="price")
    assert (dataset.classes, dataset.outputs, dataset.primary) == ([], 1, "rmse")
    y = np.array([float(line.split(",")[2]) for line in TABLE.splitlines()[1:]])
    assert dataset.deviation == pytest.approx(y.std())
    assert dataset.margin == pytest.approx(0.01 * y.std(), rel=0.005)
    assert "is a measurement (regression), because it has many numbers" in dataset.reasons[0]
    arrays = arrays_of(dataset)
    assert arrays.y.dtype == np.float64
    assert arrays.y.tolist() == pytest.approx(y.tolist())
    assert dataset.test_split.take == "random"


def test_whole_numbers_are_measurements_if_the_entry_says_so():
    with pytest.raises(UserError, match="add `task: regression`"):
        look(WHOLE, target="price")
    dataset = look(WHOLE, target="price", task="regression", metric="r2", margin=0.02)
    assert (dataset.primary, dataset.margin, dataset.classes) == ("r2", 0.02, [])
    assert "as `task` says" in dataset.reasons[0]
    whole = WHOLE + WHOLE.partition("\n")[2]
    assert len(look(whole, target="price", classes=True).classes) == 90


def test_few_numbers_are_neither_without_being_asked():
    table = "a,b,price\n" + "".join(f"{r * 37 % 101},{r % 7},{r % 5 / 2}\n" for r in range(200))
    with pytest.raises(UserError, match="look like measurements"):
        look(table, target="price")
    assert look(table, target="price", task="regression").classes == []


@pytest.mark.parametrize(
    ("content", "entry", "message"),
    [
        (TABLE.replace("\n0,0,0.0\n", "\n0,0,cheap\n"), {"task": "regression"}, "'cheap' is not a"),
        (TABLE.replace("\n0,0,0.0\n", "\n0,0,inf\n"), {"task": "regression"}, "infinite or beyond"),
        ("a,price\n1,2.5\n3,3.5\n", {"task": "regression"}, "2 examples are too few"),
        ("a,price\n" + "1,2\n2,2\n" * 30, {"task": "regression"}, "there is nothing to predict"),
        (TABLE, {"metric": "accuracy"}, "the task of this data set is regression; use one of rmse"),
        (TABLE, {"task": "regression", "classes": True}, "classes: is for classes, and `task`"),
    ],
)
def test_what_cannot_be_predicted_is_refused(content, entry, message):
    with pytest.raises(UserError, match=message):
        look(content, target="price", **entry)


def test_a_column_that_orders_as_the_target_is_doubted():
    (doubt,) = look(TABLE, target="price").doubts[:1]
    assert "column 'a' (0.99" in doubt
    assert "`exclude: [a]`" in doubt


def test_groups_of_a_regression_stay_together():
    table = "a,who,price\n" + "".join(f"{r * 37 % 101},p{r % 20},{r * 0.37}\n" for r in range(400))
    dataset = look(table, target="price", group="who")
    split = prepared(dataset, Split(fraction=0.2))
    assert len(split.groups_test) == len(split.y_test) == dataset.train_and_test()[1]
    assert dataset.grouped


# ------------------------------------------------------------------------------ the study


def test_defaults_fit_a_regression(folder):
    project = configure(folder, PRICE, None, TABLE)
    study, chosen = project.study("own"), variants(project, "own")[0].settings
    assert (chosen.loss, study.tuning.objective, study.measures) == ("squared_error", "loss", {})
    assert (chosen.validation.take, chosen.folds) == ("random", 5)
    claims = {name for name, claim in project.claims.items() if claim.own}
    assert claims == {"generalization", "small-batch", "batch-speed", "overhead"}
    own = project.claims["generalization"].own[0]
    assert (own.direction, own.written_unit) == ("less", "target units")
    assert own.margin == project.dataset_of("own").margin


@pytest.mark.parametrize(
    ("study", "message"),
    [
        ({"settings": {"loss": "cross_entropy"}}, "which need `loss: squared_error`"),
        ({"settings": {"validation": {"fraction": 0.2, "take": "stratified"}}}, "use `random`"),
        ({"measures": {"inference_modes": ["last"]}}, "leave `measures` out"),
        ({"tuning": {"objective": "final"}}, "use `loss`"),
        ({"settings": {"class_weights": "balanced"}}, "has no classes"),
    ],
)
def test_what_needs_classes_is_refused(folder, study, message):
    with pytest.raises(UserError, match=message):
        configure(folder, PRICE, study, TABLE)


def test_a_squared_error_needs_measurements(folder):
    few = "a,b,kind\n" + "".join(f"{r * 37 % 101},{r % 7},{r % 2}\n" for r in range(300))
    with pytest.raises(UserError, match="has classes, which need `loss: cross_entropy`"):
        entry = {"path": "own.csv", "target": "kind"}
        configure(folder, entry, {"settings": {"loss": "squared_error"}}, few)


# --------------------------------------------------------------------------- the training


def test_targets_are_standardized_on_the_training_examples(diabetes):
    found = examples_of(diabetes, settings(**SQUARED), Streams(SEED, 1))
    assert found.y_train.mean() == pytest.approx(0, abs=1e-12)
    assert found.y_train.std() == pytest.approx(1)
    expected = (diabetes.y_test - diabetes.y_train.mean()) / diabetes.y_train.std()
    assert found.y_test == pytest.approx(expected)


@pytest.mark.usefixtures("tensorflow")
def test_metrics_are_those_of_the_predictions(diabetes):
    """R² and RMSE against scikit-learn, from the raw outputs of the same network."""
    from bnmatrix.training.program import Program

    chosen = settings(**SQUARED, hidden_layers=[16, 8], normalization="batch")
    program = Program(chosen, diabetes, SEED, configured("keras"))
    program.run(chosen, chosen.learning_rate, 1)
    outputs = program.trainer.logits(program.test)[:, 0].astype(np.float64)
    predicted = outputs * diabetes.y_train.std() + diabetes.y_train.mean()

    tables = train(diabetes, normalization="batch", **SQUARED)
    (run,) = tables["runs"].to_dict("records")
    assert run["test_r2"] == pytest.approx(r2_score(diabetes.y_test, predicted), abs=1e-9)
    rmse = root_mean_squared_error(diabetes.y_test, predicted)
    assert run["test_rmse"] == pytest.approx(rmse, rel=1e-9)
    expected = np.mean((predicted - diabetes.y_test) ** 2) / diabetes.y_train.var()
    assert run["test_loss"] == pytest.approx(expected, rel=1e-6)
    for column in ("test_accuracy", "test_auc", "validation_accuracy", "train_accuracy"):
        assert math.isnan(run[column]), column
    (row,) = tables["correctness"].to_dict("records")
    without = np.frombuffer(row["without"], "<f8").reshape(len(BY_GROUP), GROUPS)
    assert np.isfinite(without[BY_GROUP.index("test_rmse")]).all()
    assert tables["predictions"].empty


@pytest.mark.usefixtures("tensorflow")
@pytest.mark.parametrize(("normalization", "apart"), [("none", 0.12), ("batch", 0.2)])
def test_a_network_predicts_about_as_well_as_least_squares(diabetes, normalization, apart):
    """The known answer of these data: a linear model explains a third of the variance."""
    tables = train(diabetes, normalization=normalization, replicates=2, **SQUARED)
    linear = LinearRegression().fit(diabetes.x_train, diabetes.y_train)
    known = r2_score(diabetes.y_test, linear.predict(diabetes.x_test))
    assert tables["runs"]["test_r2"].tolist() == pytest.approx([known] * 2, abs=apart)


@pytest.mark.usefixtures("tensorflow")
def test_replicates_draw_and_tune(diabetes):
    from bnmatrix.training.spec import Tuning

    tuning = Tuning(rates=(0.001, 0.01, 0.1), replicates=1, coarse=1, widen=0, objective="loss")
    chosen = SQUARED | {"epochs": 3, "folds": 4, "tuned": True}
    tables = train(diabetes, replicates=6, tuning=tuning, **chosen)
    assert tables["runs"]["test_r2"].nunique() == 6
    rates = tables["tuning"].drop_duplicates(["block", "rate"])
    best = rates.loc[rates.groupby("block")["tuning_objective"].idxmax()]
    assert best["chosen"].all()
    assert (rates["tuning_objective"] < 0).all(), "losses, with the other sign"


@pytest.mark.usefixtures("tensorflow")
def test_a_diverged_regression_is_an_outcome(diabetes):
    tables = train(diabetes, optimizer="sgd", learning_rate=1e30, **SQUARED)
    assert tables["runs"]["status"].tolist() == ["diverged"]
    assert tables["runs"][["test_r2", "test_rmse", "test_loss"]].isna().all(axis=None)


OWN = """
import keras


def build(shape, outputs, normalization):
    inputs = keras.Input(shape)
    hidden = normalization(16)(keras.layers.Dense(16)(inputs))
    return keras.Model(inputs, keras.layers.Dense(outputs)(keras.layers.Activation("relu")(hidden)))
"""


@pytest.mark.usefixtures("tensorflow")
def test_a_network_of_ones_own_is_asked_for_one_output(diabetes):
    Path("own_network.py").write_text(OWN)
    own = {"network": {"own": "own_network.py:build"}, "normalization": "batch"}
    tables = train(diabetes, **own, **SQUARED | {"epochs": 60, "learning_rate": 0.01})
    assert tables["runs"]["test_r2"].iloc[0] > 0.2


def test_keras_and_pytorch_take_the_same_steps(diabetes):
    pytest.importorskip("torch", reason="PyTorch is not installed: make torch")
    from bnmatrix.training.program import Program

    found = {}
    for framework in ("keras", "torch"):
        chosen = settings(
            **SQUARED, framework=framework, normalization="batch", hidden_layers=[16, 8]
        )
        program = Program(chosen, diabetes, SEED, configured(framework))
        run = program.run(chosen, chosen.learning_rate, 1)
        found[framework] = [row["train_loss_as_trained"] for row in run.history]
        assert math.isnan(run.history[-1]["train_accuracy_as_trained"])
    assert found["keras"] == pytest.approx(found["torch"], rel=1e-3)


def test_a_regression_is_a_setting():
    assert Settings(epochs=1, loss="squared_error").regression
    assert not Settings(epochs=1).regression
    assert job_spec({"loss": "squared_error"}, epochs=1).variants[0].settings.regression
