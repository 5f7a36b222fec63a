"""Calls of Snakemake, which runs the workflow."""

import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from bnmatrix.errors import UserError
from bnmatrix.installed import PACKAGE

#: Places of a Snakefile in which Snakemake looks by itself.
_PLACES = (Path("Snakefile"), Path("workflow/Snakefile"))


def workflow_options() -> list[str]:
    """Return the options with which Snakemake, called in the present folder, finds the workflow.

    Raises:
        UserError: neither the package nor the folder has the workflow.
    """
    own = PACKAGE.parent.parent / "Snakefile"
    if (own.parent / "workflow/rules").is_dir():
        return [] if own.parent == Path.cwd() else ["--snakefile", str(own)]
    if any(place.exists() for place in _PLACES):
        return []
    raise UserError(
        f"the workflow is not here: bnmatrix is installed in {PACKAGE} without it. Run this "
        "command in the environment of a checkout, or in a folder in which snakedeploy has put "
        "the workflow (docs/reuse.md)"
    )


def snakemake(arguments: Sequence[str]) -> int:
    """Run Snakemake in the present folder; return the exit status.

    Raises:
        SystemExit: the user interrupts the run; with status 130.
    """
    with subprocess.Popen([sys.executable, "-m", "snakemake", *arguments]) as process:
        # Snakemake ends its jobs.
        signal.signal(signal.SIGTERM, lambda *_: process.terminate())
        try:
            return process.wait()
        except KeyboardInterrupt:
            # The terminal has interrupted Snakemake, too.
            process.wait()
            sys.exit(130)
