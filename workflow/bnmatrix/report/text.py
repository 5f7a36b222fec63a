"""Sentences that say what tables show, in words that go no further than the numbers."""

import math
from typing import Any

import pandas as pd

from bnmatrix.config import InspectedDataset
from bnmatrix.report.labels import cell_columns, interval, join, points, value_text, with_labels
from bnmatrix.tables import columns_before

#: Cells that a sentence names one by one.
MOST_CELLS = 5

COUNTS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def answer(comparisons: pd.DataFrame) -> list[str]:
    """Return a sentence an arm: where it raised and lowered accuracy, and where nothing shows."""
    if comparisons.empty:
        return ["There is nothing to compare: no variant has a counterpart without normalization."]
    axes = columns_before(comparisons, "endpoint")
    table = with_labels(comparisons, axes)
    return [_answer_for(arm, group, axes) for arm, group in table.groupby("arm", sort=False)]


def own_facts(
    dataset: InspectedDataset,
    comparisons: pd.DataFrame,
    summary: pd.DataFrame,
    folds: int | None,
    tuned: bool,
) -> dict[str, Any]:
    """Return what a page says of one's own data.

    Args:
        dataset: the data set.
        comparisons, summary: tables of a study of it.
        folds: of cross-validation, if it is cross-validated.
        tuned: whether its learning rates were tuned.

    Returns:
        ``notes``: what was made of it; ``classes``: pairs of a class and its examples;
        ``telling``: whether there is enough of it to tell.
    """
    return {
        "notes": dataset.notes,
        "classes": list(zip(dataset.classes, dataset.rows_by_class, strict=True)),
        "telling": _telling(dataset, comparisons, summary, folds, tuned),
    }


def _telling(
    dataset: InspectedDataset,
    comparisons: pd.DataFrame,
    summary: pd.DataFrame,
    folds: int | None,
    tuned: bool,
) -> list[str]:
    """Return sentences on how much these examples can tell."""
    cells = comparisons.dropna(subset=["ci_low"])
    if cells.empty:
        return []
    margin, examples = dataset.margin, sum(dataset.rows_by_class)
    inside = (cells["ci_low"] > -margin) & (cells["ci_high"] < margin)
    told = (cells["ci_low"] > 0) | (cells["ci_high"] < 0) | inside
    matters = f"{margin * 100:g} point{'s' if margin > 0.01 else ''}"
    sentences = []
    if inside.any():
        sentences.append(
            f"In {_share(inside)} any difference is within {matters}, which is taken to make no "
            "practical difference."
        )
    half = ((cells["ci_high"] - cells["ci_low"]) / 2)[~told]
    if len(half) and half.max() > margin:
        needed = examples * (float(half.median()) / margin) ** 2
        digits = 10 ** (len(str(int(needed))) - 1)
        about = f"{round(needed / digits) * digits:,}".replace(",", " ")
        sentences.append(
            f"In {_share(~told)} {examples} examples are too few to tell: intervals there reach "
            f"{half.median() * 100:.1f} points to either side (the median), where {matters} would "
            "matter. Intervals narrow with the root of the number of examples, so that about "
            f"{about} might do."
            if folds
            else f"In {_share(~told)} these replicates are too few to tell: intervals there reach "
            f"{half.median() * 100:.1f} points to either side (the median), where {matters} would "
            "matter. More replicates narrow them."
        )
    if folds:
        sentences.append(
            f"Examples are tested in turn, one of {folds} folds a replicate; intervals allow for "
            "which of them train and which test."
            + (
                " A variant's learning rate was tuned once, on validation parts of the first "
                "folds, some of whose examples test other replicates: accuracies may be a little "
                "too high, in both arms alike."
                if tuned
                else ""
            )
        )
    else:
        test = dataset.train_and_test()[1]
        accuracy = float(summary["test_accuracy_mean"].max())
        spread = 1.96 * math.sqrt(accuracy * (1 - accuracy) / test)
        sentences.append(
            "Intervals say how results vary with the initial weights and the order of the data, "
            f"on the same {test} test examples. Others, as many, could move each accuracy by "
            f"{spread * 100:.1f} points; differences between arms, by less."
        )
    return sentences


def _share(which: pd.Series) -> str:
    """Return in how many of all comparisons something is so."""
    number, every = int(which.sum()), len(which)
    if every == 1:
        return "the one comparison"
    return (
        f"all {count(every)} comparisons"
        if number == every
        else (f"{count(number)} of {count(every)} comparisons")
    )


def overall(tables: dict[str, pd.DataFrame]) -> str:
    """Return a sentence over the cells of all studies: how many went which way, and how far."""
    labelled = []
    for title, table in tables.items():
        if len(table):
            axes = columns_before(table, "endpoint")
            labelled.append(with_labels(table, axes).assign(title=title))
    if not labelled:
        return "There is nothing to compare: no variant has a counterpart without normalization."
    cells = pd.concat(labelled, ignore_index=True)
    raised, lowered = int((cells["ci_low"] > 0).sum()), int((cells["ci_high"] < 0).sum())
    least, most = cells.loc[cells["effect"].idxmin()], cells.loc[cells["effect"].idxmax()]
    untold = len(cells) - raised - lowered
    least_interval, most_interval = _effect(least), _effect(most)
    return (
        f"Of {len(cells)} comparisons, normalization raised test accuracy in {count(raised)}, "
        f"lowered it in {count(lowered)}, and made no difference that these runs can tell from "
        f"chance in {count(untold)}. Mean differences, in points with their 95 % "
        f"intervals, go from {least_interval} ({least['title']}, {least['cell']}) "
        f"to {most_interval} ({most['title']}, {most['cell']})."
    )


def _answer_for(arm: str, table: pd.DataFrame, axes: list[str]) -> str:
    raised = table[table["ci_low"] > 0]
    lowered = table[table["ci_high"] < 0]
    unmeasured = table[table["ci_low"].isna()]
    untold = table.drop([*raised.index, *lowered.index, *unmeasured.index])
    parts = [
        f"{verb} at {_where(rows, axes)}"
        for verb, rows in (
            ("raised test accuracy", raised),
            ("lowered test accuracy", lowered),
            ("made no difference that can be told from chance", untold),
            ("left no interval, for want of replicates that differ,", unmeasured),
        )
        if len(rows)
    ]
    pairs = sorted(set(table["pairs"]))
    n = count(pairs[0]) if len(pairs) == 1 else f"{count(pairs[0])} to {count(pairs[-1])}"
    plural = "replicate" if pairs == [1] else "replicates"
    return (
        f"In {n} paired {plural} a cell, {arm} {join(parts)}. In brackets: the mean difference in "
        "points and its 95 % interval."
    )


def _where(rows: pd.DataFrame, axes: list[str]) -> str:
    """Return the cells with their differences, or how many there are where they are many."""
    if len(rows) > MOST_CELLS:
        low, high = points(rows["effect"].min()), points(rows["effect"].max())
        return f"{len(rows)} cells (mean differences from {low} to {high})"
    only_size = cell_columns(axes) == ["batch_size"]
    parts = [
        f"{value_text(row['batch_size']) if only_size else row['cell']} ({_effect(row)})"
        for _, row in rows.iterrows()
    ]
    return f"batch size{'s' if len(parts) > 1 else ''} {join(parts)}" if only_size else join(parts)


def _effect(row: pd.Series) -> str:
    if pd.isna(row["ci_low"]):
        return points(row["effect"])
    return f"{points(row['effect'])}, {interval(row['ci_low'], row['ci_high'])}"


def count(number: int) -> str:
    """Return a small number in words."""
    return COUNTS[number] if number < len(COUNTS) else str(number)
