"""What was found about a claim, in one sentence, by templates chosen from sign and interval."""

import math
from collections.abc import Sequence

from bnmatrix.config.claims import Claim
from bnmatrix.report.wording import join
from bnmatrix.statistics import units
from bnmatrix.statistics.verdicts import CONDITIONAL, NOT_MEASURED, SUPPORTED, UNTESTABLE
from bnmatrix.tables.metrics import METRICS

#: What sentences say of intervals that hold zero. One end decides about "at most a small gain".
_SPANS = {"unknown": "Too close to call", "no gain": "No gain beyond the margin"}

#: A row of claims.csv with the column ``column``: the data set and the kind of network.
Row = dict[str, object]


def finding(claim: Claim, rows: Sequence[Row]) -> str:
    """Return what the primary analyses of a claim found, one sentence for each kind of finding.

    Data sets with the same finding share a sentence. A sentence names its data sets if there are
    several, and says the conditions of a conditional verdict.

    Args:
        claim: the claim.
        rows: its rows of claims.csv with the column ``column``.
    """
    measured = _measured(rows)
    sentences = []
    for (kind, other), members in _by_kind(claim, measured).items():
        named = len(measured) > 1
        if kind in _SPANS:
            spans = join([_span(row, named) for row in members])
            sentences.append(f"{_SPANS[kind]}: {spans}.")
            continue
        sentences.append(f"{_sentence(claim, kind, members)}{_named(members, named)}.")
        if kind == "same" and claim.finding is not None and not other:
            sentences += _small(members, named)
    return " ".join([*sentences, *_unfinished(measured), *_conditions(measured)])


def advice(claim: Claim, rows: Sequence[Row]) -> str:
    """Return what to do, one sentence for each kind of finding; "" if the claim has no advice.

    Where an interval does not tell the sign of an effect or whether it matters, there is no advice.

    Args: as :func:`finding`.
    """
    measured = _measured(rows)
    if claim.advice is None or not measured:
        return ""
    sentences = []
    for (kind, other), members in _by_kind(claim, measured).items():
        if other:
            # The advice is about accuracy.
            continue
        names = _named(members, len(measured) > 1)
        if kind == "same":
            sentences.append(f"{claim.advice.same}{names}.")
            continue
        if kind not in ("higher", "lower"):
            sentences.append(f"The runs cannot tell what to do{names}.")
            continue
        sure = [row for row in members if _matters(row)]
        if sure:
            said = _filled(str(getattr(claim.advice, kind)), sure)
            sentences.append(f"{said}{_named(sure, len(measured) > 1)}.")
        unsure = [row for row in members if not _matters(row)]
        if unsure:
            sentences.append(
                "There is an effect, but the runs cannot tell whether it matters"
                f"{_named(unsure, len(measured) > 1)}."
            )
    return " ".join(sentences)


def _named(rows: Sequence[Row], several: bool) -> str:
    """Return the data sets of rows in brackets, if a sentence names them."""
    return f" ({join([str(row['column']) for row in rows])})" if several else ""


def _matters(row: Row) -> bool:
    """Return whether an effect is beyond the margin, with its whole interval."""
    low, high, margin = _interval(row)
    return low > margin or high < -margin


def _interval(row: Row) -> tuple[float, float, float]:
    """Return the ends of an effect's interval and its margin; a fact has no interval."""
    low, high, margin = (float(str(row[name])) for name in ("ci_low", "ci_high", "margin"))
    effect = float(str(row["effect"]))
    return (effect, effect, margin) if row["fact"] else (low, high, margin)


def _measured(rows: Sequence[Row]) -> list[Row]:
    return [row for row in rows if row["verdict"] != NOT_MEASURED]


def _by_kind(claim: Claim, rows: Sequence[Row]) -> dict[tuple[str, str], list[Row]]:
    """Return the rows by what they say; data sets with another metric have their own sentences."""
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        other = str(row["endpoint"]) if _in_another_metric(claim, row) else ""
        groups.setdefault((_kind(row), other), []).append(row)
    return groups


def _kind(row: Row) -> str:
    """Return what the interval of the primary analysis says: a template's name, or another word."""
    if row["verdict"] == UNTESTABLE:
        return "untestable"
    low, high, margin = _interval(row)
    if math.isnan(low):
        return "unknown"
    if -margin < low and high < margin:
        return "same"
    if low > 0 or high < 0:
        return "higher" if low > 0 else "lower"
    return "no gain" if row["verdict"] == SUPPORTED and high < margin else "unknown"


def _sentence(claim: Claim, kind: str, rows: Sequence[Row]) -> str:
    if kind == "untestable":
        return f"Not testable: a precondition is not shown: {rows[0]['condition']}"
    unit = str(rows[0]["unit"])
    effects = [float(str(row["effect"])) for row in rows]
    if claim.finding is None or _in_another_metric(claim, rows[0]):
        texts = [units.quantity(effect, unit) for effect in effects]
        within = ", within the margin" if kind == "same" else ""
        return f"{str(rows[0]['endpoint']).capitalize()}: {join(texts)}{within}"
    return _filled(str(getattr(claim.finding, kind)), rows)


def _filled(template: str, rows: Sequence[Row]) -> str:
    """Return a sentence with the size of the effects of some rows."""
    unit = str(rows[0]["unit"])
    effects = [float(str(row["effect"])) for row in rows]
    amounts, shares = units.size_range(effects, unit), units.share_range(effects, unit)
    sizes = {_bounded(row) for row in rows} - {""}
    if len(sizes) == 1:
        amounts = f"{sizes.pop()} {amounts}"
        shares = f"{'at most' if amounts.startswith('at least') else 'at least'} {shares}"
    return template.format(amount=amounts, share=shares)


def _small(rows: Sequence[Row], named: bool) -> list[str]:
    """Return a sentence on the effects within the margin whose intervals exclude zero, if any."""
    texts = [
        units.quantity(float(str(row["effect"])), str(row["unit"]))
        + (f" ({row['column']})" if named else "")
        for row in rows
        if not row["fact"] and (_interval(row)[0] > 0 or _interval(row)[1] < 0)
    ]
    return [f"Real, but within the margin: {join(texts)}."] if texts else []


def _bounded(row: Row) -> str:
    """Return "at least" or "at most" if the size of an effect is a bound, because runs end."""
    if row["bound"] not in ("≥", "≤"):
        return ""
    return "at least" if (row["bound"] == "≥") == (float(str(row["effect"])) > 0) else "at most"


def _in_another_metric(claim: Claim, row: Row) -> bool:
    """Return whether an analysis of a user's own data has a metric that the claim is not about.

    The sentences of the claim, which are about accuracy, do not fit it then.
    """
    words = [metric.column.replace("_", " ") for metric in METRICS.values()]
    declared = str(claim.primary.arguments.get("column", "test_accuracy")).replace("_", " ")
    return any(word in str(row["endpoint"]) for word in words if word != declared)


def _span(row: Row, named: bool) -> str:
    """Return the interval of an effect in words, with the name of the data set if wanted."""
    low, high, unit = float(str(row["ci_low"])), float(str(row["ci_high"])), str(row["unit"])
    name = f" ({row['column']})" if named else ""
    if math.isnan(low):
        return f"no interval{name}"
    return f"between {units.number(low, unit)} and {units.quantity(high, unit)}{name}"


def _unfinished(rows: Sequence[Row]) -> list[str]:
    """Return on which data sets training was not done where accuracies are compared, if any."""
    rising = [row for row in rows if float(str(row["curves_rising"])) > 0]
    if not rising:
        return []
    named = _named(rising, len(rows) > 1)
    return [f"Accuracy still rose at the end of training{named}."]


def _conditions(rows: Sequence[Row]) -> list[str]:
    """Return the conditions of conditional verdicts, each with its data sets."""
    found: dict[str, list[str]] = {}
    for row in rows:
        if row["verdict"] == CONDITIONAL:
            found.setdefault(str(row["condition"]), []).append(str(row["column"]))
    return [
        f"On {join(columns)}, {text}."
        if len(columns) < len(rows)
        else f"{text[:1].upper()}{text[1:]}."
        for text, columns in found.items()
    ]
