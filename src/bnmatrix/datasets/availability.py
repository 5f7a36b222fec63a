"""Whether a data set's files are available at this moment, without downloading any of them."""

import threading
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from bnmatrix.datasets.raw_files import Downloadable, File
from bnmatrix.errors import UserError

SUMS = "SHA256SUMS"

#: Seconds in which a host must have answered, name look-up included.
PROBE_SECONDS = 3


@dataclass(frozen=True)
class Availability:
    """Whether a data set is available, and where, or why not."""

    available: bool
    reason: str


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


def have_raw(wanted: Downloadable, raw: Path) -> bool:
    """Return whether a download into ``raw`` is complete: all files, each of the right size."""
    return (raw / SUMS).exists() and all(_has(raw / file.name, file) for file in wanted.files)


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


def availability(wanted: Downloadable, mirror: str | None, raw: Path) -> Availability:
    """Return whether a data set has been downloaded, or can be.

    All files and the archive are looked for in the mirror and on all hosts at once. That takes at
    most :data:`PROBE_SECONDS`, and no time if the files have been downloaded.
    """
    if not wanted.downloaded:
        return Availability(True, "needs no download")
    if have_raw(wanted, raw):
        return Availability(True, f"is in {raw}")
    files = [*wanted.files, *([wanted.archive] if wanted.archive else [])]
    places = [(file, place) for file in files for place in locations(wanted, file, mirror)]
    answers = _probe_all([place for _, place in places], [file.size for file, _ in places])
    first_place: dict[str, str] = {}
    for (file, place), answer in zip(places, answers, strict=True):
        if answer is None:
            first_place.setdefault(file.name, place)
    if all(file.name in first_place for file in wanted.files):
        return Availability(True, f"is available from {first_place[wanted.files[0].name]}")
    if wanted.archive and wanted.archive.name in first_place:
        return Availability(True, f"is available from {first_place[wanted.archive.name]}")
    why: dict[str, list[str]] = {}
    for (_, place), answer in zip(places, answers, strict=True):
        if answer is not None:
            why.setdefault(answer, []).append(urlsplit(place).netloc or place)
    tried = "; ".join(f"{', '.join(dict.fromkeys(who))}: {answer}" for answer, who in why.items())
    mirror_note = "" if mirror else "no mirror is set; "
    return Availability(False, f"{wanted.title} is not in {raw}; {mirror_note}{tried}")


def _has(path: Path, file: File) -> bool:
    return path.is_file() and file.size in (None, path.stat().st_size)


def _probe_all(places: list[str], sizes: list[int | None]) -> list[str | None]:
    """Probe all places at once; return each one's answer, as :func:`_probe` does."""
    answers: list[str | None] = ["no answer in time"] * len(places)

    def ask(number: int) -> None:
        answers[number] = _probe(places[number], sizes[number])

    # Daemon threads: a name look-up has no timeout, and must not delay the end of the process.
    threads = [threading.Thread(target=ask, args=(i,), daemon=True) for i in range(len(places))]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + PROBE_SECONDS
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    return list(answers)


def _probe(place: str, size: int | None) -> str | None:
    """Return None if ``place`` seems to have a file of ``size`` bytes; otherwise say why not."""
    if not is_url(place):
        # A file of the wrong size counts as present: the download says what is wrong with it.
        return None if Path(place).is_file() else "no such file"
    import requests

    try:
        answer = requests.head(place, timeout=PROBE_SECONDS, allow_redirects=True)
    except requests.Timeout:
        return "no answer in time"
    except requests.RequestException:
        return "cannot be reached"
    if answer.status_code != requests.codes.ok:
        return f"answers {answer.status_code}"
    length = answer.headers.get("Content-Length")
    if length and size not in (None, int(length)) and "Content-Encoding" not in answer.headers:
        return f"has {length} bytes instead of {size}"
    return None
