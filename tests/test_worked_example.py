"""The worked example of the theory page, against Keras's layer."""

import numpy as np
import pytest

from bnmatrix.report import worked_example as example

pytestmark = pytest.mark.usefixtures("tensorflow")


@pytest.fixture
def layer():
    import keras

    layer = keras.layers.BatchNormalization(momentum=example.MOMENTUM, epsilon=example.EPSILON)
    layer.build((None, 2))
    layer.gamma.assign(example.GAMMA)
    layer.beta.assign(example.BETA)
    return layer


def test_each_step_equals_that_of_keras_layers(layer):
    import keras

    dense = keras.layers.Dense(2)
    dense.build((None, 2))
    dense.set_weights([example.WEIGHTS, example.BIAS])
    z = dense(example.X)
    steps = example.normalize(example.pre_activation(example.X))
    np.testing.assert_allclose(steps.z, z, atol=1e-5)
    y = layer(z, training=True)
    np.testing.assert_allclose(steps.scaled, y, atol=1e-4)
    np.testing.assert_allclose(steps.activation, keras.activations.relu(y), atol=1e-4)
    np.testing.assert_allclose(steps.normalized, (y - example.BETA) / example.GAMMA, atol=1e-4)
    assert (steps.scaled < 0).any(), "ReLU must have something to do"


def test_moving_averages_equal_those_of_keras(layer):
    for rows, averages in zip(example.MINIBATCHES, example.moving_averages(), strict=True):
        layer(example.pre_activation(example.X[list(rows)]), training=True)
        np.testing.assert_allclose(averages.moving_mean, layer.moving_mean, atol=1e-5)
        np.testing.assert_allclose(averages.moving_variance, layer.moving_variance, atol=1e-5)
    z = example.pre_activation(example.X[:1])
    found = example.normalize(z, averages.moving_mean, averages.moving_variance)
    np.testing.assert_allclose(found.scaled, layer(z, training=False), atol=1e-5)


def test_the_backward_pass_equals_that_of_keras(layer):
    import tensorflow as tf

    steps = example.normalize(example.pre_activation(example.X))
    z = tf.constant(steps.z, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(z)
        loss = tf.reduce_sum(layer(z, training=True) * example.UPSTREAM)
    gradients = tape.gradient(loss, [z, layer.gamma.value, layer.beta.value])
    found = example.backward(steps, example.UPSTREAM)
    for ours, theirs in zip((found.z, found.gamma, found.beta), gradients, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=2e-4)
    np.testing.assert_allclose(found.z.sum(axis=0), 0, atol=1e-12)


def test_the_folded_layer_computes_both_layers():
    last = example.moving_averages()[-1]
    weights, bias = example.fold(last.moving_mean, last.moving_variance)
    z = example.pre_activation(example.X)
    both = example.normalize(z, last.moving_mean, last.moving_variance).scaled
    np.testing.assert_allclose(example.X @ weights + bias, both, atol=1e-12)


def test_the_page_shows_these_numbers(project):
    from bnmatrix.report.pages.theory import theory_page

    page = theory_page(project, None, ["index"])
    steps = example.normalize(example.pre_activation(example.X))
    shown = [*steps.normalized.flat, *steps.scaled.flat, *steps.activation.flat]
    shown += [*example.backward(steps, example.UPSTREAM).z.flat]
    for averages in example.moving_averages():
        shown += [*averages.moving_mean, *averages.moving_variance]
    for value in shown:
        assert f">{value:.4f}</td>".replace("-", "−") in page
