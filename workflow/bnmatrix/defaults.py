"""What a study of one's own data is when its entry does not say: chosen from size and shape.

Each choice comes with its reason, which the study's page shows.
"""

import math
from collections.abc import Mapping
from typing import Any

from bnmatrix.config import Analysis, Claim, InspectedDataset, Split, Study, validated
from bnmatrix.registry import ENDPOINTS, MEASURES

#: Examples below which a test part says too little by itself, and all are tested in turn.
_FEW = 2_000
#: Training examples up to which the learning rate is tuned for each variant.
_TUNED = 20_000
#: Training examples from which the network is wider.
_MANY = 20_000

#: Steps at batch size 32 that training should take, and the epochs that it may take for them.
_STEPS, _FEWEST_EPOCHS, _MOST_EPOCHS = 1_500, 10, 100

_VALIDATION = Split(fraction=0.2, take="stratified")
_FOLDS = 5


def study_entry(
    entry: Mapping[str, Any] | None, dataset_name: str, dataset: InspectedDataset
) -> dict[str, Any]:
    """Return a study's entry, with what it leaves out chosen from its data.

    Args:
        entry: what the configuration says of the study.
        dataset_name: the data set's name.
        dataset: the data set.
    """
    entry = {key: value for key, value in (entry or {}).items() if value is not None}
    given, axes = entry.get("settings", {}), entry.get("axes", {})
    if not isinstance(given, Mapping) or not isinstance(axes, Mapping):
        return {"axes": {}, "title": "", "question": "", "dataset": dataset_name} | entry
    given, axes, told = dict(given), dict(axes), axes
    examples = dataset.examples.train + dataset.examples.test
    crossed = examples < _FEW and dataset.test_split is not None and not dataset.grouped
    folds = given.get("folds", _FOLDS if crossed else None)
    training = _training_examples(dataset, given, folds)
    chosen, reasons = _settings(dataset, training, examples, folds)
    sizes = _batch_sizes(training)
    if "batch_size" not in axes:
        axes = {"batch_size": sizes, **axes}
        reasons["batch_size"] = f"powers of two up to a quarter of {training} training examples"
    axes = {"normalization": ["none", "batch"], **axes}
    if {"steps", "epochs"} & {*given, *axes}:
        chosen.pop("epochs")
    if {"learning_rate", "tuned"} & {*given, *axes}:
        chosen.pop("tuned", None)
    settings = {**{k: v for k, v in chosen.items() if k not in axes}, **given}
    reasons = {k: v for k, v in reasons.items() if k not in given and k not in told}
    defaults = {
        "title": dataset.title,
        "question": (
            f"Does batch normalization help on {examples} examples of {dataset.title}, and at "
            "which batch size?"
        ),
        "dataset": dataset_name,
        "replicates": 20 if folds else 15 if training < 5_000 else 10 if training <= _TUNED else 5,
        "tuning": {"rates": [0.000316, 0.001, 0.00316, 0.01, 0.0316]},
    }
    if given.get("framework", "keras") == "keras" and "framework" not in axes:
        defaults["measures"] = {"inference_modes": ["last"], "order": ["last"]}
    if training < 5_000:
        # A job costs a start of TensorFlow: more than its training.
        defaults["together"] = ["normalization", "learning_rate", "tuned", "initializer"]
    kept = {"reasons": {k: v for k, v in reasons.items() if k in settings or k in axes}}
    return defaults | kept | entry | {"settings": settings, "axes": axes}


def _training_examples(dataset: InspectedDataset, given: Mapping[str, Any], folds: Any) -> int:
    examples = dataset.train_and_test()[0]
    if isinstance(folds, int) and folds > 1:
        examples = sum(dataset.train_and_test())
        examples -= math.ceil(examples / folds)
    training = _VALIDATION.sizes(examples)[0]
    wanted = given.get("training_examples")
    return min(training, wanted) if isinstance(wanted, int) and wanted > 0 else training


def _settings(
    dataset: InspectedDataset, training: int, examples: int, folds: int | None
) -> tuple[dict[str, Any], dict[str, str]]:
    """Return settings, and the reasons of some."""
    wide = training >= _MANY
    epochs = math.ceil(_STEPS * 32 / training)
    epochs = min(max(epochs, _FEWEST_EPOCHS), _MOST_EPOCHS)
    settings: dict[str, Any] = {
        "hidden_layers": [256, 128] if wide else [64, 64],
        "optimizer": "adam",
        "input_scaling": "unit" if dataset.maximum else "standardized",
        "validation": _VALIDATION.model_dump(exclude_defaults=True),
        "normalization_momentum": 0.9 if training < 5_000 else 0.99,
        "epochs": epochs,
    }
    reasons = {
        "hidden_layers": f"{'wide' if wide else 'small'}, for {training} training examples of "
        f"{dataset.features} features",
        "epochs": f"about {_STEPS} steps at batch size 32, within {_FEWEST_EPOCHS} to "
        f"{_MOST_EPOCHS} epochs",
        "input_scaling": "pixels" if dataset.maximum else "features of different units",
        "validation": "a fifth of the training part, equal shares of each class",
        "normalization_momentum": "training is short, and moving averages must have settled by its "
        "end"
        if training < 5_000
        else "Keras's default",
    }
    if training <= _TUNED:
        settings["tuned"] = True
        reasons["tuned"] = (
            "each variant has its own best learning rate, by its validation accuracy, so that it "
            "is not the rate that is compared"
        )
    else:
        settings["learning_rate"] = 0.001
        reasons["learning_rate"] = "Keras's default for Adam; tuning would take too long"
    if folds:
        settings["folds"] = folds
        reasons["folds"] = (
            f"with {examples} examples a single test part says little: each is tested in turn, in "
            "repeated cross-validation"
        )
    return settings, reasons


def _batch_sizes(training: int) -> list[int]:
    largest = min(256, 2 ** int(math.log2(max(4, training // 4))))
    return sorted({max(2, largest // 2**power) for power in range(4)})


def own_claims(
    claims: Mapping[str, Claim],
    studies: Mapping[str, Study],
    own: Mapping[str, InspectedDataset],
) -> dict[str, Claim]:
    """Return the claims, with an analysis each for the first study of each data set of one's own.

    Args:
        claims: the claims by name.
        studies: the studies by name.
        own: data sets of one's own, by name.
    """
    first: dict[str, str] = {}
    for name, study in studies.items():
        if study.dataset in own and study.role == "matrix" and _compares(study):
            first.setdefault(study.dataset, name)
    return {
        name: claim.model_copy(
            update={
                "own": [
                    _analysis(name, claim, study, studies[study], own[dataset])
                    for dataset, study in first.items()
                    if _fits(claim, studies[study])
                ]
            }
        )
        for name, claim in claims.items()
    }


def _compares(study: Study) -> bool:
    """Return whether a study has the two arms, at several batch sizes."""
    sizes = study.axes["batch_size"]
    several = len(sizes) > 1 and all(isinstance(size, int) for size in sizes)
    return several and {"none", "batch"} <= set(map(str, study.axes["normalization"]))


def _fits(claim: Claim, study: Study) -> bool:
    """Return whether a study has what a claim's analysis of one's own data needs."""
    if claim.own_data is None:
        return False
    arguments = claim.own_data.get("arguments", claim.primary.arguments)
    measure = arguments.get("measure") if isinstance(arguments, Mapping) else None
    taken = [value for found in study.measures for value in MEASURES[found]]
    return measure is None or measure in taken


def _analysis(
    claim_name: str, claim: Claim, name: str, study: Study, dataset: InspectedDataset
) -> Analysis:
    """Return the analysis of a claim in one study."""
    sizes = sorted(study.axes["batch_size"])
    places = {"smallest": sizes[0], "middle": sizes[len(sizes) // 2], "largest": sizes[-1]}

    def resolved(values: Any) -> Any:
        if not isinstance(values, Mapping):
            return values
        return {
            key: places.get(value, value) if isinstance(value, str) else value
            for key, value in values.items()
        }

    parts = claim.primary.model_dump() | dict(claim.own_data)
    # Of further axes, the first value: or several cells would be one arm. None: where an axis does
    # not apply.
    first = {
        axis: [values[0], None]
        for axis, values in study.axes.items()
        if axis not in ("normalization", "batch_size")
    }
    margin = parts["margin"]
    if "margin" not in claim.own_data:
        # Of accuracies; a doubling of the batch size has a fifth of it.
        endpoint = ENDPOINTS.get(parts["endpoint"])
        unit = parts["unit"] or (endpoint.unit if endpoint else None)
        margin = {"points": dataset.margin, "points a doubling": dataset.margin / 5}.get(
            unit, margin
        )
    return validated(
        Analysis,
        parts
        | {"studies": [name], "margin": margin}
        | {key: resolved(parts[key]) for key in ("arguments", "treatment")}
        | {"where": {**first, **resolved(parts["where"])}}
        | {"control": resolved(parts["control"])},
        f"config/claims.yaml: claims → {claim_name}: own_data",
    )
