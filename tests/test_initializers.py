"""Initial weights: the distributions of Keras's initializers, equal in all frameworks."""

import numpy as np
import pytest
from conftest import settings
from scipy import stats

from bnmatrix.training.initializers import INITIALIZERS, NormalInitializer, initial_weights
from bnmatrix.training.seeds import Streams

SHAPE = (60, 40)


def drawn(initializer, shape=SHAPE, draws=25):
    """Return the weights of several layers of one shape."""
    return np.stack(initial_weights(initializer, [shape] * draws, Streams(1, 1)))


@pytest.mark.parametrize("name", [*INITIALIZERS, NormalInitializer(normal=0.3)], ids=str)
def test_distributions_equal_those_of_keras(keras_framework, name):  # noqa: ARG001
    """The Kolmogorov–Smirnov test finds no difference between 60 000 weights of each."""
    import keras

    if isinstance(name, NormalInitializer):
        theirs = [keras.initializers.RandomNormal(stddev=0.3, seed=n) for n in range(25)]
    else:
        theirs = [type(keras.initializers.get(name))(seed=n) for n in range(25)]
    other = np.stack([np.asarray(initializer(SHAPE)) for initializer in theirs])
    ours = drawn(name)
    assert ours.dtype == np.float32
    assert stats.ks_2samp(ours.ravel(), other.ravel()).pvalue > 1e-4
    assert ours.std() == pytest.approx(other.std(), rel=0.02)
    assert np.abs(ours).max() == pytest.approx(np.abs(other).max(), rel=0.25)
    # The test detects a slightly wider distribution.
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


def test_weights_depend_only_on_seed_replicate_and_layer():
    shapes = [(6, 5), (5, 4), (4, 3)]
    first = initial_weights("he_normal", shapes, Streams(1, 1))
    again = initial_weights("he_normal", [(6, 5), (5, 9), (4, 3)], Streams(1, 1))
    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(first[2], again[2])
    for seed, replicate in ((2, 1), (1, 2)):
        other = initial_weights("he_normal", shapes, Streams(seed, replicate))
        assert not np.array_equal(first[0], other[0])
    equal = initial_weights("he_normal", [(6, 5)] * 2, Streams(1, 1))
    assert not np.array_equal(*equal)


@pytest.mark.parametrize("name", INITIALIZERS)
def test_studies_can_choose_each(name):
    assert settings(initializer=name).initializer == name
