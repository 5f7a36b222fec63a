"""The metrics of a run on its test part, in float64: no framework is needed.

Metrics are functions of sums over examples or pairs of examples. They are computed from the sums of
all test examples, and from those without each group of test examples in turn, from which the
variance over samples of test examples is estimated. scikit-learn would need twenty times as long,
and a second to be imported; tests compare with it.
"""

import math
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from bnmatrix.tables.example_groups import GROUPS, groups_of
from bnmatrix.tables.metrics import BY_GROUP, METRICS
from bnmatrix.training.examples import Examples
from bnmatrix.training.rows import CorrectnessRow, TestedRow
from bnmatrix.training.scores import BINS, confidence_bins, losses, probabilities

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Tested:
    """What the test part says of a run.

    Attributes:
        metrics: the metrics of the task but for accuracy, by their columns in the table of runs.
        tested: the number of test examples of each class, shape (classes,); empty for a regression.
        correct: how many of these were classified correctly.
        right: whether each test example was classified correctly; empty for a regression.
        without: the metrics of :data:`bnmatrix.tables.metrics.BY_GROUP` without each group of test
            examples, shape (metrics, groups); NaN where a metric is not of the task, or cannot be
            computed without a group.
    """

    metrics: dict[str, float]
    tested: NDArray[np.int64]
    correct: NDArray[np.int64]
    right: NDArray[np.bool_]
    without: Floats

    @classmethod
    def nothing(cls) -> "Tested":
        """Return what is known of a diverged run."""
        none = np.zeros(0, np.int64)
        return cls({}, none, none, none > 0, np.full((len(BY_GROUP), GROUPS), np.nan))

    def row(self) -> TestedRow:
        """Return the metrics as columns of the table of runs; NaN for those that are not there."""
        names = TestedRow.__required_keys__
        row = {name: self.metrics.get(name, math.nan) for name in sorted(names)}
        return cast(TestedRow, row)


def tested_on(examples: Examples, outputs: NDArray[np.float32]) -> Tested:
    """Return the metrics of a run that did not diverge.

    Args:
        examples: those of the run.
        outputs: the network's for the test part, examples × classes; × 1 for a regression.
    """
    y, clusters = examples.y_test, examples.clusters
    if examples.target is None:
        return tested_classifier(outputs, y, clusters)
    predicted = examples.target.undo(outputs[:, 0])
    return tested_regressor(predicted, examples.target.undo(y), clusters)


def correctness(examples: Examples, replicate: int, tested: Tested) -> CorrectnessRow:
    """Return what is kept of the test part of a run, beside its metrics.

    Args:
        examples: those of the run.
        replicate: the number of the replicate.
        tested: what :func:`tested_on` returned, or nothing for a diverged run.
    """
    in_test, correct = np.zeros((2, examples.testable), bool)
    in_test[examples.tested] = True
    if len(tested.right):
        correct[examples.tested] = tested.right
    return CorrectnessRow(
        replicate=replicate,
        tested=np.packbits(in_test).tobytes(),
        correct=np.packbits(correct).tobytes(),
        clusters=examples.clusters.astype("<i4").tobytes(),
        class_tested=tested.tested.astype("<i4").tobytes(),
        class_correct=tested.correct.astype("<i4").tobytes(),
        without=tested.without.astype("<f8").tobytes(),
    )


def tested_classifier(
    logits: NDArray[np.float32], y: NDArray[np.int32], clusters: NDArray[np.int64]
) -> Tested:
    """Return the metrics of a classifier.

    Args:
        logits: examples × classes, finite.
        y: labels, one per example.
        clusters: the group of the data set that each example belongs to; empty if there are none.
    """
    group = groups_of(len(y), clusters, y)
    shares, classes = probabilities(logits), logits.shape[1]
    predicted = logits.argmax(axis=1)
    right = predicted == y
    confidence = shares.max(axis=1)
    bins = confidence_bins(confidence)
    squares = (shares**2).sum(axis=1) - 2 * shares[np.arange(len(y)), y] + 1
    sums = {
        "tested": _sums(group, y, classes),
        "correct": _sums(group, y, classes, right),
        "predicted": _sums(group, predicted, classes),
        "examples": _sums(group),
        "losses": _sums(group, weights=losses(logits, y)),
        "squares": _sums(group, weights=squares),
        "sure": _sums(group, bins, BINS, confidence),
        "sure and right": _sums(group, bins, BINS, right),
    }
    whole = {name: values.sum(axis=0, keepdims=True) for name, values in sums.items()}
    found = _of_classes(whole, whole)
    without = _of_classes({name: whole[name] - sums[name] for name in sums}, whole)
    areas = _areas(shares, y, group)
    found[METRICS["auc"].column], without[METRICS["auc"].column] = areas[:1], areas[1:]
    return Tested(
        metrics={name: float(values[0]) for name, values in found.items()},
        tested=whole["tested"][0].astype(np.int64),
        correct=whole["correct"][0].astype(np.int64),
        right=right,
        without=_stacked(without),
    )


def _of_classes(sums: dict[str, Floats], whole: dict[str, Floats]) -> dict[str, Floats]:
    """Return metrics from sums over examples, by column; each has the shape (sets,).

    Args:
        sums: of each set of examples, in shape (sets, classes), (sets, bins) or (sets, 1).
        whole: those of the whole test part. A class that it does not have counts in no mean, as in
            scikit-learn; a class that only a set lacks makes NaN of its recall.
    """
    present, either = whole["tested"] > 0, whole["tested"] + whole["predicted"] > 0
    recall = _ratio(sums["correct"], sums["tested"])
    overlap = _ratio(2 * sums["correct"], sums["tested"] + sums["predicted"])
    # A class that a set neither has nor predicts has no F1, unless the test part has none of it.
    overlap = np.where(present | ~np.isnan(overlap), overlap, 0.0)
    examples = sums["examples"][:, 0]
    apart = np.abs(sums["sure and right"] - sums["sure"]).sum(axis=1)
    return {
        METRICS["balanced_accuracy"].column: recall[:, present[0]].mean(axis=1),
        METRICS["macro_f1"].column: overlap[:, either[0]].mean(axis=1),
        METRICS["log_loss"].column: _ratio(sums["losses"][:, 0], examples),
        METRICS["brier"].column: _ratio(sums["squares"][:, 0], 2 * examples),
        METRICS["ece"].column: _ratio(apart, examples),
    }


def tested_regressor(
    predicted: Floats, y: NDArray[np.float64], clusters: NDArray[np.int64]
) -> Tested:
    """Return the metrics of a regression, in units of the target.

    Args:
        predicted: one per example, finite.
        y: the target.
        clusters: see :func:`tested_classifier`.
    """
    group = groups_of(len(y), clusters)
    middle = y - y.mean()
    sums = {
        "examples": _sums(group)[:, 0],
        "squares": _sums(group, weights=(predicted - y) ** 2)[:, 0],
        "first": _sums(group, weights=middle)[:, 0],
        "second": _sums(group, weights=middle**2)[:, 0],
    }
    whole = {name: values.sum(axis=0, keepdims=True) for name, values in sums.items()}
    none = np.zeros(0, np.int64)
    return Tested(
        metrics={name: float(values[0]) for name, values in _of_numbers(whole).items()},
        tested=none,
        correct=none,
        right=none > 0,
        without=_stacked(_of_numbers({name: whole[name] - sums[name] for name in sums})),
    )


def _of_numbers(sums: dict[str, Floats]) -> dict[str, Floats]:
    spread = sums["second"] - _ratio(sums["first"] ** 2, sums["examples"])
    return {
        METRICS["r2"].column: 1 - _ratio(sums["squares"], spread),
        METRICS["rmse"].column: np.sqrt(_ratio(sums["squares"], sums["examples"])),
    }


def _areas(shares: Floats, y: NDArray[np.int32], group: NDArray[np.int64]) -> Floats:
    """Return the area under the ROC curve: of several classes, the mean of one against the rest.

    It is the share of pairs of a positive and a negative example in which the positive one has the
    higher score (Mann and Whitney 1947). NaN if a class has no example, or all.

    Returns:
        Shape (1 + groups,): of all examples, and without each group.
    """
    classes = shares.shape[1]
    numbers = range(1, 2) if classes == 2 else range(classes)
    areas: Floats = np.mean([_area(shares[:, k], y == k, group) for k in numbers], axis=0)
    return areas


def _area(scores: Floats, positive: NDArray[np.bool_], group: NDArray[np.int64]) -> Floats:
    below, above = _placements(scores, positive)
    whole = np.array([below[positive].sum(), positive.sum(), (~positive).sum()], np.float64)
    without = np.empty((GROUPS, 3))
    for number in range(GROUPS):
        mine = group == number
        within, _ = _placements(scores[mine], positive[mine])
        # Pairs with one example of the group, or with two of it, which both sums have.
        pairs = below[positive & mine].sum() + above[~positive & mine].sum()
        pairs -= within[positive[mine]].sum()
        without[number] = whole - [pairs, (positive & mine).sum(), (~positive & mine).sum()]
    won, positives, negatives = np.concatenate([whole[None], without]).T
    return _ratio(won, positives * negatives)


def _placements(scores: Floats, positive: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Return, for each example, the number of negative ones with a lower score, and that of
    positive ones with a higher score; equal scores count half.
    """
    values, at = np.unique(scores, return_inverse=True)
    ups = np.bincount(at, positive, minlength=len(values))
    downs = np.bincount(at, ~positive, minlength=len(values))
    below = np.cumsum(downs) - downs / 2
    above = ups.sum() - np.cumsum(ups) + ups / 2
    return below[at], above[at]


def _sums(
    group: NDArray[np.int64],
    place: NDArray[np.integer[Any]] | None = None,
    places: int = 1,
    weights: NDArray[np.generic] | None = None,
) -> Floats:
    """Return sums by group and place, shape (groups, places): of weights, or numbers of examples.

    Args:
        group: of each example.
        place: the class or bin of each example; None: all have the same.
        places: number of places.
        weights: of each example.
    """
    at = group if place is None else group * places + place
    counted = np.bincount(at, weights, minlength=GROUPS * places)
    return counted.astype(np.float64).reshape(GROUPS, places)


def _ratio(numerator: Floats, denominator: Floats) -> Floats:
    """Return a ratio; NaN where the denominator is not above zero."""
    empty = np.full(numerator.shape, np.nan)
    ratio: Floats = np.divide(numerator, denominator, out=empty, where=denominator > 0)
    return ratio


def _stacked(found: dict[str, Floats]) -> Floats:
    """Return metrics in the order of :data:`BY_GROUP`, NaN for those of the other task."""
    missing = np.full(GROUPS, np.nan)
    return np.stack([found.get(column, missing) for column in BY_GROUP])
