"""Initial weights: the distributions of Keras's initializers, in every framework the same."""

import numpy as np
import pytest
from scipy import stats

from bnmatrix import registry
from bnmatrix.training.initializers import INITIALIZERS, initial_weights

SHAPE = (60, 40)


def drawn(initializer, shape=SHAPE, draws=25):
    """Return the weights of so many layers of one shape."""
    return np.stack(initial_weights(initializer, [shape] * draws, seed=1, replicate=1))


@pytest.mark.parametrize("name", [*INITIALIZERS, {"normal": 0.3}], ids=str)
def test_the_distribution_is_keras_s(keras_framework, name):  # noqa: ARG001
    """60 000 weights of ours and of Keras's: one distribution, by Kolmogorov and Smirnov's test."""
    import keras

    if isinstance(name, dict):
        theirs = [keras.initializers.RandomNormal(stddev=0.3, seed=n) for n in range(25)]
    else:
        theirs = [type(keras.initializers.get(name))(seed=n) for n in range(25)]
    other = np.stack([np.asarray(initializer(SHAPE)) for initializer in theirs])
    ours = drawn(name)
    assert ours.dtype == np.float32
    assert stats.ks_2samp(ours.ravel(), other.ravel()).pvalue > 1e-4
    assert ours.std() == pytest.approx(other.std(), rel=0.02)
    assert np.abs(ours).max() == pytest.approx(np.abs(other).max(), rel=0.25)
    # A distribution that is a little wider is told apart.
    assert stats.ks_2samp(ours.ravel() * 1.1, other.ravel()).pvalue < 1e-4


@pytest.mark.parametrize("shape", [(30, 20), (20, 30), (8, 8)])
def test_orthogonal_matrices_are_orthonormal(shape):
    matrix = drawn("orthogonal", shape, draws=1)[0]
    small = matrix.T @ matrix if shape[0] >= shape[1] else matrix @ matrix.T
    np.testing.assert_allclose(small, np.eye(min(shape)), atol=1e-6)


def test_orthogonal_matrices_have_no_preferred_direction():
    """Without the sign of R's diagonal, the first weight would never be positive."""
    first = drawn("orthogonal", (5, 5), draws=400)[:, 0, 0]
    assert stats.binomtest(int((first > 0).sum()), len(first)).pvalue > 1e-4


def test_weights_follow_from_seed_replicate_and_layer_alone():
    shapes = [(6, 5), (5, 4), (4, 3)]
    first = initial_weights("he_normal", shapes, seed=1, replicate=1)
    again = initial_weights("he_normal", [(6, 5), (5, 9), (4, 3)], seed=1, replicate=1)
    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(first[2], again[2])
    for seed, replicate in ((2, 1), (1, 2)):
        other = initial_weights("he_normal", shapes, seed, replicate)
        assert not np.array_equal(first[0], other[0])
    equal = initial_weights("he_normal", [(6, 5)] * 2, seed=1, replicate=1)
    assert not np.array_equal(*equal)


def test_studies_can_choose_each():
    assert set(registry.INITIALIZERS) == set(INITIALIZERS)
