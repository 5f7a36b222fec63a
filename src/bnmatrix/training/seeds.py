"""Which seed moves what.

Every draw comes from the study's seed, the number of the replicate and the draw's purpose, and from
nothing else. Variants of a study therefore share a replicate's initial weights (where their shapes
agree) and its order of examples: differences between variants are differences of pairs.
"""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

#: Added to the number of a tuning replicate: tuning and measured runs share no stream.
_TUNING_OFFSET = 1_000_000


class Purpose(IntEnum):
    """What a stream of random numbers is for."""

    WEIGHTS = 0
    ORDER = 1
    DROPOUT = 2
    SUBSET = 3
    FOLDS = 4
    PROBE = 5


@dataclass(frozen=True)
class Streams:
    """The random streams of one run.

    Attributes:
        seed: the study's seed.
        replicate: the number of the replicate, from 1.
        tuning: whether the run tunes a learning rate.
    """

    seed: int
    replicate: int
    tuning: bool = False

    def generator(self, purpose: Purpose, *key: int) -> np.random.Generator:
        """Return a new generator for one purpose; ``key`` tells layers or epochs apart."""
        number = self.replicate + (_TUNING_OFFSET if self.tuning else 0)
        return np.random.Generator(np.random.PCG64([self.seed, number, int(purpose), *key]))

    def integer(self, purpose: Purpose, *key: int) -> int:
        """Return a seed below 2³¹ for a library that draws by itself."""
        return int(self.generator(purpose, *key).integers(2**31))
