"""Why the mean with batch normalization is lower in some cells of a matrix, by measurement."""

from collections.abc import Iterable, Sequence
from typing import Any

from bnmatrix.report.labels import VariantLabels
from bnmatrix.report.wording import interval, percent, points
from bnmatrix.statistics.averages import UNSETTLED


def losses(
    comparisons: Sequence[dict[str, Any]],
    summary: Iterable[dict[str, Any]],
    labels: VariantLabels,
    margin: float,
) -> list[str]:
    """Return a sentence or more for each variant whose mean is lower by more than the margin.

    They say after how many steps, how much of their start moving averages still hold, and, if the
    study measures it, how much of the loss is due to moving averages: what the same weights gain
    with recomputed statistics.

    Args:
        comparisons: rows of the comparison with no normalization.
        summary: rows of the summary of variants.
        labels: the labels of the study's variants.
        margin: the difference in accuracy that makes no practical difference.
    """
    by_variant = {row["variant"]: row for row in summary}
    return [
        " ".join(_sentences(row, by_variant[row["variant"]], labels, margin))
        for row in comparisons
        if row["effect"] < -margin
    ]


def _sentences(
    row: dict[str, Any], found: dict[str, Any], labels: VariantLabels, margin: float
) -> list[str]:
    label = labels[row["variant"]]
    steps = f"{found['steps_taken']:,}".replace(",", "\u202f")
    sentences = [
        f"{label.arm}, {label.cell()}: {points(row['effect'])} points "
        f"{interval(row['ci_low'], row['ci_high'])} after {steps} steps."
    ]
    if found["starting_share"] > UNSETTLED:
        sentences.append(
            f"The moving averages still hold {percent(found['starting_share'], 0)} of their "
            f"starting values (momentum {label.variant.settings.normalization_momentum:g} to the "
            "power of the steps)."
        )
    if _known(found.get("accuracy_population")):
        gain = found["accuracy_population"] - found["accuracy_moving"]
        return [*sentences, _cause(gain, row["effect"], margin)]
    trained, inferred = found["train_accuracy_as_trained_mean"], found["train_accuracy_mean"]
    if _known(trained) and _known(inferred):
        sentences.append(
            f"On training examples it reaches {percent(trained, 1)} as trained, with the "
            f"statistics of mini-batches, and {percent(inferred, 1)} in inference mode."
        )
    return sentences


def _cause(gain: float, effect: float, margin: float) -> str:
    """Return what recomputed statistics say about the cause of a loss.

    Args:
        gain: accuracy with recomputed statistics minus accuracy with moving averages.
        effect: the loss, below zero.
        margin: the difference that makes no practical difference.
    """
    said = "With statistics recomputed over training examples, the same weights gain {}: {}."
    change = f"{points(gain)} points of test accuracy"
    if gain > margin and effect + gain > -margin:
        return said.format(change, "the moving averages are the cause of the loss")
    if gain > margin:
        return said.format(change, "the moving averages are a part of the loss")
    return said.format(change, "the moving averages are not the cause of the loss")


def _known(value: Any) -> bool:
    return value is not None and value == value
