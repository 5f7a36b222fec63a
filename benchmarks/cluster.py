"""Simulate a matrix of 5 000 training jobs on 1 000 cores of a cluster, for sizes of queue entries.

Nothing runs: an entry takes as long as its jobs are expected to take. The simulation has what makes
cores idle: Snakemake submits entries one after another, learns of ended entries only when it asks,
and needs time to start each job; and the last entries end at different times. It prints a table of
docs/scaling.md: ``.venv/bin/python benchmarks/cluster.py``.
"""

import argparse
import heapq
import math
import random
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "src"))

from bnmatrix.cluster.profile import read_profile  # noqa: E402
from bnmatrix.cluster.requests import jobs_per_entry  # noqa: E402
from bnmatrix.plan.costs import ENTRY_SECONDS, SHORT_SECONDS, training_cost  # noqa: E402
from bnmatrix.plan.jobs import jobs  # noqa: E402
from bnmatrix.plan.loading import load_project  # noqa: E402
from bnmatrix.report.wording import thousands  # noqa: E402

#: Studies with short and with long jobs.
STUDIES = ("mnist-64-64", "mnist-256-128")

#: The local Slurm of the tests takes 0.02 s to accept an entry; a controller in use takes longer.
SUBMIT_SECONDS = 0.1
#: Seconds from the start of an entry until its Snakemake has read the workflow.
START_SECONDS = 5.0
#: Seconds until Snakemake first asks for ended entries, and by how much the time grows while none
#: ends.
FIRST_POLL, POLL_GROWTH, LONGEST_POLL = 30.0, 10.0, 180.0


def job_seconds(number: int, seed: int = 0) -> list[float]:
    """Return the expected times of jobs like those of the studies in ``STUDIES``, within 20 %."""
    project = load_project(root=ROOT)
    usual = [
        training_cost(project, job).seconds for study in STUDIES for job in jobs(project, study)
    ]
    rng = random.Random(seed)
    return [rng.choice(usual) * rng.uniform(0.8, 1.2) for _ in range(number)]


def entries_of(matrix: Sequence[float], size: int) -> list[tuple[float, float]]:
    """Return the time and the work of each queue entry, in the order of submission.

    Long jobs have their own entries and come first, as in rule ``train``. Jobs that share an entry
    are arbitrary, as in Snakemake.
    """
    short = [seconds for seconds in matrix if seconds < SHORT_SECONDS]
    long = [[seconds] for seconds in sorted(matrix, reverse=True) if seconds >= SHORT_SECONDS]
    grouped = [short[start : start + size] for start in range(0, len(short), size)]
    return [
        (START_SECONDS + sum(entry) + ENTRY_SECONDS * len(entry), sum(entry))
        for entry in [*long, *grouped]
    ]


def simulate(entries: Sequence[tuple[float, float]], cores: int, at_once: int) -> float:
    """Return the seconds until Snakemake knows that all entries have ended.

    Args:
        entries: the time and the work of each.
        cores: cores of the cluster; each entry takes one.
        at_once: entries in the queue at a time (``jobs`` of the profile).
    """
    free = [0.0] * cores  # when each core is free
    heapq.heapify(free)
    ends: list[float] = []  # of entries that Snakemake believes to be in the queue
    now, wait, submitted = 0.0, FIRST_POLL, 0
    while submitted < len(entries) or ends:
        while submitted < len(entries) and len(ends) < at_once:
            now += SUBMIT_SECONDS
            start = max(now, heapq.heappop(free))
            end = start + entries[submitted][0]
            heapq.heappush(free, end)
            heapq.heappush(ends, end)
            submitted += 1
        now += wait
        ended = bool(ends) and ends[0] <= now
        wait = FIRST_POLL if ended else min(wait + POLL_GROWTH, LONGEST_POLL)
        while ends and ends[0] <= now:
            heapq.heappop(ends)
    return now


def main() -> None:
    """Print a row for each size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=5_000)
    parser.add_argument("--cores", type=int, default=1_000)
    options = parser.parse_args()
    matrix = job_seconds(options.jobs)
    percent = read_profile(ROOT / "profiles/slurm").policy.percent
    short = sum(seconds < SHORT_SECONDS for seconds in matrix)
    work = sum(matrix)
    formula = jobs_per_entry(short, 2 * options.cores)
    print(
        f"{thousands(options.jobs)} jobs ({thousands(short)} short), {work / 3600:.0f} core hours, "
        f"{thousands(options.cores)} cores; the formula gives {formula} jobs an entry\n"
    )
    print("| jobs an entry | `jobs` | entries | longest request (min) | hours | busy share |")
    print("|--:|--:|--:|--:|--:|--:|")
    cases = [(size, options.cores) for size in sorted({1, formula, 4, 8, 16, 30})]
    for size, at_once in [(16, 100), *cases, (formula, 2 * options.cores)]:
        entries = entries_of(matrix, size)
        seconds = simulate(entries, options.cores, at_once)
        longest = math.ceil(max(time for time, _ in entries) * percent / 100 / 60)
        share = work / (options.cores * seconds)
        print(
            f"| {size} | {thousands(at_once)} | {thousands(len(entries))} | {longest} "
            f"| {seconds / 3600:.2f} | {100 * share:.0f} % |"
        )


if __name__ == "__main__":
    main()
