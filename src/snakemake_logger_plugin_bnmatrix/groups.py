"""What Snakemake loses about jobs that share a queue entry, a group: why the entry failed.

Executors report a reason, such as the words of ``sbatch``. Snakemake 9.27 logs it for a single job and
drops it for a group. This module passes it on. ``tests/test_slurm.py`` fails when Snakemake does so
itself: then delete this module.
"""

import functools
from typing import Any

from snakemake.jobs import GroupJob
from snakemake.logging import logger

#: Event of the reason why a group failed; the event of the group follows it.
REASON_EVENT = "bnmatrix_reason"

#: Follows sbatch's words: thousands of characters.
_CALL = "    sbatch call:"


def pass_on_reasons() -> None:
    """Let the log of this process have the reasons why groups failed."""
    before = GroupJob.log_error
    if getattr(before, "passes_on_reasons", False):
        return

    @functools.wraps(before)
    def log_error(group: GroupJob, msg: str | None = None, *rest: Any, **named: Any) -> None:
        if msg:
            text = msg.partition(_CALL)[0].strip()
            logger.error(text, extra={"event": REASON_EVENT})
        before(group, msg, *rest, **named)

    log_error.passes_on_reasons = True  # type: ignore[attr-defined]
    GroupJob.log_error = log_error
    # The Slurm plugin names the rule of a job whose submission raised an error; a group has none, and
    # the error of this error would leave Snakemake waiting for ever.
    GroupJob.rule = property(lambda group: min(group.jobs, key=lambda job: job.rule.name).rule)
