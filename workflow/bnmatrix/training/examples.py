"""The examples that a replicate of a variant is trained, validated and tested on."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from bnmatrix.config import Split
from bnmatrix.datasets.preparation import Prepared, split
from bnmatrix.datasets.scaling import Scaling, fit_scaling
from bnmatrix.training import seeds


@dataclass(frozen=True)
class Examples:
    """Examples as they come from the data set, and the scaling fitted on the training part.

    Attributes:
        x_train, x_validation, x_test: examples × features.
        y_train, y_validation, y_test: labels, int32.
        scaling: the variant's input scaling.
    """

    x_train: np.ndarray
    y_train: np.ndarray
    x_validation: np.ndarray
    y_validation: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    scaling: Scaling


def examples_of(
    prepared: Prepared, settings: dict[str, Any], seed: int, replicate: int
) -> Examples:
    """Return the examples of a replicate: the same for all, unless it is cross-validated.

    Args:
        prepared: the data set, split.
        settings: the variant's settings.
        seed: the study's seed.
        replicate: the replicate's number.
    """
    if settings["folds"]:
        parts = _fold(prepared, settings, seed, replicate)
    else:
        parts = [
            *(prepared.x_train, prepared.y_train),
            *(prepared.x_validation, prepared.y_validation),
            *(prepared.x_test, prepared.y_test),
        ]
    chosen = _subset(len(parts[0]), settings)
    parts[:2] = parts[0][chosen], parts[1][chosen]
    return Examples(*parts, fit_scaling(settings["input_scaling"], parts[0], prepared.maximum))


def _subset(examples: int, settings: dict[str, Any]) -> np.ndarray | slice:
    """Return which of the training examples are used."""
    count = settings["training_examples"]
    if count is None or settings["training_take"] == "first":
        return slice(count)
    rng = seeds.generator(settings["validation"]["seed"], 0, seeds.Purpose.SUBSET)
    return rng.permutation(examples)[:count]


def _fold(
    prepared: Prepared, settings: dict[str, Any], seed: int, replicate: int
) -> list[np.ndarray]:
    """Return the parts of a replicate in repeated stratified cross-validation.

    Replicate *k* is tested on fold (k − 1) mod K of repeat (k − 1) div K. All replicates train on
    equally many examples: as many as the largest fold leaves.
    """
    from sklearn.model_selection import StratifiedKFold

    folds = settings["folds"]
    x = np.concatenate([prepared.x_train, prepared.x_validation, prepared.x_test])
    y = np.concatenate([prepared.y_train, prepared.y_validation, prepared.y_test])
    repeat, fold = divmod(replicate - 1, folds)
    shuffle_seed = seeds.integer(seed, repeat, seeds.Purpose.FOLDS)
    parts = list(StratifiedKFold(folds, shuffle=True, random_state=shuffle_seed).split(x, y))
    kept, test = parts[fold]
    kept = kept[: min(len(train) for train, _ in parts)]
    stay, apart = (kept[part] for part in split(y[kept], Split(**settings["validation"])))
    return [x[stay], y[stay], x[apart], y[apart], x[test], y[test]]
