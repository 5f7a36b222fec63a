"""The recipe by which a training job made its results, stored in the file of the results."""

from pathlib import Path

import pyarrow as pa
from pyarrow import ipc

#: Key of the recipe in the metadata of the file.
RECIPE = b"bnmatrix.recipe"


def recipe_of(path: Path) -> str | None:
    """Return the recipe of results; None if there is no file, or if the file has no recipe."""
    try:
        with pa.memory_map(str(path)) as source:
            metadata = ipc.open_file(source).schema.metadata or {}
    except (OSError, pa.ArrowInvalid):
        return None
    return metadata[RECIPE].decode() if RECIPE in metadata else None
