"""Which seed moves what.

Every draw comes from the study's seed, the replicate's number and the draw's purpose, and from
nothing else: variants of a study share a replicate's initial weights (where their shapes agree)
and order of data, so that their differences pair.
"""

from enum import IntEnum

import numpy as np


class Purpose(IntEnum):
    """What a stream of random numbers is for."""

    WEIGHTS = 0
    ORDER = 1
    DROPOUT = 2
    SUBSET = 3
    FOLDS = 4
    PROBE = 5


#: Added to a replicate's number where the learning rate is tuned: measured runs share no seed
#: with tuning runs.
TUNING = 1_000_000


def generator(seed: int, replicate: int, purpose: Purpose, *key: int) -> np.random.Generator:
    """Return a generator for one purpose; ``key`` tells apart layers or epochs."""
    return np.random.Generator(np.random.PCG64([seed, replicate, int(purpose), *key]))


def integer(seed: int, replicate: int, purpose: Purpose, *key: int) -> int:
    """Return a seed below 2³¹, for a library that wants one."""
    return int(generator(seed, replicate, purpose, *key).integers(2**31))
