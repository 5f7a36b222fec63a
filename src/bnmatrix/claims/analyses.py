"""The analyses of claims: endpoint and statistics → effect, interval, tests and verdict."""

from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd

from bnmatrix.claims.arms import endpoint_pairs
from bnmatrix.config.claims import Analysis
from bnmatrix.config.project import Project
from bnmatrix.config.selections import as_written
from bnmatrix.plan.sizes import test_share
from bnmatrix.plan.variants import variants
from bnmatrix.statistics.endpoints.declared import ENDPOINTS
from bnmatrix.statistics.endpoints.values import Arm, has_values, several
from bnmatrix.statistics.means import share_of_runs
from bnmatrix.statistics.paired import paired_effect
from bnmatrix.statistics.verdicts import NOT_MEASURED, adjust, verdict
from bnmatrix.tables.status import DIVERGED
from bnmatrix.training.settings import Settings, label

#: Columns of analyses.csv: one row per analysis and study.
ANALYSIS_COLUMNS = [
    "claim",
    "role",
    "label",
    "dataset",
    "study",
    "endpoint",
    "unit",
    "direction",
    "margin",
    "pairs",
    "effect",
    "sd",
    "ci_low",
    "ci_high",
    "p_value",
    "p_wilcoxon",
    "p_equivalence",
    "p_adjusted",
    "p_equivalence_adjusted",
    "probability_of_improvement",
    "treatment_mean",
    "control_mean",
    "treatment",
    "control",
    "diverged_treatment",
    "diverged_low_treatment",
    "diverged_high_treatment",
    "diverged_control",
    "diverged_low_control",
    "diverged_high_control",
    "verdict",
    "note",
    "wall_clock",
]

#: Columns of pairs.parquet: one row per pair.
PAIR_COLUMNS = ["claim", "role", "label", "dataset", "study", "replicate", "treatment", "control"]


def analyse(
    project: Project, tables: dict[str, Arm], wall_clock: bool
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Make all analyses for which there are runs, and adjust them within each data set.

    Args:
        project: the configuration.
        tables: the tables of the studies that were run, by study.
        wall_clock: whether to make the analyses that rest on wall-clock time, or all others. Each
            kind is adjusted separately, so that times do not change any other result.

    Returns:
        One row per analysis and study (:data:`ANALYSIS_COLUMNS`), and one row per pair
        (:data:`PAIR_COLUMNS`).
    """
    rows, pairs = [], []
    for name, claim in project.claims.items():
        for role, analysis in claim.analyses:
            if analysis.wall_clock != wall_clock:
                continue
            datasets = [project.study(study).dataset for study in analysis.studies]
            for study, dataset in zip(analysis.studies, datasets, strict=True):
                key = {"claim": name, "role": role, "label": analysis.label}
                key |= {"dataset": dataset, "study": study}
                arguments = analysis.arguments_on(dataset, datasets)
                row = key | _declared(analysis, dataset, arguments) | {"pairs": 0}
                if study in tables:
                    where = f"{project.run.claims_file}: claims → {name}"
                    where = f"{where} ({analysis.label}, {study})"
                    share = _test_share(project, study, analysis)
                    found, values = _measured(analysis, arguments, tables[study], share, row, where)
                    row |= found
                    pairs.append(values.reset_index(names="replicate").assign(**key))
                rows.append(row)
    table = _judged(pd.DataFrame(rows, columns=ANALYSIS_COLUMNS))
    paired = pd.concat(pairs) if pairs else pd.DataFrame(columns=PAIR_COLUMNS)
    return table, paired[PAIR_COLUMNS]


def _judged(table: pd.DataFrame) -> pd.DataFrame:
    """Return the analyses with adjusted p-values and verdicts."""
    decisive = table["role"] != "exploratory"
    # Exploratory analyses decide nothing, and are a family of their own.
    for _, family in table.groupby([table["dataset"], decisive], sort=False):
        for name in ("p_value", "p_equivalence"):
            # A declared analysis that was not run counts in its family: who runs fewer analyses
            # cannot prove more.
            adjusted = adjust(family[name].astype(np.float64).fillna(1.0))
            column = name.replace("_value", "") + "_adjusted"
            table.loc[family.index, column] = np.where(family[name].isna(), np.nan, adjusted)
    table["verdict"] = [
        NOT_MEASURED
        if row.pairs == 0
        else verdict(row.effect, row.p_adjusted, row.p_equivalence_adjusted, row.direction)
        for row in table.itertuples()
    ]
    return table


def _declared(analysis: Analysis, dataset: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Return what is known of an analysis before it is made, as columns of its row."""
    endpoint = ENDPOINTS[analysis.endpoint]
    return {
        "endpoint": endpoint.describe({name: _text(value) for name, value in arguments.items()}),
        "unit": analysis.unit or endpoint.unit,
        "direction": analysis.direction,
        "margin": analysis.margin_on(dataset),
        "treatment": _selection(analysis.where | analysis.treatment),
        "control": "0" if analysis.control is None else _selection(analysis.control),
        "wall_clock": analysis.wall_clock,
        "note": "",
    }


def _text(value: Any) -> str:
    """Return the value of an argument as tables write it: "normal-0.1", "64-64"."""
    return " or ".join(str(label(item)) for item in several(value))


def _selection(selection: dict[str, Any]) -> str:
    """Return a selection as text: "normalization=batch, batch_size=16|32"."""
    parts = [f"{axis}={'|'.join(map(as_written, several(v)))}" for axis, v in selection.items()]
    return ", ".join(parts) or "all"


def _measured(
    analysis: Analysis,
    arguments: dict[str, Any],
    study: Arm,
    share: float | None,
    declared: dict[str, Any],
    where: str,
) -> tuple[dict[str, Any], pd.DataFrame]:
    """Return what an analysis finds in one study, as columns of its row, and its pairs.

    Args:
        analysis: the analysis.
        arguments: the endpoint's arguments.
        study: the tables of the study.
        share: see :func:`_test_share`.
        declared: the columns of the row that do not depend on the tables.
        where: opens the message of errors.
    """
    treatment, control, pairs = endpoint_pairs(analysis, arguments, study, where)
    found: dict[str, Any] = {"note": pairs.note}
    for name, arm in (("treatment", treatment), ("control", control)):
        if arm is not None:
            diverged = int((arm.runs["status"] == DIVERGED).sum())
            (
                found[f"diverged_{name}"],
                found[f"diverged_low_{name}"],
                found[f"diverged_high_{name}"],
            ) = share_of_runs(diverged, len(arm.runs))
    if pairs.table.empty:
        note = f"{pairs.note} No pair has a value.".strip()
        return found | {"note": note}, pairs.table
    first = pairs.table["treatment"].to_numpy(np.float64)
    second = pairs.table["control"].to_numpy(np.float64)
    found |= asdict(paired_effect(first, second, declared["margin"], share))
    return found | {"treatment_mean": first.mean(), "control_mean": second.mean()}, pairs.table


def _test_share(project: Project, study_name: str, analysis: Analysis) -> float | None:
    """Return the largest number of test examples per training example of any variant.

    None if the study is not cross-validated.
    """
    treatment = {
        axis: wanted
        for axis, wanted in (analysis.where | analysis.treatment).items()
        if axis in Settings.model_fields
    }
    dataset = project.dataset_of(study_name)
    shares = [
        test_share(dataset, variant.settings)
        for variant in variants(project, study_name)
        if has_values(variant.settings, treatment)
    ]
    known = [share for share in shares if share is not None]
    return max(known) if known and len(known) == len(shares) else None
