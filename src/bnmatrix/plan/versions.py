"""Versions of the libraries that train networks."""

from functools import cache
from importlib.metadata import PackageNotFoundError, version

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
