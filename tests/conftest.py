"""What tests share: the configuration, the mirror with genuine data, and small variants."""

import os
from pathlib import Path
from typing import Any

import pytest

from bnmatrix.config import Settings
from bnmatrix.project import load_project
from bnmatrix.training.environment import configure
from bnmatrix.variants import applicable

ROOT = Path(__file__).resolve().parent.parent


def mirror_path() -> Path | None:
    """Return the mirror named in the environment, or the one beside the checkout, or None."""
    named = os.environ.get("BNMATRIX_MIRROR")
    if named and not Path(named).is_dir():
        pytest.exit(f"BNMATRIX_MIRROR={named}: there is no such directory", returncode=2)
    candidates = [Path(named)] if named else [ROOT.parent / "shared/datasets"]
    return next((path.resolve() for path in candidates if path.is_dir()), None)


@pytest.fixture(scope="session")
def mirror() -> Path:
    path = mirror_path()
    if path is None:
        pytest.skip("no mirror with genuine MNIST and CIFAR-10: set BNMATRIX_MIRROR")
    return path


@pytest.fixture(scope="session")
def project():
    return load_project(root=ROOT)


@pytest.fixture(scope="session")
def tensorflow():
    configure(threads=1)
    import tensorflow

    return tensorflow


def settings(**changes: Any) -> dict[str, Any]:
    """Return a variant's settings: the defaults, one epoch, and ``changes``."""
    length = {} if "steps" in changes else {"epochs": 1}
    return applicable(Settings(**(length | changes)).model_dump())
