"""Downloading a data set's files from a mirror or the public hosts; each is verified."""

import logging
import shutil
import tarfile
import time
from pathlib import Path

import requests

from bnmatrix.datasets.availability import SUMS, is_url, locations
from bnmatrix.datasets.raw_files import Archive, Downloadable, File, problem_of, verify
from bnmatrix.errors import Unavailable, UserError
from bnmatrix.files import atomic_path, write_text
from bnmatrix.logs import PROGRESS

log = logging.getLogger(__name__)

#: Seconds to connect, and to wait for the next bytes.
TIMEOUT = (10, 60)
ATTEMPTS = 4
#: Bytes that are written at a time: a transfer that breaks loses at most so many.
CHUNK = 1 << 16


class _Unusable(Exception):
    """A place lacks the file, or has another one; the next place is tried."""


def download(wanted: Downloadable, raw: Path, partial: Path, mirror: str | None = None) -> None:
    """Put a data set's files into ``raw``, each verified by size and SHA-256.

    The mirror is tried first, then each host in turn. A transfer that breaks is resumed, in this
    run or the next; a file that does not verify is removed.

    Args:
        wanted: the files, their addresses and checksums.
        raw: the folder for the files; ``SHA256SUMS`` in it is written last.
        partial: the folder for unfinished transfers.
        mirror: a directory or address laid out like ``<folder>/<file>``.

    Raises:
        Unavailable: no place has a file that verifies; names each place and what was wrong.
        UserError: the disk is full, or an archive lacks a file.
    """
    failures: dict[str, list[str]] = {}
    for file in wanted.files:
        if _verified(raw / file.name, file):
            continue
        places = locations(wanted, file, mirror)
        failures[file.name] = _fetch(file, raw / file.name, places, partial)
    missing = [file for file in wanted.files if not (raw / file.name).exists()]
    if missing and wanted.archive:
        archive = partial / wanted.archive.name
        failures = {missing[0].name: failures[missing[0].name]}
        if not _verified(archive, wanted.archive):
            places = locations(wanted, wanted.archive, mirror)
            failures[wanted.archive.name] = _fetch(wanted.archive, archive, places, partial)
        if archive.exists():
            _extract(wanted.archive, archive, missing, raw)
            archive.unlink()
            missing = []
    if missing:
        lines = [f"  {name}: {line}" for name, tried in failures.items() for line in tried]
        raise Unavailable(
            f"{wanted.title} cannot be downloaded:\n" + "\n".join(lines) + "\n"
            "Connect to the network, or set BNMATRIX_MIRROR (or the config key 'mirror') to a "
            f"directory or address that has {wanted.folder}/, and run again."
        )
    write_text(raw / SUMS, "".join(f"{file.sha256}  {file.name}\n" for file in wanted.files))


def _verified(path: Path, file: File) -> bool:
    """Return whether ``path`` is the declared file; remove it if it is another one."""
    if not path.exists():
        return False
    problem = problem_of(path, file)
    if problem:
        log.warning("%s: %s; removed, to be downloaded again", path, problem)
        path.unlink()
    return problem is None


def _fetch(file: File, target: Path, places: list[str], partial: Path) -> list[str]:
    """Try ``places`` in turn until ``target`` is the file; return what failed before, and why."""
    tried: list[str] = []
    for place in places:
        try:
            if is_url(place):
                _get_url(place, file, target, partial / f"{file.name}.part")
            else:
                _copy(Path(place), file, target)
        except _Unusable as reason:
            log.info("%s: %s", place, reason)
            tried.append(f"{place}: {reason}")
        else:
            size = target.stat().st_size
            log.info("%s: %d bytes from %s, SHA-256 as declared", target, size, place)
            return tried
    return tried


def _copy(source: Path, file: File, target: Path) -> None:
    """Copy a file of a mirror to ``target`` if it verifies."""
    problem = problem_of(source, file)
    if problem:
        raise _Unusable(problem)
    with atomic_path(target) as temporary:
        shutil.copyfile(source, temporary)


def _get_url(place: str, file: File, target: Path, part: Path) -> None:
    """Transfer a file from an address, and move it to ``target`` if it verifies."""
    resumed = part.exists()
    _transfer_with_retries(place, file, part)
    problem = problem_of(part, file)
    if problem and resumed:
        # The bytes that were resumed from may have come from a host with another file.
        log.warning("%s: %s; starting over", part, problem)
        part.unlink()
        _transfer_with_retries(place, file, part)
        problem = problem_of(part, file)
    if problem:
        part.unlink(missing_ok=True)
        raise _Unusable(f"{problem} (removed)")
    target.parent.mkdir(parents=True, exist_ok=True)
    part.replace(target)


def _transfer_with_retries(place: str, file: File, part: Path) -> None:
    """Transfer a file to ``part``, again after a pause if the connection breaks."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            _transfer(place, file, part)
            return
        except requests.RequestException as error:
            have = part.stat().st_size if part.exists() else 0
            kept = f" ({have} of {file.size or '?'} bytes are kept, to resume from)" if have else ""
            late = isinstance(error, requests.Timeout)
            reason = "no answer in time" if late else "connection failed"
            if attempt == ATTEMPTS or (have == 0 and attempt == 2):
                raise _Unusable(f"{reason}, {attempt} times{kept}") from error
            log.warning("%s: %s%s; trying again", place, reason, kept)
            time.sleep(2 ** (attempt - 1))


def _transfer(place: str, file: File, part: Path) -> None:
    """Append the rest of the file at ``place`` to ``part``.

    Raises:
        _Unusable: the host does not send the file, or sends one of another size.
        requests.RequestException: the connection broke; ``part`` has what was received.
        UserError: the disk is full.
    """
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
            return  # the file was complete; the caller checks its SHA-256
        if answer.status_code not in (requests.codes.ok, requests.codes.partial_content):
            raise _Unusable(f"answers {answer.status_code} {answer.reason}")
        if answer.status_code != requests.codes.partial_content:
            have = 0  # the host cannot resume, and sends the whole file
        elif have:
            log.info("%s: resuming from byte %d", place, have)
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
