"""Training a strip: all replicates of its variants, one after another, with few compilations."""

import logging
import math
import platform
import resource
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from bnmatrix.datasets.preparation import Prepared
from bnmatrix.logs import PROGRESS
from bnmatrix.registry import STEP_TIME, UNCOMPILED
from bnmatrix.results import DIVERGED, TABLES, labelled
from bnmatrix.training.framework import Framework
from bnmatrix.training.runs import Program, Run, tune
from bnmatrix.variants import as_json

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outcome:
    """What training a strip gives.

    Attributes:
        tables: the tables of :data:`bnmatrix.results.TABLES`, by name.
        machine: where and with what it ran, time and memory taken.
    """

    tables: dict[str, pd.DataFrame]
    machine: dict[str, Any]


def train_strip(
    spec: dict[str, Any], prepared: Prepared, framework: Framework, threads: int
) -> Outcome:
    """Train every replicate of a strip's variants and score each on the test set, at its end.

    Args:
        spec: what :meth:`bnmatrix.variants.Strip.spec` returns.
        prepared: the data, split.
        framework: what all of its variants are trained in.
        threads: threads that the framework was configured with.
    """
    began = time.perf_counter()
    parts: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for members in _sharing_a_program(spec["variants"]):
        program = Program(
            *(members[0]["settings"], prepared, spec["seed"]),
            *(framework.trainer, framework.probe),
        )
        for variant in members:
            parts[variant["variant"]] = _train_variant(spec, variant, program)
    if STEP_TIME in spec["measures"] and framework.step_times:
        for name, rows in framework.step_times(spec, prepared).items():
            parts[name]["step_times"] = rows

    def table(name: str, columns: list[str]) -> pd.DataFrame:
        found = [
            labelled(parts[variant["variant"]][name], spec, variant, columns)
            for variant in spec["variants"]
        ]
        filled = [part for part in found if len(part)]
        return pd.concat(filled, ignore_index=True) if filled else found[0]

    return Outcome(
        {name: table(name, columns) for name, columns in TABLES.items()},
        {
            "processor": processor(),
            "platform": platform.platform(),
            "python": platform.python_version(),
            "packages": framework.packages(),
            "threads": threads,
            "seconds": round(time.perf_counter() - began, 3),
            "peak_memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        },
    )


def _sharing_a_program(variants: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Return the variants in groups that differ only in what needs no other compilation."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for variant in variants:
        compiled = {k: v for k, v in variant["settings"].items() if k not in UNCOMPILED}
        groups.setdefault(as_json(compiled), []).append(variant)
    return list(groups.values())


def _train_variant(
    spec: dict[str, Any], variant: dict[str, Any], program: Program
) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of a variant's tables, by table."""
    settings, name = variant["settings"], f"{spec['study']} {variant['variant']}"
    parameters = program.trainer.parameters
    log.info(
        "%s: %d training, %d validation, %d test examples; %d parameters",
        *(name, program.examples, len(program.validation[1]), len(program.test[1]), parameters),
    )
    tables: dict[str, list[dict[str, Any]]] = {table: [] for table in TABLES}
    rate = settings["learning_rate"]
    if settings["tuned"]:
        rate, tables["tuning"] = tune(
            *(program, settings, spec["tuning"]),
            report=lambda chosen: log.info("%s: tuned: %s", name, chosen),
        )
    # A strip of many variants says when one is done; a variant by itself, when a replicate is.
    alone = len(spec["variants"]) == 1
    for replicate in range(1, spec["replicates"] + 1):
        run = program.run(settings, rate, replicate, measures=spec["measures"])
        result = _result(program, run)
        tables["runs"].append(
            {
                "replicate": replicate,
                "status": run.status,
                "epochs": run.steps / program.per_epoch,
                "steps": run.steps,
                "learning_rate_used": rate,
                "parameters": parameters,
                "state": program.trainer.size,
            }
            | result
        )
        for table in ("history", "timings", "measurements"):
            tables[table] += getattr(run, table)
        if spec["predictions"] and run.status != DIVERGED and not settings["folds"]:
            tables["predictions"] += _predictions(program, replicate)
        for row, seconds in zip(run.history, run.timings, strict=True):
            log.info(
                "replicate %d of %d, epoch %g, step %d: loss %.4f, accuracy %.4f; "
                "validation loss %.4f, accuracy %.4f (%.2f s)",
                *(replicate, spec["replicates"], row["epoch"], row["step"]),
                *(row["train_loss_as_trained"], row["train_accuracy_as_trained"]),
                *(row["validation_loss"], row["validation_accuracy"]),
                seconds["training_seconds"] + seconds["evaluation_seconds"],
            )
        log.log(
            PROGRESS if alone else logging.INFO,
            "%s: replicate %d of %d %s, test accuracy %.4f, %.1f s of training",
            *(name, replicate, spec["replicates"], run.status, result["test_accuracy"]),
            sum(row["training_seconds"] for row in run.timings),
        )
    if not alone:
        accuracies = [row["test_accuracy"] for row in tables["runs"] if row["status"] != DIVERGED]
        log.log(
            PROGRESS,
            "%s: %d replicates, %d diverged; mean test accuracy of the others %.4f",
            *(name, spec["replicates"], spec["replicates"] - len(accuracies)),
            sum(accuracies) / len(accuracies) if accuracies else math.nan,
        )
    return tables


def _result(program: Program, run: Run) -> dict[str, float]:
    """Return a run's last evaluation and its test score; NaN for one that diverged."""
    test_loss, test_accuracy = program.trainer.evaluate(*program.test)
    if not math.isfinite(test_loss):
        run.status = DIVERGED
    last = {k: v for k, v in run.history[-1].items() if k not in ("replicate", "epoch", "step")}
    result = last | {"test_loss": test_loss, "test_accuracy": test_accuracy}
    return dict.fromkeys(result, math.nan) if run.status == DIVERGED else result


def _predictions(program: Program, replicate: int) -> list[dict[str, Any]]:
    """Return what a trained network makes of each test example."""
    x, y = program.test
    probabilities = program.trainer.predict(x)
    predicted = probabilities.argmax(axis=1)
    return [
        {
            "replicate": replicate,
            "example": number,
            "label": int(label),
            "predicted": int(chosen),
            "probability": round(float(values[chosen]), 4),
        }
        for number, (label, chosen, values) in enumerate(
            zip(np.asarray(y), predicted, probabilities, strict=True)
        )
    ]


def processor() -> str:
    """Return the processor's name, as far as the system tells it."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:  # noqa: PTH123
            names = [
                line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")
            ]
        return names[0]
    except (OSError, IndexError):
        return platform.processor() or platform.machine()
