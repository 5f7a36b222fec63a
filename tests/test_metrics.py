"""The metrics of the test part, against scikit-learn."""

import math

import numpy as np
import pytest
from sklearn import metrics as known

from bnmatrix.tables.example_groups import GROUPS, groups_of
from bnmatrix.tables.metrics import BY_GROUP, METRICS
from bnmatrix.training import testing
from bnmatrix.training.scores import expected_calibration_error, probabilities

NONE = np.zeros(0, np.int64)


def classified(classes, shares=None, examples=400, seed=0):
    """Return logits and labels; a third of the labels is what the logits say."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(examples, classes)).astype(np.float32) * 2
    y = rng.choice(classes, examples, p=shares).astype(np.int32)
    y[: examples // 3] = logits[: examples // 3].argmax(axis=1)
    return logits, y


def rounded(classes, shares):
    """Return the same with many equal scores."""
    logits, y = classified(classes, shares)
    return np.round(logits), y


def by_scikit_learn(logits, y):
    """Return all metrics of classification that scikit-learn has."""
    shares, predicted = probabilities(logits), logits.argmax(axis=1)
    classes = range(logits.shape[1])
    several = {} if len(classes) == 2 else {"multi_class": "ovr"}
    score = shares[:, 1] if len(classes) == 2 else shares
    return {
        "test_balanced_accuracy": known.balanced_accuracy_score(y, predicted),
        "test_macro_f1": known.f1_score(y, predicted, average="macro"),
        "test_loss": known.log_loss(y, shares, labels=classes),
        "test_brier": known.brier_score_loss(y, shares, labels=classes, scale_by_half=True),
        "test_auc": known.roc_auc_score(y, score, **several),
    }


@pytest.mark.parametrize("drawn", [classified, rounded])
@pytest.mark.parametrize(
    ("classes", "shares"),
    [(2, None), (2, [0.97, 0.03]), (3, None), (4, [0.7, 0.2, 0.09, 0.01]), (10, None)],
)
def test_metrics_are_those_of_scikit_learn(drawn, classes, shares):
    logits, y = drawn(classes, shares)
    found = testing.tested_classifier(logits, y, NONE)
    for column, value in by_scikit_learn(logits, y).items():
        assert found.metrics[column] == pytest.approx(value, abs=1e-12), column
    expected = known.recall_score(y, logits.argmax(axis=1), average=None, zero_division=0)
    assert found.correct / found.tested == pytest.approx(expected)
    assert list(found.tested) == list(np.bincount(y, minlength=classes))


@pytest.mark.parametrize("drawn", [classified, rounded])
def test_metrics_without_each_group_are_those_of_the_other_examples(drawn):
    logits, y = drawn(3, [0.8, 0.15, 0.05])
    found = testing.tested_classifier(logits, y, NONE)
    group = groups_of(len(y), NONE, y)
    for number in range(GROUPS):
        rest = group != number
        expected = by_scikit_learn(logits[rest], y[rest])
        for place, column in enumerate(BY_GROUP):
            if column in expected:
                got = found.without[place, number]
                assert got == pytest.approx(expected[column], abs=1e-12), (column, number)


@pytest.mark.parametrize("classes", [2, 10])
def test_the_calibration_error_is_that_of_the_measure(classes):
    logits, y = classified(classes)
    found = testing.tested_classifier(logits, y, NONE).metrics["test_ece"]
    assert found == pytest.approx(expected_calibration_error(probabilities(logits), y))


def test_calibration_error_by_hand():
    """Of four answers with confidence 0.8, three are right; of two with 0.6, none is."""
    sure, doubt = math.log(0.8 / 0.2), math.log(0.6 / 0.4)
    logits = np.array([[sure, 0]] * 4 + [[doubt, 0]] * 2, np.float32)
    y = np.array([0, 0, 0, 1, 1, 1], np.int32)
    found = testing.tested_classifier(logits, y, NONE).metrics["test_ece"]
    assert found == pytest.approx(4 / 6 * 0.05 + 2 / 6 * 0.6, abs=1e-7)


def test_bins_of_confidence_include_their_upper_end():
    """Guo et al. 2017: bins are ((m − 1)/M, m/M]; both ends of one bin never share it."""
    logits = np.array([[0, 0, 0, 0, 0], [100, 0, 0, 0, 0]], np.float32)
    y = np.array([0, 0], np.int32)
    # Confidence 1/5 = 3/15 is right, and so is confidence 1.
    found = testing.tested_classifier(logits, y, NONE).metrics["test_ece"]
    assert found == pytest.approx((0.8 + 0) / 2, abs=1e-7)


def test_classes_without_test_examples_have_no_recall_and_no_area():
    logits, y = classified(3)
    y[y == 2] = 1
    found = testing.tested_classifier(logits, y, NONE)
    with pytest.warns(UserWarning, match="y_pred contains classes"):
        expected = known.balanced_accuracy_score(y, logits.argmax(axis=1))
    assert found.metrics["test_balanced_accuracy"] == pytest.approx(expected)
    assert math.isnan(found.metrics["test_auc"])
    assert found.tested[2] == 0


def test_a_class_of_one_example_has_no_recall_without_it():
    logits, y = classified(2)
    y[:] = 0
    y[7] = 1
    found = testing.tested_classifier(logits, y, NONE)
    place = BY_GROUP.index("test_balanced_accuracy")
    assert np.isnan(found.without[place]).sum() == 1


def test_regression_is_that_of_scikit_learn():
    rng = np.random.default_rng(0)
    y = rng.normal(100, 20, 200)
    predicted = y + rng.normal(0, 5, 200)
    found = testing.tested_regressor(predicted, y, NONE)
    assert found.metrics == {
        "test_r2": pytest.approx(known.r2_score(y, predicted)),
        "test_rmse": pytest.approx(known.root_mean_squared_error(y, predicted)),
    }
    group = groups_of(len(y), NONE)
    rest = group != 3
    r2 = found.without[BY_GROUP.index("test_r2"), 3]
    assert r2 == pytest.approx(known.r2_score(y[rest], predicted[rest]))
    assert np.isnan(found.without[BY_GROUP.index("test_ece")]).all()


def test_groups_have_equal_shares_of_each_class():
    y = np.repeat([0, 1], [980, 20]).astype(np.int32)
    group = groups_of(len(y), NONE, y)
    assert list(np.bincount(group)) == [50] * GROUPS
    assert list(np.bincount(group[y == 1])) == [1] * GROUPS


def test_clusters_stay_together():
    clusters = np.arange(300) // 10
    group = groups_of(300, clusters, np.zeros(300, np.int32))
    assert all(len(set(group[clusters == number])) == 1 for number in range(30))


@pytest.mark.parametrize("classes", [2, 5])
def test_a_diverged_run_counts_as_a_network_that_knows_nothing(classes):
    """All classes are equally probable; the classes of the test part are equally frequent."""
    logits = np.zeros((classes * 10, classes), np.float32)
    y = np.repeat(np.arange(classes), 10).astype(np.int32)
    found = testing.tested_classifier(logits, y, NONE).metrics
    for name in ("balanced_accuracy", "log_loss", "brier", "auc"):
        metric = METRICS[name]
        assert metric.of_nothing(classes) == pytest.approx(found[metric.column]), name
    assert METRICS["ece"].of_nothing(classes) == 1 - 1 / classes
