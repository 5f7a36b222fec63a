"""Tables for papers, in LaTeX, for the package booktabs."""

import pandas as pd

from bnmatrix.config.project import Project
from bnmatrix.report.labels import VariantLabels, setting_name
from bnmatrix.report.pages.scorecard import scorecard_rows
from bnmatrix.statistics import units
from bnmatrix.statistics.verdicts import NOT_MEASURED

#: Characters that the text fonts of LaTeX lack.
_MATHEMATICS = {units.MINUS: "$-$", "×": r"$\times$", "≥": r"$\geq$", "≤": r"$\leq$"}


def latex(table: pd.DataFrame) -> str:
    """Return a table of text and whole numbers as LaTeX, with special characters escaped."""
    styled = table.style.format(escape="latex").format_index(escape="latex", axis="columns")
    return str(styled.hide(axis="index").to_latex(hrules=True))


def latex_study(summary: pd.DataFrame, labels: VariantLabels) -> str:
    """Return the main results of a study as a LaTeX table.

    Args:
        summary: a row for each variant (:func:`bnmatrix.statistics.comparisons.summarize`).
        labels: the labels of the study's variants.
    """
    columns = {
        setting_name(axis): [labels[name].text(axis, missing="") for name in summary["variant"]]
        for axis in labels.axes
    }
    columns["runs"] = list(summary["test_accuracy_n"])
    columns["test accuracy (%)"] = _percentages(summary["test_accuracy_mean"])
    columns["95 % interval"] = [
        f"{low * 100:.2f} to {high * 100:.2f}" if low == low else ""
        for low, high in zip(
            summary["test_accuracy_ci_low"], summary["test_accuracy_ci_high"], strict=True
        )
    ]
    columns["validation accuracy (%)"] = _percentages(summary["validation_accuracy_mean"])
    return latex(pd.DataFrame(columns))


def latex_scorecard(claims: pd.DataFrame, project: Project) -> str:
    """Return the verdicts as a LaTeX table.

    Args:
        claims: a row for each claim and data set (``reports/claims.csv``).
        project: the configuration.
    """
    rows = scorecard_rows(claims[claims["verdict"] != NOT_MEASURED], project)
    table = pd.DataFrame(
        {
            "claim": [row["title"] for row in rows],
            "data": [row["dataset_title"] for row in rows],
            "verdict": [row["verdict"] for row in rows],
            "effect": [row["effect_text"] for row in rows],
            "simultaneous interval": [row["interval_text"] for row in rows],
            "pairs": [f"{row['pairs']:.0f}" for row in rows],
        }
    )
    text = latex(table)
    for character, command in _MATHEMATICS.items():
        text = text.replace(character, command)
    return text


def _percentages(fractions: pd.Series) -> list[str]:
    return ["" if pd.isna(value) else f"{value * 100:.2f}" for value in fractions]
