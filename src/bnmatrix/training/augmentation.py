"""Random changes of training images."""

from collections.abc import Sequence
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from bnmatrix.models import Model
from bnmatrix.training.networks import image_shape


class Augmentation(Model):
    """How training images are changed, each time that they are used."""

    shift: Annotated[int, Field(strict=True, ge=0)] = 0
    """Largest shift in pixels: down or up, and to the right or left; zeros fill the rest."""
    flip: bool = False
    """Whether half of the images are mirrored, left to right."""

    @property
    def label(self) -> str:
        """A short name, such as ``shift-2-flip``."""
        parts = [f"shift-{self.shift}"] * bool(self.shift) + ["flip"] * self.flip
        return "-".join(parts) or "none"

    def draw(self, rng: np.random.Generator, images: int) -> NDArray[np.int8]:
        """Return the changes of some images: pixels down, pixels right, and whether mirrored.

        Args:
            rng: the source of random numbers.
            images: number of images.

        Returns:
            Images × 3.
        """
        moves = rng.integers(-self.shift, self.shift + 1, (images, 2))
        mirrored = rng.integers(2, size=(images, 1)) * self.flip
        return np.concatenate([moves, mirrored], axis=1).astype(np.int8)


def augmented(
    x: NDArray[np.generic], changes: NDArray[np.int8], shape: Sequence[int]
) -> NDArray[np.generic]:
    """Return changed images.

    Args:
        x: images × features, of any dtype.
        changes: what :meth:`Augmentation.draw` returned for these images.
        shape: shape of an image.
    """
    height, width, channels = image_shape(shape)
    images = x.reshape(len(x), height, width, channels)
    result = np.zeros_like(images)
    # Few different changes are possible: images with the same one are copied together.
    kinds, kind_of = np.unique(changes, axis=0, return_inverse=True)
    for number, (down, right, mirrored) in enumerate(kinds.tolist()):
        rows, from_rows = _overlap(height, down)
        columns, from_columns = _overlap(width, right)
        chosen = np.flatnonzero(kind_of == number)
        moved = images[chosen]
        if mirrored:
            moved = moved[:, :, ::-1]
        result[chosen, rows, columns] = moved[:, from_rows, from_columns]
    return result.reshape(x.shape)


def _overlap(size: int, shift: int) -> tuple[slice, slice]:
    """Return where the pixels that stay in an image go, and where they come from."""
    return (
        slice(max(shift, 0), size + min(shift, 0)),
        slice(max(-shift, 0), size + min(-shift, 0)),
    )
