"""The places that can have the files of a data set: a mirror, and the public hosts."""

from pathlib import Path

from bnmatrix.datasets.raw_files import Downloadable, File
from bnmatrix.errors import UserError


def is_url(mirror: str) -> bool:
    """Return whether a mirror is an address rather than a directory."""
    return mirror.startswith(("http://", "https://"))


def check_mirror(mirror: str | None) -> None:
    """Check that a mirror that is a directory exists.

    Raises:
        UserError: it does not.
    """
    if mirror and not is_url(mirror) and not Path(mirror).is_dir():
        raise UserError(
            f"mirror '{mirror}': there is no such directory (looked for {Path(mirror).resolve()}). "
            "Correct the config key 'mirror' or the environment variable BNMATRIX_MIRROR, or unset "
            "it to use the public hosts."
        )


def locations(wanted: Downloadable, file: File, mirror: str | None) -> list[str]:
    """Return paths and addresses of a file of a data set, in the order to try them."""
    mirrored = []
    if mirror:
        base = mirror.rstrip("/")
        folder = f"{base}/{wanted.folder}"
        mirrored = [f"{folder}/{file.name}"]
        if wanted.archive and file is not wanted.archive:
            mirrored.insert(0, f"{folder}/{wanted.archive.members}/{file.name}")
    return mirrored + [f"{host.rstrip('/')}/{file.name}" for host in file.hosts]


def all_locations(wanted: Downloadable, mirror: str | None) -> list[tuple[File, str]]:
    """Return each file of a data set, and its archive, with each path or address of it."""
    files = [*wanted.files, *([wanted.archive] if wanted.archive else [])]
    return [(file, place) for file in files for place in locations(wanted, file, mirror)]
