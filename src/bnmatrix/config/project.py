"""The whole configuration."""

from bnmatrix.config.claims import Claim
from bnmatrix.config.datasets import Dataset
from bnmatrix.config.replications import Replication
from bnmatrix.config.run import RunConfig
from bnmatrix.config.studies import Study
from bnmatrix.errors import UserError, suggestion
from bnmatrix.models import Model
from bnmatrix.training.conventions import FRAMEWORKS

#: How many times as many replicates as a study of claims declares `effort: thorough` trains.
THOROUGH = 2


class Project(Model):
    """The whole configuration, cross-checked."""

    run: RunConfig
    datasets: dict[str, Dataset]
    studies: dict[str, Study]
    claims: dict[str, Claim] = {}
    replications: dict[str, Replication] = {}
    unavailable: dict[str, str] = {}
    """Studies of a user's own data that is not available, with the reason."""
    frameworks: tuple[str, ...] = tuple(FRAMEWORKS)
    """Frameworks that are installed; variants of other frameworks are left out."""

    @property
    def chosen(self) -> list[str]:
        """Names of the studies to run, in the order of the declarations."""
        if self.run.studies == "all":
            return list(self.studies)
        return [name for name in self.studies if name in self.run.studies]

    def study(self, name: str) -> Study:
        """Return a study by name.

        Raises:
            UserError: no study has this name. The message lists the studies.
        """
        if name in self.unavailable:
            raise UserError(self.unavailable[name])
        if name not in self.studies:
            raise UserError(
                f"unknown study '{name}'{suggestion(name, self.studies)}; "
                f"{self.run.studies_file} declares {', '.join(self.studies)}"
            )
        return self.studies[name]

    def dataset_of(self, study: str) -> Dataset:
        """Return the data set of a study."""
        return self.datasets[self.study(study).dataset]

    def replicates_of(self, study: str) -> int:
        """Return how many times each variant of a study is trained."""
        if self.run.effort == "thorough" and study in self.studies_of_claims:
            return self.thorough_replicates_of(study)
        return self.run.replicates or self.study(study).replicates

    def thorough_replicates_of(self, study: str) -> int:
        """Return how many times `effort: thorough` trains each variant of a study of claims."""
        return THOROUGH * self.study(study).replicates

    @property
    def studies_of_claims(self) -> set[str]:
        """The studies that claims need."""
        return {
            study
            for claim in self.claims.values()
            for analysis in (*(item for _, item in claim.analyses), claim.by_batch_size)
            if analysis
            for study in analysis.studies
        }
