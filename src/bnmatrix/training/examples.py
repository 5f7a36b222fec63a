"""The examples that a replicate of a variant is trained, validated and tested on."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnmatrix.datasets.data import Prepared
from bnmatrix.datasets.scaling import Scaling, fit_scaling
from bnmatrix.datasets.splitting import split
from bnmatrix.training.seeds import Purpose, Streams
from bnmatrix.training.settings import Settings


@dataclass(frozen=True)
class Examples:
    """Examples as the data set has them, and the scaling fitted on the training part.

    Attributes:
        x_train, x_validation, x_test: examples × features, uint8 for pixels, float64 otherwise.
        y_train, y_validation, y_test: labels, int32.
        scaling: the variant's input scaling.
    """

    x_train: NDArray[Any]
    y_train: NDArray[np.int32]
    x_validation: NDArray[Any]
    y_validation: NDArray[np.int32]
    x_test: NDArray[Any]
    y_test: NDArray[np.int32]
    scaling: Scaling


def examples_of(prepared: Prepared, settings: Settings, streams: Streams) -> Examples:
    """Return the examples of a run: the same for all runs, unless they are cross-validated.

    Args:
        prepared: the data set, split.
        settings: the variant's settings.
        streams: the run's random streams.
    """
    if settings.folds is not None:
        prepared = _fold(prepared, settings, settings.folds, streams)
    chosen = _subset(len(prepared.x_train), settings)
    x_train = prepared.x_train[chosen]
    return Examples(
        x_train=x_train,
        y_train=prepared.y_train[chosen],
        x_validation=prepared.x_validation,
        y_validation=prepared.y_validation,
        x_test=prepared.x_test,
        y_test=prepared.y_test,
        scaling=fit_scaling(settings.input_scaling, x_train, prepared.maximum),
    )


def _subset(examples: int, settings: Settings) -> NDArray[np.int64] | slice:
    """Return which of the training examples are used."""
    count = settings.training_examples
    if count is None or settings.training_take == "first":
        return slice(count)
    # The subset depends on the validation split alone: all replicates of all variants share it.
    rng = Streams(settings.validation.seed, 0).generator(Purpose.SUBSET)
    return rng.permutation(examples)[:count]


def _fold(prepared: Prepared, settings: Settings, folds: int, streams: Streams) -> Prepared:
    """Return the data split for a replicate of repeated stratified cross-validation.

    Replicate *k* is tested on fold (k − 1) mod K of repeat (k − 1) div K. All replicates train on
    equally many examples: as many as the largest fold leaves.
    """
    from sklearn.model_selection import StratifiedKFold

    x = np.concatenate([prepared.x_train, prepared.x_validation, prepared.x_test])
    y = np.concatenate([prepared.y_train, prepared.y_validation, prepared.y_test])
    repeat, fold = divmod(streams.replicate - 1, folds)
    # The shuffle belongs to a repeat: its folds must not overlap, and tuning runs have the same.
    shuffle_seed = Streams(streams.seed, repeat).integer(Purpose.FOLDS)
    parts = list(StratifiedKFold(folds, shuffle=True, random_state=shuffle_seed).split(x, y))
    kept, test = parts[fold]
    kept = kept[: min(len(train) for train, _ in parts)]
    train, validation = (kept[part] for part in split(y[kept], settings.validation))
    return replace(
        prepared,
        x_train=x[train],
        y_train=y[train],
        x_validation=x[validation],
        y_validation=y[validation],
        x_test=x[test],
        y_test=y[test],
    )
