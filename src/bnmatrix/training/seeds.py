"""Which seed moves what.

Every draw comes from the study's seed, the number of the replicate and the draw's purpose, and from
nothing else. Variants of a study therefore share a replicate's examples, its initial weights (where
their shapes agree) and its order of examples: differences between variants are differences of
pairs.
"""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

#: Added to the number of an attempt: tuning and measured runs share no weights and no order.
_TUNING_OFFSET = 1_000_000

#: What differs between the replicates of a variant, for the setting ``varied``: everything, or one
#: source of variance alone.
SOURCES = ("all", "weights", "order", "examples", "tuning")


class Purpose(IntEnum):
    """What a stream of random numbers is for."""

    WEIGHTS = 0
    ORDER = 1
    DROPOUT = 2
    SUBSET = 3
    FOLDS = 4
    PROBE = 5
    DRAW = 6
    SPLIT = 7
    AUGMENTATION = 8
    SOURCE = 9


#: The source of variance that a stream belongs to. Streams of examples do not depend on tuning.
_SOURCE_OF = {
    Purpose.WEIGHTS: "weights",
    Purpose.ORDER: "order",
    Purpose.DROPOUT: "order",
    Purpose.AUGMENTATION: "order",
    Purpose.PROBE: "order",
}


@dataclass(frozen=True)
class Streams:
    """The random streams of one run.

    Attributes:
        seed: the study's seed.
        replicate: the number of the replicate, from 1.
        attempt: the number of a run that tunes a learning rate, from 1; 0 for a measured run.
        varied: what differs between replicates, one of :data:`SOURCES`.
    """

    seed: int
    replicate: int
    attempt: int = 0
    varied: str = "all"

    def generator(self, purpose: Purpose, *key: int) -> np.random.Generator:
        """Return a new generator for one purpose; ``key`` tells layers or epochs apart."""
        source = _SOURCE_OF.get(purpose, "examples")
        number = self.replicate if self.varied in ("all", source) else 1
        if self.attempt and source != "examples":
            number = self.attempt + _TUNING_OFFSET
        return np.random.Generator(np.random.PCG64([self.seed, number, int(purpose), *key]))

    def integer(self, purpose: Purpose, *key: int) -> int:
        """Return a seed below 2³¹ for a library that draws by itself."""
        return int(self.generator(purpose, *key).integers(2**31))

    @property
    def draw(self) -> int:
        """The number of the replicate whose examples are used, from 1."""
        return self.replicate if self.varied in ("all", "examples") else 1
