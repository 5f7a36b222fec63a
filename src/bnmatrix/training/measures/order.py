"""Effect of the order of examples in a mini-batch."""

import numpy as np

from bnmatrix.training.measures.probe import Probe
from bnmatrix.training.measures.registry import Values, measure


@measure("order_difference")
def order(probe: Probe) -> Values:
    """Yield by how much logits change when the examples of the mini-batch change places.

    The largest absolute difference between the logits of the reversed mini-batch, put back in
    place, and those of the mini-batch, in units of their largest absolute value.
    """
    state = probe.state()
    logits = probe.minibatch_logits()
    reverse = probe.minibatch_logits(reverse=True)[::-1]
    probe.restore(state)
    scale = np.abs(logits).max()
    difference = float(np.abs(reverse - logits).max() / scale) if scale else 0.0
    yield "order_difference", "all", difference
