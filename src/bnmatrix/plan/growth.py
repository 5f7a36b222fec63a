"""The steps of a report that grows: readers need not wait for all networks."""

from dataclasses import dataclass

from bnmatrix.config.project import Project
from bnmatrix.plan.plan import Plan


@dataclass(frozen=True)
class Step:
    """What is run before a report is written.

    Attributes:
        title: its studies, in words.
        selection: the configuration that selects them, as ``--config`` takes it.
    """

    title: str
    selection: str


def growth(plan: Plan) -> list[Step]:
    """Return the steps of a report: what is quick or at hand first, then a download at a time.

    The first step has the matrices of the data sets that need no download, the second all studies
    of these data sets, and each further step one more data set.

    Args:
        plan: the plan of the whole run.

    Returns:
        The steps, each with the studies of the steps before it. The last one has all studies that
        run.
    """
    project = plan.project
    names = list(dict.fromkeys(project.study(study).dataset for study in plan.studies))
    local = [name for name in names if not project.datasets[name].downloaded]
    downloads = sorted(set(names) - set(local), key=lambda name: (_size(project, name), name))
    at_hand = [study for study in plan.studies if project.study(study).dataset in local]
    matrices = [study for study in at_hand if project.study(study).role == "matrix"]
    steps = []
    if 0 < len(matrices) < len(at_hand):
        titles = f"the matrices of {', '.join(local)}"
        steps.append(Step(titles, f"studies={','.join(matrices)}"))
    for number in range(0 if local else 1, len(downloads) + 1):
        datasets = local + downloads[:number]
        titles = f"the studies of {', '.join(datasets)}"
        steps.append(Step(titles, f"datasets={','.join(datasets)}"))
    return steps


def _size(project: Project, dataset: str) -> int:
    """Return the bytes to download; files of unknown size count as 0."""
    return sum(file.size or 0 for file in project.datasets[dataset].files)
