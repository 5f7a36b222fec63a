"""What each normalization brings at each batch size: the table behind the overview's answer."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from bnmatrix.claims.effects import copies_without_groups, measure
from bnmatrix.config.claims import Analysis
from bnmatrix.config.project import Project
from bnmatrix.plan.networks import network_of
from bnmatrix.statistics.blocks import UsualRatio
from bnmatrix.statistics.endpoints.values import Arm
from bnmatrix.statistics.verdicts import tail, verdict

#: Columns of effects.csv: one row per study, normalization and batch size. The intervals of the
#: rows of one study and normalization hold together with 95 %. ``says`` is what the interval says
#: of the statement that the normalization raises the endpoint.
EFFECT_COLUMNS = [
    "claim",
    "label",
    "dataset",
    "network",
    "study",
    "normalization",
    "batch_size",
    "effect",
    "ci_low",
    "ci_high",
    "pairs",
    "margin",
    "treatment_mean",
    "control_mean",
    "says",
]


def by_batch_size(
    project: Project, tables: dict[str, Arm], usual: Mapping[str, UsualRatio]
) -> pd.DataFrame:
    """Return the effect of each normalization at each batch size (:data:`EFFECT_COLUMNS`).

    Args:
        project: the configuration.
        tables: the tables of the studies that were run, by study.
        usual: see :func:`bnmatrix.claims.analyses.usual_ratios`.
    """
    rows = []
    for name, claim in project.claims.items():
        analysis = claim.by_batch_size
        if analysis is None:
            continue
        for study in analysis.studies:
            if study in tables:
                where = f"{project.run.claims_file}: claims → {name}: by_batch_size ({study})"
                known = usual.get(project.study(study).dataset)
                for row in _of_study(project, study, analysis, tables[study], known, where):
                    rows.append({"claim": name, "label": analysis.label, **row})
    return pd.DataFrame(rows, columns=EFFECT_COLUMNS)


def _of_study(
    project: Project,
    study: str,
    analysis: Analysis,
    tables: Arm,
    usual: UsualRatio | None,
    where: str,
) -> list[dict[str, object]]:
    """Return the rows of one study, in ascending order of batch sizes."""
    dataset = project.study(study).dataset
    run = {str(name) for name in tables.runs["variant"]}
    cells = {
        (settings.normalization, settings.batch_size)
        for name, settings in tables.variants.items()
        if name in run
    }
    copies = copies_without_groups(tables)
    margin = analysis.margin_on(dataset)
    rows: list[dict[str, object]] = []
    for normalization in dict.fromkeys(name for name, _ in sorted(cells) if name != "none"):
        sizes = sorted(b for n, b in cells if n == normalization and ("none", b) in cells)
        # Both ends of each interval decide, as for a claim of a difference.
        level = tail("different", len(sizes))
        for size in sizes:
            arms = [analysis.treatment | {"normalization": normalization, "batch_size": size}]
            arms.append((analysis.control or {}) | {"normalization": "none", "batch_size": size})
            parts = {"treatment": arms[0], "control": arms[1]}
            found = measure(
                project, study, analysis.model_copy(update=parts), tables, copies, where
            )
            effect = replace(found, usual=usual).effect(level)
            rows.append(
                {
                    "dataset": dataset,
                    "network": network_of(project, study),
                    "study": study,
                    "normalization": normalization,
                    "batch_size": size,
                    "effect": effect.effect,
                    "ci_low": effect.ci_low,
                    "ci_high": effect.ci_high,
                    "pairs": effect.pairs,
                    "margin": margin,
                    "treatment_mean": np.mean(found.pairs.table["treatment"]),
                    "control_mean": np.mean(found.pairs.table["control"]),
                    "says": verdict(effect.ci_low, effect.ci_high, margin, "greater"),
                }
            )
    return rows
