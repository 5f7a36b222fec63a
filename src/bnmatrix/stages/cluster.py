"""Check a cluster before a run is queued."""

from pathlib import Path

from bnmatrix.cluster.checks import check_slurm
from bnmatrix.cluster.profile import read_profile
from bnmatrix.config.yaml_files import read_yaml
from bnmatrix.errors import UserError
from bnmatrix.plan.plan import make_plan

_MARKS = {True: "ok  ", False: "FAIL", None: "note"}


def run(*, action: str, profile: Path) -> None:
    """Print a line for each check.

    Args:
        action: ``check``, the only one.
        profile: the folder of the profile.

    Raises:
        UserError: the profile is wrong, is not for Slurm, or a check failed.
    """
    assert action == "check"
    found = read_profile(profile)
    if found.executor != "slurm":
        raise UserError(
            f"--profile {profile}: its executor is '{found.executor}'; only Slurm can be checked"
        )
    config = Path("config/config.yaml")
    plan = make_plan(
        read_yaml(config) if config.exists() else {}, look=True, runs=Path("data/runs")
    )
    failed = 0
    for finding in check_slurm(plan, found):
        print(_MARKS[finding.good], finding.text, flush=True)
        failed += finding.good is False
    if failed:
        raise UserError(f"{failed} of the checks failed: a run would fail")
