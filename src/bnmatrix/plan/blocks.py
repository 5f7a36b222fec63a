"""Blocks of replicates: what finished training jobs are used again, and what is left to train.

A training job trains a block of consecutive replicates of its variants. A replicate depends only on
its number and on the recipe of its job. Therefore more replicates are one more block, and fewer
replicates are the first rows of finished blocks.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from bnmatrix.errors import UserError

_NAME = re.compile(r"([1-9]\d*)-([1-9]\d*)")


@dataclass(frozen=True)
class Block:
    """Consecutive replicates, as text ``<first>-<last>``.

    Attributes:
        first: number of the first replicate, from 1.
        last: number of the last replicate.
    """

    first: int
    last: int

    def __str__(self) -> str:
        return f"{self.first}-{self.last}"

    @property
    def size(self) -> int:
        """The number of replicates."""
        return self.last - self.first + 1

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the block with a name.

        Raises:
            UserError: the text does not name a block.
        """
        found = _NAME.fullmatch(text)
        if not found or int(found[1]) > int(found[2]):
            raise UserError(
                f"'{text}' is not a block of replicates: "
                "write the first and the last replicate, such as 1-5 or 6-10"
            )
        return cls(int(found[1]), int(found[2]))


def cover(replicates: int, finished: Collection[Block]) -> tuple[Block, ...]:
    """Return blocks that contain the replicates from 1 on, each once, in order.

    Finished blocks are used where they begin at the next replicate. A new block fills a gap. The
    last block can reach beyond ``replicates``.

    Args:
        replicates: how many replicates are needed.
        finished: blocks that are trained.
    """
    blocks: list[Block] = []
    first = 1
    while first <= replicates:
        gap = min([replicates, *(block.first - 1 for block in finished if block.first > first)])
        ready = [block for block in finished if block.first == first]
        blocks.append(max(ready, key=lambda block: block.last, default=Block(first, gap)))
        first = blocks[-1].last + 1
    return tuple(blocks)


def finished_blocks(folder: Path, recipe: str) -> list[Block]:
    """Return the blocks of a job that are trained by a recipe.

    Blocks of other recipes and blocks with unreadable files do not count.

    Args:
        folder: the folder of the job, which contains a folder for each block.
        recipe: the recipe (:attr:`bnmatrix.training.spec.JobSpec.recipe`).
    """
    if not folder.is_dir():
        return []
    # Imported here because it takes time, which a run without earlier results does not need.
    from bnmatrix.tables.recipe import recipe_of

    return [
        Block.parse(path.name)
        for path in sorted(folder.iterdir())
        if _NAME.fullmatch(path.name)
        and (path / "times.arrow").exists()
        and recipe_of(path / "results.arrow") == recipe
    ]
