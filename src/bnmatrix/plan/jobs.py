"""The training jobs of a study: the variants of each job, and its specification."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from bnmatrix.config.project import Project
from bnmatrix.plan.blocks import Block
from bnmatrix.plan.variants import PAIR, variant_name, variants
from bnmatrix.training.settings import Settings, label
from bnmatrix.training.spec import JobSpec, Variant

#: Separates the parts of a job's name. Not a comma, because Snakemake passes names to a cluster as
#: a list with commas.
_NEXT = "__"


@dataclass(frozen=True)
class Job:
    """Variants of a study that one job trains, one after another.

    Attributes:
        study: name of the study.
        name: readable name, unique in the study; used as a path component.
        variants: the variants, in the order of the matrix.
    """

    study: str
    name: str
    variants: tuple[Variant, ...]

    @property
    def framework(self) -> str:
        """The framework that trains all variants of the job."""
        return self.variants[0].settings.framework

    @property
    def split(self) -> str:
        """Name of the validation split, which all variants of the job share."""
        return split_name(self.variants[0].settings)

    def spec(self, project: Project, block: Block | None = None) -> JobSpec:
        """Return the specification of the job.

        Args:
            project: the configuration.
            block: the replicates to train; if None, all of them.
        """
        study = project.study(self.study)
        block = block or Block(1, project.replicates_of(self.study))
        return JobSpec(
            study=self.study,
            dataset=study.dataset,
            axes=tuple(study.axes),
            replicates=block.size,
            first=block.first,
            seed=study.seed + project.run.seed,
            tuning=study.tuning if study.tunes else None,
            measures=study.measures,
            predictions=study.keeps_predictions,
            variants=self.variants,
        )


def jobs(project: Project, study_name: str) -> list[Job]:
    """Return the jobs of a study.

    Variants that differ only in the axes of ``together`` share a job.

    Raises:
        UserError: as :func:`bnmatrix.plan.variants.variants`.
    """
    return group(project, study_name, variants(project, study_name))


def group(project: Project, study_name: str, matrix: Sequence[Variant]) -> list[Job]:
    """Return the jobs that train the variants of a study.

    Args:
        project: the configuration.
        study_name: name of the study.
        matrix: the variants of the study.
    """
    study = project.study(study_name)
    apart = tuple(axis for axis in study.axes if axis not in study.together)
    variants_by_job: dict[str, list[Variant]] = {}
    for variant in matrix:
        name = variant_name(variant.settings, apart, _NEXT) or "all"
        variants_by_job.setdefault(name, []).append(variant)
    return [Job(study_name, name, tuple(members)) for name, members in variants_by_job.items()]


def single_job(project: Project, study_name: str, name: str) -> Job | None:
    """Return one job without all variants of its study, which may be many; None if not found.

    Only the values of axes that the name allows are combined. Equal to the job of the same name
    among :func:`jobs`.
    """
    if study_name not in project.studies:
        return None
    study = project.study(study_name)
    wanted = dict(part.split(PAIR, 1) for part in name.split(_NEXT) if PAIR in part)

    def allowed(block: Mapping[str, Sequence[Any]]) -> dict[str, list[Any]]:
        usual = {**study.settings, **{axis: values[0] for axis, values in block.items()}}
        return {
            axis: [value for value in values if _may_be(usual, axis, value, wanted)]
            for axis, values in block.items()
        }

    narrow = study.model_copy(
        update={"axes": allowed(study.axes), "further": [allowed(b) for b in study.further]}
    )
    small = project.model_copy(update={"studies": {study_name: narrow}})
    found = group(small, study_name, variants(small, study_name))
    return next((job for job in found if job.name == name), None)


def _may_be(usual: Mapping[str, Any], axis: str, value: Any, wanted: Mapping[str, str]) -> bool:
    """Return whether a value of an axis can occur in a job, or in the baseline of its variants.

    Args:
        usual: settings of the study with a value of each axis.
        axis: the axis.
        value: the value.
        wanted: labels by axis, as the name of the job has them. An axis is absent if its values
            share the job or have no effect there.
    """
    if axis not in wanted or (axis == "normalization" and value == "none"):
        return True
    try:
        return (
            str(label(getattr(Settings.model_validate({**usual, axis: value}), axis)))
            == wanted[axis]
        )
    except ValidationError:
        # The value is possible only with other values of other axes.
        return True


def split_name(settings: Settings) -> str:
    """Return the name of a variant's validation split, which is the name of the prepared file."""
    return str(settings.label("validation"))
