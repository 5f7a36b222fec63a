"""The search for the data sets of a run: which are available."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bnmatrix.config.project import Project
from bnmatrix.datasets.availability import Availability, availability
from bnmatrix.datasets.places import check_mirror


def search(project: Project) -> dict[str, Availability]:
    """Return whether each data set is available that the user requested.

    Raises:
        UserError: the mirror is a directory that does not exist.
    """
    check_mirror(project.run.mirror)
    names = list(project.datasets)
    if project.run.studies != "all":
        names = list(dict.fromkeys(project.study(study).dataset for study in project.chosen))
    if project.run.datasets != "all":
        names = [name for name in names if name in project.run.datasets]

    def answer(dataset: str) -> Availability:
        raw, partial = Path("data/raw") / dataset, Path("data/partial") / dataset
        return availability(project.datasets[dataset], project.run.mirror, raw, partial)

    with ThreadPoolExecutor() as pool:
        return dict(zip(names, pool.map(answer, names), strict=True))
