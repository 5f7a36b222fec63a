"""What is in a data set of one's own, looked up once and remembered until its files change.

Reading the configuration needs the numbers of examples, features and classes, at every start of
Snakemake and in every job; looking into the files takes time, and libraries that take time.
"""

import base64
import hashlib
import json
import os
import zlib
from pathlib import Path
from typing import Any

from bnmatrix.config import Dataset, File, InspectedDataset, OwnDataset
from bnmatrix.datasets.availability import SUMS, have_raw
from bnmatrix.errors import UserError
from bnmatrix.files import write_json

#: What was found, for jobs: they may run where the files are not.
INSPECTED_VARIABLE = "BNMATRIX_INSPECTED"

#: The code that looks: a change to it looks again.
_CODE = ("own.py", "labelled.py", "tables.py", "arrays.py", "images.py")


def inspected(
    name: str, entry: OwnDataset, data: Path, mirror: str | None = None
) -> InspectedDataset:
    """Return a data set with what is in it: from memory, or by looking into its files.

    What has an address is downloaded first.

    Args:
        name: its name.
        entry: its entry in the configuration.
        data: the folder of data.
        mirror: a directory or address with copies.

    Raises:
        UserError: it cannot be had, or is not fit to be learned from.
    """
    declared = _declared(entry)
    known = (told() or {}).get(name)
    if known and known["declared"] == declared:
        return InspectedDataset.model_validate(known["dataset"])
    raw, memory = data / "raw" / name, data / "inspected" / f"{name}.json"
    if entry.url is not None:
        _download(name, entry, raw, data / "partial" / name, mirror)
    state = _state(entry, raw)
    if memory.exists():
        known = json.loads(memory.read_text(encoding="utf-8"))
        if known["declared"] == declared and known["state"] == state:
            return InspectedDataset.model_validate(known["dataset"])
    from bnmatrix.datasets.own import inspect

    found = inspect(name, entry, raw)
    write_json(memory, _remembered(found) | {"state": state})
    return found


def for_jobs(datasets: dict[str, Dataset]) -> str:
    """Return the value of :data:`INSPECTED_VARIABLE`: all that was found, as compressed JSON."""
    found = {
        name: _remembered(dataset)
        for name, dataset in datasets.items()
        if isinstance(dataset, InspectedDataset)
    }
    # Linux takes no variable above 128 kB.
    content = json.dumps(found, ensure_ascii=True, sort_keys=True).encode()
    return base64.b85encode(zlib.compress(content, 9)).decode()


def told() -> dict[str, Any] | None:
    """Return what the main process found, by data set, in a job; None elsewhere."""
    content = os.environ.get(INSPECTED_VARIABLE)
    return json.loads(zlib.decompress(base64.b85decode(content))) if content else None


def _declared(entry: OwnDataset) -> str:
    """Return a digest of an entry."""
    return hashlib.sha256(entry.model_dump_json(exclude_defaults=True).encode()).hexdigest()


def _remembered(dataset: InspectedDataset) -> dict[str, Any]:
    """Return what is kept of a data set, in built-in types."""
    return {
        "declared": _declared(dataset.own),
        "dataset": dataset.model_dump(mode="json", exclude_defaults=True),
    }


def paths_of(entry: OwnDataset, raw: Path) -> list[Path]:
    """Return the file or folder of a data set, and of its test part if it has its own."""
    if entry.url is not None:
        return [raw / entry.url.rpartition("/")[2]]
    return [Path(path) for path in (entry.path, entry.test_path) if path is not None]


def file_of(entry: OwnDataset) -> File:
    """Return the file to download of a data set that has an address."""
    host, _, name = entry.url.rpartition("/")
    return File(name=name, sha256=entry.sha256, hosts=[host])


def _download(name: str, entry: OwnDataset, raw: Path, partial: Path, mirror: str | None) -> None:
    wanted = Dataset.model_construct(
        title=entry.title or name, folder=name, files=[file_of(entry)], archive=None
    )
    # Of another checksum, it is another file.
    if not have_raw(wanted, raw) or entry.sha256 not in (raw / SUMS).read_text(encoding="utf-8"):
        from bnmatrix.datasets.download import download

        download(wanted, raw, partial, mirror)


def _state(entry: OwnDataset, raw: Path) -> str:
    """Return a text that changes with the files or the code, without opening any data."""
    code = [(Path(__file__).parent / name).read_bytes() for name in _CODE]
    digest = hashlib.sha256(b"\0".join(code))
    for path in (*paths_of(entry, raw), *([Path(entry.labels)] if entry.labels else [])):
        if not path.exists():
            raise UserError(
                f"{path}: there is no such file or folder (looked for {path.resolve()})"
            )
        files = sorted(path.rglob("*")) if path.is_dir() else [path]
        for file in files:
            status = file.stat()
            digest.update(f"{file}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
    return digest.hexdigest()
