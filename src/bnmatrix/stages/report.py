"""Run the workflow so that a first report is there early, and grows."""

import sys
from pathlib import Path

from bnmatrix.config.yaml_files import read_yaml
from bnmatrix.plan.engine import snakemake
from bnmatrix.plan.growth import Step, growth
from bnmatrix.plan.plan import make_plan

OVERVIEW = Path("reports/index.html")


def run(*, cores: int) -> None:
    """Run Snakemake once for each step of the growth, and a last time for everything.

    There are no steps if there is an earlier report. A step that fails does not stop the next: a
    data set that could not be downloaded is left out of the last. A run with nothing to do tells
    where the report is, too.

    Args:
        cores: the number of cores.

    Raises:
        SystemExit: the last step fails, or the user interrupts the run; with the exit status.
        UserError: the configuration is wrong.
    """
    steps, options, before = _steps(), ["--cores", str(cores)], _written()
    if not OVERVIEW.exists() and len(steps) > 1:
        for number, step in enumerate(steps, start=1):
            print(f"Step {number} of {len(steps)}: {step.title}", flush=True)
            if number < len(steps):
                snakemake([*options, "--config", step.selection])
    status = snakemake(options)
    if status and len(_steps()) < len(steps):
        # A download failed. The new plan leaves out its studies.
        status = snakemake(options)
    if not status and _written() == before:
        print(f"Report: {OVERVIEW.absolute()}")
    sys.exit(status)


def _written() -> int | None:
    """Return when the overview was written, in nanoseconds; None if there is none."""
    return OVERVIEW.stat().st_mtime_ns if OVERVIEW.exists() else None


def _steps() -> list[Step]:
    config = Path("config/config.yaml")
    return growth(make_plan(read_yaml(config) if config.exists() else {}, look=True))
