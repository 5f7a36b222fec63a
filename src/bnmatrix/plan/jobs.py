"""The training jobs of a study: the variants of each job, and its specification."""

from collections.abc import Sequence
from dataclasses import dataclass

from bnmatrix.config.project import Project
from bnmatrix.plan.blocks import Block
from bnmatrix.plan.variants import variant_name, variants
from bnmatrix.training.settings import Settings
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


def split_name(settings: Settings) -> str:
    """Return the name of a variant's validation split, which is the name of the prepared file."""
    return str(settings.label("validation"))
