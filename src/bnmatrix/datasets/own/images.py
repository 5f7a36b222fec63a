"""A user's own images: a folder, or a .zip file, with one folder for each class."""

import io
import logging
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from bnmatrix.datasets.own.labels import Labelled
from bnmatrix.datasets.own.rows import Rows, some
from bnmatrix.datasets.own.source import OwnSource
from bnmatrix.errors import UserError

log = logging.getLogger(__name__)

_MODES = {"color": "RGB", "gray": "L"}

#: What Pillow raises for a file that is no image, or a damaged or gigantic one.
_UNREADABLE = (
    UnidentifiedImageError,
    OSError,
    SyntaxError,
    ValueError,
    zipfile.BadZipFile,
    Image.DecompressionBombError,
)


@dataclass(frozen=True)
class _ImageFile:
    """A file in the folder of a class.

    Attributes:
        label: name of the class.
        name: name of the file, for messages.
        content: opens the file.
    """

    label: str
    name: str
    content: Callable[[], Path | io.BytesIO]


def estimate(source: OwnSource, path: Path) -> float:
    """Return how many bytes the images take in memory once they are resized."""
    height, width = source.image_size
    return float(len(list(_files(path))) * height * width * 3)


def read_images(source: OwnSource, path: Path) -> Labelled:
    """Read all images, resized, as bytes; those that cannot be read are left out.

    Raises:
        UserError: there are no folders of classes, or too many files are unreadable.
    """
    height, width = source.image_size
    images: list[np.ndarray] = []
    labels: list[str] = []
    names: list[str] = []
    unreadable: list[str] = []
    files = list(_files(path))
    if not files:
        raise UserError(
            f"{path}: there are no images in it; they should be in one folder for each class, such "
            f"as {path}/cat/1.png"
        )
    log.info("%s: reading %d images", path, len(files))
    for file in files:
        try:
            with Image.open(file.content()) as image:
                upright = _eight_bits(ImageOps.exif_transpose(image))
                upright = upright.convert(_MODES[source.image_mode])
                resized = upright.resize((width, height), Image.Resampling.BILINEAR)
                images.append(np.asarray(resized))
            labels.append(file.label)
            names.append(file.name)
        except _UNREADABLE as error:
            log.warning("%s: cannot be read as an image: %s", file.name, error)
            unreadable.append(file.name)
    notes = [f"Images resized to {height} × {width} pixels, {source.image_mode}."]
    if unreadable:
        message = (
            f"{len(unreadable)} of {len(files)} files cannot be read as images: {some(unreadable)}"
        )
        if len(unreadable) / len(files) > source.most_unreadable:
            raise UserError(
                f"{path}: {message}. Repair or remove them; `most_unreadable` "
                f"(now {source.most_unreadable:g}) is the share that may be left out"
            )
        notes.append(f"{message}; left out.")
    return Labelled(
        np.stack(images),
        labels,
        f"{path}: the folders",
        Rows(path, source, tuple(names)),
        None,
        255.0,
        notes=notes,
    )


def _eight_bits(image: Image.Image) -> Image.Image:
    """Return an image with 8 bits per pixel and channel, from one with 8 or 16.

    Raises:
        ValueError: pixels have no fixed range.
    """
    if image.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(image).astype(np.uint32) // 257).astype(np.uint8))
    if image.mode in ("I", "F"):
        raise ValueError(f"pixels of mode {image.mode} have no fixed range")
    return image


def _files(path: Path) -> Iterator[_ImageFile]:
    """Yield the files of each class, in the order of their names."""
    return _files_in_folder(path) if path.is_dir() else _files_in_zip(path)


def _files_in_folder(path: Path) -> Iterator[_ImageFile]:
    inside = [p for p in sorted(path.iterdir()) if not p.name.startswith(".")]
    loose = [p for p in inside if p.is_file()]
    folders = [p for p in inside if p.is_dir()]
    if loose and not folders:
        raise UserError(
            f"{path}: holds files and no folders; images should be in one folder for each class, "
            f"such as {path}/cat/{loose[0].name}"
        )
    for folder in folders:
        inside = [p for p in folder.iterdir() if not p.name.startswith(".")]
        if inside and all(p.is_dir() for p in inside):
            raise UserError(
                f"{folder}: holds folders alone, where the images of a class were expected; "
                "give the folder of the classes as `path`, and of a test part as `test_path`"
            )
        for file in sorted(folder.rglob("*")):
            if file.is_file() and not file.name.startswith("."):
                yield _ImageFile(folder.name, str(file), partial(Path, file))


def _files_in_zip(path: Path) -> Iterator[_ImageFile]:
    """Yield the images of a .zip file; nothing is extracted to the disk."""
    try:
        archive = zipfile.ZipFile(path)
    except zipfile.BadZipFile as error:
        raise UserError(f"{path}: not a .zip file: {error}") from None
    names = {
        PurePosixPath(info.filename): info.filename
        for info in archive.infolist()
        if not info.is_dir() and not PurePosixPath(info.filename).name.startswith(".")
    }
    members = sorted(member for member in names if "__MACOSX" not in member.parts)
    # If all members are in one folder, that folder is the data set's, and not a class's.
    depth = 1 if len({member.parts[0] for member in members}) == 1 else 0
    for member in members:
        if len(member.parts) < depth + 2:
            raise UserError(f"{path}: {member} is not in the folder of a class")
        content = partial(_member, archive, names[member])
        yield _ImageFile(member.parts[depth], f"{path}: {member}", content)


def _member(archive: zipfile.ZipFile, name: str) -> io.BytesIO:
    return io.BytesIO(archive.read(name))
