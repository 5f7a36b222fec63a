"""Whether a network with folded batch normalization is the same function."""

import numpy as np

from bnmatrix.training.measures.probe import Probe
from bnmatrix.training.measures.registry import Values, measure


@measure("fold_difference")
def folding(probe: Probe) -> Values:
    """Yield by how much logits change if batch normalization is folded into the weights.

    The largest absolute difference of the logits of test examples, in units of their largest
    absolute value; 0 for a network without batch normalization.
    """
    state = probe.state()
    logits = probe.logits("test")
    probe.fold()
    folded = probe.logits("test")
    probe.restore(state)
    scale = np.abs(logits).max()
    yield "fold_difference", "all", float(np.abs(folded - logits).max() / scale) if scale else 0.0
