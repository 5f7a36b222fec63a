"""The specification of a training job: everything that decides its results, except the data."""

import hashlib
import itertools
from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from bnmatrix.files import as_json
from bnmatrix.models import Count, Model, Positive, Seed
from bnmatrix.training.networks import OwnNetwork
from bnmatrix.training.settings import Settings

#: A number of steps, or the end of training.
Step = Annotated[int, Field(strict=True, ge=0)] | Literal["last"]


#: Learning rates that tuning tries first: a quarter of a decade apart.
_RATES = (0.01, 0.0178, 0.0316, 0.0562, 0.1, 0.178, 0.316, 0.562, 1.0)


class Tuning(Model):
    """How the learning rate of a tuned variant is chosen: by validation accuracy, with separate
    seeds, and from the same rates for every variant.

    Every second rate is tried with `coarse` runs. From the best of them on, rates are tried with
    all `replicates` runs, until the best has been compared with both of its neighbours. A neighbour
    that is worse than the best with each of `race` seeds is not run with the others: a simple form
    of the races of Maron & Moore (1994).
    """

    rates: Annotated[tuple[Positive, ...], Field(min_length=3)] = _RATES
    """Learning rates to try, in ascending order with equal ratios."""
    replicates: Count = 5
    """Number of runs with a learning rate that may be chosen."""
    coarse: Count = 1
    """Number of runs with each learning rate of the first, coarse search."""
    race: Count = 2
    """Number of runs after which a learning rate drops out if it was worse in each of them than the
    best, with the same seeds; `replicates` or more: none drops out."""
    shared_by: Count = 5
    """Number of consecutive replicates that share a tuned learning rate; the next ones have the
    rate tuned afresh, with other seeds and on their own examples. With `folds`, these replicates
    are tested on the same fold."""
    objective: Literal["final", "average", "loss"] = "final"
    """Maximized validation accuracy: at the end of training (`final`), or as a mean over all
    evaluations (`average`, for studies of speed). `loss`: the validation loss at the end, which is
    minimized."""
    widen: Annotated[int, Field(strict=True, ge=0)] = 8
    """Maximum number of rates by which an end of the grid moves while the best rate is there."""

    def block(self, replicate: int) -> int:
        """Return the first of the replicates that share a replicate's tuned learning rate."""
        return replicate - (replicate - 1) % self.shared_by

    @model_validator(mode="after")
    def _geometric(self) -> Self:
        ratios = [high / low for low, high in itertools.pairwise(self.rates)]
        if min(ratios) < 1.1 or max(ratios) / min(ratios) > 1.02:
            raise ValueError(
                "`rates` must ascend in equal ratios of at least 1.1, such as 0.01, 0.1, 1"
            )
        return self


class Variant(Model):
    """One combination of axis values: one arm in one cell of a study."""

    name: str
    """Readable name, unique in the study, used as a component of paths."""
    settings: Settings
    """The settings; settings without effect have their defaults."""
    baseline: str | None = None
    """The same variant without normalization; None if this variant has no normalization, or if the
    study does not train the other one."""


class JobSpec(Model):
    """The variants of a study that one job trains, one after another, and how.

    The job trains consecutive replicates of each variant.
    """

    study: str
    dataset: str
    axes: tuple[str, ...]
    """The study's axes, in order: columns of its tables."""
    replicates: Count
    """Number of replicates of each variant."""
    first: Count = 1
    """Number of the first replicate."""
    seed: Seed
    """The study's seed, from which all others come."""
    tuning: Tuning | None = None
    """How the study tunes learning rates, and which replicates share them; None if it does not."""
    measures: Mapping[str, tuple[Step, ...]] = {}
    """What is measured, and after which steps."""
    predictions: bool = False
    """Whether to keep what each run predicts for each test example."""
    variants: tuple[Variant, ...]
    """At least one, all of one framework."""
    code: str = ""
    """Digest of the code and of the libraries that train; empty if the job is run by hand."""

    def as_json(self) -> str:
        """Return the spec as one line of JSON that depends on its content alone."""
        return as_json(self.model_dump(mode="json"))

    @property
    def last(self) -> int:
        """Number of the last replicate."""
        return self.first + self.replicates - 1

    @property
    def recipe(self) -> str:
        """Digest of all that decides a replicate's results except its number and the data."""
        content = self.model_dump(mode="json", exclude={"first", "replicates"})
        return hashlib.sha256(as_json(content).encode()).hexdigest()[:16]

    @property
    def own_files(self) -> tuple[str, ...]:
        """Paths of the Python files that build a user's own networks."""
        networks = {variant.settings.network for variant in self.variants}
        return tuple(sorted({n.file for n in networks if isinstance(n, OwnNetwork)}))

    def threads(self, asked: int, gpus: int) -> int:
        """Return the threads to compute with.

        oneDNN adds up parts of a convolution, as many as there are threads, and so gives other
        numbers for each number of threads. On a processor, one thread therefore computes all
        networks that are not dense; jobs run side by side.

        Args:
            asked: threads that the job was given.
            gpus: GPUs that it was given.
        """
        dense = all(variant.settings.network == "dense" for variant in self.variants)
        return asked if dense or gpus else 1

    @property
    def stage(self) -> str:
        """The module of :mod:`bnmatrix.stages` that trains it."""
        if self.framework == "torch":
            return "train_torch"
        return "measure_keras" if self.measures else "train_keras"

    @property
    def framework(self) -> str:
        """The framework that trains all variants."""
        return self.variants[0].settings.framework
