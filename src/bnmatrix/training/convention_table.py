"""What Keras and PyTorch do differently by default, for people.

Training does not import this module: a reworded row retrains nothing.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Convention:
    """What Keras and PyTorch do differently by default.

    Attributes:
        what: the quantity.
        keras, torch: what each does.
        effect: what it changes.
        matched: how ``conventions: keras`` makes PyTorch agree.
    """

    what: str
    keras: str
    torch: str
    effect: str
    matched: str


CONVENTIONS = (
    Convention(
        "Momentum of moving averages",
        "0.99, the share of the old value",
        "0.1, the share of the new one (0.9 of the old)",
        "PyTorch's follow the statistics ten times as fast: right after fewer steps, noisier",
        "PyTorch is given 1 minus the momentum",
    ),
    Convention(
        "Moving variance",
        "averages biased variances (divided by n)",
        "averages unbiased ones (divided by n − 1)",
        "only in inference: at batch size 2 PyTorch's is twice as large, at 64 by 1.6 %",
        "a layer that averages biased variances",
    ),
    Convention(
        "ε of batch normalization",
        "0.001",
        "0.00001",
        "units of little variance are scaled up further in PyTorch",
        "PyTorch is given Keras's",
    ),
    Convention(
        "ε of Adam",
        "1e-7, added before the second moment is corrected for its start",
        "1e-8, added after",
        "weights with tiny gradients move further in PyTorch; at the first step Keras's ε counts "
        "as 3e-6",
        "PyTorch is given Keras's, divided by the correction of each step",
    ),
    Convention(
        "Initial weights of dense layers",
        "Glorot: uniform within √(6 / (inputs + units))",
        "uniform within 1 / √inputs",
        "PyTorch starts from smaller weights",
        "both start from the same weights, drawn with Keras's distribution",
    ),
    Convention(
        "Initial biases of dense layers",
        "zero",
        "uniform within 1 / √inputs",
        "none worth mention",
        "zero",
    ),
)
