"""Write the JSON schemas of the files under config/."""

from pathlib import Path

from bnmatrix.config.schemas import schemas
from bnmatrix.files import write_json


def run(*, folder: Path) -> None:
    """Write the schemas into a folder."""
    for name, schema in schemas().items():
        write_json(folder / name, schema)
