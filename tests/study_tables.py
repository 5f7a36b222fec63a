"""Small tables of studies, for tests of statistics and claims with results computed by hand."""

from typing import Any

import pandas as pd
from conftest import settings

from bnmatrix.statistics.endpoints.values import Arm
from bnmatrix.training.settings import Settings

EMPTY = pd.DataFrame(
    {"replicate": [], "variant": [], "step": [], "validation_accuracy": []}
).astype({"replicate": int, "variant": object})


def runs_table(**columns: Any) -> pd.DataFrame:
    """Return a study's runs: two arms, two batch sizes, three replicates."""
    rows = []
    for batch in (8, 16):
        for arm in ("none", "batch"):
            for replicate in (1, 2, 3):
                rows.append(
                    {
                        "study": "s",
                        "dataset": "d",
                        "normalization": arm,
                        "batch_size": batch,
                        "replicate": replicate,
                        "status": "completed",
                        "test_accuracy": 0.8 + 0.01 * replicate + (0.05 if arm == "batch" else 0),
                        "test_loss": 0.5,
                        "validation_accuracy": 0.8,
                        "validation_loss": 0.6,
                        "train_accuracy": 0.9,
                        "train_accuracy_as_trained": 0.85,
                        "steps_taken": 30,
                        "learning_rate_used": 0.001,
                        "tuning_block": 0,
                        "parameters": 10,
                        "variant": f"{arm}-{batch}",
                        "baseline": f"none-{batch}" if arm == "batch" else None,
                    }
                )
    return pd.DataFrame(rows).assign(**columns)


def arm_of(runs: list[dict[str, Any]] | None = None, classes: int = 4, **tables: Any) -> Arm:
    """Return an arm from the rows of its tables.

    Rows name a variant or give settings (``batch_size``, …), each combination of which is a
    variant. Rows with neither belong to variant ``v``. If no runs are given, each replicate and
    variant of the other tables gets one.
    """
    variants: dict[str, Settings] = {}
    frames = {name: _table(rows, variants) for name, rows in tables.items()}
    if runs is None:
        keys = pd.concat(frames.values())[["replicate", "variant"]].drop_duplicates()
        runs = keys.to_dict("records")
    others = dict.fromkeys(("history", "measurements", "timings", "step_times"), EMPTY)
    run_table = _table(runs, variants)
    return Arm(variants=variants, classes=classes, runs=run_table, **(others | frames))


def _table(rows: list[dict[str, Any]], variants: dict[str, Settings]) -> pd.DataFrame:
    """Return a table with labels of settings, and add its variants to ``variants``."""
    labelled = []
    for row in rows:
        given = {key: value for key, value in row.items() if key in Settings.model_fields}
        found = settings(**given)
        labels = {key: found.label(key) for key in given}
        name = row.get("variant") or ",".join(f"{k}~{v}" for k, v in labels.items()) or "v"
        if given or name not in variants:
            variants[name] = found
        defaults = {"replicate": 1, "status": "completed", "tuning_block": 0}
        labelled.append(defaults | row | labels | {"variant": name})
    return pd.DataFrame(labelled)
