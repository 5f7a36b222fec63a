"""Where a user's own data set is, and how it is read."""

import codecs
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from bnmatrix.datasets.raw_files import File
from bnmatrix.models import BelowOne, Count, Fraction, Model, Seed

Kind = Literal["table", "arrays", "images"]

#: Kind of data → the suffixes of its files. A folder holds images.
SUFFIXES: dict[Kind, tuple[str, ...]] = {
    "table": (".csv", ".csv.gz", ".tsv", ".tsv.gz", ".parquet"),
    "arrays": (".npz", ".npy"),
    "images": (".zip",),
}


#: Values of `labels` that say how the texts of classes are read.
LABEL_RULES = ("strip_case", "as_written")


def _known_encoding(name: str) -> str:
    """Check that Python knows an encoding of text."""
    try:
        "".encode(name)
        codecs.getincrementaldecoder(name)
    except (LookupError, UnicodeError):
        raise ValueError(
            f"'{name}' is no encoding of text; usual ones are utf-8, latin-1, cp1252 and utf-16"
        ) from None
    return name


class OwnSource(Model):
    """Everything that decides what is read of a user's own data set.

    ``config/datasets.yaml`` has these keys; :class:`bnmatrix.config.own_data.OwnDataset` checks
    that they fit together.
    """

    path: str | None = None
    """The file, or the folder of images; or give `url`."""
    url: str | None = None
    """Address of the file (for images, a .zip of their folders); needs `sha256`."""
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None = None
    """SHA-256 of the file in hexadecimal; a file with another one is never opened."""
    test_path: str | None = None
    """A file or folder like `path` that holds the test part; if not given, `test_fraction` is set
    apart."""
    target: str | None = None
    """Column of a table with the classes."""
    task: Literal["classification", "regression"] | None = None
    """`classification` predicts classes, `regression` predicts measurements. By default, numbers
    that are not all whole are measurements, if more than ten of them differ."""
    classes: bool = False
    """Whether numbers that look like measurements are classes."""
    features: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    """Columns of a table to learn from; if not given, all but `target`, `group` and `exclude`."""
    exclude: tuple[str, ...] = ()
    """Columns of a table to leave out, such as identifiers."""
    numeric: tuple[str, ...] = ()
    """Columns of measurements that look like identifiers: whole numbers, all of them different."""
    categorical: tuple[str, ...] = ()
    """Columns of numbers that stand for categories. Columns of text always do."""
    group: str | None = None
    """Column of a table whose values must not be in two parts (patients, sessions)."""
    missing: tuple[str | int | float, ...] = ()
    """Values of a table that mean that a value is missing, such as "?" or -999. Empty cells always
    do, and in CSV files NA, N/A, NaN and null."""
    separator: Annotated[str, Field(min_length=1, max_length=1)] | None = None
    """Character between the columns of a CSV file; if not given, a comma (.tsv: a tab)."""
    decimal: Literal[".", ","] = "."
    """The decimal mark of numbers in a table."""
    encoding: Annotated[str, AfterValidator(_known_encoding)] = "utf-8"
    """Encoding of a CSV file, such as latin-1, cp1252 or utf-16."""
    labels: str | None = None
    """`strip_case` merges classes that differ only in case or in spaces around them, `as_written`
    keeps them apart. Where `path` is a .npy file, the .npy file with the classes."""
    image_size: tuple[Count, Count] = (32, 32)
    """Height and width to which images are resized."""
    image_mode: Literal["color", "gray"] = "color"
    """Whether images keep their colours."""
    most_unreadable: BelowOne = 0.01
    """Share of images that may be unreadable; more are an error."""
    test_fraction: Fraction = 0.2
    """Share of the examples that is set apart for the test, with equal shares of each class."""
    seed: Seed = 42
    """Seed of that split."""

    @property
    def is_csv(self) -> bool:
        """Whether the data is a table in CSV files."""
        return self.kind == "table" and not self.place.lower().endswith(".parquet")

    @property
    def delimiter(self) -> str:
        """The character between the columns of a CSV file."""
        return self.separator or ("\t" if ".tsv" in self.place.lower() else ",")

    @property
    def place(self) -> str:
        """The path or address; empty if neither is given."""
        return self.path or self.url or ""

    @property
    def kind(self) -> Kind:
        """The kind of data, by the suffix of its place.

        Raises:
            ValueError: the suffix is unknown; lists those that are known.
        """
        name = self.place.lower()
        for kind, suffixes in SUFFIXES.items():
            if name.endswith(suffixes):
                return kind
        folder = name.endswith("/") or "." not in name.rpartition("/")[2]
        if self.url is None and folder:
            return "images"
        known = ", ".join(suffix for suffixes in SUFFIXES.values() for suffix in suffixes)
        raise ValueError(
            f"'{self.place}': cannot tell what kind of data this is; the name should end in one of "
            f"{known}, or be a folder of images (with a '/' at the end)"
        )

    @property
    def files(self) -> tuple[File, ...]:
        """The file to download; none for data with a path."""
        if self.url is None or self.sha256 is None:
            return ()
        host, _, name = self.url.rpartition("/")
        return (File(name=name, sha256=self.sha256, hosts=(host,)),)

    def paths(self, raw: Path) -> list[Path]:
        """Return the file or folder of the data, and that of the test part if there is one.

        Args:
            raw: the folder of downloaded files.
        """
        if self.files:
            return [raw / file.name for file in self.files]
        return [Path(path) for path in (self.path, self.test_path) if path is not None]

    def all_paths(self, raw: Path) -> list[Path]:
        """Return :meth:`paths`, and the file of the labels if there is one."""
        has_file = self.labels is not None and self.labels not in LABEL_RULES
        return self.paths(raw) + ([Path(str(self.labels))] if has_file else [])
