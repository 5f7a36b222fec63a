"""The keys of a Snakemake profile for a cluster that decide what queue entries request."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bnmatrix.config.yaml_files import read_yaml
from bnmatrix.errors import UserError
from bnmatrix.plan.minutes import USUAL, TimePolicy


@dataclass(frozen=True)
class Profile:
    """A profile.

    Attributes:
        executor: name of the executor.
        jobs: number of queue entries at a time; each has one core.
        retries: attempts after the first.
        defaults: ``default-resources``.
        training: ``set-resources`` of the rule ``train``.
        sizes: ``group-components``: jobs per entry, by group.
        policy: how much time entries request.
        status: the command that tells which entries have ended.
        qos: ``slurm-qos``.
    """

    executor: str
    jobs: int
    retries: int = 0
    defaults: Mapping[str, Any] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)
    sizes: Mapping[str, int] = field(default_factory=dict)
    policy: TimePolicy = USUAL
    status: str = "squeue"
    qos: str | None = None


def read_profile(folder: Path) -> Profile:
    """Read ``config.yaml`` of a profile.

    Raises:
        UserError: there is no such file, or a key has a wrong value.
    """
    file = folder / "config.yaml"
    if not file.exists():
        raise UserError(f"--profile {folder}: there is no file {file}")
    content = read_yaml(file)
    for key in ("executor", "jobs"):
        if key not in content:
            raise UserError(f"{file}: the key '{key}' is missing")
    resources = _pairs(content, "resources", file)
    sizes = _pairs(content, "group-components", file)
    training = {
        key.partition(":")[2]: value
        for key, value in _pairs(content, "set-resources", file).items()
        if key.startswith("train:")
    }
    policy = TimePolicy(
        _number(resources, "time_percent", USUAL.percent, file),
        _number(resources, "longest_minutes", USUAL.longest_minutes, file),
    )
    return Profile(
        executor=str(content["executor"]),
        jobs=_number(content, "jobs", 1, file),
        retries=_number(content, "retries", 0, file),
        defaults=_pairs(content, "default-resources", file),
        training=training,
        sizes={name: _number(sizes, name, 1, file) for name in sizes},
        policy=policy,
        status=str(content.get("slurm-status-command", "sacct")),
        qos=content.get("slurm-qos"),
    )


def _number(values: Mapping[str, Any], key: str, default: int, file: Path) -> int:
    value = values.get(key, default)
    try:
        return int(value)
    except (TypeError, ValueError):
        raise UserError(f"{file}: {key}: must be a whole number, not {value!r}") from None


def _pairs(content: Mapping[str, Any], key: str, file: Path) -> dict[str, Any]:
    """Return a key that holds ``name=value`` in a list, or a mapping, which may be nested."""
    value = content.get(key) or {}
    if isinstance(value, Mapping):
        flat: dict[str, Any] = {}
        for name, item in value.items():
            nested = item.items() if isinstance(item, Mapping) else [("", item)]
            flat |= {f"{name}:{inner}" if inner else name: one for inner, one in nested}
        return flat
    if not isinstance(value, list) or not all("=" in str(item) for item in value):
        raise UserError(f"{file}: {key}: must hold lines such as `- name=value`")
    return {name: text for name, _, text in (str(item).partition("=") for item in value)}
