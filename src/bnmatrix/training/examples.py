"""The examples that a replicate of a variant is trained, validated and tested on."""

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnmatrix.datasets.data import Prepared
from bnmatrix.datasets.scaling import Scaling, TargetScaling, fit_scaling
from bnmatrix.datasets.splitting import split
from bnmatrix.errors import UserError
from bnmatrix.training.pretraining import Pretraining
from bnmatrix.training.seeds import Purpose, Streams
from bnmatrix.training.settings import Settings


@dataclass(frozen=True)
class Examples:
    """Examples as the data set has them, and the scaling fitted on the training part.

    Attributes:
        x_train, x_validation, x_test: examples × features, uint8 for pixels, float64 otherwise.
        y_train, y_validation, y_test: labels, int32; of a regression the standardized target,
            float64.
        scaling: the variant's input scaling.
        tested: the positions of the test examples among all examples that can be tested.
        testable: how many examples can be tested: the test part, or all examples with folds.
        clusters: the group of each example that can be tested, int64; empty if there are no groups.
        target: the standardization of the target of a regression; None for classes.
        source: features and labels of the examples of pre-training; None without it.
    """

    x_train: NDArray[Any]
    y_train: NDArray[np.int32]
    x_validation: NDArray[Any]
    y_validation: NDArray[np.int32]
    x_test: NDArray[Any]
    y_test: NDArray[np.int32]
    scaling: Scaling
    tested: NDArray[np.int64]
    testable: int
    clusters: NDArray[np.int64]
    target: TargetScaling | None = None
    source: tuple[NDArray[Any], NDArray[np.int32]] | None = None


def examples_of(
    prepared: Prepared, settings: Settings, streams: Streams, shared_by: int = 1
) -> Examples:
    """Return the examples of a run.

    All runs have the same examples, unless the settings draw new examples for each replicate
    (:attr:`bnmatrix.training.settings.Settings.draws`).

    Args:
        prepared: the data set, split.
        settings: the variant's settings.
        streams: the run's random streams.
        shared_by: how many consecutive replicates are tested on the same fold.
    """
    x, y = prepared.x_train, prepared.y_train
    x_test, y_test = prepared.x_test, prepared.y_test
    tested, testable = np.arange(len(y_test)), len(y_test)
    x_validation, y_validation = prepared.x_validation, prepared.y_validation
    source, change = None, _unchanged
    if not settings.draws:
        train: NDArray[np.int64] | slice = _fixed(len(x), settings)
    else:
        x = np.concatenate([x, x_validation])
        y = np.concatenate([y, y_validation])
        pool = np.arange(len(y))
        if settings.folds is not None:
            x, y = np.concatenate([x, x_test]), np.concatenate([y, y_test])
            pool, tested = _fold(y, settings.folds, streams, shared_by)
            x_test, y_test, testable = x[tested], y[tested], len(y)
        if isinstance(settings.pretraining, Pretraining):
            before = settings.pretraining
            ours = ~before.is_source(y_test, prepared.classes)
            tested, x_test, y_test = tested[ours], x_test[ours], y_test[ours]
            drawn, pool = _source(y, pool, before, prepared.classes, settings, streams)
            source = x[drawn], y[drawn]
            change = partial(before.target, maximum=prepared.maximum)
        train, validation = _drawn(y, pool, settings, streams)
        x_validation, y_validation = x[validation], y[validation]
    x_train, y_train = change(x[train]), y[train]
    target = TargetScaling.fit(y_train) if y.dtype.kind == "f" else None
    if target is not None:
        y_train, y_validation, y_test = map(target.apply, (y_train, y_validation, y_test))
    return Examples(
        x_train=x_train,
        y_train=y_train,
        x_validation=change(x_validation),
        y_validation=y_validation,
        x_test=change(x_test),
        y_test=y_test,
        scaling=fit_scaling(settings.input_scaling, x_train, prepared.maximum),
        tested=tested,
        testable=testable,
        clusters=prepared.groups_test,
        target=target,
        source=source,
    )


def _unchanged(x: NDArray[Any]) -> NDArray[Any]:
    return x


def _fixed(examples: int, settings: Settings) -> NDArray[np.int64] | slice:
    """Return which of the training examples are used, the same for all replicates."""
    count = settings.training_examples
    if count is None or settings.training_take == "first":
        return slice(count)
    # The subset depends on the validation split alone: all replicates of all variants share it.
    rng = Streams(settings.validation.seed, 0).generator(Purpose.SUBSET)
    return rng.permutation(examples)[:count]


def _fold(
    y: NDArray[np.int32], folds: int, streams: Streams, shared_by: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the examples outside and inside a replicate's fold of stratified cross-validation.

    Replicates that share a tuned learning rate share a fold: tuning must see no example that one of
    them is tested on. Replicate *k* is of group g = (k − 1) div ``shared_by``, which is tested on
    fold g mod K of repeat g div K. All replicates have equally many examples outside of their fold:
    as many as the largest fold leaves.
    """
    from sklearn.model_selection import KFold, StratifiedKFold

    repeat, fold = divmod((streams.draw - 1) // shared_by, folds)
    # The shuffle belongs to a repeat: its folds must not overlap.
    shuffle_seed = Streams(streams.seed, repeat).integer(Purpose.FOLDS)
    kind = KFold if y.dtype.kind == "f" else StratifiedKFold
    splitter = kind(folds, shuffle=True, random_state=shuffle_seed)
    parts = list(splitter.split(np.zeros(len(y)), y))
    kept, test = parts[fold]
    return kept[: min(len(train) for train, _ in parts)], test


def _drawn(
    y: NDArray[np.int32], pool: NDArray[np.int64], settings: Settings, streams: Streams
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the training and validation examples that a replicate draws from a pool.

    The pool of a test part is in a random order, of which each replicate takes the next part. Draws
    are therefore disjoint until the pool is used up; then comes another order. From the pool of a
    fold, each replicate draws independently. Without ``training_examples``, a draw is another
    validation split.
    """
    rest, apart = settings.validation.sizes(len(pool))
    count = settings.training_examples or rest
    if count == rest:
        seed = streams.integer(Purpose.SPLIT)
        part = settings.validation.model_copy(update={"seed": seed})
        train, validation = split(y[pool], part)
        return pool[train], pool[validation]
    chosen = _part(pool, count + apart, settings, streams, Purpose.DRAW)
    return chosen[:count], chosen[count:]


def _part(
    pool: NDArray[np.int64], size: int, settings: Settings, streams: Streams, purpose: Purpose
) -> NDArray[np.int64]:
    """Return the part of a pool, in random order, that a replicate takes.

    Raises:
        UserError: the pool is too small.
    """
    if size > len(pool):
        raise UserError(
            f"training_examples: a replicate needs {size} examples, and only {len(pool)} are there"
        )
    if settings.folds:
        round_, place = streams.draw, 0
    else:
        round_, place = divmod(streams.draw - 1, len(pool) // size)
    order = Streams(streams.seed, round_).generator(purpose).permutation(len(pool))
    return pool[order[place * size : (place + 1) * size]]


def _source(
    y: NDArray[np.int32],
    pool: NDArray[np.int64],
    pretraining: Pretraining,
    classes: int,
    settings: Settings,
    streams: Streams,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the examples of pre-training, and the pool that is left to the run itself."""
    only = pretraining.is_source(y[pool], classes)
    if pretraining.source == "other_classes":
        first, second = pool[only], pool[~only]
    else:
        # All replicates have the same two halves: draws of one never meet those of another.
        halves = Streams(streams.seed, 0).generator(Purpose.SOURCE).permutation(len(pool))
        first, second = np.array_split(pool[halves], 2)
    return _part(first, pretraining.examples, settings, streams, Purpose.SOURCE), second
