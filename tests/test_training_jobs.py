"""The tables that a training job writes."""

import dataclasses
from typing import get_args, get_type_hints

import numpy as np
import pandas as pd
import pytest
from conftest import settings
from support import SEED, job_spec, small_digits, train

from bnmatrix.datasets.data import Prepared
from bnmatrix.tables.schema import TABLES
from bnmatrix.training.examples import examples_of
from bnmatrix.training.job import by_program
from bnmatrix.training.rows import VariantRows
from bnmatrix.training.seeds import Streams
from bnmatrix.training.spec import Tuning

pytestmark = pytest.mark.usefixtures("tensorflow")


@pytest.fixture(scope="module")
def digits() -> Prepared:
    return small_digits()


def rows_of(table, variant):
    """Return the rows of a variant, without its name."""
    rows = table[table["variant"] == variant].drop(columns="variant")
    return rows.reset_index(drop=True)


def test_replicates_differ_and_repeat(digits):
    outcome = train(digits, replicates=3, epochs=2, normalization="batch", dropout=0.2)
    again = train(digits, replicates=3, epochs=2, normalization="batch", dropout=0.2)
    assert outcome["runs"].equals(again["runs"])
    assert outcome["history"].equals(again["history"])
    assert outcome["runs"]["test_loss"].nunique() == 3
    assert list(outcome["runs"]["replicate"]) == [1, 2, 3]


def test_history_and_runs_agree(digits):
    outcome = train(digits, replicates=2, epochs=4, normalization="batch")
    assert list(outcome["history"]["epoch"]) == [1, 2, 3, 4] * 2
    assert list(outcome["history"]["step"]) == [10, 20, 30, 40] * 2
    last = outcome["history"].groupby("replicate").last()
    runs = outcome["runs"].set_index("replicate")
    for column in ("validation_loss", "train_accuracy", "train_loss_as_trained"):
        assert (last[column] == runs[column]).all()
    assert (runs["epochs_taken"] == 4).all()
    assert (runs["steps_taken"] == 40).all()
    # 64·16+16 + 16·8+8 + 8·10+10, and four values per unit with BN.
    assert (runs["parameters"] == 1040 + 136 + 90 + 4 * (16 + 8)).all()
    assert len(outcome["timings"]) == len(outcome["history"])


def test_divergence_is_an_outcome(digits):
    outcome = train(
        digits, replicates=2, epochs=5, optimizer="sgd", learning_rate=1e30, input_scaling="raw"
    )
    assert list(outcome["runs"]["status"]) == ["diverged", "diverged"]
    assert outcome["runs"][["test_accuracy", "test_loss"]].isna().all(axis=None)
    assert (outcome["runs"]["epochs_taken"] < 5).all()


def test_replicates_are_trained_on_their_folds(digits):
    """A cross-validated replicate equals the run on data with the split of its fold."""
    shared = {"input_scaling": "standardized", "epochs": 2, "normalization": "batch"}
    chosen = settings(folds=6, **shared)
    together = train(digits, replicates=3, folds=6, **shared)
    for replicate in (1, 3):
        part = examples_of(digits, chosen, Streams(SEED, replicate))
        data = Prepared(
            x_train=part.x_train.astype(np.float64),
            y_train=part.y_train,
            x_validation=part.x_validation.astype(np.float64),
            y_validation=part.y_validation,
            x_test=part.x_test.astype(np.float64),
            y_test=part.y_test,
            classes=10,
            maximum=16.0,
        )
        alone = train(data, replicates=replicate, **shared)
        for name in ("runs", "history"):
            ours, theirs = (
                table[table["replicate"] == replicate].reset_index(drop=True)
                for table in (together[name], alone[name])
            )
            pd.testing.assert_frame_equal(ours, theirs, check_exact=True)


@pytest.mark.slow
def test_variants_of_a_job_are_independent(digits):
    """Variants in one job do not affect each other, with a shared program or without."""
    variants = [
        {"learning_rate": 0.03},
        {"learning_rate": 1e20},
        {"learning_rate": 0.003},
        {"learning_rate": 0.003, "initializer": "he_normal"},
        {"learning_rate": 0.003, "normalization": "none"},
        {"tuned": True},
    ]
    shared = {
        "normalization": "batch",
        "optimizer": "momentum",
        "epochs": 2,
        "replicates": 2,
        "tuning": Tuning(rates=(0.001, 0.01, 0.1), replicates=2, widen=0),
        "measures": {"gradients": [3, "last"]},
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
    variants = job_spec(
        {"learning_rate": 0.1},
        {"batch_size": 16},
        {"tuned": True},
        {"initializer": {"normal": 0.1}},
        {"batch_size": 16, "learning_rate": 0.1},
    ).variants
    groups = [[v.name for v in group] for group in by_program(variants)]
    assert groups == [["v0", "v2", "v3"], ["v1", "v4"]]


@pytest.mark.parametrize(
    ("normalization", "dropout"),
    [
        pytest.param("none", 0.0, marks=pytest.mark.slow),
        pytest.param("batch", 0.0, marks=pytest.mark.slow),
        ("batch", 0.2),
    ],
)
def test_measures_do_not_change_a_run(digits, normalization, dropout):
    """Weights and scores stay the same with pauses for measures at and between evaluations."""
    steps = [0, 3, 4, 10, 17, "last"]
    measures = dict.fromkeys(
        ["gradients", "covariate_shift", "smoothness", "inference_modes", "order"], steps
    )
    shared = {"normalization": normalization, "dropout": dropout, "epochs": 2, "replicates": 2}
    plain, measured = train(digits, **shared), train(digits, measures=measures, **shared)
    as_trained = ["train_loss_as_trained"]
    for name in ("runs", "history"):
        # A pause splits this sum over mini-batches.
        without, beside = (table[name].drop(columns=as_trained) for table in (plain, measured))
        pd.testing.assert_frame_equal(without, beside, check_exact=True)
        np.testing.assert_allclose(plain[name][as_trained], measured[name][as_trained], rtol=1e-6)
    assert plain["measurements"].empty
    rows = measured["measurements"]
    taken = rows[rows["measure"] == "order_difference"]
    assert list(taken["step"]) == [0, 3, 4, 10, 17, 20] * 2
    assert list(taken["replicate"]) == [1] * 6 + [2] * 6
    assert np.isfinite(rows["value"]).all()


def test_a_run_writes_the_same_bytes_with_and_without_measures(digits):
    """This holds for measures at the steps of evaluations."""
    shared = {"normalization": "batch", "epochs": 2}
    measures = {"covariate_shift": [0, 10, "last"], "order": [0, "last"]}
    plain, measured = train(digits, **shared), train(digits, measures=measures, **shared)
    for name in ("runs", "history"):
        pd.testing.assert_frame_equal(plain[name], measured[name], check_exact=True)
    assert set(measured["measurements"]["step"]) == {0, 10, 20}


def test_rows_have_the_columns_of_their_tables():
    for name, rows in get_type_hints(VariantRows).items():
        (row,) = get_args(rows)
        columns = [column for column in TABLES[name] if column not in ("variant", "baseline")]
        assert list(row.__annotations__) == columns, name


def test_tables_have_their_columns(digits):
    tables = train(digits, {}, {"normalization": "batch"}, measures={"order": ["last"]})
    keys = ["study", "dataset", "normalization", "batch_size"]
    assert list(tables) == list(TABLES)
    for name, columns in TABLES.items():
        assert list(tables[name].columns) == [*keys, *columns]
    assert list(tables["runs"]["normalization"]) == ["none", "batch"]
    assert tables["step_times"].empty
    assert tables["predictions"].empty


def test_predictions_match_the_test_accuracy(digits):
    """One row per run and test example; the share of right rows is the test accuracy."""
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


def test_the_test_part_does_not_affect_training(digits):
    """Test examples that are a thousand times larger change only the test scores."""
    floats = {
        name: getattr(digits, name).astype(np.float64)
        for name in ("x_train", "x_validation", "x_test")
    }
    usual = dataclasses.replace(digits, **floats)
    odd = dataclasses.replace(usual, x_test=usual.x_test * 1000)
    a, b = (train(data, input_scaling="standardized") for data in (usual, odd))
    assert a["history"].equals(b["history"])
    assert (a["runs"]["test_loss"] != b["runs"]["test_loss"]).all()
