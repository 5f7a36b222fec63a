"""Import every module of the package once, so that Python compiles what its jobs import.

To compile all installed packages takes six times as long. The modules of a framework that is not
installed are left out.
"""

import importlib
import importlib.util
import pkgutil
import subprocess
import sys

import bnmatrix
from bnmatrix.training.conventions import FRAMEWORKS


def import_all(other: str) -> None:
    """Import all modules except those that need the framework ``other``, and Snakemake.

    A process never has both frameworks.
    """
    for module in pkgutil.walk_packages(bnmatrix.__path__, "bnmatrix."):
        if other not in module.name and not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    importlib.import_module("snakemake.cli")


if __name__ == "__main__":
    if len(sys.argv) == 2:
        import_all(sys.argv[1])
    else:
        found = [name for name, package in FRAMEWORKS.items() if importlib.util.find_spec(package)]
        running = [
            subprocess.Popen([sys.executable, __file__, other], stderr=subprocess.PIPE, text=True)
            for name in found
            for other in FRAMEWORKS
            if other != name
        ]
        for process in running:
            _, messages = process.communicate()
            # TensorFlow prints messages about the processor, which are no errors.
            if process.returncode:
                sys.exit(messages)
