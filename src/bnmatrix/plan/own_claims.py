"""Analyses of claims in studies of a user's own data, from the key ``own_data`` of the claims."""

from collections.abc import Mapping
from typing import Any

from bnmatrix.config.claims import Analysis, Claim
from bnmatrix.config.own_data import InspectedDataset
from bnmatrix.config.studies import Study
from bnmatrix.config.validation import validated
from bnmatrix.statistics.endpoints.declared import ENDPOINTS
from bnmatrix.statistics.units import DOUBLING
from bnmatrix.tables.metrics import Metric
from bnmatrix.training.measures.catalog import MEASURES

#: Endpoints, other than those in points, that are computed from accuracies.
_OF_ACCURACY = ("steps_to", "steps_to_share", "seconds_to")

#: The direction of a claim in a metric of which lower values are better.
_OPPOSITE = {"greater": "less", "less": "greater", "different": "different", "equal": "equal"}

#: The margin of an accuracy divided by the margin of its slope per doubling of the batch size.
_SHARE_OF_A_DOUBLING = 5


def own_claims(
    claims: Mapping[str, Claim],
    studies: Mapping[str, Study],
    datasets: Mapping[str, InspectedDataset],
) -> dict[str, Claim]:
    """Return the claims, each with an analysis in the first study of each data set of the user.

    Args:
        claims: the claims by name.
        studies: the studies by name.
        datasets: the user's own data sets, by name.
    """
    first: dict[str, str] = {}
    for name, study in studies.items():
        if study.dataset in datasets and study.role == "matrix" and _compares(study):
            first.setdefault(study.dataset, name)
    return {
        name: claim.model_copy(
            update={
                "own": [
                    analysis
                    for dataset, study in first.items()
                    if _fits(claim, studies[study])
                    and (analysis := _analysis(name, claim, study, studies, datasets[dataset]))
                ]
            }
        )
        for name, claim in claims.items()
    }


def _compares(study: Study) -> bool:
    """Return whether a study has both arms at several batch sizes."""
    sizes = study.axes["batch_size"]
    several = len(sizes) > 1 and all(isinstance(size, int) for size in sizes)
    return several and {"none", "batch"} <= set(map(str, study.axes["normalization"]))


def _fits(claim: Claim, study: Study) -> bool:
    """Return whether a study has the measure that a claim's analysis of a user's own data needs."""
    if claim.own_data is None:
        return False
    arguments = claim.own_data.get("arguments", claim.primary.arguments)
    endpoint = ENDPOINTS.get(claim.own_data.get("endpoint", claim.primary.endpoint))
    if endpoint is None or not isinstance(arguments, Mapping):
        return True  # The validation of the analysis reports the error.
    measure = endpoint.measure_of(arguments)
    measured = [value for family in study.measures for value in MEASURES[family].yields]
    return measure is None or measure in measured


def _analysis(
    claim_name: str,
    claim: Claim,
    study_name: str,
    studies: Mapping[str, Study],
    dataset: InspectedDataset,
) -> Analysis | None:
    """Return the analysis of a claim that has ``own_data``, in one study.

    None if it rests on accuracy, and the primary metric of the data set is another one that cannot
    take its place.
    """
    declared, study = dict(claim.own_data or {}), studies[study_name]
    parts = claim.primary.model_dump() | declared
    replaced = dataset.metric.name != "accuracy" and _rests_on_accuracy(parts)
    if replaced and not _in_metric(parts, dataset.metric):
        return None
    sizes = sorted(study.axes["batch_size"])
    places = {"smallest": sizes[0], "middle": sizes[len(sizes) // 2], "largest": sizes[-1]}
    for key in ("arguments", "treatment", "control", "where"):
        parts[key] = _with_sizes(parts[key], places)
    # Each arm has one cell: the first value of each further axis, or None where the axis has no
    # effect.
    cell = {
        axis: [values[0], None]
        for axis, values in study.axes.items()
        if axis not in ("normalization", "batch_size")
    }
    if isinstance(parts["where"], Mapping):
        parts["where"] = cell | dict(parts["where"])
    if replaced or "margin" not in declared:
        parts["margin"] = _margin(parts, dataset)
    where = f"config/claims.yaml: claims → {claim_name}: own_data"
    return validated(Analysis, parts | {"studies": [study_name]}, where)


def _rests_on_accuracy(parts: Mapping[str, Any]) -> bool:
    endpoint = ENDPOINTS.get(parts["endpoint"])
    unit = parts["unit"] or (endpoint.unit if endpoint else "")
    return str(unit).startswith("points") or parts["endpoint"] in _OF_ACCURACY


def _in_metric(parts: dict[str, Any], metric: Metric) -> bool:
    """Replace test accuracy by another metric in the parts of an analysis, if it has test accuracy.

    The direction is that of the same claim: that BN is better, or worse.
    """
    endpoint, arguments = ENDPOINTS.get(parts["endpoint"]), parts["arguments"]
    if endpoint is None or parts["unit"] or not isinstance(arguments, Mapping):
        return False
    column = {**endpoint.takes, **arguments}.get("column")
    direction = _OPPOSITE.get(parts["direction"]) if metric.lower_is_better else parts["direction"]
    if column != "test_accuracy" or direction is None:
        return False
    unit = endpoint.unit.replace("points", metric.unit)
    parts |= {
        "arguments": {**arguments, "column": metric.column},
        "direction": direction,
        "unit": unit,
    }
    return True


def _with_sizes(values: Any, sizes: Mapping[str, int]) -> Any:
    """Return a mapping in which batch sizes replace ``smallest``, ``middle`` and ``largest``."""
    if not isinstance(values, Mapping):
        return values
    return {
        key: sizes.get(value, value) if isinstance(value, str) else value
        for key, value in values.items()
    }


def _margin(parts: Mapping[str, Any], dataset: InspectedDataset) -> Any:
    """Return the margin of the data set if accuracies are compared, otherwise that of the claim."""
    endpoint = ENDPOINTS.get(parts["endpoint"])
    unit = parts["unit"] or (endpoint.unit if endpoint else None)
    column = parts["arguments"].get("column") if isinstance(parts["arguments"], Mapping) else None
    in_metric = column == dataset.metric.column
    if unit == "points" or (in_metric and unit == dataset.metric.unit):
        return dataset.margin if in_metric else dataset.margin_of_accuracy
    if str(unit).endswith(DOUBLING):
        margin = dataset.margin if in_metric else dataset.margin_of_accuracy
        return margin / _SHARE_OF_A_DOUBLING
    return parts["margin"]
