"""What the page of a user's own data shows beside that of any study: the verdict, and why."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from bnmatrix.config.own_data import InspectedDataset
from bnmatrix.config.project import Project
from bnmatrix.report.bibliography import Reference, cited
from bnmatrix.report.decision import Decision, cell_of, sign_of, study_decisions, word
from bnmatrix.report.labels import VariantLabels, study_labels, with_labels
from bnmatrix.report.pages.metrics import MetricFacts, curve_of, metric_facts
from bnmatrix.report.pages.records import Record, records
from bnmatrix.report.pages.scorecard import scorecard_rows
from bnmatrix.report.pages.text import OwnFacts, own_facts, training_length
from bnmatrix.report.wording import join, percent, thousands
from bnmatrix.statistics.timings import step_seconds
from bnmatrix.statistics.verdicts import NOT_MEASURED
from bnmatrix.tables.csv import read_runs
from bnmatrix.training.settings import Settings

#: Quantile of the times of steps that is compared: jobs run beside each other.
_UNDISTURBED = 0.05


@dataclass(frozen=True)
class OwnPage:
    """What the page of a user's own data shows.

    Attributes:
        decisions: the verdict on each normalization.
        rows: the comparisons, with the verdict on each cell as ``word``.
        parameters: a sentence on the parameters that it adds; "" if nothing is compared.
        seconds: a sentence on the time of a step, which differs from run to run; "" if it is
            unknown.
        doubts: what a reader must know before relying on the verdict, in sentences.
        facts: the data, in words.
        metrics: all metrics of the test part.
        claims: the claims that were judged, with question and reasons.
        references: what the claims cite.
    """

    decisions: list[Decision]
    rows: list[Record]
    parameters: str
    seconds: str
    doubts: list[str]
    facts: OwnFacts
    metrics: MetricFacts
    claims: list[Record]
    references: list[Reference]


def own_page(
    project: Project,
    name: str,
    dataset: InspectedDataset,
    tables: Path,
    settings: Sequence[Settings],
    claims: Path | None,
) -> OwnPage:
    """Return what the page of a study of a user's own data shows.

    Args:
        project: the configuration.
        name: name of the study.
        dataset: its data set.
        tables: the folder of the study's tables.
        settings: the settings of its variants.
        claims: the table of verdicts on this study, if claims were judged.
    """
    summary = read_runs(tables / "summary.csv")
    comparisons = read_runs(tables / "comparisons.csv")
    timings, labels = read_runs(tables / "timings.csv"), study_labels(project, name)
    tuned = any(item.tuned for item in settings)
    facts = own_facts(dataset, comparisons, summary, settings[0].folds, tuned)
    judged = _claims(project, claims)
    metrics = metric_facts(dataset, summary, read_runs(tables / "recalls.csv"), labels)
    return OwnPage(
        decisions=study_decisions(project, name, comparisons),
        rows=[
            row | {"word": word(cell_of(row, sign_of(dataset.metric)), dataset.margin)}
            for row in records(comparisons, labels)
        ],
        parameters=_parameters(summary, comparisons),
        seconds=_seconds(timings, comparisons, labels),
        doubts=[
            *metrics.reasons,
            *metrics.rare,
            *_majority(dataset, summary, settings[0].folds, facts.majority),
            *_diverged(summary),
            *facts.telling,
            _tuning(settings),
            training_length(with_labels(summary, labels), curve_of(dataset)),
        ],
        facts=facts,
        metrics=metrics,
        claims=judged,
        references=cited(text for row in judged for text in (row["literature"], row["reason"])),
    )


def _parameters(summary: pd.DataFrame, comparisons: pd.DataFrame) -> str:
    """Return how many parameters a normalization adds."""
    numbers = summary.set_index("variant")["parameters"]
    pairs = {(numbers[row.variant], numbers[row.baseline]) for row in comparisons.itertuples()}
    if not pairs:
        return ""
    parts = [f"{thousands(new)} instead of {thousands(old)}" for new, old in sorted(pairs)]
    return f"With it, the network has {join(parts)} parameters, moving averages included."


def _seconds(timings: pd.DataFrame, comparisons: pd.DataFrame, labels: VariantLabels) -> str:
    """Return how much longer a training step takes with a normalization."""
    seconds = step_seconds(timings, _UNDISTURBED)
    ratios = {
        str(row.variant): seconds[row.variant] / seconds[row.baseline]
        for row in comparisons.itertuples()
        if row.variant in seconds and row.baseline in seconds
    }
    if not ratios:
        return ""
    low, high = f"{min(ratios.values()):.2f}", f"{max(ratios.values()):.2f}"
    times = low if low == high else f"{low} to {high}"
    largest = comparisons.loc[comparisons["batch_size"].idxmax()]
    example = ""
    if largest["variant"] in ratios:
        new, old = (seconds[largest[key]] * 1000 for key in ("variant", "baseline"))
        cell = labels[largest["variant"]].cell()
        example = f" ({new:.3g} ms instead of {old:.3g} ms at {cell})"
    return (
        f"A training step took {times} times as long with it{example}. These are the times of the "
        "least disturbed steps of these runs."
    )


def _majority(
    dataset: InspectedDataset, summary: pd.DataFrame, folds: int | None, said: str
) -> list[str]:
    """Return what always answering the most frequent class would achieve, and what networks do."""
    if not dataset.classes:
        return []
    share, best = dataset.majority(folds)[1], float(summary["test_accuracy_mean"].max())
    text = f"{said} The best variant has {percent(best, 1)}."
    if best - share > dataset.margin_of_accuracy or dataset.metric.name != "accuracy":
        return [text]
    return [
        f"{text} No variant is better than that by more than the margin: what the verdict "
        "compares are networks that have learned little."
    ]


def _diverged(summary: pd.DataFrame) -> list[str]:
    """Return that runs diverged, if any did."""
    number, every = int(summary["diverged"].sum()), int(summary["test_accuracy_n"].sum())
    return [f"{number} of {every} runs diverged; they count at chance."] if number else []


def _tuning(settings: Sequence[Settings]) -> str:
    """Return whether the learning rate favours an arm."""
    if all(item.tuned for item in settings):
        return (
            "Each variant has its own tuned learning rate, and the intervals include this choice."
        )
    rates = sorted({item.learning_rate for item in settings if not item.tuned})
    named = join([f"{rate:g}" for rate in rates])
    return (
        f"Learning rates are not tuned ({named}): with another rate, which would suit the networks "
        "with or without normalization better, the verdict may differ."
    )


def _claims(project: Project, claims: Path | None) -> list[Record]:
    """Return the claims that were judged, with what a page says of them."""
    if claims is None:
        return []
    return [
        {
            "name": row["claim"],
            "title": row["title"],
            "verdict": row["verdict"],
            "sentence": row["sentence"],
            **project.claims[row["claim"]].model_dump(
                include={"question", "wording", "reason", "literature"}
            ),
        }
        for row in scorecard_rows(read_runs(claims), project)
        if row["verdict"] != NOT_MEASURED
    ]
