"""The training, validation and test examples of each replicate."""

import numpy as np
import pytest
from conftest import settings
from support import SEED, small_digits

from bnmatrix.datasets.data import Prepared
from bnmatrix.training.examples import examples_of
from bnmatrix.training.minibatches import total_steps
from bnmatrix.training.seeds import Streams


@pytest.fixture(scope="module")
def digits() -> Prepared:
    return small_digits()


def test_training_subset_is_fixed_and_nested(digits):
    """A smaller subset is the beginning of a larger one, with its labels."""
    small, large, every = (
        examples_of(digits, settings(training_examples=n), Streams(SEED, 1)) for n in (50, 120, 300)
    )
    np.testing.assert_array_equal(small.x_train, large.x_train[:50])
    np.testing.assert_array_equal(small.y_train, every.y_train[:50])
    assert (small.x_train != digits.x_train[:50]).any()
    again = examples_of(digits, settings(training_examples=50), Streams(SEED, 2))
    np.testing.assert_array_equal(small.x_train, again.x_train)
    assert total_steps(settings(training_examples=50, batch_size=20), len(small.x_train)) == 3


def test_training_subset_as_the_examples_come(digits):
    chosen = settings(training_examples=50, training_take="first", input_scaling="standardized")
    first = examples_of(digits, chosen, Streams(SEED, 1))
    np.testing.assert_array_equal(first.x_train, digits.x_train[:50])
    np.testing.assert_array_equal(first.y_train, digits.y_train[:50])
    np.testing.assert_allclose(first.scaling.shift, digits.x_train[:50].mean(axis=0))
    np.testing.assert_array_equal(first.x_test, digits.x_test)


def numbered(examples, classes=3):
    """Return data whose only feature is the example's number, in classes of unequal sizes."""
    x = np.arange(examples, dtype=np.float64)[:, None]
    y = np.sort(np.random.default_rng(1).integers(classes, size=examples).astype(np.int32))
    one, two = examples // 2, examples * 3 // 4
    return Prepared(x[:one], y[:one], x[one:two], y[one:two], x[two:], y[two:], classes, 0.0)


@pytest.mark.parametrize("take", ["random", "last"])
def test_folds_test_every_example_once_a_repeat(take):
    """Folds are stratified, parts do not overlap, and all training parts have the same size."""
    prepared, folds = numbered(103), 7
    labels = np.concatenate([prepared.y_train, prepared.y_validation, prepared.y_test])
    chosen = settings(
        folds=folds, validation={"fraction": 0.2, "take": take}, input_scaling="standardized"
    )
    found = [examples_of(prepared, chosen, Streams(SEED, k)) for k in range(1, 2 * folds + 1)]
    for repeat in (found[:folds], found[folds:]):
        tested = np.concatenate([part.x_test[:, 0] for part in repeat])
        assert sorted(tested) == list(range(103))
        counts = np.array([np.bincount(part.y_test, minlength=3) for part in repeat])
        assert (np.ptp(counts, axis=0) <= 1).all()
    assert set(found[0].x_test[:, 0]) != set(found[folds].x_test[:, 0])
    for part in found:
        numbers = [part.x_train[:, 0], part.x_validation[:, 0], part.x_test[:, 0]]
        together = np.concatenate(numbers).astype(int)
        assert len(set(together)) == len(together)
        given = np.concatenate([part.y_train, part.y_validation, part.y_test])
        np.testing.assert_array_equal(given, labels[together])
        assert part.scaling.shift == pytest.approx(part.x_train.mean())
    # The largest fold has 15 of 103; a fifth of the 88 others is for validation.
    assert {(len(p.x_train), len(p.x_validation)) for p in found} == {(70, 18)}
    assert {len(part.x_test) for part in found} == {14, 15}
