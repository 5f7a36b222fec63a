"""Getting a data set's files from a mirror or the public hosts, verified before they are opened."""

import logging
import shutil
import tarfile
import time
from collections.abc import Callable
from pathlib import Path

import requests

from bnmatrix.config import Archive, Dataset, File
from bnmatrix.datasets.availability import SUMS, is_url, locations
from bnmatrix.errors import UserError
from bnmatrix.files import atomic_path, sha256, write_text
from bnmatrix.logs import PROGRESS

log = logging.getLogger(__name__)

#: Seconds to connect, and to wait for the next bytes.
TIMEOUT = (10, 60)
ATTEMPTS = 4
#: Bytes at a time: what a transfer that breaks can lose.
CHUNK = 1 << 16


class _Unusable(Exception):
    """A place does not have the file, or not this file; the next one is tried."""


def download(dataset: Dataset, raw: Path, partial: Path, mirror: str | None = None) -> None:
    """Put a data set's files into ``raw``, each verified by size and SHA-256.

    The mirror is tried first, then each host in turn. A transfer that breaks is taken up where it
    stopped, in this run or the next; what does not verify is removed.

    Args:
        dataset: its files, addresses and checksums.
        raw: the folder for the files; ``SHA256SUMS`` in it is written last.
        partial: the folder for unfinished transfers.
        mirror: a directory or address laid out like ``<folder>/<file>``.

    Raises:
        UserError: a file cannot be had, or does not verify; names it and each place tried.
    """
    failures: dict[str, list[str]] = {}
    for file in dataset.files:
        if _verified(raw / file.name, file):
            continue
        failures[file.name] = _fetch(
            file, raw / file.name, locations(dataset, file, mirror), partial
        )
    missing = [name for name in failures if not (raw / name).exists()]
    if missing and dataset.archive:
        archive = partial / dataset.archive.name
        tried = []
        if not _verified(archive, dataset.archive):
            places = locations(dataset, dataset.archive, mirror)
            tried = _fetch(dataset.archive, archive, places, partial)
        if archive.exists():
            _extract(dataset.archive, archive, [f for f in dataset.files if f.name in missing], raw)
            archive.unlink()
            missing = []
        failures = (
            {missing[0]: failures[missing[0]], dataset.archive.name: tried} if missing else {}
        )
    if missing:
        lines = [f"  {name}: {line}" for name, tried in failures.items() for line in tried]
        raise UserError(
            f"{dataset.title} cannot be had:\n" + "\n".join(lines) + "\n"
            "Connect to the network, or set BNMATRIX_MIRROR (or the config key 'mirror') to a "
            f"directory or address that has {dataset.folder}/, and run again."
        )
    write_text(raw / SUMS, "".join(f"{file.sha256}  {file.name}\n" for file in dataset.files))


def verify(path: Path, file: File) -> None:
    """Check a file's size and SHA-256.

    Raises:
        UserError: the file is missing or is not what it should be; names both checksums.
    """
    problem = _problem(path, file)
    if problem:
        raise UserError(
            f"{path}: {problem}. Remove {path.parent} and run again, to download it anew."
        )


def _problem(path: Path, file: File) -> str | None:
    if not path.is_file():
        return "there is no such file"
    size = path.stat().st_size
    if file.size not in (None, size):
        cut = "cut off: " if size < file.size else ""
        return f"{cut}has {size} bytes instead of {file.size}"
    digest = sha256(path)
    if digest != file.sha256:
        return f"its SHA-256 is {digest} instead of {file.sha256}"
    return None


def _verified(path: Path, file: File) -> bool:
    """Return whether the right file is in place; remove a wrong one."""
    if not path.exists():
        return False
    problem = _problem(path, file)
    if problem:
        log.warning("%s: %s; removed, to get it anew", path, problem)
        path.unlink()
    return problem is None


def _fetch(file: File, target: Path, places: list[str], partial: Path) -> list[str]:
    """Try ``places`` in turn until ``target`` holds the file; return why those before failed."""
    tried = []
    for place in places:
        get: Callable = _get_url if is_url(place) else _get_path
        try:
            get(place, file, target, partial / f"{file.name}.part")
        except _Unusable as reason:
            log.info("%s: %s", place, reason)
            tried.append(f"{place}: {reason}")
        else:
            size = target.stat().st_size
            log.info("%s: %d bytes from %s, SHA-256 as declared", target, size, place)
            return tried
    return tried


def _get_path(place: str, file: File, target: Path, _part: Path) -> None:
    source = Path(place)
    problem = _problem(source, file)
    if problem:
        raise _Unusable(problem)
    with atomic_path(target) as temporary:
        shutil.copyfile(source, temporary)


def _get_url(place: str, file: File, target: Path, part: Path) -> None:
    resumed = part.exists()
    _transfer_with_retries(place, file, part)
    problem = _problem(part, file)
    if problem and resumed:
        # What was there before may have been another host's, and not this file.
        log.warning("%s: %s; starting over", part, problem)
        part.unlink()
        _transfer_with_retries(place, file, part)
        problem = _problem(part, file)
    if problem:
        part.unlink(missing_ok=True)
        raise _Unusable(f"{problem} (removed)")
    target.parent.mkdir(parents=True, exist_ok=True)
    part.replace(target)


def _transfer_with_retries(place: str, file: File, part: Path) -> None:
    for attempt in range(1, ATTEMPTS + 1):
        try:
            _transfer(place, file, part)
            return
        except requests.RequestException as error:
            have = part.stat().st_size if part.exists() else 0
            kept = f" ({have} of {file.size or '?'} bytes are kept, to go on from)" if have else ""
            late = isinstance(error, requests.Timeout)
            reason = "no answer in time" if late else "connection failed"
            if attempt == ATTEMPTS or (have == 0 and attempt == 2):
                raise _Unusable(f"{reason}, {attempt} times{kept}") from error
            log.warning("%s: %s%s; trying again", place, reason, kept)
            time.sleep(2 ** (attempt - 1))


def _transfer(place: str, file: File, part: Path) -> None:
    """Append to ``part`` what it lacks of the file at ``place``."""
    part.parent.mkdir(parents=True, exist_ok=True)
    have = part.stat().st_size if part.exists() else 0
    if file.size is not None and have >= file.size:
        part.unlink()
        have = 0
    headers = {"Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
    with requests.get(place, headers=headers, stream=True, timeout=TIMEOUT) as answer:
        if have and answer.status_code == requests.codes.requested_range_not_satisfiable:
            return  # all of it was there; whether it is the right file, its SHA-256 tells
        if answer.status_code not in (requests.codes.ok, requests.codes.partial_content):
            raise _Unusable(f"answers {answer.status_code} {answer.reason}")
        if answer.status_code != requests.codes.partial_content:
            have = 0  # it sends all of it
        elif have:
            log.info("%s: going on from byte %d", place, have)
        length = answer.headers.get("Content-Length")
        whole = file.size if file.size is not None else have + int(length) if length else None
        if length and have + int(length) != whole:
            # Another version, or a page that asks to log in.
            raise _Unusable(f"has {have + int(length)} bytes instead of {whole}")
        try:
            with part.open("ab" if have else "wb") as sink:
                for chunk in answer.iter_content(CHUNK):
                    sink.write(chunk)
                    before, have = have, have + len(chunk)
                    if whole and have * 10 // whole > before * 10 // whole:
                        share = have * 100 // whole
                        log.log(PROGRESS, "%s: %d %% of %d bytes", file.name, share, whole)
        except requests.RequestException:
            raise
        except OSError as error:  # a full disk, most likely: leave nothing behind
            part.unlink(missing_ok=True)
            raise UserError(
                f"{part}: {error.strerror or error} (the partial file was removed). Free space "
                f"under {part.parent.resolve()} and run again."
            ) from error
    if whole and have < whole:
        raise requests.ConnectionError(f"cut off at {have} of {whole} bytes")


def _extract(archive: Archive, path: Path, files: list[File], raw: Path) -> None:
    """Extract ``files`` from a verified archive, and verify each."""
    log.info("%s: extracting %d files", path, len(files))
    with tarfile.open(path, "r:gz") as tar:
        for file in files:
            name = f"{archive.members}/{file.name}"
            try:
                source = tar.extractfile(name)
            except KeyError:
                source = None
            if source is None:
                raise UserError(f"{path}: has no file {name}")
            with atomic_path(raw / file.name) as temporary, temporary.open("wb") as sink:
                shutil.copyfileobj(source, sink)
            verify(raw / file.name, file)
