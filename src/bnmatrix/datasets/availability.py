"""Whether a data set's files are available at this moment, without downloading any of them."""

import threading
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from bnmatrix.datasets.failures import failure_file, recent_failure
from bnmatrix.datasets.places import all_locations, is_url
from bnmatrix.datasets.raw_files import Downloadable, File

SUMS = "SHA256SUMS"

#: Seconds in which a host must have answered, name look-up included.
PROBE_SECONDS = 3

#: Answers of hosts that send files, but answer no questions about them (HEAD).
_NOT_TOLD = (403, 405, 501)


@dataclass(frozen=True)
class Availability:
    """Whether a data set is available, and where, or why not.

    Attributes:
        available: whether it is.
        reason: where it is, or why it is not available.
        failed: whether it counts as not available only because a download failed recently.
    """

    available: bool
    reason: str
    failed: bool = False


def have_raw(wanted: Downloadable, raw: Path) -> bool:
    """Return whether a download into ``raw`` is complete: all files, each of the right size."""
    return (raw / SUMS).exists() and all(_has(raw / file.name, file) for file in wanted.files)


def availability(
    wanted: Downloadable, mirror: str | None, raw: Path, partial: Path
) -> Availability:
    """Return whether a data set has been downloaded, or can be.

    All files and the archive are looked for in the mirror and on all hosts at once. That takes at
    most :data:`PROBE_SECONDS`, and no time if the files have been downloaded or a download failed
    recently.

    Args:
        wanted: the files, their addresses and checksums.
        mirror: a directory or address with copies.
        raw: the folder of downloaded files.
        partial: the folder for unfinished transfers.
    """
    if not wanted.downloaded:
        return Availability(True, "needs no download")
    if have_raw(wanted, raw):
        return Availability(True, f"is in {raw}")
    failure = recent_failure(partial, wanted, mirror)
    if failure:
        again = f"remove {failure_file(partial)} to try again at once"
        reason = f"{wanted.title} could not be downloaded: {failure}; {again}"
        return Availability(False, reason, failed=True)
    places = all_locations(wanted, mirror)
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
    """Return None if ``place`` seems to have a file of ``size`` bytes; otherwise say why not.

    A host that has a passing fault, breaks off, is slow to answer, or answers no such questions
    counts as having the file, because a download tries such a host again.
    """
    if not is_url(place):
        # A file of the wrong size counts as present: the download says what is wrong with it.
        return None if Path(place).is_file() else "no such file"
    import requests
    from urllib3.exceptions import ProtocolError

    from bnmatrix.datasets import hosts

    try:
        # Half of the time to connect, and half for the answer.
        answer = requests.head(place, timeout=PROBE_SECONDS / 2, allow_redirects=True)
    except requests.ReadTimeout:
        return None
    except requests.Timeout:
        return "no answer in time"
    except requests.RequestException as error:
        broken_off = error.args and isinstance(error.args[0], ProtocolError)
        return None if broken_off else "cannot be reached"
    if answer.status_code in (*hosts.PASSING, *_NOT_TOLD):
        return None
    if answer.status_code != requests.codes.ok:
        return f"answers {answer.status_code}"
    if hosts.is_page(answer):
        return f"has {hosts.PAGE}"
    length = answer.headers.get("Content-Length")
    if length and size not in (None, int(length)) and "Content-Encoding" not in answer.headers:
        return f"has {length} bytes instead of {size}"
    return None
