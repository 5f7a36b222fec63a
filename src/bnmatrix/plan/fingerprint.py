"""Fingerprints of stages: digests of the code that they import.

A stage is a module of :mod:`bnmatrix.stages`. The closure of a stage consists of all files of the
package that the stage imports, directly or indirectly. Imports inside functions count. Rules pass
the digest of the closure to Snakemake, which runs the stage again when the digest changes.
"""

import ast
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from bnmatrix.installed import PACKAGE, is_code


@cache
def fingerprint(stage: str, package: Path = PACKAGE) -> str:
    """Return a digest of all code that affects the files that a stage writes.

    Docstrings and lines of comments do not count.

    Args:
        stage: name of a module of :mod:`bnmatrix.stages`.
        package: the folder of the package.
    """
    digest = hashlib.sha256()
    for path in sorted(closure(stage, package)):
        digest.update(f"{path.relative_to(package).as_posix()}\0".encode())
        digest.update(_read(path, package).content)
    return digest.hexdigest()[:16]


def closure(stage: str, package: Path = PACKAGE) -> set[Path]:
    """Return the files of the package that affect the files that a stage writes.

    These are the modules that the stage imports, transitively, with the ``__init__.py`` of their
    packages, and the templates and other data files beside them.
    """
    found: set[Path] = set()
    todo = [package / "stages" / f"{stage}.py"]
    while todo:
        path = todo.pop()
        if path not in found:
            found.add(path)
            todo += _read(path, package).needed
    return found


@dataclass(frozen=True)
class _File:
    """A file of the package: the content for the digest, and the files that it needs directly."""

    content: bytes
    needed: tuple[Path, ...] = ()


@cache
def _read(path: Path, package: Path) -> _File:
    if path.suffix != ".py":
        return _File(path.read_bytes())
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    folders = [path.parent, *path.parent.parents]
    packages = [folder / "__init__.py" for folder in folders[: folders.index(package) + 1]]
    imported = [file for name in _imports(tree) for file in _module(name, package)]
    return _File(_code(text, tree), (*packages, *_data_files(path.parent), *imported))


def _imports(tree: ast.Module) -> Iterator[str]:
    """Yield the names of all modules that a module imports, and of all objects from them."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _code(text: str, tree: ast.Module) -> bytes:
    """Return a module without docstrings, lines of comments and blank lines.

    The same in every version of Python, as the layout of its syntax trees is not.
    """
    lines = text.splitlines()
    prose: set[int] = set()
    literal: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and _is_text(node.value) and _alone(node, lines):
            prose.update(_rows(node))
        elif isinstance(node, ast.Constant | ast.JoinedStr):
            literal.update(_rows(node)[1:])
    return "\n".join(
        line.rstrip()
        for row, line in enumerate(lines, start=1)
        if row not in prose and (row in literal or (line.strip() and line.lstrip()[0] != "#"))
    ).encode()


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _rows(node: ast.expr | ast.stmt) -> range:
    return range(node.lineno, (node.end_lineno or node.lineno) + 1)


def _alone(node: ast.Expr, lines: list[str]) -> bool:
    """Return whether a statement has its lines for itself."""
    first, last = lines[node.lineno - 1], lines[(node.end_lineno or node.lineno) - 1]
    before = first.encode()[: node.col_offset]
    after = last.encode()[node.end_col_offset or 0 :]
    return not before.strip() and not after.strip()


def _module(name: str, package: Path) -> list[Path]:
    """Return the file of a module of this package, or an empty list for other modules."""
    root, _, rest = name.partition(".")
    if root != package.name:
        return []
    place = package.joinpath(*rest.split(".")) if rest else package
    files = (place.with_suffix(".py"), place / "__init__.py")
    return [file for file in files if file.is_file()]


@cache
def _data_files(folder: Path) -> tuple[Path, ...]:
    """Return the data files, such as templates, in a folder and its subfolders without modules."""
    found: list[Path] = []
    for path in sorted(filter(is_code, folder.iterdir())):
        if path.is_dir() and not any(path.glob("*.py")):
            found += [file for file in path.rglob("*") if file.is_file() and file.name[0] != "."]
        elif path.is_file() and path.suffix not in (".py", ".pyc"):
            found.append(path)
    return tuple(found)
