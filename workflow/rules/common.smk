"""Functions that the rules share, and the plan of the run. This file contains no rules."""

import os
import sys
from functools import cache
from pathlib import Path

from snakemake.logging import logger

SOURCE = Path(os.path.relpath(Path(workflow.basedir) / "src"))
sys.path.insert(0, str(SOURCE.resolve()))

from bnmatrix.config.run import RESERVED_NAMES
from bnmatrix.errors import UserError
from bnmatrix.files import as_json
from bnmatrix.plan.environment import set_environment
from bnmatrix.plan.fingerprint import fingerprint
from bnmatrix.plan.plan import make_plan
from bnmatrix.plan.versions import library_versions
from bnmatrix.supervision import end_jobs_on_signals


def or_exit(function, *arguments):
    """Call a function of the plan and return the result; exit with the message of a UserError."""
    try:
        return function(*arguments)
    except UserError as error:
        sys.exit(f"Error: {error}")


PLAN = or_exit(make_plan, config, workflow.is_main_process)
or_exit(set_environment, PLAN.project, SOURCE)


def each_attempt(amount):
    """Return a resource of which attempt *k* requests *k* times the amount."""
    return lambda wildcards, attempt: attempt * amount


def tables_of(studies):
    """Return the tables of studies, other than the runs, from which claims are judged."""
    names = ("history.parquet", "measurements.parquet", "timings.csv", "step_times.parquet")
    names += ("tuning.parquet",)
    return [f"data/results/{study}/{name}" for study in studies for name in names]


def data_of(wildcards):
    """Return the prepared data of all variants of a study."""
    dataset = PLAN.project.study(wildcards.study).dataset
    splits = PLAN.splits_of_study(wildcards.study)
    return [f"data/processed/{dataset}/{split}.npz" for split in splits]


def declared(wildcards):
    """Return a digest of the declarations of a study and its data set."""
    return PLAN.declared([wildcards.study])


def warn():
    """Log which studies and variants do not run."""
    for warning in PLAN.warnings():
        logger.warning(warning)


def announce_success():
    """Log what does not run, and the paths of the requested pages."""
    warn()
    requested = [Path(word) for word in sys.argv[1:] if word.endswith(".html")]
    for page in requested or [Path("reports/index.html")]:
        if page.exists():
            logger.info(f"Report: {page.resolve()}")


wildcard_constraints:
    dataset="[^/]+",
    split="[^/]+",
    study=rf"(?!(?:{'|'.join(RESERVED_NAMES)})\.)[^/]+",
    job="[^/]+",
