"""The state of a run: its jobs, what is done, and how long the rest will take."""

from collections.abc import Mapping
from dataclasses import dataclass, field

#: Seconds by which an estimate trusts the expected times before jobs were measured.
_TRUST_SECONDS = 20.0
#: A job that takes longer than expected has at least this part of its expected time left.
_LEAST_LEFT = 0.1


@dataclass(frozen=True)
class Job:
    """A job that has started.

    Attributes:
        number: Snakemake's number of the job.
        rule: name of the rule.
        wildcards: values of the rule's wildcards.
        logs: paths of the log files.
        began: when the job began, in seconds of the clock of the run.
    """

    number: int
    rule: str
    wildcards: Mapping[str, str]
    logs: tuple[str, ...]
    began: float


@dataclass
class Run:
    """The state of a run.

    Attributes:
        began: when the run began, in seconds of its clock.
        total: number of jobs of the run; 0 until the plan is made.
        counts: number of jobs of each rule.
        expected: expected seconds of each job on one core, by the number of the job. Empty if the
            workflow did not tell.
        workers: number of jobs that can run at once.
        pages: paths of what was asked for.
        running, failed: jobs by number.
        done: numbers of jobs, by rule.
        interrupted: whether the user interrupted the run.
        broken: whether the run ended before everything was done.
        lost: number of failures of queue entries with several jobs. Snakemake deletes what their
            jobs finished.
    """

    began: float
    total: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    expected: dict[int, float] = field(default_factory=dict)
    workers: int = 1
    pages: list[str] = field(default_factory=list)
    running: dict[int, Job] = field(default_factory=dict)
    failed: dict[int, Job] = field(default_factory=dict)
    done: dict[str, set[int]] = field(default_factory=dict)
    interrupted: bool = False
    broken: bool = False
    lost: int = 0
    _expected_of_done: float = 0.0
    _measured: float = 0.0

    def start(self, job: Job) -> None:
        """Register that a job began, for the first time or again after a failure."""
        self.failed.pop(job.number, None)
        self.running[job.number] = job

    def finish(self, number: int, now: float) -> None:
        """Register that a job is done."""
        job = self.running.pop(number, None)
        if job is None:
            return
        self.done.setdefault(job.rule, set()).add(number)
        if number in self.expected:
            self._expected_of_done += self.expected[number]
            self._measured += now - job.began

    def fail(self, number: int) -> None:
        """Register that a job failed."""
        job = self.running.pop(number, None)
        if job is not None:
            self.failed[number] = job

    @property
    def number_done(self) -> int:
        """Number of jobs that are done."""
        return sum(map(len, self.done.values()))

    def work_done(self, now: float) -> float:
        """Return which part of the work is done, from 0 to 1, by expected seconds."""
        total = sum(self.expected.values())
        if not total:
            return self.number_done / self.total if self.total else 0.0
        return 1.0 - min(1.0, sum(self._left(now)) / (total * self._scale(now)))

    def remaining(self, now: float) -> float | None:
        """Return the expected seconds until the end; None if they are unknown.

        The expected times of the jobs that are left are scaled by measured ÷ expected of those
        that are done or take longer than expected, and divided by the number of jobs at once.
        """
        left = self._left(now)
        if not left:
            return None
        return max(sum(left) / max(1, min(self.workers, len(left))), *left)

    def _scale(self, now: float) -> float:
        measured, expected = self._measured, self._expected_of_done
        for job in self.running.values():
            usual, elapsed = self.expected.get(job.number, 0.0), now - job.began
            if elapsed > usual > 0:
                measured += elapsed
                expected += usual
        return (measured + _TRUST_SECONDS) / (expected + _TRUST_SECONDS)

    def _left(self, now: float) -> list[float]:
        """Return the seconds that each job that is not done will take on one core."""
        ended = set().union(*self.done.values()) | set(self.failed)
        left, scale = [], self._scale(now)
        for number, expected in self.expected.items():
            if number in ended:
                continue
            seconds = expected * scale
            if number in self.running:
                elapsed = now - self.running[number].began
                seconds = max(seconds - elapsed, seconds * _LEAST_LEFT)
            left.append(seconds)
        return left
