"""The files of a data set as they are downloaded, and how they are verified."""

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from bnmatrix.errors import UserError
from bnmatrix.files import sha256
from bnmatrix.models import Count, Model


class CheckedFile(Model):
    """A file, and what it is verified by."""

    name: str
    """File name, in the mirror and on the hosts."""
    size: Count | None = None
    """Bytes, if known: a file of another size is refused before it is transferred."""
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    """SHA-256 in hexadecimal; a file with another one is never opened."""


class File(CheckedFile):
    """A file to download."""

    hosts: tuple[str, ...] = ()
    """Public addresses of the folder that holds the file, tried in this order."""


class Archive(File):
    """A .tar.gz that holds a data set's files."""

    members: str
    """Folder of the files inside the archive, and of extracted files in a mirror."""


class Downloadable(Model):
    """The files of a data set and where to download them; a package may ship the data instead."""

    title: str
    """Name for people."""
    folder: str | None = None
    """Folder of the data set in a mirror; none for a data set that a package ships."""
    files: tuple[File, ...] = ()
    """The files that are read; none for a data set that a package ships."""
    archive: Archive | None = None
    """An archive that holds the files, where the hosts have only that."""

    @model_validator(mode="after")
    def _files_and_folder(self) -> Self:
        if bool(self.files) != bool(self.folder):
            raise ValueError("`files` and `folder` go together: give both, or neither")
        return self

    @property
    def downloaded(self) -> bool:
        """Whether the data set has to be downloaded (rather than coming with a package)."""
        return bool(self.files)


def problem_of(path: Path, file: CheckedFile) -> str | None:
    """Return why ``path`` is not the declared file; None if its size and SHA-256 are right."""
    if not path.is_file():
        return "there is no such file"
    size = path.stat().st_size
    if file.size is not None and size != file.size:
        cut = "cut off: " if size < file.size else ""
        return f"{cut}has {size} bytes instead of {file.size}"
    digest = sha256(path)
    if digest != file.sha256:
        return f"its SHA-256 is {digest} instead of {file.sha256}"
    return None


def verify(path: Path, file: CheckedFile) -> None:
    """Check a file's size and SHA-256.

    Raises:
        UserError: the file is missing or is not the declared one; names both checksums.
    """
    problem = problem_of(path, file)
    if problem:
        raise UserError(f"{path}: {problem}. Remove {path.parent} and run again to download it.")
