"""How much each step counts in averages of weights."""

from collections.abc import Callable
from typing import Any

#: Momentum of the exponential moving average.
EMA_MOMENTUM = 0.99


def share(averaging: str, step: Any, steps: int, largest: Callable[..., Any] = max) -> Any:
    """Return the share that the weights after a step get in their average.

    The average becomes (1 − share) times the old one plus ``share`` times the weights. The first
    steps of the exponential moving average are averaged evenly, so that it does not depend on the
    initial weights.

    Args:
        averaging: ``ema`` or ``swa``, the value of the setting ``weight_averaging``.
        step: the number of the step, from 1; a number or a tensor of one.
        steps: number of steps of the whole training.
        largest: returns the larger one of two such numbers.
    """
    if averaging == "ema":
        return largest(1 - EMA_MOMENTUM, 1 / step)
    return 1 / largest(1.0, step - steps // 2)
