"""Defaults of studies of a user's own data, chosen by the number of examples and features.

Each default has a reason, which the page of the study shows.
"""

import math
from collections.abc import Mapping
from typing import Any

from bnmatrix.config.own_data import InspectedDataset
from bnmatrix.datasets.splitting import Split
from bnmatrix.plan.sizes import multiplications, parts
from bnmatrix.training.settings import Settings

#: Data sets with fewer examples are cross-validated, because a single test part says little.
_FEW = 2_000
#: Number of training examples from which tuning has few runs for each of few learning rates.
_BRIEFLY_TUNED = 20_000
#: Number of training examples from which the network is wider.
_MANY = 20_000
#: Number of training examples below which training is short.
_SHORT = 5_000

#: Learning rates to tune Adam with: a quarter of a decade apart.
_RATES = [0.000316, 0.000562, 0.001, 0.00178, 0.00316, 0.00562, 0.01, 0.0178, 0.0316]

#: Half a decade apart, so that few runs find the best.
_FEW_RATES = [0.000316, 0.001, 0.00316, 0.01, 0.0316]

#: Number of steps of training at batch size 32, and the limits of the number of epochs.
_STEPS, _FEWEST_EPOCHS, _MOST_EPOCHS = 1_500, 10, 100
#: Large data sets: steps at batch size 32 that replace the fewest epochs, and epochs in any case.
_ENOUGH_STEPS, _LEAST_EPOCHS = 12_000, 3

#: Multiplications of a training, and examples that it sees, from which on the learning rate is not
#: tuned: some seconds.
_MOST, _MOST_SEEN = 5e10, 1_000_000

#: Filters of the blocks of the default convolutional network, of which a small image has fewer.
_FILTERS = (16, 32, 64)
#: Pixels on the shorter side: the fewest that are convolved, and the most at full resolution.
_LEAST_SIDE, _LARGE_SIDE = 4, 64

_VALIDATION = Split(fraction=0.2, take="stratified")
#: The same for a regression, which has no classes.
_RANDOM = Split(fraction=0.2)
_FOLDS = 5


def study_entry(
    entry: Mapping[str, Any] | None, dataset_name: str, dataset: InspectedDataset
) -> dict[str, Any]:
    """Return a study's entry, with defaults that fit the data for all missing keys.

    Args:
        entry: the study's entry in the configuration, not yet validated; None if it is empty.
        dataset_name: name of the data set.
        dataset: the data set.

    Returns:
        The entry with all keys that :class:`bnmatrix.config.studies.Study` needs. Keys
        that the configuration gives stay unchanged, valid or not.
    """
    entry = {key: value for key, value in (entry or {}).items() if value is not None}
    given_settings, given_axes = entry.get("settings", {}), entry.get("axes", {})
    if not isinstance(given_settings, Mapping) or not isinstance(given_axes, Mapping):
        return {"axes": {}, "title": "", "question": "", "dataset": dataset_name} | entry
    given = {*given_settings, *given_axes}
    folds = given_settings.get("folds", _default_folds(dataset))
    training = _training_examples(dataset, given_settings, folds)
    defaults, reasons = _settings(dataset, training, folds)
    if {"steps", "epochs"} & given:
        defaults.pop("epochs")
    if {"learning_rate", "tuned"} & given:
        defaults.pop("tuned", None)
    if {"hidden_layers", "network"} & given:
        # Layers that the user gives are those of a dense network.
        defaults.pop("network", None)
        defaults.pop("hidden_layers", None)
    if {"folds", "training_take"} & given:
        defaults.pop("redraw", None)
    settings = {key: value for key, value in defaults.items() if key not in given_axes}
    settings |= given_settings
    default_sizes = {} if "batch_size" in given_axes else {"batch_size": _batch_sizes(training)}
    axes = {"normalization": ["none", "batch"], **default_sizes, **given_axes}
    reasons["batch_size"] = f"powers of two up to a quarter of {training} training examples"
    default_reasons = {
        key: reason
        for key, reason in reasons.items()
        if key not in given and (key in settings or key in axes)
    }
    study = _study(dataset_name, dataset, training, folds)
    # Measures are about accuracy, and about logits of classes.
    keras = given_settings.get("framework", "keras") == "keras" and "framework" not in axes
    if keras and not dataset.target:
        study["measures"] = {"inference_modes": ["last"], "order": ["last"]}
    if isinstance(entry.get("tuning"), Mapping):
        entry["tuning"] = study["tuning"] | entry["tuning"]
    return study | {"reasons": default_reasons} | entry | {"settings": settings, "axes": axes}


def _default_folds(dataset: InspectedDataset) -> int | None:
    """Return the number of folds if a data set should be cross-validated; None otherwise."""
    few = sum(dataset.train_and_test()) < _FEW
    return _FOLDS if few and dataset.test_split is not None and not dataset.grouped else None


def _training_examples(
    dataset: InspectedDataset, given_settings: Mapping[str, Any], folds: object
) -> int:
    """Return the number of training examples. Invalid settings are ignored."""
    number_of_folds = folds if isinstance(folds, int) and folds > 1 else None
    training = parts(dataset, _VALIDATION, number_of_folds)[0]
    wanted = given_settings.get("training_examples")
    return min(training, wanted) if isinstance(wanted, int) and wanted > 0 else training


def _study(
    dataset_name: str, dataset: InspectedDataset, training: int, folds: object
) -> dict[str, Any]:
    """Return the defaults of a study's keys, except its settings and axes."""
    if folds:
        replicates = 20
    elif training < _SHORT:
        replicates = 15
    else:
        replicates = 12
    examples = dataset.examples.train + dataset.examples.test
    study: dict[str, Any] = {
        "title": dataset.title,
        "question": (
            f"Does batch normalization help on {examples} examples of {dataset.title}, and at "
            "which batch size?"
        ),
        "dataset": dataset_name,
        "replicates": replicates,
        "tuning": {"rates": _RATES, "shared_by": replicates // _FOLDS if folds else 3},
    }
    if dataset.metric.name != "accuracy":
        study["tuning"]["objective"] = "loss"
    if training > _BRIEFLY_TUNED:
        study["tuning"] |= {"rates": _FEW_RATES, "replicates": 2}
    return study


def _settings(
    dataset: InspectedDataset, training: int, folds: object
) -> tuple[dict[str, Any], dict[str, str]]:
    """Return default settings, and the reasons for some of them."""
    wide, short = training >= _MANY, training < _SHORT
    epochs, epochs_reason = _epochs(training)
    network, network_reason = _network(dataset, training, wide)
    validation = _RANDOM if dataset.target else _VALIDATION
    settings: dict[str, Any] = network | {
        "optimizer": "adam",
        "input_scaling": "unit" if dataset.maximum else "standardized",
        "validation": validation.model_dump(exclude_defaults=True),
        "normalization_momentum": 0.9 if short else 0.99,
        "last_batch": "drop",
        "schedule": "cosine",
        "epochs": epochs,
    }
    reasons = {
        **dict.fromkeys(network, network_reason),
        "epochs": epochs_reason,
        "input_scaling": "pixels" if dataset.maximum else "features of different units",
        "validation": "a fifth of the training part"
        + ("" if dataset.target else ", equal shares of each class"),
        "normalization_momentum": "training is short, and moving averages must have settled by its "
        "end"
        if short
        else "Keras's default",
        "schedule": "the learning rate falls to 0, so that the curves are flat at the end",
        "last_batch": "the statistics of a few examples would harm batch normalization alone",
    }
    if dataset.target:
        settings["loss"], reasons["loss"] = "squared_error", "the target is measured"
    trained = Settings.model_validate({**network, "epochs": epochs})
    seen = training * epochs
    if seen <= _MOST_SEEN and multiplications(dataset, trained) * seen < _MOST:
        settings["tuned"] = True
        decides = "accuracy" if dataset.metric.name == "accuracy" else "loss"
        reasons["tuned"] = (
            f"each variant has its own best learning rate, by its validation {decides}, so that it "
            "is not the rate that is compared"
        )
        if training > _BRIEFLY_TUNED:
            reasons["tuned"] += f"; of {len(_FEW_RATES)} rates in few runs, to keep to some minutes"
    else:
        settings["learning_rate"] = 0.001
        reasons["learning_rate"] = "Keras's default for Adam; tuning would take too long"
    if not folds and not dataset.grouped:
        settings["redraw"] = True
        reasons["redraw"] = (
            "each replicate has its own training and validation examples, so that the result is "
            "not that of one split"
        )
    if folds:
        examples = dataset.examples.train + dataset.examples.test
        settings["folds"] = folds
        reasons["folds"] = (
            f"with {examples} examples a single test part says little: each is tested in turn, in "
            "repeated cross-validation"
        )
    return settings, reasons


def _epochs(training: int) -> tuple[int, str]:
    """Return the number of epochs, and its reason."""
    wanted = math.ceil(_STEPS * 32 / training)
    fewest = min(max(math.ceil(_ENOUGH_STEPS * 32 / training), _LEAST_EPOCHS), _FEWEST_EPOCHS)
    epochs = min(max(wanted, fewest), _MOST_EPOCHS)
    steps = f"{epochs * training / 32:,.0f}".replace(",", " ")
    limit = {_MOST_EPOCHS: "at most", fewest: "at least"}.get(epochs)
    short = f", {limit} {epochs} epochs" if limit and epochs != wanted else ""
    return epochs, f"about {steps} steps at batch size 32{short}"


def _network(dataset: InspectedDataset, training: int, wide: bool) -> tuple[dict[str, Any], str]:
    """Return the setting of the default network, and its reason."""
    if not dataset.maximum or len(dataset.shape) < 2 or min(dataset.shape[:2]) < _LEAST_SIDE:
        return {"hidden_layers": [256, 128] if wide else [64, 64]}, (
            f"{'wide' if wide else 'small'}, for {training} training examples of "
            f"{dataset.features} features"
        )
    side = min(dataset.shape[:2])
    blocks: list[dict[str, int]] = []
    for filters in _FILTERS:
        # The last block sees maps of four pixels or more a side.
        halved = side >= 2 * _LEAST_SIDE and len(blocks) < len(_FILTERS) - 1
        blocks.append({"filters": filters, "pooling": 2} if halved else {"filters": filters})
        if not halved:
            break
        side //= 2
    if min(dataset.shape[:2]) > _LARGE_SIDE:
        blocks[0] |= {"kernel": 5, "stride": 2}
    pixels = " × ".join(map(str, dataset.shape[:2]))
    reason = f"a small convolutional network, for images of {pixels} pixels"
    return {"network": {"convolutional": blocks}}, reason


def _batch_sizes(training: int) -> list[int]:
    """Return up to four powers of two, the largest at most 256 and a quarter of the examples.

    The smallest is 4, so that the claim about very small batches can be judged, or 2 where the
    largest is below 16.
    """
    largest = min(256, 2 ** int(math.log2(max(4, training // 4))))
    step, smallest = (4 if largest > 32 else 2), (4 if largest >= 16 else 2)
    return sorted({max(smallest, largest // step**power) for power in range(4)})
