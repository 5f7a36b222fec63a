"""What Snakemake loses about jobs that share a queue entry, a group: why the entry failed.

Executors report a reason, such as the words of ``sbatch``. Snakemake 9.27 logs it for a single job
and drops it for a group. This module passes it on, until Snakemake does so itself.
"""

import functools
import re
from typing import Any

from snakemake.jobs import GroupJob
from snakemake.logging import logger

#: Event of the reason why a group failed; the event of the group follows it.
REASON_EVENT = "bnmatrix_reason"

#: What follows the reason: the call of sbatch, which has thousands of characters, or general words.
_REST = re.compile(r"\s*(sbatch call:|For further error details).*", re.DOTALL)


def pass_on_reasons() -> None:
    """Let the log of this process have the reasons why groups failed."""
    before = GroupJob.log_error
    if getattr(before, "passes_on_reasons", False):
        return

    @functools.wraps(before)
    def log_error(group: GroupJob, msg: str | None = None, *rest: Any, **named: Any) -> None:
        if msg:
            logger.error(_REST.sub("", msg), extra={"event": REASON_EVENT})
        before(group, msg, *rest, **named)

    log_error.passes_on_reasons = True  # type: ignore[attr-defined]
    GroupJob.log_error = log_error
    # When the submission of a job raises an error, the Slurm plugin 2.8 names its rule. A group has
    # none, and Snakemake would wait for ever.
    GroupJob.rule = property(lambda group: min(group.jobs, key=lambda job: job.rule.name).rule)
