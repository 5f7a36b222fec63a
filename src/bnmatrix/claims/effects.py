"""The pairs of one analysis in one study, and what the uncertainty of their effect rests on."""

import math
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from bnmatrix.claims.arms import endpoint_pairs
from bnmatrix.config.claims import Analysis
from bnmatrix.config.datasets import Dataset
from bnmatrix.config.project import Project
from bnmatrix.errors import UserError
from bnmatrix.plan.sizes import overlap
from bnmatrix.plan.variants import variants
from bnmatrix.statistics.blocks import MeanSquares, UsualRatio
from bnmatrix.statistics.correctness import blocks_of, share_tested, without_groups
from bnmatrix.statistics.endpoints.declared import ENDPOINTS
from bnmatrix.statistics.endpoints.values import Arm, Pairs, has_values
from bnmatrix.statistics.overlaps import Overlap, largest
from bnmatrix.statistics.paired import PairedEffect, difference, paired_effect
from bnmatrix.statistics.uncertainty import NO_SPREAD
from bnmatrix.tables.example_groups import GROUPS
from bnmatrix.tables.metrics import COLUMNS
from bnmatrix.training.settings import Settings

#: Values of the argument ``column`` that test examples enter.
_OF_TEST_EXAMPLES = (*COLUMNS, "generalization_gap")


@dataclass(frozen=True)
class Measured:
    """The pairs of an analysis in a study.

    Attributes:
        treatment, control: the arms; no control if the treatment is compared with zero.
        pairs: the values of both arms, by replicate.
        differences: treatment − control, indexed by replicate, shape (n,).
        blocks: the tuning block of each pair, indexed by replicate; None if nothing was tuned.
        overlap: see :func:`bnmatrix.plan.sizes.overlap`.
        without: the differences without each group of test examples, indexed by replicate, one
            column per group; None if test examples do not enter, or their correctness is unknown.
        tested: the share of the examples that can be tested which the pairs test, if they enter.
        usual: how tuning blocks vary in the analyses of the data set, if that is known.
    """

    treatment: Arm
    control: Arm | None
    pairs: Pairs
    differences: pd.Series
    blocks: pd.Series | None
    overlap: Overlap | None
    without: pd.DataFrame | None
    tested: float = 1.0
    usual: UsualRatio | None = None

    @property
    def mean_squares(self) -> MeanSquares | None:
        """The mean squares between and within tuning blocks; None without blocks or spread."""
        values = self.differences.to_numpy(np.float64)
        if self.blocks is None or len(values) < 2 or values.std() <= NO_SPREAD:
            return None
        return MeanSquares.of(values, np.unique(self.blocks, return_inverse=True)[1])

    def effect(self, tail: float, scale: float = 1.0) -> PairedEffect:
        """Return the effect times ``scale``; each end of its interval fails with ``tail``."""
        values = self.differences.to_numpy(np.float64) * scale
        return paired_effect(
            values,
            np.zeros(len(values)),
            tail,
            None if self.blocks is None else self.blocks.to_numpy(),
            self.overlap,
            None if self.without is None else self.without.to_numpy(np.float64) * scale,
            self.pairs.resolution * abs(scale),
            self.usual,
        )


def measure(
    project: Project,
    study_name: str,
    analysis: Analysis,
    study: Arm,
    copies: Arm | None,
    where: str,
) -> Measured:
    """Return the pairs of an analysis in a study.

    Args:
        project: the configuration.
        study_name: name of the study.
        analysis: the analysis.
        study: the tables of the study.
        copies: see :func:`copies_without_groups`.
        where: opens the message of errors.

    Raises:
        UserError: the tables do not have what the analysis needs, or completed runs lack the
            correctness of their test examples.
    """
    datasets = [project.study(name).dataset for name in analysis.studies]
    arguments = analysis.arguments_on(project.study(study_name).dataset, datasets)
    treatment, control, pairs = endpoint_pairs(analysis, arguments, study, where)
    differences = pairs.table["treatment"] - pairs.table["control"]
    runs = treatment.runs if control is None else pd.concat([treatment.runs, control.runs])
    blocks, shared = blocks_of(runs), _overlap(project, study_name, analysis)
    without, tested = None, 1.0
    column = {**ENDPOINTS[analysis.endpoint].takes, **arguments}.get("column")
    if copies is not None and column in _OF_TEST_EXAMPLES and len(differences):
        _, _, copied = endpoint_pairs(analysis, arguments, copies, where)
        without = _by_group(copied.table, differences.index, copies.runs)
        tested = _share_tested(project.dataset_of(study_name), treatment)
        if without.isna().all(axis=1).any():
            raise UserError(
                f"{where}: correctness.parquet of study '{study_name}' lacks completed runs; "
                f"delete data/results/{study_name} and run again"
            )
    return Measured(
        treatment=treatment,
        control=control,
        pairs=pairs,
        differences=differences,
        blocks=None if blocks is None else blocks.reindex(differences.index),
        overlap=shared,
        without=without,
        tested=tested,
    )


def _share_tested(dataset: Dataset, arm: Arm) -> float:
    """Return the share of the examples that can be tested which an arm tests."""
    assert arm.correctness is not None
    folds = any(settings.folds for settings in arm.variants.values())
    training, test = dataset.train_and_test()
    return share_tested(arm.correctness, training + test if folds else test)


def copies_without_groups(study: Arm) -> Arm | None:
    """Return copies of a study's runs, one for each group of test examples, for one call.

    Copy g has the metrics of the test part without group g. Its replicates have other numbers, so
    that an endpoint gives a value for each: replicate + (g + 1) · (largest replicate + 1).

    Returns:
        The copies, or None if the correctness of test examples is unknown.
    """
    if study.correctness is None:
        return None
    # Claims are on few metrics: tests and older tables have some of them only.
    metrics = {
        column: without_groups(study.runs, study.correctness, column)
        for column in COLUMNS
        if column in study.runs and study.runs[column].notna().any()
    }
    step = int(study.runs["replicate"].max()) + 1
    runs = pd.concat(
        [
            study.runs.assign(
                replicate=study.runs["replicate"] + (group + 1) * step,
                **{column: values[:, group] for column, values in metrics.items()},
            )
            for group in range(GROUPS)
        ],
        ignore_index=True,
    )
    return replace(study, runs=runs)


def _by_group(table: pd.DataFrame, replicates: pd.Index, copies: pd.DataFrame) -> pd.DataFrame:
    """Return the differences of copies: one row per replicate, one column per group."""
    step = (int(copies["replicate"].max()) + 1) // (GROUPS + 1)
    places = pd.DataFrame(
        {
            "replicate": table.index % step,
            "group": table.index // step - 1,
            "value": (table["treatment"] - table["control"]).to_numpy(),
        }
    )
    wide = places.pivot_table(index="replicate", columns="group", values="value")
    return wide.reindex(index=replicates, columns=range(GROUPS))


def interaction(
    primary: Measured, condition: Measured, scales: tuple[float, float], same: bool, tail: float
) -> tuple[float, float, float]:
    """Return a condition's effect minus the primary one, each times its scale, and the interval.

    Args:
        primary: the pairs of the primary analysis.
        condition: the pairs of the condition.
        scales: the factor of the primary analysis, and that of the condition.
        same: whether both are of the same study, so that replicates form pairs.
        tail: the probability with which each end of the interval fails.
    """
    first, second = scales
    if not same:
        parts = [m.effect(tail, s) for m, s in ((condition, second), (primary, first))]
        ours, theirs = ((part.effect, part.uncertainty) for part in parts)
        return difference(ours, theirs, tail)
    common = primary.differences.index.intersection(condition.differences.index)
    if common.empty:
        return (np.nan, np.nan, np.nan)
    without = None
    if primary.without is not None or condition.without is not None:
        without = _without(condition, common) * second - _without(primary, common) * first
    blocks = condition.blocks if primary.blocks is None else primary.blocks
    found = paired_effect(
        condition.differences[common].to_numpy(np.float64) * second,
        primary.differences[common].to_numpy(np.float64) * first,
        tail,
        None if blocks is None else blocks[common].to_numpy(),
        largest([primary.overlap, condition.overlap]),
        without,
        math.hypot(primary.pairs.resolution * first, condition.pairs.resolution * second),
        primary.usual,
    )
    return found.effect, found.ci_low, found.ci_high


def _without(measured: Measured, replicates: pd.Index) -> np.ndarray:
    """Return the differences without each group, shape (n, groups), also where none enter."""
    if measured.without is None:
        single = measured.differences[replicates].to_numpy(np.float64)
        return np.repeat(single[:, None], GROUPS, axis=1)
    return np.asarray(measured.without.loc[replicates], np.float64)


def _overlap(project: Project, study_name: str, analysis: Analysis) -> Overlap | None:
    """Return the largest overlap of the variants that an analysis selects, or None."""
    dataset = project.dataset_of(study_name)
    arms = (
        [analysis.treatment] if analysis.control is None else [analysis.treatment, analysis.control]
    )
    selections = [
        {axis: v for axis, v in (analysis.where | arm).items() if axis in Settings.model_fields}
        for arm in arms
    ]
    return largest(
        overlap(dataset, variant.settings)
        for variant in variants(project, study_name)
        if any(has_values(variant.settings, selection) for selection in selections)
    )
