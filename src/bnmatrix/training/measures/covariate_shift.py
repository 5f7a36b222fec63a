"""Internal covariate shift, by two definitions."""

import math
from collections.abc import Iterator

import numpy as np

from bnmatrix.training.measures.norms import norm
from bnmatrix.training.measures.probe import Moments, Probe
from bnmatrix.training.measures.registry import Values, measure

#: Examples that moments of a layer's inputs are taken over, at most.
_MOMENT_EXAMPLES = 512

#: Variance up to which an input counts as one that does not vary.
_NO_VARIANCE = 1e-12


@measure("shift_norm", "shift_cosine", "input_mean_drift", "input_variance_drift")
def covariate_shift(probe: Probe) -> Values:
    """Yield internal covariate shift by two definitions, for every layer from the second.

    ``shift_norm`` and ``shift_cosine`` are Santurkar et al. 2018, definition 2.1: the norm of the
    difference, and the cosine, between a layer's gradient on the mini-batch before and after the
    layers below it have been updated for that mini-batch. A cosine of 1 is no shift. The update has
    the learning rate of the next step: under the cosine schedule, 0 at the end of training.

    ``input_mean_drift`` and ``input_variance_drift`` are by how much the mean and variance of the
    layer's inputs changed since the measure was taken last: the mean over inputs of the change of
    the mean, in standard deviations, and of the absolute change of the variance's logarithm.
    Inputs that do not vary are left out. NaN where a gradient has vanished, or no input varies.
    """
    state = probe.state()
    yield from _shift(probe)
    probe.restore(state)
    inputs = probe.layer_inputs(_MOMENT_EXAMPLES)[1:]
    moments = [(values.mean(axis=0), values.var(axis=0)) for values in inputs]
    probe.restore(state)
    previous, probe.moments = probe.moments, moments
    if previous is not None:
        for number, (old, new) in enumerate(zip(previous, moments, strict=True), start=2):
            yield from _drift(number, old, new)


def _shift(probe: Probe) -> Values:
    """Yield how layers' gradients change when the layers below are updated; weights change."""
    state = probe.state()
    before = probe.kernel_gradients()
    probe.update(probe.loss_and_gradients()[1])
    updated = probe.layer_weights()
    probe.restore(state)
    for layer in range(1, len(before)):
        probe.set_layer_weights(layer - 1, updated[layer - 1])
        own, after = before[layer], probe.kernel_gradients()[layer]
        lengths = norm(own) * norm(after)
        yield "shift_norm", layer + 1, norm(after - own)
        # A gradient that has vanished has no direction.
        cosine = float(np.sum(own * after) / lengths) if lengths else math.nan
        yield "shift_cosine", layer + 1, cosine


def _drift(number: int, old: Moments, new: Moments) -> Iterator[tuple[str, int, float]]:
    """Yield how the moments of a layer's inputs changed."""
    varies = (old[1] > _NO_VARIANCE) & (new[1] > _NO_VARIANCE)
    if not varies.any():
        yield "input_mean_drift", number, math.nan
        yield "input_variance_drift", number, math.nan
        return
    mean = np.abs(new[0] - old[0])[varies] / np.sqrt(old[1][varies])
    variance = np.abs(np.log(new[1][varies] / old[1][varies]))
    yield "input_mean_drift", number, float(mean.mean())
    yield "input_variance_drift", number, float(variance.mean())
