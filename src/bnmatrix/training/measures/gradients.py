"""Norms of gradients."""

from bnmatrix.training.measures.norms import norm
from bnmatrix.training.measures.probe import Probe
from bnmatrix.training.measures.registry import Values, measure


@measure("gradient_norm")
def gradients(probe: Probe) -> Values:
    """Yield the norm of the mini-batch's gradient in each layer's weight matrix."""
    for number, gradient in enumerate(probe.kernel_gradients(), start=1):
        yield "gradient_norm", number, norm(gradient)
