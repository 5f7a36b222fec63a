"""What tests share: the configuration, the mirror with genuine data, and small variants."""

import contextlib
import os
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

# Before the first import of a library that reads them. Tests compile hundreds of small programs, so
# that optimizing these takes longer than running them; and each of several tests at a time has one
# thread. Runs of the workflow (checkout.py) use neither.
QUICK = {"XLA_FLAGS": "--xla_backend_optimization_level=0", "OPENBLAS_NUM_THREADS": "1"}
os.environ.update(QUICK)

# PyTorch's build for CUDA depends on Triton, which must be loaded before TensorFlow in a process.
# A job never imports both; tests that compare the two do.
with contextlib.suppress(ImportError):
    import triton  # noqa: F401

from bnmatrix.installed import PACKAGE
from bnmatrix.plan.loading import load_project
from bnmatrix.training.settings import Settings

ROOT = Path(__file__).resolve().parent.parent

#: The modules that take the longest, which must not start last: each runs in one process.
LONGEST = (
    *("test_slurm", "test_workflow", "test_browser", "test_pipeline", "test_training_jobs"),
    *("test_measures", "test_training_loop", "test_report", "test_frameworks"),
)

if PACKAGE != ROOT / "src/bnmatrix":
    pytest.exit(f"tests of {ROOT} would import {PACKAGE}: run `make test`", returncode=2)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start the longest modules first."""
    items.sort(key=lambda item: (*LONGEST, item.path.stem).index(item.path.stem))


def mirror_path() -> Path | None:
    """Return the mirror from the environment, or the mirror beside the checkout, or None."""
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
def cluster_plugins(tmp_path_factory) -> Path:
    """A folder with the packages of requirements-cluster.txt, which slow down every snakemake."""

    def pinned(name: str) -> dict[str, str]:
        text = (ROOT / name).read_text(encoding="utf-8")
        blocks = re.split(r"\n(?=[a-z])", text, flags=re.IGNORECASE)[1:]
        return {re.match(r"[\w.-]+", block)[0]: block for block in blocks}

    common = pinned("requirements.txt")
    added = [b for name, b in pinned("requirements-cluster.txt").items() if name not in common]
    folder = tmp_path_factory.mktemp("plugins")
    (folder / "requirements.txt").write_text("\n".join(added), encoding="utf-8")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    command += ["--no-deps", "--require-hashes", "--target", str(folder)]
    done = subprocess.run([*command, "-r", str(folder / "requirements.txt")], check=False)
    if done.returncode:
        pytest.skip("the plugins for clusters cannot be installed: no package registry")
    return folder


@pytest.fixture(scope="session")
def keras_framework():
    from support import configured

    return configured("keras")


@pytest.fixture(scope="session")
def tensorflow(keras_framework):  # noqa: ARG001
    import tensorflow

    return tensorflow


def mostly_slow(cases: Iterable[str], fast: Iterable[str]) -> list[Any]:
    """Return the cases of a test; only those in ``fast`` are not marked as slow."""
    cases, fast = list(cases), set(fast)
    assert fast <= set(cases)
    return [case if case in fast else pytest.param(case, marks=pytest.mark.slow) for case in cases]


def settings(**changes: Any) -> Settings:
    """Return a variant's settings: the defaults, one epoch, and ``changes``."""
    length = {} if "steps" in changes else {"epochs": 1}
    return Settings(**(length | changes)).canonical()


#: What a storage with an S3 interface needs of the environment.
ACCESS = {
    **{"SNAKEMAKE_STORAGE_S3_ACCESS_KEY": "none", "SNAKEMAKE_STORAGE_S3_SECRET_KEY": "none"},
    **{"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"},
}


@pytest.fixture
def bucket():
    """An S3 server on loopback, with a bucket."""
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    address = f"http://{host}:{port}"
    storage = boto3.resource(
        *("s3", "us-east-1"),
        endpoint_url=address,
        aws_access_key_id="none",
        aws_secret_access_key="none",
    )
    storage.create_bucket(Bucket="bnmatrix")
    yield address, storage.Bucket("bnmatrix")
    server.stop()
