"""A run on other data before the run itself, which is then fine-tuning."""

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from bnmatrix.models import Count, Model, Positive


class Pretraining(Model):
    """A run on other data, before the run itself.

    It has the settings of the run: its number of steps, mini-batches and schedule. All tuning runs
    of a replicate start from the same pre-trained network.
    """

    source: Literal["other_classes", "other_brightness"]
    """`other_classes`: on the first half of the classes; the run itself and its test are on the
    second half. `other_brightness`: on images as they are; the run itself and its test are on other
    images, whose pixels are half as far from the largest value."""
    examples: Count = 512
    """Number of examples, drawn for each replicate."""
    learning_rate: Positive = 0.1
    """Learning rate."""

    @property
    def label(self) -> str:
        """A short name, such as ``other_classes-512-0.1``."""
        return f"{self.source}-{self.examples}-{self.learning_rate:g}"

    def is_source(self, y: NDArray[np.int32], classes: int) -> NDArray[np.bool_]:
        """Return which examples only pre-training can use.

        Args:
            y: labels.
            classes: number of classes.
        """
        if self.source == "other_brightness":
            return np.zeros(len(y), bool)
        return y < classes // 2

    def target(self, x: NDArray[Any], maximum: float) -> NDArray[Any]:
        """Return examples as the run itself sees them.

        Args:
            x: examples × features, uint8 for pixels.
            maximum: the largest value that a pixel can have.

        Raises:
            ValueError: the examples are not images.
        """
        if self.source == "other_classes":
            return x
        if x.dtype != np.uint8:
            raise ValueError("pretraining: source: `other_brightness` needs images")
        return ((x.astype(np.uint16) + int(maximum)) // 2).astype(np.uint8)
