"""What to run: ``config/config.yaml`` and ``--config``."""

from typing import Literal, Self

from pydantic import model_validator

from bnmatrix.models import Count, Model, Seed

#: Names of files in ``reports/``, which a study cannot have.
RESERVED_NAMES = (
    "index",
    "runs",
    "timings",
    "claims",
    "claims-timing",
    "effects",
    "answer",
    "replications",
    "provenance",
    "agreement-runs",
    "agreement-claims",
    "theory",
    "explorer",
    "variance",
    "README",
)


class RunConfig(Model):
    """What to run (`config.yaml` and `--config`)."""

    studies: Literal["all"] | list[str] = "all"
    """`all`, or the names of studies."""
    datasets: Literal["all"] | list[str] = "all"
    """`all`, or the names of the data sets whose studies run."""
    replicates: Count | None = None
    """Number of replicates of each variant; by default, the number that each study declares."""
    effort: Literal["standard", "thorough"] = "standard"
    """`thorough` trains twice as many replicates in the studies of claims; not with
    `replicates`."""
    seed: Seed = 0
    """Number that is added to the seed of each study: another number gives other replicates."""
    mirror: str | None = None
    """A directory or address with copies of the data sets, which is tried before the public hosts;
    by default, the value of the environment variable BNMATRIX_MIRROR."""
    require_all: bool = False
    """Whether unavailable data is an error; by default, studies of unavailable data are left
    out."""
    container: str | None = None
    """An image made from the Dockerfile, such as `docker://registry.example.org/bnmatrix:0.2.0`;
    jobs run in it with `--sdm apptainer`."""
    published: str | None = None
    """The record of a finished run (`run.json`): its studies, data sets and frameworks are those of
    this run, which has their tables and trains nothing. `make publish` sets it."""
    datasets_file: str = "config/datasets.yaml"
    """File that declares the data sets."""
    studies_file: str = "config/studies.yaml"
    """File that declares the studies."""
    claims_file: str | None = "config/claims.yaml"
    """File that declares the claims; null: no claims, for example with another `studies_file`."""
    replications_file: str | None = "config/replications.yaml"
    """File that declares the published experiments that studies repeat; null: none."""

    @model_validator(mode="after")
    def _one_number_of_replicates(self) -> Self:
        if self.effort == "thorough" and self.replicates is not None:
            raise ValueError(
                f"effort: `thorough` sets the number of replicates, and so does `replicates` "
                f"({self.replicates}); leave out one of the two"
            )
        return self


#: Keys of :class:`RunConfig` that name the other files of the configuration.
CONFIG_FILES = {
    *("datasets_file", "studies_file", "claims_file", "replications_file"),
    "published",
}
