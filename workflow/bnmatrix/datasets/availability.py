"""Where a data set's files can be had at this moment, without downloading any of them."""

import threading
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from bnmatrix.config import Dataset, File
from bnmatrix.errors import UserError

SUMS = "SHA256SUMS"

#: Seconds in which a host must have answered, name look-up included.
PROBE_SECONDS = 3


@dataclass(frozen=True)
class Availability:
    """Whether a data set can be had, and where, or why not."""

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


def have_raw(dataset: Dataset, raw: Path) -> bool:
    """Return whether ``raw`` holds all files, at their right sizes, as a download left them."""
    return (raw / SUMS).exists() and all(_has(raw / file.name, file) for file in dataset.files)


def locations(dataset: Dataset, file: File, mirror: str | None) -> list[str]:
    """Return paths and addresses of a file of a data set, in the order to try them."""
    mirrored = []
    if mirror:
        base = mirror.rstrip("/")
        folder = f"{base}/{dataset.folder}"
        mirrored = [f"{folder}/{file.name}"]
        if dataset.archive and file is not dataset.archive:
            mirrored.insert(0, f"{folder}/{dataset.archive.members}/{file.name}")
    return mirrored + [f"{host.rstrip('/')}/{file.name}" for host in file.hosts]


def availability(dataset: Dataset, mirror: str | None, raw: Path) -> Availability:
    """Return whether a data set is there or can be had.

    Asks the mirror and all hosts at once whether they have every file, or the archive; takes at
    most some seconds, and no time when the files are there.
    """
    if not dataset.downloaded:
        return Availability(True, "ships with scikit-learn")
    if have_raw(dataset, raw):
        return Availability(True, f"is in {raw}")
    wanted = [*dataset.files, *([dataset.archive] if dataset.archive else [])]
    places = [(file, place) for file in wanted for place in locations(dataset, file, mirror)]
    answers = _probe_all([place for _, place in places], [file.size for file, _ in places])
    found = {
        file.name: place
        for (file, place), answer in reversed(list(zip(places, answers, strict=True)))
        if answer is None
    }
    if all(file.name in found for file in dataset.files):
        return Availability(True, f"can be had from {found[dataset.files[0].name]}")
    if dataset.archive and dataset.archive.name in found:
        return Availability(True, f"can be had from {found[dataset.archive.name]}")
    why: dict[str, list[str]] = {}
    for (_, place), answer in zip(places, answers, strict=True):
        if answer is not None:
            why.setdefault(answer, []).append(urlsplit(place).netloc or place)
    tried = "; ".join(f"{', '.join(dict.fromkeys(who))}: {answer}" for answer, who in why.items())
    mirror_note = "" if mirror else "no mirror is set; "
    return Availability(False, f"{dataset.title} is not in {raw}; {mirror_note}{tried}")


def _has(path: Path, file: File) -> bool:
    return path.is_file() and file.size in (None, path.stat().st_size)


def _probe_all(places: list[str], sizes: list[int | None]) -> list[str | None]:
    """Ask all places at once; return each one's answer, as :func:`_probe`."""
    answers: list[str | None] = ["no answer in time"] * len(places)

    def ask(number: int) -> None:
        answers[number] = _probe(places[number], sizes[number])

    # Daemons: a name look-up heeds no timeout, and must not keep anyone waiting.
    threads = [threading.Thread(target=ask, args=(i,), daemon=True) for i in range(len(places))]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + PROBE_SECONDS
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    return list(answers)


def _probe(place: str, size: int | None) -> str | None:
    """Return None if ``place`` has a file, or why it does not seem to."""
    if not is_url(place):
        # A file of the wrong size counts as there: the download says what is wrong with it.
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
