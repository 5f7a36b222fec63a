"""Resolve pyproject.toml into requirements*.txt and environment.yml.

The requirements carry a hash for every file and name no index: pip takes the one it is set up
with. The conda environment carries the same versions from the same wheels, so that both give the
same results.
"""

import subprocess
import sys
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


def conda_environment(requirements: str) -> str:
    """Return environment.yml with the versions of ``requirements``."""
    return CONDA + "".join(f'      - "{pin}"\n' for pin in pins(requirements))


def main() -> None:
    """Write the files."""
    upgrade = sys.argv[1:]
    compile_lock("requirements.txt", *upgrade)
    for name, *chosen in (
        ("dev", "--group", "dev"),
        ("cluster", "--extra", "cluster"),
        # TensorFlow's build for processors alone gives way to the one for both.
        ("gpu", "--extra", "gpu", "--override", "tools/gpu-overrides.txt"),
    ):
        compile_lock(f"requirements-{name}.txt", *chosen, "-c", "requirements.txt", *upgrade)
    requirements = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    (ROOT / "environment.yml").write_text(conda_environment(requirements), encoding="utf-8")


if __name__ == "__main__":
    main()
