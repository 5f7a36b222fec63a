"""What the main process tells the console, beside what Snakemake does.

The events are those of ``snakemake_logger_plugin_bnmatrix``.
"""

from collections.abc import Container
from pathlib import Path
from typing import Any

from snakemake.logging import logger

from bnmatrix.config.own_data import InspectedDataset
from bnmatrix.plan.plan import Plan

_NOTE = {"event": "bnmatrix_note"}


def announce_jobs(plan: Plan, dag: Any) -> None:
    """Tell how long each job will take, where the requested files will be, and what of a user's own
    data is in doubt.

    Args:
        plan: the plan of the run.
        dag: Snakemake's jobs.
    """
    seconds = {
        dag.jobid(job): plan.seconds(job.rule.name, dict(job.wildcards_dict))
        for job in dag.needrun_jobs()
    }
    event = {"event": "bnmatrix_expected", "seconds": seconds, "pages": _requested(dag)}
    logger.info(None, extra=event)
    studies = {job.wildcards_dict.get("study") for job in dag.needrun_jobs()}
    for doubt in doubts(plan, studies):
        logger.warning(doubt, extra=_NOTE)


def doubts(plan: Plan, studies: Container[str | None]) -> list[str]:
    """Return what is in doubt of a user's own data sets that studies use, each with its entry."""
    project = plan.project
    names = dict.fromkeys(project.study(s).dataset for s in plan.studies if s in studies)
    own = [(name, project.datasets[name]) for name in names]
    return [
        f"{project.run.datasets_file}: datasets → {name}: {doubt}"
        for name, dataset in own
        if isinstance(dataset, InspectedDataset)
        for doubt in dataset.doubts
    ]


def announce_success(plan: Plan, dag: Any) -> None:
    """Tell what of the request did not run, and where the requested files are."""
    jobs = list(dag.jobs)
    rules = {job.rule.name for job in jobs}
    studies = {job.wildcards_dict["study"] for job in jobs if "study" in job.wildcards_dict}
    for warning in plan.warnings(rules, studies):
        logger.warning(warning, extra=_NOTE)
    for path in _requested(dag):
        logger.info(f"Report: {path}", extra=_NOTE)


def _requested(dag: Any) -> list[str]:
    """Return the absolute paths of the requested files; of all pages, only the overview."""
    if any(job.rule.name in ("all", "default") for job in dag.targetjobs):
        return [str(Path("reports/index.html").absolute())]
    paths = [str(path) for job in dag.targetjobs for path in job.output]
    return [str(Path(path).absolute()) for path in paths if path in set(map(str, dag.targetfiles))]
