"""Smoothness of the loss along the gradient."""

import numpy as np

from bnmatrix.training.measures.norms import joint_norm
from bnmatrix.training.measures.probe import Probe
from bnmatrix.training.measures.registry import Values, measure

#: Distances along the gradient, in learning rates (Santurkar et al. 2018 go from one half to four).
DISTANCES = (0.5, 1.0, 2.0, 4.0)


@measure("loss_range", "gradient_change", "beta_smoothness")
def smoothness(probe: Probe) -> Values:
    """Yield Santurkar et al.'s (2018, section 3.1) three measures of the loss along the gradient.

    From the present weights, go ½, 1, 2 and 4 learning rates along the negative gradient of the
    mini-batch. ``loss_range``: largest minus smallest loss met. ``gradient_change``: largest norm
    of the gradient's change. ``beta_smoothness``: largest ratio of that norm to the distance.
    """
    state, learning_rate = probe.state(), probe.learning_rate
    loss, at_start = probe.loss_and_gradients()
    length = joint_norm(at_start)
    losses, changes, ratios = [loss], [], []
    for distance in DISTANCES:
        probe.restore(state)
        factor = distance * learning_rate
        probe.move([(factor * gradient).astype(np.float32) for gradient in at_start])
        loss, gradients = probe.loss_and_gradients()
        change = joint_norm([new - old for new, old in zip(gradients, at_start, strict=True)])
        losses.append(loss)
        changes.append(change)
        ratios.append(change / (factor * length) if length else 0.0)
    probe.restore(state)
    yield "loss_range", "all", max(losses) - min(losses)
    yield "gradient_change", "all", max(changes)
    yield "beta_smoothness", "all", max(ratios)
