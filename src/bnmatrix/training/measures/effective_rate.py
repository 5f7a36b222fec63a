"""The effective learning rate of weights before a normalization."""

from bnmatrix.training.measures.norms import norm
from bnmatrix.training.measures.probe import Probe
from bnmatrix.training.measures.registry import Values, measure


@measure("effective_rate")
def effective_rate(probe: Probe) -> Values:
    """Yield the learning rate over the squared norm of each layer's weight matrix.

    A layer that is normalized is the same function at any scale of its weights, and its direction
    turns at this rate (van Laarhoven 2017, section 2). The learning rate is that of the first step
    of the run.
    """
    for number, (kernel, *_) in enumerate(probe.layer_weights(), start=1):
        length = norm(kernel.astype("float64"))
        yield "effective_rate", number, probe.learning_rate / length**2 if length else float("inf")
