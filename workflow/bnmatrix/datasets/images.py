"""Images of one's own: a folder, or a .zip file, with one folder a class."""

import io
import logging
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from bnmatrix.config import OwnDataset
from bnmatrix.datasets.labelled import Labelled, some
from bnmatrix.errors import UserError
from bnmatrix.logs import PROGRESS

log = logging.getLogger(__name__)

_MODES = {"color": "RGB", "gray": "L"}


def estimate(entry: OwnDataset, path: Path) -> float:
    """Return how many bytes the images take in memory once they are resized."""
    return float(len(list(_files(path))) * entry.image_size[0] * entry.image_size[1] * 3)


def read_images(entry: OwnDataset, paths: list[Path]) -> list[Labelled]:
    """Read all images, resized and as bytes; those that cannot be read are left out.

    Raises:
        UserError: no class folders, or too many unreadable files; see
            :mod:`bnmatrix.datasets.own`.
    """
    return [_read(entry, path) for path in paths]


def _read(entry: OwnDataset, path: Path) -> Labelled:
    height, width = entry.image_size
    images, labels, unreadable = [], [], []
    files = list(_files(path))
    if not files:
        raise UserError(
            f"{path}: there are no images in it; they should be in one folder a class, such as "
            f"{path}/cat/1.png"
        )
    log.log(PROGRESS, "%s: reading %d images", path, len(files))
    for label, name, content in files:
        try:
            with Image.open(content()) as image:
                upright = _eight_bits(ImageOps.exif_transpose(image))
                upright = upright.convert(_MODES[entry.image_mode])
                images.append(
                    np.asarray(upright.resize((width, height), Image.Resampling.BILINEAR))
                )
            labels.append(label)
        except (
            *(UnidentifiedImageError, OSError, SyntaxError, ValueError, zipfile.BadZipFile),
            Image.DecompressionBombError,
        ) as error:
            log.warning("%s: cannot be read as an image: %s", name, error)
            unreadable.append(name)
    notes = [f"Images resized to {height} × {width} pixels, {entry.image_mode}."]
    if unreadable:
        said = (
            f"{len(unreadable)} of {len(files)} files cannot be read as images: {some(unreadable)}"
        )
        if len(unreadable) / len(files) > entry.most_unreadable:
            raise UserError(
                f"{path}: {said}. Repair or remove them; `most_unreadable` "
                f"(now {entry.most_unreadable:g}) is the share that may be left out"
            )
        notes.append(f"{said}; left out.")
    return Labelled(np.stack(images), labels, None, 255.0, notes)


def _eight_bits(image: Image.Image) -> Image.Image:
    """Return a gray image of 16 bits with 8; what has no fixed range is refused."""
    if image.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(image).astype(np.uint32) // 257).astype(np.uint8))
    if image.mode in ("I", "F"):
        raise ValueError(f"pixels of mode {image.mode}, of which nobody knows the range")
    return image


def _files(path: Path) -> Iterator[tuple[str, str, Callable[[], object]]]:
    """Yield class, name and a way to the content of each file, in the order of their names."""
    if path.is_dir():
        loose = [p for p in sorted(path.iterdir()) if p.is_file() and not p.name.startswith(".")]
        folders = [p for p in sorted(path.iterdir()) if p.is_dir() and not p.name.startswith(".")]
        if loose and not folders:
            raise UserError(
                f"{path}: holds files and no folders; images should be in one folder a class, such "
                f"as {path}/cat/{loose[0].name}"
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
                    yield folder.name, str(file), lambda file=file: file
        return
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
    # All in one folder: that is the data set's, and not a class's.
    depth = 1 if len({m.parts[0] for m in members}) == 1 else 0
    for member in members:
        if len(member.parts) < depth + 2:
            raise UserError(f"{path}: {member} is in no class's folder")
        yield (
            member.parts[depth],
            f"{path}: {member}",
            lambda m=member: io.BytesIO(archive.read(names[m])),
        )
