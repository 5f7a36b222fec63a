"""Requested times that add up to the second, for jobs that share a queue entry."""

import math
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True)
class TimePolicy:
    """How much time queue entries request, from the ``resources`` of a profile.

    Attributes:
        percent: requested time of the first attempt, in percent of the expected time.
        longest_minutes: no attempt after the first requests more than this, unless the first did.
    """

    percent: int = 150
    longest_minutes: int = 1440

    def request(self, seconds: float, attempt: int) -> "Minutes":
        """Return what attempt ``attempt`` (from 1) of a job of ``seconds`` requests."""
        first = seconds * self.percent / 100
        return Minutes(first, first * attempt, self.longest_minutes)


class Minutes(int):
    """A time in whole minutes, rounded up, of which sums are exact.

    Snakemake adds the times of the jobs of an entry. Most jobs take seconds, so that the sum of
    whole minutes would be many times the time that the entry needs.

    Attributes:
        first: seconds that the first attempt requests.
        now: seconds that this attempt requests, if they are within the limit.
        longest_minutes: the limit for an entry, in minutes.
    """

    first: float
    now: float
    longest_minutes: int

    def __new__(cls, first: float, now: float, longest_minutes: int) -> Self:
        """Return the minutes of an attempt."""
        seconds = max(first, min(now, 60 * longest_minutes))
        made = super().__new__(cls, max(1, math.ceil(seconds / 60)))
        made.first, made.now, made.longest_minutes = first, now, longest_minutes
        return made

    def __add__(self, other: int) -> int:
        """Return the sum, exact with other times of this class."""
        if isinstance(other, Minutes):
            limit = min(self.longest_minutes, other.longest_minutes)
            return Minutes(self.first + other.first, self.now + other.now, limit)
        return self if other == 0 else int(self) + other

    # ``sum`` begins with 0.
    __radd__ = __add__


#: How much time entries request if the profile does not say.
USUAL = TimePolicy()
