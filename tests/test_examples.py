"""The training, validation and test examples of each replicate."""

import numpy as np
import pytest
from conftest import settings
from support import SEED, small_digits

from bnmatrix.datasets.data import Prepared
from bnmatrix.training.examples import examples_of
from bnmatrix.training.minibatches import total_steps
from bnmatrix.training.seeds import Streams
from bnmatrix.training.spec import Tuning


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


@pytest.mark.parametrize("training", [None, 30])
@pytest.mark.parametrize("shared_by", [1, 3, 4])
def test_no_example_that_tunes_a_rate_tests_a_replicate_that_has_it(shared_by, training):
    """Of the blocks that tuning uses: replicates that share a rate train apart from all tests."""
    prepared, folds = numbered(103), 4
    chosen = settings(folds=folds, training_examples=training, tuned=True)
    tuning = Tuning(shared_by=shared_by)
    blocks = {}
    for k in range(1, 2 * folds * shared_by + 1):
        part = examples_of(prepared, chosen, Streams(SEED, k), shared_by)
        blocks.setdefault(tuning.block(k), []).append(part)
    for members in blocks.values():
        seen = {*np.concatenate([[*p.x_train[:, 0], *p.x_validation[:, 0]] for p in members])}
        tested = {*np.concatenate([p.x_test[:, 0] for p in members])}
        assert not seen & tested
        assert len({tuple(p.x_train[:, 0]) for p in members}) == len(members), "own draws"
    ends = [sorted(p.x_test[:, 0]) for members in blocks.values() for p in members[-1:]]
    for repeat in (ends[:folds], ends[folds:]):
        assert sorted(np.concatenate(repeat)) == list(range(103)), "blocks test all examples"


def drawn(prepared, replicates, **changes):
    """Return the examples of the first replicates, if each draws its own."""
    chosen = settings(redraw=True, **changes)
    return [examples_of(prepared, chosen, Streams(SEED, k)) for k in range(1, replicates + 1)]


def test_replicates_draw_disjoint_examples_until_the_part_is_used_up():
    """77 examples for training and validation: three draws of 15 + 5, and then another order."""
    prepared = numbered(103)
    found = drawn(prepared, 7, training_examples=15, validation={"examples": 5})
    used = [{*part.x_train[:, 0], *part.x_validation[:, 0]} for part in found]
    labels = np.concatenate([prepared.y_train, prepared.y_validation, prepared.y_test])
    for part, numbers in zip(found, used, strict=True):
        assert (len(part.x_train), len(part.x_validation), len(numbers)) == (15, 5, 20)
        assert max(numbers) < 77
        np.testing.assert_array_equal(part.y_train, labels[part.x_train[:, 0].astype(int)])
        np.testing.assert_array_equal(part.x_test, prepared.x_test)
        np.testing.assert_array_equal(part.tested, np.arange(26))
        assert part.testable == 26
    for round_ in (used[:3], used[3:6]):
        assert len(set().union(*round_)) == 60
    assert used[0] != used[3] and used[0] & used[3]


def test_draws_of_all_examples_overlap_and_differ():
    prepared = numbered(103)
    one, two = drawn(prepared, 2, validation={"fraction": 0.2, "take": "stratified"})
    assert len(one.x_train) == 61 and len(one.x_validation) == 16
    assert set(one.x_train[:, 0]) != set(two.x_train[:, 0])


def test_draws_are_those_of_the_replicate_whatever_is_tuned_or_normalized(digits):
    """Both arms of a pair, and the runs that tune a replicate's rate, share the examples."""
    shared = {"training_examples": 40, "validation": {"examples": 20}}
    plain, other = (
        examples_of(digits, settings(redraw=True, **shared, **more), Streams(SEED, 3, attempt))
        for more, attempt in (({}, 0), ({"normalization": "batch", "tuned": True}, 12))
    )
    np.testing.assert_array_equal(plain.x_train, other.x_train)
    np.testing.assert_array_equal(plain.x_validation, other.x_validation)


def test_which_examples_a_fold_tests():
    """Positions are those of all examples, and the examples at these positions are tested."""
    prepared = numbered(103)
    x = np.concatenate([prepared.x_train, prepared.x_validation, prepared.x_test])
    for k in range(1, 8):
        part = examples_of(prepared, settings(folds=7), Streams(SEED, k))
        assert part.testable == 103
        np.testing.assert_array_equal(x[part.tested], part.x_test)
