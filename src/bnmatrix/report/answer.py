"""The answer in at most three lines, by rules from what intervals say.

Every number of a line is a number of ``effects.csv`` or of a study's ``comparisons.csv``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from bnmatrix.config.project import Project
from bnmatrix.plan.networks import column_title
from bnmatrix.report.wording import count, join, plain_points
from bnmatrix.statistics.verdicts import CONTRADICTED, SMALL, SUPPORTED
from bnmatrix.training.normalizations import NORMALIZATIONS

#: Verdicts under which the interval is above zero if the effect is.
_REAL = (SUPPORTED, SMALL)


@dataclass(frozen=True)
class Line:
    """A line of the answer: what to do, and the numbers that it rests on."""

    lead: str
    text: str


def with_titles(effects: pd.DataFrame, project: Project) -> pd.DataFrame:
    """Return ``effects.csv`` with the column ``column``: the data set and the kind of network."""
    titles = [
        column_title(project.datasets[dataset].title, network)
        for dataset, network in zip(effects["dataset"], effects["network"], strict=True)
    ]
    return effects.assign(column=pd.Series(titles, index=effects.index, dtype=object))


def answer_lines(effects: pd.DataFrame, matrix: Mapping[str, pd.DataFrame]) -> list[Line]:
    """Return the answer.

    Args:
        effects: the effects by batch size (:func:`with_titles`).
        matrix: the comparisons of each study that repeats a source, by title.
    """
    batch = effects[(effects["normalization"] == "batch") & effects["ci_low"].notna()]
    lines = []
    if len(batch):
        lines = [_where_it_helps(batch), *_where_it_hurts(batch, effects)]
    filled = [table for table in matrix.values() if len(table)]
    return [*lines, *([_fixed_settings(pd.concat(filled))] if filled else [])]


def markdown(lines: Sequence[Line], picture: str | None) -> str:
    """Return the answer as Markdown for a README.

    Args:
        lines: the lines.
        picture: the address of the chart without its ending, if there is one.
    """
    text = "".join(f"- **{line.lead}** {line.text}\n" for line in lines)
    if picture:
        text += (
            "\n<picture>\n"
            f'  <source media="(prefers-color-scheme: dark)" srcset="{picture}-dark.svg">\n'
            f'  <img alt="What batch normalization brings by batch size" src="{picture}.svg">\n'
            "</picture>\n"
        )
    return text


def _threshold(rows: pd.DataFrame, verdicts: Sequence[str]) -> int | None:
    """Return the smallest batch size from which on all effects are positive with such verdicts."""
    found = None
    for row in rows.sort_values("batch_size", ascending=False).itertuples(index=False):
        if row.says not in verdicts or row.effect <= 0:
            break
        found = int(row.batch_size)
    return found


def _where_it_helps(batch: pd.DataFrame) -> Line:
    """Return from which batch size on normalization raises accuracy by more than the margin."""
    circumstances = batch["label"].iloc[0]
    parts = dict(list(batch.groupby("column", sort=False)))
    strong = {name: _threshold(rows, [SUPPORTED]) for name, rows in parts.items()}
    helped = {name: size for name, size in strong.items() if size is not None}
    if not helped:
        real = [name for name, rows in parts.items() if _threshold(rows, _REAL) is not None]
        lead = (
            f"The gain is small on {join(real)}."
            if real
            else "No batch size is shown at which it helps."
        )
        largest = [f"{_at_largest(rows)} on {name}" for name, rows in parts.items()]
        return Line(lead, f"{_opening(circumstances)}, test accuracy changed by {join(largest)}.")
    size = max(helped.values())
    everywhere = len(helped) == len(parts)
    lead = f"{'Use' if everywhere else f'On {join(list(helped))}, use'} batch normalization from "
    gains = [
        f"{_range(parts[name][parts[name]['batch_size'] >= size]['effect'])} on {name}"
        for name in helped
    ]
    sentences = [
        f"{_opening(circumstances)}, it raised test accuracy by {join(gains)}, with intervals "
        "beyond the margin that matters."
    ]
    rest = [f"{_at_largest(rows)} on {name}" for name, rows in parts.items() if name not in helped]
    if rest:
        sentences.append(f"No such gain is shown elsewhere: {join(rest)} at the largest size.")
    below = batch[
        (batch["batch_size"] < size)
        & batch["says"].isin(_REAL)
        & (batch["effect"] > 0)
        & batch["column"].isin(list(helped))
    ]
    for smaller, rows in below.groupby("batch_size"):
        small = [f"{plain_points(row.effect)} on {row.column}" for row in rows.itertuples()]
        sentences.append(
            f"At {smaller} the gain is real, but may be within the margin: {join(small)}."
        )
    return Line(f"{lead}batch size {size} up.", " ".join(sentences))


def _where_it_hurts(batch: pd.DataFrame, effects: pd.DataFrame) -> list[Line]:
    """Return where it lowers accuracy by more than the margin, and whether others do."""
    lost = batch[batch["says"] == CONTRADICTED]
    if lost.empty:
        return []
    everywhere = [
        int(size)
        for size, rows in batch.groupby("batch_size")
        if (rows["says"] == CONTRADICTED).all()
    ]
    if everywhere:
        lost = lost[lost["batch_size"].isin(everywhere)]
        lead = f"Do not use it at batch size{_several(everywhere)}."
    else:
        places = list(dict.fromkeys(lost["column"]))
        sizes = sorted({int(size) for size in lost["batch_size"]})
        lead = f"On {join(places)}, do not use it at batch size{_several(sizes)}."
    costs = [
        f"{_range(-rows['effect'])} on {name}" for name, rows in lost.groupby("column", sort=False)
    ]
    text = f"It cost {join(costs)}."
    others = effects[
        ~effects["normalization"].isin(["batch"])
        & effects["batch_size"].isin(lost["batch_size"])
        & effects["column"].isin(lost["column"])
    ]
    free = [
        NORMALIZATIONS[name].label
        for name, rows in others.groupby("normalization", sort=False)
        if (rows["ci_low"] > -rows["margin"]).all()
    ]
    if free:
        text += f" {_capital(join(free))} did not cost more than the margin."
    for name, rows in others.groupby("normalization", sort=False):
        if NORMALIZATIONS[name].label not in free:
            text += f" {_capital(NORMALIZATIONS[name].label)} {_changed(rows)}."
    return [Line(lead, text)]


def _changed(rows: pd.DataFrame) -> str:
    """Return what a normalization cost and gained, and the most that it may cost elsewhere."""
    said = []
    for words, sure in (("cost", rows["ci_high"] < 0), ("gained", rows["ci_low"] > 0)):
        parts = [
            f"{plain_points(abs(row.effect))} on {row.column}"
            + (" (within the margin)" if max(-row.ci_low, row.ci_high) < row.margin else "")
            for row in rows[sure].itertuples()
        ]
        if parts:
            said.append(f"{words} {join(parts)}")
    unsure = rows[(rows["ci_low"] <= -rows["margin"]) & (rows["ci_high"] >= 0)]
    if len(unsure):
        worst = unsure.loc[unsure["ci_low"].idxmin()]
        said.append(f"may cost as much as {plain_points(-worst['ci_low'])} on {worst['column']}")
    return " and ".join(said)


def _fixed_settings(cells: pd.DataFrame) -> Line:
    """Return what comparisons with fixed settings found."""
    raised, lowered = cells[cells["ci_low"] > 0], cells[cells["ci_high"] < 0]
    unclear = len(cells) - len(raised) - len(lowered)
    said = {
        (True, True): "it helps in some cells and hurts in others",
        (True, False): "it helps in some cells and is never shown to hurt"
        if unclear
        else "it helps in all cells",
        (False, True): "it is never shown to help, and hurts in some cells",
        (False, False): "no difference is certain",
    }[bool(len(raised)), bool(len(lowered))]
    lead = f"With the fixed settings of the source experiments, {said}."
    if len(cells) == 1:
        effect = plain_points(cells["effect"].iloc[0])
        return Line(lead, f"There is one comparison; its mean difference is {effect}.")
    return Line(
        lead,
        f"Of {len(cells)} comparisons, each with a 95 % interval of its own, normalization raised "
        f"test accuracy in {_counted(raised)} and lowered it in {_counted(lowered)}; "
        f"in {count(unclear)} the interval holds zero.",
    )


def _counted(cells: pd.DataFrame) -> str:
    """Return a number of cells, with the range of differences: "ten (by 0.3 to 1.9 points)"."""
    by = f" (by {_range(cells['effect'].abs())})" if len(cells) else ""
    return count(len(cells)) + by


def _at_largest(rows: pd.DataFrame) -> str:
    """Return the effect at the largest batch size."""
    return plain_points(rows.loc[rows["batch_size"].idxmax(), "effect"])


def _range(effects: pd.Series) -> str:
    low, high = plain_points(effects.min()), plain_points(effects.max())
    return low if low == high else f"{low.removesuffix(' points')} to {high}"


def _several(sizes: Sequence[int]) -> str:
    return f"{'s' if len(sizes) > 1 else ''} {join([str(size) for size in sizes])}"


def _opening(circumstances: str) -> str:
    return _capital(circumstances)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
