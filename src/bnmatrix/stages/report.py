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
    data set that could not be downloaded is left out of the last.

    Args:
        cores: the number of cores.

    Raises:
        SystemExit: the last step fails, or the user interrupts the run; with the exit status.
        UserError: the configuration is wrong.
    """
    steps, options = _steps(), ["--cores", str(cores)]
    if not OVERVIEW.exists() and len(steps) > 1:
        for number, step in enumerate(steps, start=1):
            print(f"Step {number} of {len(steps)}: {step.title}", flush=True)
            if number < len(steps):
                snakemake([*options, "--config", step.selection])
    status = snakemake(options)
    if status and len(_steps()) < len(steps):
        # A download failed. The new plan leaves out its studies.
        status = snakemake(options)
    sys.exit(status)


def _steps() -> list[Step]:
    config = Path("config/config.yaml")
    return growth(make_plan(read_yaml(config) if config.exists() else {}, look=True))
