"""The environment variables of jobs."""

import os
import sys
from pathlib import Path

from bnmatrix.config.own_data import InspectedDataset
from bnmatrix.config.project import Project
from bnmatrix.datasets.own.cache import INSPECTED_VARIABLE, for_jobs
from bnmatrix.plan.loading import MIRROR_VARIABLE
from bnmatrix.supervision import SNAKEMAKE_VARIABLE


def set_environment(project: Project, source: Path) -> None:
    """Set the environment that Snakemake's jobs inherit.

    ``PYTHONPATH`` and ``PATH`` let jobs find the package and the current Python, also without an
    active environment. :data:`MIRROR_VARIABLE` is not a param of a rule, because another source of
    the same files must not cause anything to run again. :data:`INSPECTED_VARIABLE` holds the
    inspections of a user's own data, because jobs may run on machines without this data.
    :data:`SNAKEMAKE_VARIABLE` holds the number of this process, because jobs end with it.

    Args:
        project: the configuration.
        source: the folder that holds the package.

    Raises:
        UserError: the inspections are too long for an environment variable.
    """
    _prepend("PYTHONPATH", source.resolve())
    _prepend("PATH", Path(sys.executable).parent)
    datasets = project.datasets.items()
    inspected = [name for name, dataset in datasets if isinstance(dataset, InspectedDataset)]
    os.environ[INSPECTED_VARIABLE] = for_jobs(inspected, Path("data"))
    os.environ[SNAKEMAKE_VARIABLE] = str(os.getpid())
    if project.run.mirror:
        os.environ[MIRROR_VARIABLE] = project.run.mirror


def _prepend(variable: str, folder: Path) -> None:
    folders = filter(None, os.environ.get(variable, "").split(os.pathsep))
    os.environ[variable] = os.pathsep.join([str(folder), *folders])
