"""Functions that the rules share, and the plan of the run. This file contains no rules."""

import os
import sys
from functools import cache
from pathlib import Path

try:
    import bnmatrix
except ModuleNotFoundError:
    sys.exit(
        "Error: the package bnmatrix is not installed in the environment that runs snakemake. In a "
        "checkout, `make report` sets up an environment; elsewhere, install it with pip"
    )

from bnmatrix.config.run import RESERVED_NAMES
from bnmatrix.errors import UserError
from bnmatrix.files import as_json
from bnmatrix.installed import check_workflow
from bnmatrix.plan.announcements import announce_jobs, announce_success
from bnmatrix.plan.environment import set_environment
from bnmatrix.plan.fingerprint import fingerprint
from bnmatrix.plan.blocks import Block
from bnmatrix.plan.minutes import TimePolicy
from bnmatrix.plan.plan import make_plan
from bnmatrix.supervision import end_jobs_on_signals


def or_exit(function, *arguments):
    """Call a function of the plan and return the result; exit with the message of a UserError."""
    try:
        return function(*arguments)
    except UserError as error:
        sys.exit(f"Error: {error}")


# The version of the package that these rules need.
or_exit(check_workflow, str(workflow.current_basedir), "0.2.0")
# Finished training jobs are used again, unless they are in a storage: then each run of another number
# of replicates trains all of them.
RUNS = None if workflow.storage_settings.default_storage_provider else Path("data/runs")
PLAN = or_exit(make_plan, config, workflow.is_main_process, RUNS)
or_exit(set_environment, PLAN.project, workflow.is_main_process)


def declared(wildcards):
    """Return a digest of the declarations of a study and its data set."""
    return PLAN.declared([wildcards.study])


wildcard_constraints:
    dataset="[^/]+",
    split="[^/]+",
    study=rf"(?!(?:{'|'.join(RESERVED_NAMES)})\.)[^/]+",
    job="[^/]+",
    block="[^/]+",
