"""The failure of a download, remembered so that the next start leaves out the data set.

A host that breaks off again and again looks available to a check. Without the file
``data/partial/<data set>/failed.json``, each start would begin the same download and fail again.
"""

import hashlib
import time
from pathlib import Path

from pydantic import ValidationError

from bnmatrix.datasets.places import all_locations
from bnmatrix.datasets.raw_files import Downloadable
from bnmatrix.files import as_json, write_json
from bnmatrix.models import Model

#: Seconds for which a failure counts.
REMEMBERED = 3600


class Failure(Model):
    """A download that failed."""

    time: float
    """When it failed, in seconds since 1970."""
    places: str
    """Digest of the places that were tried, and of the checksums of the files."""
    reason: str
    """Why each place failed, in one line."""


def remember(partial: Path, wanted: Downloadable, mirror: str | None, reason: str) -> None:
    """Write that a download failed.

    Args:
        partial: the folder for unfinished transfers.
        wanted: the files.
        mirror: the mirror that was tried.
        reason: why each place failed, in one line.
    """
    failure = Failure(time=time.time(), places=_places(wanted, mirror), reason=reason)
    write_json(failure_file(partial), failure.model_dump(mode="json"))


def recent_failure(partial: Path, wanted: Downloadable, mirror: str | None) -> str | None:
    """Return the reason if a download of the same files from the same places failed recently."""
    try:
        failure = Failure.model_validate_json(failure_file(partial).read_bytes())
    except (OSError, ValidationError):
        return None
    recent = abs(time.time() - failure.time) < REMEMBERED
    return failure.reason if recent and failure.places == _places(wanted, mirror) else None


def failure_file(partial: Path) -> Path:
    """Return the file that remembers the failure."""
    return partial / "failed.json"


def _places(wanted: Downloadable, mirror: str | None) -> str:
    places = [(place, file.sha256) for file, place in all_locations(wanted, mirror)]
    return hashlib.sha256(as_json(places).encode()).hexdigest()
