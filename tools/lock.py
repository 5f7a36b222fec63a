"""Resolve pyproject.toml into requirements*.txt and environment.yml.

The requirements carry a hash for every file and name no index: pip takes the one it is set up
with. The conda environment carries the same versions from the same wheels, so that both give the
same results.
"""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HEADER = "# Made by `make lock` from pyproject.toml. Do not edit.\n"
CONDA = """\
# Made by `make lock` from requirements.txt. Do not edit.
# The versions are those of requirements.txt, and so are the files: TensorFlow's wheels are what
# the results were made with, and mixing them with other builds of their dependencies is not.
name: bnmatrix
channels:
  - conda-forge
  - nodefaults
dependencies:
  - python=3.12
  - pip
  - pip:
"""


def compile_lock(output: str, *arguments: str) -> None:
    """Resolve into ``output``, keeping the versions that it has where they still fit."""
    subprocess.run(
        [
            *("uv", "pip", "compile", "pyproject.toml", "--quiet", "--universal"),
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
    """Return the ``name==version ; marker`` part of each requirement."""
    lines = [line for line in requirements.splitlines() if line[:1].isalnum()]
    return [line.removesuffix("\\").strip() for line in lines]


def torch_requirement() -> str:
    """Return the version of PyTorch that pyproject.toml names."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return project["optional-dependencies"]["torch"][0]


def without_torch(text: str, requirements: str) -> str:
    """Return a lock without PyTorch, and without what only its build for CUDA needs.

    Each build has a hash of its own; what all of them need is Python alone, and on every platform.
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
    """Return environment.yml with the versions of ``requirements``."""
    return CONDA + "".join(f'      - "{pin}"\n' for pin in pins(requirements))


def main() -> None:
    """Write the files."""
    if "--torch" in sys.argv:
        print(torch_requirement())
        return
    upgrade = sys.argv[1:]
    compile_lock("requirements.txt", *upgrade)
    for name, *chosen in (
        ("dev", "--group", "dev"),
        ("cluster", "--extra", "cluster"),
        ("torch", "--extra", "torch"),
        # TensorFlow's build for processors alone gives way to the one for both.
        ("gpu", "--extra", "gpu", "--override", "tools/gpu-overrides.txt"),
    ):
        compile_lock(f"requirements-{name}.txt", *chosen, "-c", "requirements.txt", *upgrade)
    requirements = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    torch = ROOT / "requirements-torch.txt"
    text = torch.read_text(encoding="utf-8")
    torch.write_text(without_torch(text, requirements), encoding="utf-8")
    (ROOT / "environment.yml").write_text(conda_environment(requirements), encoding="utf-8")


if __name__ == "__main__":
    main()
