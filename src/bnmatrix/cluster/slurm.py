"""Questions to Slurm's commands."""

import re
import shutil
import subprocess
from collections.abc import Sequence

from bnmatrix.cluster.profile import Profile
from bnmatrix.cluster.requests import Request

COMMANDS = ("sbatch", "squeue", "scontrol", "sinfo", "srun", "scancel")

_SECONDS = 60


def ask(*command: str, seconds: float = _SECONDS) -> tuple[bool, str]:
    """Run a command; return whether it succeeded, and its last lines.

    A command that is missing or does not end in time has not succeeded.
    """
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=seconds, stdin=subprocess.DEVNULL
        )
    except FileNotFoundError:
        return False, f"there is no command {command[0]}"
    except subprocess.TimeoutExpired:
        return False, f"{command[0]} did not answer within {seconds:.0f} s"
    text = done.stdout.strip() if done.returncode == 0 else ""
    return done.returncode == 0, text or done.stderr.strip()


def missing_commands() -> list[str]:
    """Return the commands that are not there."""
    return [name for name in COMMANDS if shutil.which(name) is None]


def configuration() -> dict[str, str] | None:
    """Return the configuration of the controller; None if it does not answer."""
    found, text = ask("scontrol", "show", "config")
    if not found:
        return None
    pairs = re.findall(r"^(\w+)\s*= (.*)$", text, flags=re.MULTILINE)
    return {name: value.strip() for name, value in pairs}


def partition_options(profile: Profile) -> list[str]:
    """Return the options of sbatch and srun for partition, account, QOS and constraint."""
    values = {**profile.defaults, **profile.training}
    options = {
        "partition": values.get("slurm_partition"),
        "account": values.get("slurm_account"),
        "qos": profile.qos or values.get("qos"),
        "constraint": values.get("constraint"),
    }
    return [f"--{name}={str(value).strip(chr(34))}" for name, value in options.items() if value]


def gpus(profile: Profile) -> int:
    """Return the number of GPUs of a training job."""
    return int(profile.training.get("gpu", profile.defaults.get("gpu", 0)))


def refusal(profile: Profile, request: Request) -> str | None:
    """Return why sbatch would refuse an entry; None if it would accept it."""
    options = [*partition_options(profile), f"--time={request.minutes}", f"--mem={request.mem_mb}"]
    if number := gpus(profile):
        options.append(f"--gpus={number}")
    accepted, text = ask("sbatch", "--test-only", "--ntasks=1", *options, "--wrap=true")
    return None if accepted else text.replace("\n", "; ")


def longest_minutes(partition: str | None) -> tuple[str, float] | None:
    """Return the name of a partition and its limit in minutes.

    Args:
        partition: the name; None: the default partition.

    Returns:
        None if there is no such partition.
    """
    _, text = ask("scontrol", "show", "partition", "--oneliner")
    for line in text.splitlines():
        values = dict(re.findall(r"(\w+)=(\S+)", line))
        is_default = values.get("Default") == "YES"
        if values.get("PartitionName") == partition or (partition is None and is_default):
            return values["PartitionName"], minutes(values.get("MaxTime", "UNLIMITED"))
    return None


def minutes(text: str) -> float:
    """Return a time such as ``1-02:03:04``, ``02:03:04`` or ``UNLIMITED``, in minutes."""
    if not re.fullmatch(r"(\d+-)?\d+(:\d+){1,2}", text):
        return float("inf")
    days, _, rest = text.rpartition("-")
    parts: Sequence[int] = [int(part) for part in rest.split(":")]
    hours, mins, seconds = parts if len(parts) == 3 else (0, *parts)
    return int(days or 0) * 1440 + hours * 60 + mins + seconds / 60
