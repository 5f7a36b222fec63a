"""The steps of a report that grows: readers need not wait for all networks."""

from bnmatrix.config.project import Project
from bnmatrix.plan.plan import Plan


def growth(plan: Plan) -> list[list[str]]:
    """Return the data sets of each step: those at hand first, then one download at a time.

    Args:
        plan: the plan of the whole run.

    Returns:
        The names of the data sets of each step, each with those of the steps before it. The last
        step has the data sets of all studies that run. There is one step if nothing is downloaded.
    """
    project = plan.project
    names = list(dict.fromkeys(project.study(study).dataset for study in plan.studies))
    local = [name for name in names if not project.datasets[name].downloaded]
    downloads = sorted(set(names) - set(local), key=lambda name: (_size(project, name), name))
    steps = [local] if local else []
    for name in downloads:
        steps.append([*(steps[-1] if steps else []), name])
    return steps


def _size(project: Project, dataset: str) -> int:
    """Return the bytes to download; files of unknown size count as 0."""
    return sum(file.size or 0 for file in project.datasets[dataset].files)
