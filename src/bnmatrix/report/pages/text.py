"""Sentences that describe tables of results and claim no more than the numbers show."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from bnmatrix.config.own_data import InspectedDataset
from bnmatrix.report.labels import cell_axes, value_text
from bnmatrix.report.metric_wording import ACCURACY, MetricWording
from bnmatrix.report.wording import count, join, points, thousands
from bnmatrix.statistics.resolution import Resolution, examples_needed, resolution, sampling_error
from bnmatrix.statistics.training_length import FALLING, FLAT, NOT_MEASURED, RISING, UNCLEAR

#: Maximum number of cells that a sentence lists.
MOST_CELLS = 5

_GROUPED = (
    " This takes examples as independent; those of one group are alike, so that accuracies can "
    "move by more. Intervals of differences keep the examples of a group together."
)

_NOTHING = "There is nothing to compare: no variant has a counterpart without normalization."


def answer(
    comparisons: pd.DataFrame, axes: Sequence[str], written: MetricWording = ACCURACY
) -> list[str]:
    """Return a sentence for each arm: the cells where it raised or lowered accuracy, or neither.

    Args:
        comparisons: one row per variant that has a baseline
            (:func:`bnmatrix.statistics.comparisons.compare`), with labels
            (:func:`bnmatrix.report.labels.with_labels`).
        axes: the axes of the study.
        written: how the metric that takes the place of accuracy is written.
    """
    if comparisons.empty:
        return [_NOTHING]
    only_size = cell_axes(axes) == ("batch_size",)
    return [
        _answer_for(str(arm), group, only_size, written)
        for arm, group in comparisons.groupby("arm", sort=False)
    ]


def _answer_for(arm: str, table: pd.DataFrame, only_size: bool, written: MetricWording) -> str:
    raised = table["ci_low"] > 0
    lowered = table["ci_high"] < 0
    unmeasured = table["ci_low"].isna()
    groups = {
        f"raised {written.name}": raised,
        f"lowered {written.name}": lowered,
        "made no difference distinguishable from chance": ~(raised | lowered | unmeasured),
        "has no interval, since replicates are too few or do not differ,": unmeasured,
    }
    parts = [
        f"{verb} at {_where(table[rows], only_size, written)}"
        for verb, rows in groups.items()
        if rows.any()
    ]
    pairs = sorted(set(table["pairs"]))
    n = count(pairs[0]) if len(pairs) == 1 else f"{count(pairs[0])} to {count(pairs[-1])}"
    plural = "replicate" if pairs == [1] else "replicates"
    return (
        f"In {n} paired {plural} a cell, {arm} {join(parts)}. In brackets: the mean difference"
        f"{' in points' if written.in_points else written.unit} and its 95 % interval."
    )


def _where(rows: pd.DataFrame, only_size: bool, written: MetricWording) -> str:
    """Return the cells with their differences, or only the number of cells if there are many.

    Args:
        rows: comparisons.
        only_size: whether cells differ only in the batch size.
        written: how the metric is written.
    """
    if len(rows) > MOST_CELLS:
        low, high = (
            written.difference(end) for end in (rows["effect"].min(), rows["effect"].max())
        )
        return f"{len(rows)} cells (mean differences from {low} to {high})"
    parts = [
        f"{value_text(row['batch_size']) if only_size else row['cell']} ({_effect(row, written)})"
        for _, row in rows.iterrows()
    ]
    return f"batch size{'s' if len(parts) > 1 else ''} {join(parts)}" if only_size else join(parts)


def _effect(row: pd.Series, written: MetricWording) -> str:
    effect = written.difference(row["effect"])
    if pd.isna(row["ci_low"]):
        return effect
    return f"{effect}, {written.interval(row['ci_low'], row['ci_high'])}"


def training_length(summary: pd.DataFrame, of: str = "accuracy") -> str:
    """Return a sentence on whether training lasted until the validation curves were flat.

    Args:
        summary: one row per variant, with labels (:func:`bnmatrix.report.labels.with_labels`) and
            the columns of :func:`bnmatrix.statistics.training_length.late_changes`.
        of: what was measured on the validation part.
    """
    curves = dict(list(summary.groupby("late_curve", sort=False)))
    if set(curves) == {FLAT}:
        most = summary["late_change_mean"].abs().max() * 100
        return (
            f"Training was done: over its last fifth, mean validation {of} changed by at most "
            f"{most:.2f} points in every variant."
        )
    if set(curves) == {NOT_MEASURED}:
        return (
            "Whether training was done was not measured: that needs completed runs, and three "
            "evaluations from four fifths of training on."
        )
    parts = [
        f"{verb} {_changes(curves[curve])}"
        for curve, verb in ((RISING, "still rose in"), (FALLING, "fell in"))
        if curve in curves
    ]
    parts += [
        f"{verb} {_variants(len(curves[curve]))}"
        for curve, verb in (
            (UNCLEAR, "varied too much between replicates to tell in"),
            (FLAT, "was flat in"),
            (NOT_MEASURED, "was not measured in"),
        )
        if curve in curves
    ]
    return f"Over the last fifth of training, mean validation {of} {'; it '.join(parts)}."


def curve_ends(analyses: Sequence[Mapping[str, Any]]) -> str:
    """Return a sentence on whether training for a claim was done on a data set.

    Args:
        analyses: the primary analysis and those of conditions and preconditions, as rows of
            analyses.csv with the data set's ``dataset_title``. Analyses that do not compare
            accuracies do not count; the sentence is empty if none does.
    """
    parts = [_ends(row) for row in analyses if row["curves_variants"] > 0]
    if not parts:
        return ""
    return (
        f"Over the last fifth of training on {analyses[0]['dataset_title']}, validation accuracy "
        f"{'; it '.join(parts)}."
    )


def _ends(row: Mapping[str, Any]) -> str:
    """Return how many curves of an analysis still rise, and what the others do."""
    number = int(row["curves_variants"])
    counts = {
        "still rises": int(row["curves_rising"]),
        "falls": int(row["curves_falling"]),
        "varies too much to tell": int(row["curves_unclear"]),
        "is flat": int(row["curves_flat"]),
    }
    counts["was not measured"] = number - sum(counts.values())
    said = [f"{words} in {found} of {number}" for words, found in counts.items() if found]
    said[0] += " variant" if number == 1 else " variants"
    rise = row["curves_largest_rise"]
    largest = f", the largest mean rise being {points(rise)} points" if rise > 0 else ""
    label = row["label"]
    where = f"of the precondition that {label}" if row.get("role") == "requirement" else label
    return f"{join(said)} {where}{largest}"


def _changes(rows: pd.DataFrame) -> str:
    """Return the variants with their changes, or only their number and the range of changes."""
    if len(rows) > MOST_CELLS:
        low, high = points(rows["late_change_mean"].min()), points(rows["late_change_mean"].max())
        return f"{_variants(len(rows))} ({low} to {high} points)"
    return join(
        [
            f"{row['arm']}, {row['cell']} ({points(row['late_change_mean'])} points)"
            for _, row in rows.iterrows()
        ]
    )


def _variants(number: int) -> str:
    return "one variant" if number == 1 else f"{count(number)} variants"


@dataclass(frozen=True)
class OwnFacts:
    """What a page says about a user's own data.

    Attributes:
        notes: how the data was read.
        doubts: what makes the data doubtful.
        classes: each class with its number of examples, and how many of them are tested.
        majority: what always answering the most frequent class would score.
        telling: sentences about what the data can show.
    """

    notes: Sequence[str]
    doubts: Sequence[str]
    classes: list[tuple[str, int, int]]
    majority: str
    telling: list[str]


def own_facts(
    dataset: InspectedDataset,
    comparisons: pd.DataFrame,
    summary: pd.DataFrame,
    folds: int | None,
    tuned: bool,
) -> OwnFacts:
    """Return what a page says about a user's own data.

    Args:
        dataset: the data set.
        comparisons, summary: tables of a study of the data set.
        folds: number of folds if the study is cross-validated.
        tuned: whether learning rates were tuned.
    """
    telling = []
    resolved = resolution(comparisons, dataset.margin)
    if resolved.comparisons:
        best = float(summary["test_accuracy_mean"].max())
        by_accuracy = dataset.metric.name == "accuracy"
        telling = [
            *_resolution_sentences(dataset, resolved, folds),
            _folds_sentence(folds, tuned)
            if folds
            else _test_part_sentence(dataset, best if by_accuracy else None),
        ]
    if not dataset.classes:
        return OwnFacts(dataset.notes, dataset.doubts, [], "", telling)
    tested = dataset.tested_by_class(folds)
    classes = list(zip(dataset.classes, dataset.rows_by_class, tested, strict=True))
    return OwnFacts(dataset.notes, dataset.doubts, classes, majority(dataset, folds), telling)


def majority(dataset: InspectedDataset, folds: int | None) -> str:
    """Return a sentence on the accuracy of always answering the most frequent class.

    Args:
        dataset: the data set.
        folds: number of folds if the study is cross-validated.
    """
    name, share = dataset.majority(folds)
    return (
        f"A network that always answers '{name}', the most frequent class, has an accuracy of "
        f"{share * 100:.1f} % on the {sum(dataset.tested_by_class(folds))} tested examples."
    )


def _resolution_sentences(
    dataset: InspectedDataset, resolved: Resolution, folds: int | None
) -> list[str]:
    """Return sentences about the smallest difference that the intervals can show."""
    margin, examples = dataset.margin, sum(dataset.train_and_test())
    written = MetricWording(dataset.metric)
    matters = written.amount(margin)
    sentences = []
    if resolved.unclear and resolved.widest > margin:
        where = _share(resolved.unclear, resolved.comparisons)
        half = resolved.half_width
        reach = (
            f"intervals there reach {written.reach(half)} to either side (the median), where "
            f"{matters} would matter."
        )
        if folds:
            about = _rounded(examples_needed(examples, half, margin))
            sentences.append(
                f"In {where} {examples} examples are too few to tell: {reach} Intervals narrow "
                f"with the square root of the number of examples: about {about} might be enough."
            )
        else:
            sentences.append(f"In {where} these runs cannot tell: {reach}")
    return sentences


def _folds_sentence(folds: int, tuned: bool) -> str:
    sentence = (
        f"Examples are tested in turn, in {folds} folds; intervals allow for which of them train "
        "and which test."
    )
    if not tuned:
        return sentence
    return (
        f"{sentence} Replicates that share a tuned learning rate are tested on the same fold, none "
        "of whose examples the tuning saw."
    )


def _test_part_sentence(dataset: InspectedDataset, accuracy: float | None) -> str:
    test = dataset.train_and_test()[1]
    # With groups, all replicates have the same training examples.
    other = "test examples" if dataset.grouped else "examples"
    sentence = f"Intervals allow for other initial weights, orders and {other}."
    if accuracy is None:
        return sentence
    return (
        f"{sentence} Another sample of as many "
        f"test examples ({test}) could move each accuracy by "
        f"{sampling_error(accuracy, test) * 100:.1f} points; differences between arms, by less."
        f"{_GROUPED if dataset.grouped else ''}"
    )


def _rounded(number: float) -> str:
    """Return a number rounded to one significant digit, with spaces between thousands."""
    digits = 10 ** (len(str(int(number))) - 1)
    return thousands(round(number / digits) * digits)


def _share(number: int, every: int) -> str:
    """Return in words the number of comparisons out of all comparisons."""
    if every == 1:
        return "the one comparison"
    if number == every:
        return "both comparisons" if every == 2 else f"all {count(every)} comparisons"
    return f"{count(number)} of {count(every)} comparisons"
