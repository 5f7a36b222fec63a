"""Training a job: all replicates of its variants, one after another, with few compilations."""

import logging
import math
import platform
import resource
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bnmatrix.datasets.data import Prepared, load_prepared
from bnmatrix.tables.job_files import save
from bnmatrix.tables.machine import commit
from bnmatrix.tables.schema import DIVERGED, TABLES
from bnmatrix.training.framework import Framework, Measuring
from bnmatrix.training.program import Program, Run
from bnmatrix.training.rows import PredictionRow, RunRow, VariantRows
from bnmatrix.training.scores import probabilities, scores
from bnmatrix.training.settings import Settings
from bnmatrix.training.spec import JobSpec, Step, Variant
from bnmatrix.training.testing import Tested, correctness, tested_on
from bnmatrix.training.tuning import tune

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outcome:
    """What training a job gives.

    Attributes:
        tables: the tables of :data:`bnmatrix.tables.schema.TABLES`, by name.
        machine: where and with what it ran, time and memory taken.
    """

    tables: dict[str, pd.DataFrame]
    machine: dict[str, Any]


def run_job(spec: JobSpec, data: Path, framework: Framework, threads: int, folder: Path) -> None:
    """Train a job's variants on prepared data, and write its tables into ``folder``."""
    started = _now()
    outcome = train_job(spec, load_prepared(data), framework, threads)
    facts = {"commit": commit(), "started": started, "ended": _now()}
    save(folder, outcome.tables, outcome.machine | facts, spec.recipe)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def train_job(spec: JobSpec, prepared: Prepared, framework: Framework, threads: int) -> Outcome:
    """Train every replicate of a job's variants and score each on the test part, at its end.

    A learning rate is tuned before the first replicate of its tuning block. A job whose first
    replicate is not the first of a tuning block repeats the tuning runs of that block, and leaves
    their rows to the job before. The job of replicate 1 also takes the measures that are taken
    after runs. All jobs together have therefore the same tables as one job.

    Args:
        spec: what to train.
        prepared: the data, split.
        framework: what trains all of its variants.
        threads: threads that the framework was configured with.
    """
    began = time.perf_counter()
    measures = _measures_in_runs(spec, framework.measuring)
    rows: dict[str, VariantRows] = {}
    shared_by = spec.tuning.shared_by if spec.tuning else 1
    for members in by_program(spec.variants):
        program = Program(members[0].settings, prepared, spec.seed, framework, shared_by)
        for variant in members:
            rows[variant.name] = _train_variant(spec, variant, program, measures)
    if framework.measuring and spec.first == 1:
        for name, values in framework.measuring.after_runs(spec, prepared).items():
            rows[name].step_times = values
    machine = {
        "processor": processor(),
        "platform": platform.platform(),
        "python": platform.python_version(),
        "packages": framework.packages(),
        "threads": threads,
        "seconds": round(time.perf_counter() - began, 3),
        "peak_memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }
    return Outcome({name: _table(name, spec, rows) for name in TABLES}, machine)


def by_program(variants: Iterable[Variant]) -> list[list[Variant]]:
    """Return the variants in groups: those of a group are trained by one compiled program."""
    groups: dict[Settings, list[Variant]] = {}
    for variant in variants:
        groups.setdefault(variant.settings.program(), []).append(variant)
    return list(groups.values())


def _measures_in_runs(spec: JobSpec, measuring: Measuring | None) -> dict[str, tuple[Step, ...]]:
    """Return what is measured in runs, and after which steps."""
    if measuring is None:
        return {}
    return {name: steps for name, steps in spec.measures.items() if measuring.in_runs(name)}


def _table(name: str, spec: JobSpec, rows: dict[str, VariantRows]) -> pd.DataFrame:
    """Return one of the tables, variant after variant."""
    parts = [
        _labelled(getattr(rows[variant.name], name), spec, variant, TABLES[name])
        for variant in spec.variants
    ]
    filled = [part for part in parts if len(part)]
    return pd.concat(filled, ignore_index=True) if filled else parts[0]


def _labelled(
    rows: Sequence[Mapping[str, Any]], spec: JobSpec, variant: Variant, columns: Iterable[str]
) -> pd.DataFrame:
    """Return a variant's table: study, data set and axes first, and the variant's name last.

    Args:
        rows: its rows.
        spec: the job's.
        variant: one of its variants.
        columns: the columns after the axes.
    """
    keys = {"study": spec.study, "dataset": spec.dataset}
    labels = {axis: variant.settings.label(axis) for axis in spec.axes}
    names = {"variant": variant.name, "baseline": variant.baseline}
    table = pd.DataFrame(rows, columns=[name for name in columns if name not in names])
    return table.assign(**keys, **labels, **names)[[*keys, *labels, *columns]]


def _train_variant(
    spec: JobSpec,
    variant: Variant,
    program: Program,
    measures: dict[str, tuple[Step, ...]],
) -> VariantRows:
    """Train all replicates of a variant."""
    settings, name = variant.settings, f"{spec.study} {variant.name}"
    log.info(
        "%s: %d training, %d validation, %d test examples; %d parameters",
        name,
        program.examples,
        len(program.validation),
        len(program.test),
        program.trainer.parameters,
    )
    rows = VariantRows()
    learning_rate, tuned = settings.learning_rate, 0
    for replicate in range(spec.first, spec.last + 1):
        block = _tuning_block(spec, settings, replicate)
        if block != tuned:
            learning_rate, tuned = _tune(spec, variant, program, rows, replicate, block), block
        run = program.run(settings, learning_rate, replicate, measures=measures)
        logits = program.trainer.logits(program.test)
        row, tested = _scored(program, run, learning_rate, block, logits)
        rows.correctness.append(correctness(program.current, replicate, tested))
        rows.runs.append(row)
        rows.history += run.history
        rows.timings += run.timings
        rows.measurements += run.measurements
        kept = spec.predictions and not settings.folds and not settings.regression
        if kept and not run.diverged:
            rows.predictions += _predictions(program.test.y, replicate, logits)
        _log_run(spec, name, run, row)
    if len(spec.variants) > 1:
        _log_variant(name, rows.runs)
    return rows


def _tuning_block(spec: JobSpec, settings: Settings, replicate: int) -> int:
    """Return the first replicate of a replicate's tuning block; 0 if its rate is not tuned.

    If tuning does not vary, the first block's rate serves all replicates.
    """
    if not settings.tuned:
        return 0
    if spec.tuning is None:
        raise ValueError(f"{spec.study} has a tuned variant, and the job is not told how")
    return spec.tuning.block(replicate) if settings.varied in ("all", "tuning") else 1


def _tune(
    spec: JobSpec,
    variant: Variant,
    program: Program,
    rows: VariantRows,
    replicate: int,
    block: int,
) -> float:
    """Return the learning rate of a tuning block, and add the rows of its tuning runs.

    Args:
        spec: the job's.
        variant: one of its variants.
        program: what trains it.
        rows: the rows of the variant.
        replicate: the first replicate of the job that is in the block.
        block: the first replicate of the block.
    """
    assert spec.tuning is not None
    name = f"{spec.study} {variant.name}"
    rate, found = tune(
        program,
        variant.settings,
        spec.tuning,
        block,
        report=lambda chosen: log.info("%s: tuned: %s", name, chosen),
    )
    if replicate == 1 or _tuning_block(spec, variant.settings, replicate - 1) != block:
        rows.tuning += found
    return rate


def _scored(
    program: Program, run: Run, learning_rate: float, block: int, logits: NDArray[np.float32]
) -> tuple[RunRow, Tested]:
    """Return a run's last evaluation and its scores on the test part; NaN for a diverged run.

    Args:
        program: what trained it.
        run: the run.
        learning_rate: its learning rate.
        block: the first replicate of its tuning block, or 0.
        logits: those of the test part, examples × classes.
    """
    test_loss, test_accuracy = scores(logits, program.test.y)
    if not math.isfinite(test_loss):
        run.status = DIVERGED
    tested = Tested.nothing() if run.diverged else tested_on(program.current, logits)
    last = run.history[-1]

    def score(value: float) -> float:
        return math.nan if run.diverged else value

    row = RunRow(
        **tested.row(),
        replicate=run.replicate,
        status=run.status,
        test_accuracy=score(test_accuracy),
        test_loss=score(test_loss),
        validation_accuracy=score(last["validation_accuracy"]),
        validation_loss=score(last["validation_loss"]),
        train_accuracy=score(last["train_accuracy"]),
        train_loss=score(last["train_loss"]),
        train_accuracy_as_trained=score(last["train_accuracy_as_trained"]),
        train_loss_as_trained=score(last["train_loss_as_trained"]),
        epochs_taken=run.steps / program.per_epoch,
        steps_taken=run.steps,
        learning_rate_used=learning_rate,
        tuning_block=block,
        parameters=program.trainer.parameters,
        state=program.trainer.size,
    )
    return row, tested


def _predictions(
    y: NDArray[np.int32], replicate: int, logits: NDArray[np.float32]
) -> list[PredictionRow]:
    """Return what a trained network predicts for each test example.

    Args:
        y: the labels of the test part.
        replicate: the number of the replicate.
        logits: the network's, examples × classes.
    """
    predicted = logits.argmax(axis=1)
    return [
        PredictionRow(
            replicate=replicate,
            example=number,
            label=int(label),
            predicted=int(chosen),
            probability=round(float(values[chosen]), 4),
        )
        for number, (label, chosen, values) in enumerate(
            zip(y, predicted, probabilities(logits), strict=True)
        )
    ]


def _log_run(spec: JobSpec, name: str, run: Run, row: RunRow) -> None:
    """Log each evaluation of a run, and its end: as progress where the job has one variant."""
    for evaluation, timing in zip(run.history, run.timings, strict=True):
        log.info(
            "replicate %d of %d, epoch %g, step %d: loss %.4f, accuracy %.4f; "
            "validation loss %.4f, accuracy %.4f (%.2f s)",
            run.replicate,
            spec.last,
            evaluation["epoch"],
            evaluation["step"],
            evaluation["train_loss_as_trained"],
            evaluation["train_accuracy_as_trained"],
            evaluation["validation_loss"],
            evaluation["validation_accuracy"],
            timing["training_seconds"] + timing["evaluation_seconds"],
        )
    log.info(
        "%s: replicate %d of %d %s, test %s %.4f, %.1f s of training",
        name,
        run.replicate,
        spec.last,
        run.status,
        *_final(row),
        sum(timing["training_seconds"] for timing in run.timings),
    )


def _log_variant(name: str, runs: list[RunRow]) -> None:
    """Log that a variant is done."""
    finals = [_final(row) for row in runs if row["status"] != DIVERGED]
    log.info(
        "%s: %d replicates, %d diverged; mean test %s of the others %.4f",
        name,
        len(runs),
        len(runs) - len(finals),
        finals[0][0] if finals else "accuracy",
        sum(value for _, value in finals) / len(finals) if finals else math.nan,
    )


def _final(row: RunRow) -> tuple[str, float]:
    """Return the accuracy of a run, or the R² of a regression, with its name."""
    regression = math.isfinite(row["test_r2"])
    return ("R²", row["test_r2"]) if regression else ("accuracy", row["test_accuracy"])


def processor() -> str:
    """Return the processor's name, if the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
