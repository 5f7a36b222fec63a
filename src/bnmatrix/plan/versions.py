"""The code and the versions of the libraries that train networks."""

import hashlib
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from bnmatrix.files import as_json
from bnmatrix.plan.fingerprint import fingerprint

#: Framework → its libraries. TensorFlow has another name in each of its builds.
_LIBRARIES = {
    "keras": ("numpy", "keras", "tensorflow", "tensorflow-cpu"),
    "torch": ("numpy", "torch"),
}


@cache
def library_versions(framework: str) -> dict[str, str]:
    """Return the versions of the libraries that a framework computes with, by name."""
    versions = {}
    for name in _LIBRARIES[framework]:
        try:
            versions[name.removesuffix("-cpu")] = version(name)
        except PackageNotFoundError:
            continue
    return versions


@cache
def training_code(stage: str, framework: str, own: tuple[str, ...] = ()) -> str:
    """Return a digest of the code of a stage and of the libraries that it computes with.

    Args:
        stage: name of a module of :mod:`bnmatrix.stages`.
        framework: name of the framework.
        own: paths of Python files that build a user's own networks.
    """
    files = [hashlib.sha256(Path(path).read_bytes()).hexdigest() for path in own]
    content = as_json([fingerprint(stage), library_versions(framework), *files])
    return hashlib.sha256(content.encode()).hexdigest()[:16]
