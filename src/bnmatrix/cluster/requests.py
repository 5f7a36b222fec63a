"""What the queue entries of a run request, and how many jobs they should have."""

import heapq
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bnmatrix.cluster.profile import Profile
from bnmatrix.plan.costs import Cost
from bnmatrix.plan.plan import Plan

#: Entries of a run for each that may be in the queue at a time. The profile lets twice as many be
#: in the queue as there are cores, so that each core gets four, and is idle only shortly before the
#: end, when the last entries end one after another (docs/scaling.md).
_TURNS = 2
#: Thirty jobs of less than two minutes take less than an hour.
_MOST_JOBS = 30
#: Rules whose jobs for one study share an entry (``groups`` of the profiles).
_ANALYSIS = ("aggregate", "compare", "plot", "plot_time", "page")


def jobs_per_entry(jobs: int, at_once: int) -> int:
    """Return how many of ``jobs`` short jobs should share a queue entry.

    Args:
        jobs: number of short jobs.
        at_once: number of entries in the queue at a time (``jobs`` of the profile).
    """
    return max(1, min(_MOST_JOBS, math.ceil(jobs / (_TURNS * at_once))))


@dataclass(frozen=True)
class Request:
    """What a queue entry requests at most.

    Attributes:
        minutes: time.
        mem_mb: memory, in MB.
    """

    minutes: int
    mem_mb: int


@dataclass(frozen=True)
class Demand:
    """What a run requests.

    Attributes:
        short, long: number of training jobs that share entries, and of those that do not.
        entries: number of entries of training.
        first, last: the largest requests of the first and of the last attempt.
    """

    short: int
    long: int
    entries: int
    first: Request
    last: Request


def demand(plan: Plan, profile: Profile) -> Demand:
    """Return what a run of everything requests with a profile."""
    training = [
        plan.cost(study, job, block)
        for study in plan.studies
        for job in plan.jobs(study)
        for block in plan.blocks(study, job)
    ]
    short = [cost for cost in training if cost.short]
    long = [cost for cost in training if not cost.short]
    analyses = [[plan.cost_of_rule(rule, [study]) for rule in _ANALYSIS] for study in plan.studies]
    size, studies = profile.sizes.get("training", 1), profile.sizes.get("analysis", 1)
    longest = heapq.nlargest(studies, analyses, key=lambda costs: sum(c.seconds for c in costs))
    largest = [
        heapq.nlargest(size, short, key=lambda cost: cost.seconds),
        [cost for costs in longest for cost in costs],
        *([cost] for cost in long),
    ]
    everything = [*training, *(cost for costs in analyses for cost in costs)]
    return Demand(
        short=len(short),
        long=len(long),
        entries=math.ceil(len(short) / size) + len(long),
        first=_request(largest, everything, 1, profile),
        last=_request(largest, everything, profile.retries + 1, profile),
    )


def _request(
    entries: Iterable[Sequence[Cost]], jobs: Iterable[Cost], attempt: int, profile: Profile
) -> Request:
    minutes = [sum(c.minutes(attempt, profile.policy) for c in costs) for costs in entries]
    return Request(
        minutes=max([int(total) for total in minutes], default=0),
        mem_mb=attempt * max((cost.mem_mb for cost in jobs), default=0),
    )
