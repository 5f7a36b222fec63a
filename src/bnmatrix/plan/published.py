"""The record of a published run: what ran, so that its pages are made without training.

A repository keeps the tables of a run and this record. ``published: <file>`` in the configuration
makes the plan that of the record: its data sets and frameworks count as available, although
neither needs to be on this machine.
"""

import hashlib
from collections.abc import Collection
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self

from pydantic import ValidationError

from bnmatrix.config.project import Project
from bnmatrix.config.run import RunConfig
from bnmatrix.datasets.availability import Availability
from bnmatrix.errors import UserError
from bnmatrix.files import as_json
from bnmatrix.models import Model
from bnmatrix.plan.jobs import jobs
from bnmatrix.training.settings import Settings

#: Name of the record in the folder of a published run.
RECORD = "run.json"

#: Reasons why a study is not on the pages of a published run.
NOT_IN_RUN = "the published run does not have it"
CHANGED = "its declaration has changed since the published run"


class Answer(Model):
    """Whether a data set was available (:class:`bnmatrix.datasets.availability.Availability`)."""

    available: bool
    reason: str
    failed: bool = False


class Record(Model):
    """What was run.

    The digests of studies have the settings of networks that existed then. A later version may add
    settings; a study that uses one of them has changed.
    """

    config: dict[str, Any]
    """The keys of ``config.yaml`` that decide what is run."""
    frameworks: tuple[str, ...]
    """The frameworks that were installed."""
    datasets: dict[str, Answer]
    """Whether each data set was available."""
    settings: tuple[str, ...]
    """Names of the settings of networks."""
    studies: dict[str, str]
    """The studies that ran, with the digests of what decided their results."""

    @classmethod
    def of(cls, project: Project, available: dict[str, Availability], ran: Collection[str]) -> Self:
        """Return the record of a run.

        Args:
            project: the configuration.
            available: whether each data set was available.
            ran: the studies that ran.
        """
        # Where copies of the data are, and what runs the jobs, does not decide what is run.
        apart = {"mirror", "require_all", "container", "published"}
        names = tuple(Settings.model_fields)
        return cls(
            config=project.run.model_dump(mode="json", exclude_defaults=True, exclude=apart),
            frameworks=project.frameworks,
            datasets={name: Answer(**asdict(answer)) for name, answer in available.items()},
            settings=names,
            studies={name: _digest(project, name, names) for name in ran},
        )

    @property
    def availability(self) -> dict[str, Availability]:
        """Whether each data set was available."""
        return {name: Availability(**answer.model_dump()) for name, answer in self.datasets.items()}

    def changed(self, project: Project) -> list[str]:
        """Return the studies of the run that a project declares otherwise, or not at all."""
        declared = project.model_copy(update={"run": self._run, "frameworks": self.frameworks})
        return [
            name
            for name, digest in self.studies.items()
            if name not in project.studies or digest != _digest(declared, name, self.settings)
        ]

    def left_out(self, project: Project) -> dict[str, str]:
        """Return the studies whose results the run does not have, with the reason.

        Studies of data that was not available have another reason.
        """
        reasons = dict.fromkeys(self.changed(project), CHANGED)
        for name in project.chosen:
            answer = self.datasets.get(project.study(name).dataset)
            if name not in self.studies and (answer is None or answer.available):
                reasons[name] = NOT_IN_RUN
        return reasons

    @property
    def _run(self) -> RunConfig:
        return RunConfig.model_validate(self.config)


def read_record(path: Path) -> Record:
    """Read a record.

    Raises:
        UserError: there is no such file, or it is no record.
    """
    try:
        return Record.model_validate_json(path.read_text(encoding="utf-8"))
    except OSError:
        raise UserError(
            f"{path}: there is no such file. `bnmatrix pack` writes it from a finished run"
        ) from None
    except ValidationError as error:
        raise UserError(f"{path}: not the record of a run: {error}") from None


def _digest(project: Project, study: str, names: Collection[str]) -> str:
    """Return a digest of all that decides the results of a study, except data, code and libraries.

    Args:
        project: the configuration.
        study: name of the study.
        names: the settings that count even where they have their default.
    """
    content: list[Any] = [project.replicates_of(study)]
    for job in jobs(project, study):
        spec = job.spec(project).model_dump(mode="json", exclude={"code", "variants"})
        content.append(spec)
        for variant in job.variants:
            own = variant.settings.model_dump(mode="json")
            set_here = variant.settings.model_dump(mode="json", exclude_defaults=True)
            used = {name: own[name] for name in own if name in names or name in set_here}
            content.append([variant.name, variant.baseline, used])
    return hashlib.sha256(as_json(content).encode()).hexdigest()[:16]
