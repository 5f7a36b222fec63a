"""Downloading a data set's files from a mirror or the public hosts; each is verified."""

import logging
import shutil
import tarfile
import time
from itertools import chain
from pathlib import Path

import requests

from bnmatrix.datasets import hosts
from bnmatrix.datasets.availability import SUMS
from bnmatrix.datasets.failures import failure_file, remember
from bnmatrix.datasets.places import is_url, locations
from bnmatrix.datasets.raw_files import Archive, Downloadable, File, problem_of, verify
from bnmatrix.errors import Unavailable, UserError
from bnmatrix.files import atomic_path, write_text

log = logging.getLogger(__name__)

#: Seconds to connect, and to wait for the next bytes.
TIMEOUT = (10, 30)
#: Bytes that are written at a time: a transfer that breaks loses at most so many.
CHUNK = 1 << 16


class _Unusable(Exception):
    """A place lacks the file, or has another one; the next place is tried."""


class _BrokenOff(Exception):
    """A host broke off the transfer of a file."""


def download(wanted: Downloadable, raw: Path, partial: Path, mirror: str | None = None) -> None:
    """Put a data set's files into ``raw``, each verified by size and SHA-256.

    The mirror is tried first, then each host in turn. A transfer that breaks is resumed, in this
    run or the next; a file that does not verify is removed. A failure is remembered in ``partial``.

    Args:
        wanted: the files, their addresses and checksums.
        raw: the folder for the files; ``SHA256SUMS`` in it is written last.
        partial: the folder for unfinished transfers.
        mirror: a directory or address laid out like ``<folder>/<file>``.

    Raises:
        Unavailable: no place has a file that verifies; names each place and what was wrong.
        UserError: the disk is full, or an archive lacks a file.
    """
    problems = _files(wanted, raw, partial, mirror)
    if problems and wanted.archive:
        problems += _archive(wanted.archive, wanted, raw, partial, mirror)
    missing = [file for file in wanted.files if not (raw / file.name).exists()]
    if missing:
        remember(partial, wanted, mirror, "; ".join(problems))
        lines = "".join(f"  {problem}\n" for problem in problems)
        raise Unavailable(
            f"{wanted.title} cannot be downloaded:\n{lines}"
            "Run again: for an hour, its studies are left out unless you request one by name. To "
            "add them, connect to the network, or set BNMATRIX_MIRROR (or the config key 'mirror') "
            f"to a directory or address that has {wanted.folder}/."
        )
    write_text(raw / SUMS, "".join(f"{file.sha256}  {file.name}\n" for file in wanted.files))
    failure_file(partial).unlink(missing_ok=True)


def _files(wanted: Downloadable, raw: Path, partial: Path, mirror: str | None) -> list[str]:
    """Fetch the files until one fails; return why each place failed for that file."""
    for file in wanted.files:
        if not _verified(raw / file.name, file):
            tried = _fetch(file, raw / file.name, locations(wanted, file, mirror), partial)
            if not (raw / file.name).exists():
                return tried or [f"{file.name}: no host and no mirror has it"]
    return []


def _archive(
    archive: Archive, wanted: Downloadable, raw: Path, partial: Path, mirror: str | None
) -> list[str]:
    """Fetch the archive, and extract the files that ``raw`` lacks; return why each place failed."""
    path = partial / archive.name
    tried = []
    if not _verified(path, archive):
        tried = _fetch(archive, path, locations(wanted, archive, mirror), partial)
    if path.exists():
        missing = [file for file in wanted.files if not (raw / file.name).exists()]
        _extract(archive, path, missing, raw)
        path.unlink()
    return tried


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
    """Transfer a file to ``part``, and resume after a pause if the host breaks off.

    Raises:
        _Unusable: the host does not send the file, or breaks off each time.
    """
    for attempt in range(hosts.RETRIES + 1):
        try:
            with hosts.session() as session, _open(session, place, part, file) as answer:
                _receive(answer, place, file, part)
            return
        except _BrokenOff as reason:
            have = part.stat().st_size if part.exists() else 0
            kept = f" ({have} of {file.size or '?'} bytes are kept, to resume from)" if have else ""
            if attempt == hosts.RETRIES:
                raise _Unusable(f"{reason}, {attempt + 1} times{kept}") from reason
            log.warning("%s: %s%s; trying again", place, reason, kept)
            time.sleep(hosts.BACKOFF * 2**attempt)


def _open(session: requests.Session, place: str, part: Path, file: File) -> requests.Response:
    """Ask for the bytes of a file that ``part`` lacks; return the answer before its content.

    Raises:
        _Unusable: the host cannot be reached, or answers with an error, each time.
    """
    part.parent.mkdir(parents=True, exist_ok=True)
    have = part.stat().st_size if part.exists() else 0
    if file.size is not None and have >= file.size:
        part.unlink()
        have = 0
    headers = {"Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
    times = f"{hosts.RETRIES + 1} times"
    try:
        answer = session.get(place, headers=headers, stream=True, timeout=TIMEOUT)
    except requests.RequestException as error:
        reason = "no answer in time" if _late(error) else "connection failed"
        raise _Unusable(f"{reason}, {times}") from error
    if answer.status_code in hosts.PASSING:
        raise _Unusable(f"answers {answer.status_code} {answer.reason}, {times}")
    accepted = (requests.codes.ok, requests.codes.partial_content)
    unneeded = have and answer.status_code == requests.codes.requested_range_not_satisfiable
    if answer.status_code not in accepted and not unneeded:
        raise _Unusable(f"answers {answer.status_code} {answer.reason}")
    return answer


def _receive(answer: requests.Response, place: str, file: File, part: Path) -> None:
    """Append the content of an answer to ``part``.

    Raises:
        _Unusable: the content is not the file.
        _BrokenOff: the connection broke; ``part`` has what was received.
        UserError: the disk is full.
    """
    have = part.stat().st_size if part.exists() else 0
    if answer.status_code == requests.codes.requested_range_not_satisfiable:
        return  # the file was complete; the caller checks its SHA-256
    if answer.status_code != requests.codes.partial_content:
        have = 0  # the host cannot resume, and sends the whole file
    elif have:
        log.info("%s: resuming from byte %d", place, have)
    length = answer.headers.get("Content-Length")
    whole = file.size if file.size is not None else have + int(length) if length else None
    content = answer.iter_content(CHUNK)
    try:
        start = next(content, b"")
        if hosts.is_page(answer, start):
            raise _Unusable(f"has {hosts.PAGE}")
        if length and have + int(length) != whole:
            raise _Unusable(f"has {have + int(length)} bytes instead of {whole}")
        with part.open("ab" if have else "wb") as sink:
            for chunk in chain([start], content):
                sink.write(chunk)
                before, have = have, have + len(chunk)
                if whole and have * 10 // whole > before * 10 // whole:
                    share = have * 100 // whole
                    log.info("%s: %d %% of %d bytes", file.name, share, whole)
    except requests.RequestException as error:
        reason = "no more bytes in time" if _late(error) else "the host breaks off"
        raise _BrokenOff(reason) from error
    except OSError as error:  # a full disk, most likely: leave nothing behind
        part.unlink(missing_ok=True)
        raise UserError(
            f"{part}: {error.strerror or error} (the partial file was removed). Free space "
            f"under {part.parent.resolve()} and run again."
        ) from error
    if whole and have < whole:
        raise _BrokenOff("the host breaks off")


def _late(error: requests.RequestException) -> bool:
    """Return whether a time-out ended a request; some of them are connection errors to requests."""
    return isinstance(error, requests.Timeout) or "timed out" in str(error)


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
