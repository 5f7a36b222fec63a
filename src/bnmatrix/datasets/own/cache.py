"""Remembering what is found in a user's own data set, until its files or its entry change.

Every start of Snakemake reads the configuration, and needs the numbers of examples, features and
classes; looking into the files takes time, and imports libraries that take time. So what is found
is kept in ``data/inspected/<name>.json``.
"""

import base64
import hashlib
import json
import os
import zlib
from collections.abc import Iterable
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from bnmatrix.datasets.availability import SUMS, availability, have_raw
from bnmatrix.datasets.own.source import OwnSource
from bnmatrix.datasets.own.spec import Inspection
from bnmatrix.datasets.raw_files import Downloadable
from bnmatrix.errors import Unavailable, UserError
from bnmatrix.files import write_json
from bnmatrix.models import Model

#: Environment variable with what Snakemake's main process found in the data sets, as compressed
#: JSON: a job reads the configuration too, and may run on a machine that has none of the files.
INSPECTED_VARIABLE = "BNMATRIX_INSPECTED"

#: Bytes that Linux allows for a variable, with its name and its end (MAX_ARG_STRLEN).
_LONGEST_VARIABLE = 131_072


class Remembered(Model):
    """What is found in a data set, and for which entry and which files."""

    source: str
    """Digest of the data set's entry."""
    state: str
    """Digest of the files' names, sizes and times, and of the code that looks into them."""
    inspection: Inspection
    """What is found."""


_REMEMBERED_BY_NAME = TypeAdapter(dict[str, Remembered])


def inspected(
    name: str, source: OwnSource, data: Path, mirror: str | None = None, again: bool = False
) -> Inspection:
    """Return what is in a data set: as remembered, or by looking into its files.

    A data set with an address is downloaded first.

    Args:
        name: name of the data set.
        source: where the data is, and how it is read.
        data: the folder of all data.
        mirror: a directory or address with copies.
        again: whether to try a download again that failed recently.

    Raises:
        Unavailable: the file cannot be downloaded.
        UserError: a file is missing, or a classifier cannot learn from the data.
    """
    in_job = inspected_by_main_process()
    if in_job and name in in_job and in_job[name].source == _source_digest(source):
        return in_job[name].inspection
    raw, memory = data / "raw" / name, _memory(name, data)
    _download(name, source, raw, data / "partial" / name, mirror, again)
    state = _state(source, raw)
    remembered = _recall(memory)
    if (
        remembered is not None
        and remembered.source == _source_digest(source)
        and remembered.state == state
    ):
        return remembered.inspection
    # Imports libraries that take time.
    from bnmatrix.datasets.own.inspection import inspect

    inspection = inspect(source, raw)
    remembered = Remembered(source=_source_digest(source), state=state, inspection=inspection)
    write_json(memory, remembered.model_dump(mode="json"))
    return inspection


def for_jobs(names: Iterable[str], data: Path) -> str:
    """Return the value of :data:`INSPECTED_VARIABLE` for jobs.

    Args:
        names: names of the data sets that were looked into.
        data: the folder of all data.

    Raises:
        UserError: the value is longer than Linux allows.
    """
    in_job = os.environ.get(INSPECTED_VARIABLE)
    if in_job:
        return in_job
    remembered = {
        name: Remembered.model_validate_json(_memory(name, data).read_bytes()) for name in names
    }
    value = _packed(remembered)
    if len(f"{INSPECTED_VARIABLE}={value}\0") > _LONGEST_VARIABLE:
        largest = max(remembered, key=lambda name: len(_packed({name: remembered[name]})))
        classes = len(remembered[largest].inspection.classes)
        raise UserError(
            f"data set '{largest}': what jobs must know of your own data sets takes {len(value)} "
            f"bytes, and Linux allows {_LONGEST_VARIABLE}; most of it are the names of the "
            f"{classes} classes of '{largest}'. Merge classes or give them shorter names, or run "
            "studies of fewer of your own data sets at once (`studies` in config.yaml)"
        )
    return value


def inspected_by_main_process() -> dict[str, Remembered] | None:
    """Return what the main process found, by name of the data set, in a job; None elsewhere."""
    value = os.environ.get(INSPECTED_VARIABLE)
    if not value:
        return None
    return _REMEMBERED_BY_NAME.validate_json(zlib.decompress(base64.b85decode(value)))


def _packed(remembered: dict[str, Remembered]) -> str:
    """Return what is remembered as compressed JSON, in characters that a variable can hold."""
    content = {name: item.model_dump(mode="json") for name, item in remembered.items()}
    text = json.dumps(content, ensure_ascii=True, sort_keys=True)
    return base64.b85encode(zlib.compress(text.encode(), 9)).decode()


def _memory(name: str, data: Path) -> Path:
    return data / "inspected" / f"{name}.json"


def _recall(memory: Path) -> Remembered | None:
    """Return what is remembered; None if there is nothing, or if another version wrote it."""
    try:
        return Remembered.model_validate_json(memory.read_bytes())
    except (FileNotFoundError, ValidationError):
        return None


def _source_digest(source: OwnSource) -> str:
    """Return a digest of an entry."""
    text = source.model_dump_json(include=set(OwnSource.model_fields), exclude_defaults=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _download(
    name: str, source: OwnSource, raw: Path, partial: Path, mirror: str | None, again: bool
) -> None:
    """Download the file of a data set with an address, unless that has been done."""
    if not source.files:
        return
    wanted = Downloadable(title=name, folder=name, files=source.files)
    # The entry may have another checksum since the download: then the file is another one.
    if have_raw(wanted, raw) and source.files[0].sha256 in (raw / SUMS).read_text(encoding="utf-8"):
        return
    answer = availability(wanted, mirror, raw, partial)
    if not answer.available and not (again and answer.failed):
        raise Unavailable(answer.reason)
    from bnmatrix.datasets.download import download

    try:
        download(wanted, raw, partial, mirror)
    except Unavailable:
        # The reason in one line.
        raise Unavailable(availability(wanted, mirror, raw, partial).reason) from None


def _state(source: OwnSource, raw: Path) -> str:
    """Return a digest that changes with the files or the code, without opening any data."""
    code = sorted(Path(__file__).parents[1].rglob("*.py"))
    digest = hashlib.sha256(b"\0".join(path.read_bytes() for path in code))
    for path in source.all_paths(raw):
        try:
            if not path.exists():
                raise UserError(
                    f"{path}: there is no such file or folder; correct the path, which starts in "
                    "the folder of the project, or put the data there"
                )
            for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
                status = file.stat()
                digest.update(f"{file}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
        except OSError as error:
            raise UserError(
                f"{error.filename or path}: cannot be read: {error.strerror or error}"
            ) from error
    return digest.hexdigest()
