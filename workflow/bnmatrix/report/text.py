"""Sentences that say what tables show, in words that go no further than the numbers."""

import pandas as pd

from bnmatrix.report.labels import cell_columns, join, points, value_text, with_labels

COUNTS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def answer(comparisons: pd.DataFrame) -> list[str]:
    """Return a sentence an arm: where it raised and lowered accuracy, and where nothing shows."""
    if comparisons.empty:
        return ["There is nothing to compare: no variant has a counterpart without normalization."]
    axes = list(comparisons.columns[: list(comparisons.columns).index("endpoint")])
    table = with_labels(comparisons, axes)
    return [_answer_for(arm, group, axes) for arm, group in table.groupby("arm", sort=False)]


def overall(tables: dict[str, pd.DataFrame]) -> str:
    """Return a sentence over the cells of all studies: how many went which way, and how far."""
    labelled = []
    for title, table in tables.items():
        if len(table):
            axes = list(table.columns[: list(table.columns).index("endpoint")])
            labelled.append(with_labels(table, axes).assign(title=title))
    if not labelled:
        return "There is nothing to compare: no variant has a counterpart without normalization."
    cells = pd.concat(labelled, ignore_index=True)
    raised, lowered = int((cells["ci_low"] > 0).sum()), int((cells["ci_high"] < 0).sum())
    least, most = cells.loc[cells["effect"].idxmin()], cells.loc[cells["effect"].idxmax()]
    untold = len(cells) - raised - lowered
    return (
        f"Of {len(cells)} comparisons, normalization raised test accuracy in {count(raised)}, "
        f"lowered it in {count(lowered)}, and made no difference that these runs can tell from "
        f"chance in {count(untold)}; mean differences go from {points(least['effect'])} "
        f"points ({least['title']}, {least['cell']}) to {points(most['effect'])} points "
        f"({most['title']}, {most['cell']})."
    )


def _answer_for(arm: str, table: pd.DataFrame, axes: list[str]) -> str:
    raised = table[table["ci_low"] > 0]
    lowered = table[table["ci_high"] < 0]
    open_ = table.drop([*raised.index, *lowered.index])
    parts = []
    for verb, rows in (("raised", raised), ("lowered", lowered)):
        if len(rows):
            parts.append(f"{verb} test accuracy at {_where(rows, axes)} ({_range(rows)} points)")
    if len(open_):
        measured = f"mean difference {_range(open_)} points, interval across zero"
        if open_["ci_low"].isna().any():
            measured = f"{_range(open_)} points; one pair gives no interval"
        parts.append(
            f"made no difference that can be told from chance at {_where(open_, axes)} ({measured})"
        )
    pairs = sorted(set(table["pairs"]))
    n = count(pairs[0]) if len(pairs) == 1 else f"{count(pairs[0])} to {count(pairs[-1])}"
    plural = "replicate" if pairs == [1] else "replicates"
    return f"In {n} paired {plural} a cell, {arm} {join(parts)}."


def _where(rows: pd.DataFrame, axes: list[str]) -> str:
    """Return "batch sizes 16 and 32", or "3 of the cells" where other axes vary too."""
    if cell_columns(axes) == ["batch_size"]:
        sizes = [value_text(size) for size in rows["batch_size"]]
        return f"batch size{'s' if len(sizes) > 1 else ''} {join(sizes)}"
    if len(rows) > 3:
        return f"{len(rows)} cells"
    return join(list(rows["cell"]))


def _range(rows: pd.DataFrame) -> str:
    low, high = points(rows["effect"].min()), points(rows["effect"].max())
    return low if low == high else f"{low} to {high}"


def count(number: int) -> str:
    """Return a small number in words."""
    return COUNTS[number] if number < len(COUNTS) else str(number)
