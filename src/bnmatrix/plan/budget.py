"""How many replicates, and how long a training, fit into a number of minutes."""

import heapq
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bnmatrix.config.project import Project
from bnmatrix.config.studies import Study
from bnmatrix.errors import UserError
from bnmatrix.plan.costs import training_cost, usual_seconds
from bnmatrix.plan.jobs import jobs

#: Rules that run one after another before and after the training, and the start of Snakemake.
_AROUND = ("prepare", "aggregate", "compare", "judge_study", "plot", "page")
_START_SECONDS = 8.0

#: What is tried in turn: the share of the usual length of training, and the fewest replicates. With
#: ten pairs an interval is half as wide as with five.
_TRIALS = ((1.0, 10), (0.5, 10), (0.5, 5), (0.25, 5))
#: The most replicates that are considered.
_MOST = 200


@dataclass(frozen=True)
class Budget:
    """What fits into a number of minutes.

    Attributes:
        keys: keys of the study's entry, with which it fits.
        seconds: expected seconds of the run.
        shortened: the share of the usual length of training, at most 1.
    """

    keys: Mapping[str, Any]
    seconds: float
    shortened: float


def run_seconds(project: Project, study: str, cores: int) -> float:
    """Return the expected seconds of a run that makes the page of one study and nothing else."""
    costs = sorted(training_cost(project, job).seconds for job in jobs(project, study))
    loads = [0.0] * min(cores, len(costs))
    for seconds in reversed(costs):
        heapq.heapreplace(loads, loads[0] + seconds)
    return max(loads) + _START_SECONDS + sum(map(usual_seconds, _AROUND))


def fitted(
    with_keys: Callable[[Mapping[str, Any]], Project], name: str, minutes: float, cores: int
) -> Budget:
    """Return the largest number of replicates that fits, with shorter training if need be.

    Args:
        with_keys: returns the project in which the study's entry has further keys.
        name: name of the study.
        minutes: the time for the run.
        cores: number of cores.

    Raises:
        UserError: nothing fits.
    """
    usual = with_keys({})
    least = 0.0
    for share, fewest in _TRIALS:
        found = None
        length = _length(usual.study(name), share)
        for replicates in _numbers(usual.study(name), fewest):
            keys = replicates | length
            seconds = run_seconds(with_keys(keys), name, cores)
            if seconds > 60 * minutes:
                least = seconds if found is None else least
                break
            found = Budget(keys, seconds, share)
        if found is not None:
            return found
    raise UserError(
        f"--minutes {minutes:g}: too short: the shortest run that tells something takes about "
        f"{least / 60:.1f} minutes on {cores} cores. Give more minutes, or fewer --batch-sizes"
    )


def replicates_for(study: Study, pairs: int) -> dict[str, Any] | None:
    """Return keys that give at least so many pairs; None if these are more than are considered."""
    return next(_numbers(study, pairs), None)


def _numbers(study: Study, fewest: int) -> Iterator[dict[str, Any]]:
    """Yield the keys for more and more replicates, in complete tuning blocks and rounds of folds.

    Fewer replicates share a tuned rate only where folds ask for as many blocks.
    """
    folds = study.settings.get("folds") or 1
    shared = study.tuning.shared_by if study.tunes else 1
    sizes = [(folds * few, few) for few in range(1, shared)] if folds > 1 else []
    sizes += [(folds * shared * rounds, shared) for rounds in range(1, _MOST + 1)]
    for replicates, shared_by in sizes:
        if fewest <= replicates <= _MOST:
            tuning = {"tuning": {"shared_by": shared_by}} if study.tunes else {}
            yield {"replicates": replicates} | tuning


def _length(study: Study, share: float) -> dict[str, Any]:
    """Return the keys for a share of the usual length of training."""
    if share == 1:
        return {}
    lengths = {
        name: max(1, round(study.settings[name] * share))
        for name in ("epochs", "steps")
        if name in study.settings
    }
    return {"settings": lengths}
