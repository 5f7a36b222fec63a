"""The installed package: its origin, its files, and the checks that all processes use the same."""

import hashlib
import os
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from bnmatrix.errors import UserError
from bnmatrix.tables.machine import origin

PACKAGE = Path(__file__).resolve().parent

#: The declarations that come with the package. In a checkout, this is a link to ``config/``.
DEFAULTS = PACKAGE / "defaults"

#: The environment variable in which the main process passes :func:`package_digest` to jobs.
DIGEST_VARIABLE = "BNMATRIX_DIGEST"


def package_version() -> str:
    """Return the version of the installed package, or "unknown" if it is not installed."""
    try:
        return version("bnmatrix")
    except PackageNotFoundError:
        return "unknown"


def package_digest() -> str:
    """Return a digest of all files of the package except the default declarations."""
    digest = hashlib.sha256()
    for path in sorted(_files(PACKAGE)):
        digest.update(f"{path.relative_to(PACKAGE).as_posix()}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def is_code(path: Path) -> bool:
    """Return whether a file or folder in the package is part of its code, as templates are.

    The default declarations are not: they reach stages as params, and a change to one study must
    not run the others again. Editors and systems leave files such as ``.module.py.swp``,
    ``module.py~`` and ``.DS_Store``.
    """
    name = path.name
    return name not in ("__pycache__", DEFAULTS.name) and name[0] != "." and name[-1] != "~"


def _files(folder: Path) -> Iterator[Path]:
    for path in filter(is_code, folder.iterdir()):
        if path.is_dir():
            yield from _files(path)
        else:
            yield path


def check_same_code() -> None:
    """Check that this process runs the code that planned its job.

    The main process sets :data:`DIGEST_VARIABLE`. A command that is run by hand has no plan.

    Raises:
        UserError: the code is different.
    """
    expected = os.environ.get(DIGEST_VARIABLE)
    if expected and expected != package_digest():
        raise UserError(
            f"the code in {PACKAGE} is not the code that planned this job. If you changed the code "
            "during the run, run snakemake again. If the job runs in a container, a conda "
            f"environment or on another machine, install bnmatrix {package_version()} of the main "
            "process there"
        )


def check_workflow(rules: str, expected: str) -> None:
    """Check that the workflow and the package belong together.

    Args:
        rules: the folder of the workflow's rules, or an address.
        expected: the version of the package for which the rules were written.

    Raises:
        UserError: the package has another version, or comes from another checkout.
    """
    installed = package_version()
    if installed != expected:
        raise UserError(
            f"the workflow needs bnmatrix {expected}, but the environment has {installed} "
            f"({PACKAGE}). Install the version of the workflow: `make .venv/ready` in a checkout, "
            f"or pip install with the address and the tag of the workflow"
        )
    own = Path(rules).parent.parent / "src/bnmatrix"
    if own.is_dir() and own.resolve() != PACKAGE:
        raise UserError(
            f"the workflow is in the checkout {own.parent.parent.resolve()}, but Python imports "
            f"bnmatrix from {PACKAGE}. Use the environment of the checkout: run `make report` in "
            "it, or activate its .venv"
        )


def requirement() -> str:
    """Return what pip needs to install the same package: a path, an address or a version."""
    place = origin()
    if not place:
        return f"bnmatrix=={package_version()}"
    if "vcs_info" in place:
        return f"{place['vcs_info']['vcs']}+{place['url']}@{place['vcs_info']['commit_id']}"
    return str(place["url"]).removeprefix("file://")
