"""Resolve pyproject.toml into requirements*.txt and environment.yml.

The requirements contain a hash for every file and name no package index: pip uses the index that it
is configured with. The conda environment contains the same versions from the same wheels, so that
both environments give the same results.
"""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ("pyproject.toml",)
HEADER = "# Made by `make lock` from pyproject.toml. Do not edit.\n"
CONDA = """\
# Made by `make lock` from requirements.txt. Do not edit.
# Versions and files are those of requirements.txt: the published results were computed with
# TensorFlow's wheels, and not with other builds of their dependencies.
name: bnmatrix
channels:
  - conda-forge
  - nodefaults
dependencies:
  - python=3.12
  - pip
  - pip:
"""


def compile_lock(output: str, *arguments: str, sources: tuple[str, ...] = SOURCES) -> None:
    """Resolve pyproject.toml into a file of requirements.

    Versions that the file already names are kept if they still satisfy pyproject.toml.

    Args:
        output: the file, relative to the root of the repository.
        arguments: further arguments for ``uv pip compile``.
        sources: what to resolve; by default, the dependencies of the package.

    Raises:
        subprocess.CalledProcessError: uv finds no solution.
    """
    subprocess.run(
        [
            *("uv", "pip", "compile", *sources, "--quiet", "--universal"),
            *("--python-version", "3.11", "--fork-strategy", "fewest", "--generate-hashes"),
            *("--no-header", "--no-annotate", "--no-emit-index-url", "--output-file", output),
            *arguments,
        ],
        cwd=ROOT,
        check=True,
    )
    path = ROOT / output
    path.write_text(HEADER + path.read_text(encoding="utf-8"), encoding="utf-8")


def pins(requirements: str) -> list[str]:
    """Return the part ``name==version ; marker`` of each requirement."""
    lines = [line for line in requirements.splitlines() if line[:1].isalnum()]
    return [line.removesuffix("\\").strip() for line in lines]


def torch_requirement() -> str:
    """Return the requirement ``torch==version`` of pyproject.toml."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return project["optional-dependencies"]["torch"][0]


def without_torch(text: str, requirements: str) -> str:
    """Return a lock without PyTorch and without the packages that only its CUDA build needs.

    Each build of PyTorch has its own hash, so that a lock cannot name it. The packages that all
    builds need are pure Python and have no marker; those of the CUDA build are marked for Linux.

    Args:
        text: the lock with PyTorch.
        requirements: the lock of the main environment; all its packages are kept.
    """
    kept = {pin.split("==")[0] for pin in pins(requirements)}
    blocks = re.split(r"(?m)^(?=[A-Za-z0-9])", text)
    return "".join(
        block
        for block in blocks
        if block.startswith("#")
        or block.split("==")[0] in kept
        or (not block.startswith("torch==") and "sys_platform == 'linux'" not in block)
    )


def conda_environment(requirements: str) -> str:
    """Return the content of environment.yml with the versions of ``requirements``."""
    return CONDA + "".join(f'      - "{pin}"\n' for pin in pins(requirements))


def main() -> None:
    """Write all locks and environment.yml; with ``--torch``, print the requirement of PyTorch."""
    if "--torch" in sys.argv:
        print(torch_requirement())
        return
    upgrade = sys.argv[1:]
    compile_lock("requirements.txt", *upgrade)
    for name, *chosen in (
        ("dev", "--group", "dev"),
        ("cluster", "--extra", "cluster"),
        ("torch", "--extra", "torch"),
        # The GPU build of TensorFlow replaces the CPU build.
        ("gpu", "--extra", "gpu", "--override", "tools/gpu-overrides.txt"),
    ):
        compile_lock(f"requirements-{name}.txt", *chosen, "-c", "requirements.txt", *upgrade)
    # Only the installer, without the package's own dependencies.
    compile_lock(
        "requirements-uv.txt",
        "-c",
        "requirements-dev.txt",
        *upgrade,
        sources=("--group", "install"),
    )
    requirements = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    torch = ROOT / "requirements-torch.txt"
    text = torch.read_text(encoding="utf-8")
    torch.write_text(without_torch(text, requirements), encoding="utf-8")
    (ROOT / "environment.yml").write_text(conda_environment(requirements), encoding="utf-8")


if __name__ == "__main__":
    main()
