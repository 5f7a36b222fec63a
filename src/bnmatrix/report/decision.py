"""Whether to use a normalization on a user's own data: one line, by rules from intervals.

An effect is oriented so that more is better. Its interval holds together with those of the other
cells of the same normalization, and is compared with the margin.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from bnmatrix.config.project import Project
from bnmatrix.report.labels import study_labels, with_labels
from bnmatrix.report.wording import join, span
from bnmatrix.statistics.units import Scale
from bnmatrix.tables.metrics import Metric

YES, NO_MATTER, NO, UNKNOWN = "yes", "no matter", "no", "cannot tell"

#: All words, in the order of a verdict.
WORDS = (YES, NO_MATTER, NO, UNKNOWN)

_NO_INTERVAL = "there is no interval, since the pairs are too few or do not differ"

#: Maximum number of cells, other than batch sizes, that a verdict lists.
_MOST_CELLS = 4


@dataclass(frozen=True)
class Cell:
    """The effect of a normalization in one cell of a study.

    Attributes:
        name: the name of the cell, such as "batch size 16, activation tanh".
        batch_size: its batch size.
        effect: the mean paired difference, with normalization minus without; more is better.
        low, high: the ends of the interval; NaN if there is none.
        pairs: number of pairs.
        pairs_needed: pairs whose interval is half a margin to either side; NaN if no number does.
    """

    name: str
    batch_size: int
    effect: float
    low: float
    high: float
    pairs: int
    pairs_needed: float = math.nan


@dataclass(frozen=True)
class Part:
    """What a verdict says of some cells.

    Attributes:
        word: one of :data:`WORDS`.
        text: the rest of the sentence, without the word.
        cells: the cells.
    """

    word: str
    text: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Decision:
    """The verdict on one normalization.

    Attributes:
        arm: the normalization, such as "batch normalization".
        parts: one for each word that applies, in the order of :data:`WORDS`. What cannot be told
            has a part for each kind of effect that is ruled out.
        advice: what to do, in sentences.
        by: the metric that decides, if it is not accuracy.
    """

    arm: str
    parts: tuple[Part, ...]
    advice: tuple[str, ...]
    by: str = ""

    @property
    def question(self) -> str:
        """The question that the verdict answers."""
        return f"Use {self.arm} (by {self.by})?" if self.by else f"Use {self.arm}?"

    def line(self, emphasis: str = "") -> str:
        """Return the verdict in one line.

        Args:
            emphasis: stands before and after each word of the verdict, as ``**`` in Markdown.
        """
        answers = [
            f"{emphasis}{part.word.capitalize()}{emphasis} {part.text}" for part in self.parts
        ]
        return " ".join([self.question, *answers])


def word(cell: Cell, margin: float) -> str:
    """Return what an interval says: beyond the margin, within it, or neither."""
    if math.isnan(cell.low) or math.isnan(cell.high):
        return UNKNOWN
    if cell.low > margin:
        return YES
    if cell.high < -margin:
        return NO
    return NO_MATTER if -margin < cell.low and cell.high < margin else UNKNOWN


def decisions(comparisons: pd.DataFrame, scale: Scale, sign: int = 1) -> list[Decision]:
    """Return the verdict on each normalization of a study.

    Args:
        comparisons: one row per variant that has a baseline
            (:func:`bnmatrix.statistics.comparisons.compare`), with labels
            (:func:`bnmatrix.report.labels.with_labels`).
        scale: the margin and the unit of the effects.
        sign: 1 if more of the measure is better, −1 if less is.
    """
    return [
        decision(str(arm), [cell_of(row, sign) for row in rows.to_dict("records")], scale)
        for arm, rows in comparisons.groupby("arm", sort=False)
    ]


def study_decisions(project: Project, name: str, comparisons: pd.DataFrame) -> list[Decision]:
    """Return the verdict on each normalization of a study.

    Args:
        project: the configuration.
        name: name of the study.
        comparisons: the study's table of comparisons.
    """
    labelled = with_labels(comparisons, study_labels(project, name))
    dataset = project.dataset_of(name)
    metric = dataset.metric
    of = "" if metric.name == "accuracy" else metric.label
    scale = Scale(dataset.margin, metric.unit, of)
    return decisions(labelled, scale, sign_of(metric))


def sign_of(metric: Metric) -> int:
    """Return 1 if more of a metric is better, −1 if less is."""
    return -1 if metric.lower_is_better else 1


def cell_of(row: Mapping[str, object], sign: int = 1) -> Cell:
    """Return the cell of a row of comparisons with labels (:func:`decisions`)."""
    effect, *ends = (float(str(row[key])) * sign for key in ("effect", "joint_low", "joint_high"))
    low, high = ends if sign > 0 else ends[::-1]
    pairs, needed = int(str(row["pairs"])), float(str(row["pairs_needed"]))
    return Cell(str(row["cell"]), int(str(row["batch_size"])), effect, low, high, pairs, needed)


def decision(arm: str, cells: Sequence[Cell], scale: Scale) -> Decision:
    """Return the verdict on a normalization in all its cells, at least one."""
    cells = sorted(cells, key=lambda cell: cell.batch_size)
    found = {
        name: tuple(cell for cell in cells if word(cell, scale.margin) == name) for name in WORDS
    }
    parts: list[Part] = []
    groups = [(name, found[name]) for name in (YES, NO_MATTER, NO) if found[name]]
    groups += [(UNKNOWN, members) for members in _alike(found[UNKNOWN], scale.margin)]
    for name, members in groups:
        place = _place(members, cells, first=not parts)
        details = _details(name, members, scale, with_pairs=not parts)
        parts.append(Part(name, f"{place}{details}.", members))
    return Decision(arm, tuple(parts), tuple(_advice(arm, found, cells)), scale.of)


def _place(members: Sequence[Cell], cells: Sequence[Cell], first: bool) -> str:
    """Return where a word holds: "at batch 16 to 64", "at 4 and 16", "in 3 of 8 cells"."""
    sizes = [cell.batch_size for cell in cells]
    if len(set(sizes)) < len(sizes):
        if len(members) > _MOST_CELLS:
            return f"in {len(members)} of {len(cells)} cells"
        return f"at {'; '.join(cell.name for cell in members)}"
    own = [cell.batch_size for cell in members]
    start = sizes.index(own[0])
    in_a_row = len(own) > 2 and sizes[start : start + len(own)] == own
    text = f"{own[0]} to {own[-1]}" if in_a_row else join([str(size) for size in own])
    if len(own) == len(sizes) > 1:
        return f"at every batch size, {text}"
    return f"at {'batch ' if first else ''}{text}"


def _details(name: str, members: Sequence[Cell], scale: Scale, with_pairs: bool) -> str:
    """Return the numbers behind a word."""
    pairs = [cell.pairs for cell in members]
    counted = f"{span(pairs)} pair{'' if pairs == [1] else 's'}" if with_pairs else ""
    if name == NO_MATTER:
        return f" ({'; '.join(filter(None, [f'within {scale.margin_amount}', counted]))})"
    brackets = f" ({counted})" if counted else ""
    if name == UNKNOWN:
        return f": {_unknown(members, scale)}{brackets}"
    sign, verb = (1, "gains") if name == YES else (-1, "costs")
    sizes = sorted(sign * cell.effect for cell in members)
    least = min(sign * end for cell in members for end in (cell.low, cell.high))
    if len(members) == 1:
        low, high = sorted((sign * members[0].low, sign * members[0].high))
        ends = f"[{scale.number(low)}, {scale.number(high)}]"
        return f": it {verb} {scale.amount(sizes[0])} {ends}{brackets}"
    low_text, high_text = scale.number(sizes[0]), scale.amount(sizes[-1])
    size = high_text if high_text.startswith(f"{low_text} ") else f"{low_text} to {high_text}"
    inside = "; ".join(filter(None, [f"at least {scale.number(least)}", counted]))
    return f": it {verb} {size} ({inside})"


def _ruled_out(cell: Cell, margin: float) -> str:
    """Return what the interval of a cell says, although it is not beyond or within the margin."""
    if math.isnan(cell.low):
        return _NO_INTERVAL
    if cell.low > 0 or cell.high < 0:
        return ", which may be too little to matter"
    if cell.low > -margin:
        return ", so that a loss that matters is ruled out"
    return ", so that a gain that matters is ruled out" if cell.high < margin else ""


def _alike(members: Sequence[Cell], margin: float) -> list[tuple[Cell, ...]]:
    """Return cells in groups of which the intervals rule out the same."""
    groups: dict[tuple[str, bool], list[Cell]] = {}
    for cell in members:
        groups.setdefault((_ruled_out(cell, margin), cell.low > 0), []).append(cell)
    return [tuple(group) for group in groups.values()]


def _unknown(members: Sequence[Cell], scale: Scale) -> str:
    """Return between which effects the truth may be, and what is ruled out in these cells."""
    said = _ruled_out(members[0], scale.margin)
    if said == _NO_INTERVAL:
        return said
    low, high = min(cell.low for cell in members), max(cell.high for cell in members)
    if low < 0 < high:
        return f"between a loss of {scale.number(-low)} and a gain of {scale.amount(high)}{said}"
    verb, least, most = ("gains", low, high) if high > 0 else ("costs", -high, -low)
    return f"it {verb} {scale.number(least)} to {scale.amount(most)}{said}"


def _advice(arm: str, found: dict[str, tuple[Cell, ...]], cells: Sequence[Cell]) -> list[str]:
    """Return what to do, in sentences."""
    several = sum(bool(members) for members in found.values()) > 1

    def where(name: str) -> str:
        return f" {_place(found[name], cells, first=True)}" if several else ""

    sentences = []
    if found[YES]:
        sentences.append(f"Use {arm}{where(YES)}.")
    if found[NO_MATTER]:
        sentences.append(
            f"Choose the simpler network{where(NO_MATTER)}: a step has fewer operations without it."
        )
    if found[NO]:
        sentences.append(f"Leave {arm} out{where(NO)}.")
    if found[UNKNOWN]:
        sentences.append(
            f"Keep the network that you have{where(UNKNOWN)}: these runs cannot tell. "
            f"{_what_would_tell(found[UNKNOWN])}."
        )
    return sentences


def _what_would_tell(members: Sequence[Cell]) -> str:
    """Return what would make an interval half a margin to either side."""
    needed = more_pairs(members)
    pairs = span([cell.pairs for cell in members])
    if needed is not None:
        return (
            f"About {needed} pairs instead of {pairs} would narrow the interval to half the margin"
        )
    if any(math.isnan(cell.low) for cell in members):
        return "More pairs are needed for an interval"
    if any(math.isnan(cell.pairs_needed) for cell in members):
        return (
            "More pairs would not narrow the interval enough, because these examples are too few; "
            "more data would"
        )
    return "The effect is close to the margin, so that even more pairs may not tell"


def more_pairs(members: Sequence[Cell]) -> int | None:
    """Return how many pairs would make all intervals half a margin to either side.

    Returns:
        None if no number of pairs would, or if there are as many.
    """
    needed = [cell.pairs_needed for cell in members]
    if any(math.isnan(number) for number in needed):
        return None
    most = int(max(needed))
    return most if most > max(cell.pairs for cell in members) else None
