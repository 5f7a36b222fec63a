"""The environment variables of jobs."""

import os
import sys
from pathlib import Path

from bnmatrix.config.own_data import InspectedDataset
from bnmatrix.config.project import Project
from bnmatrix.datasets.own.cache import INSPECTED_VARIABLE, for_jobs
from bnmatrix.installed import DIGEST_VARIABLE, package_digest, requirement
from bnmatrix.plan.loading import MIRROR_VARIABLE
from bnmatrix.supervision import SNAKEMAKE_VARIABLE

#: What pip needs to install this package in a conda environment (environment.post-deploy.sh).
REQUIREMENT_VARIABLE = "BNMATRIX_REQUIREMENT"


def set_environment(project: Project, main_process: bool) -> None:
    """Set the environment that Snakemake's jobs inherit.

    ``PATH`` lets jobs find the command of the package, also without an active environment.
    :data:`MIRROR_VARIABLE` is not a param of a rule, because another source of the same files must
    not cause anything to run again. :data:`INSPECTED_VARIABLE` holds the inspections of a user's
    own data, because jobs may run on machines without this data. :data:`DIGEST_VARIABLE` lets jobs
    refuse other code, and :data:`REQUIREMENT_VARIABLE` lets a new conda environment get this code.
    :data:`SNAKEMAKE_VARIABLE` holds the number of this process, because jobs end with it.

    Args:
        project: the configuration.
        main_process: whether this is the main process of Snakemake, and not one of its jobs.

    Raises:
        UserError: the inspections are too long for an environment variable.
    """
    _prepend("PATH", Path(sys.executable).parent)
    if main_process:
        os.environ[DIGEST_VARIABLE] = package_digest()
        os.environ[REQUIREMENT_VARIABLE] = requirement()
    datasets = project.datasets.items()
    inspected = [name for name, dataset in datasets if isinstance(dataset, InspectedDataset)]
    os.environ[INSPECTED_VARIABLE] = for_jobs(inspected, Path("data"))
    os.environ[SNAKEMAKE_VARIABLE] = str(os.getpid())
    if project.run.mirror:
        os.environ[MIRROR_VARIABLE] = project.run.mirror


def _prepend(variable: str, folder: Path) -> None:
    folders = filter(None, os.environ.get(variable, "").split(os.pathsep))
    os.environ[variable] = os.pathsep.join([str(folder), *folders])
