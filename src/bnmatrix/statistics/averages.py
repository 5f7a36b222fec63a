"""Whether the moving averages of batch normalization have settled at the end of training."""

#: Share of their starting values from which on moving averages count as not settled.
UNSETTLED = 0.05


def starting_share(momentum: float, steps: int) -> float:
    """Return the share of their starting values that moving averages hold: momentum ** steps.

    Args:
        momentum: the weight of the former average in each step.
        steps: the number of training steps.
    """
    return float(momentum**steps)
