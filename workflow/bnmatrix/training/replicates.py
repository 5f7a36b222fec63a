"""Training all replicates of a variant, one after another, with one compilation."""

import logging
import math
import platform
import resource
import time
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import numpy as np
import pandas as pd

from bnmatrix.datasets.preparation import Prepared
from bnmatrix.datasets.scaling import fit_scaling
from bnmatrix.logs import PROGRESS
from bnmatrix.results import (
    COMPLETED,
    DIVERGED,
    HISTORY_COLUMNS,
    RUN_COLUMNS,
    TIMING_COLUMNS,
    labelled,
)
from bnmatrix.training import seeds
from bnmatrix.training.loop import Trainer
from bnmatrix.training.minibatches import steps_per_epoch, stretches

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outcome:
    """What training a variant gives.

    Attributes:
        runs: a row a replicate (:data:`bnmatrix.results.RUN_COLUMNS`).
        history: a row an evaluation (:data:`bnmatrix.results.HISTORY_COLUMNS`).
        timings: wall-clock time of each (:data:`bnmatrix.results.TIMING_COLUMNS`).
        machine: where and with what it ran, time and memory taken.
    """

    runs: pd.DataFrame
    history: pd.DataFrame
    timings: pd.DataFrame
    machine: dict[str, Any]


def training_subset(prepared: Prepared, settings: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Return the training examples of a variant: all, or the first so many in a fixed order."""
    count = settings["training_examples"]
    if count is None:
        return prepared.x_train, prepared.y_train
    rng = seeds.generator(settings["validation"]["seed"], 0, seeds.Purpose.SUBSET)
    chosen = rng.permutation(len(prepared.x_train))[:count]
    return prepared.x_train[chosen], prepared.y_train[chosen]


def train_variant(spec: dict[str, Any], prepared: Prepared, threads: int) -> Outcome:
    """Train every replicate of a variant and score each on the test set, once, at its end.

    Args:
        spec: what :meth:`bnmatrix.variants.Variant.spec` returns.
        prepared: the data, split.
        threads: threads that TensorFlow was configured with.
    """
    began = time.perf_counter()
    settings, seed = spec["settings"], spec["seed"]
    x, y = training_subset(prepared, settings)
    scaling = fit_scaling(settings["input_scaling"], x, prepared.maximum)
    trainer = Trainer(settings, prepared.classes, x, y, scaling)
    sample = min(len(x), len(prepared.x_validation))
    train_sample = trainer.place(x[:sample], y[:sample])
    validation = trainer.place(prepared.x_validation, prepared.y_validation)
    test = trainer.place(prepared.x_test, prepared.y_test)
    parameters = trainer.network.count_params()
    log.info(
        "%s %s: %d training, %d validation, %d test examples; %d parameters",
        *(spec["study"], spec["variant"], len(x), len(validation[1]), len(test[1]), parameters),
    )

    runs, history, timings = [], [], []
    per_epoch = steps_per_epoch(len(x), settings["batch_size"], settings["minibatches"])
    for replicate in range(1, spec["replicates"] + 1):
        trainer.start(seed, replicate)
        step, loss, correct, seen, started = 0, 0.0, 0.0, 0, time.perf_counter()
        status, training_seconds = COMPLETED, 0.0
        for stretch in stretches(settings, len(x), seed, replicate):
            sums = trainer.train(stretch)
            step += stretch.steps
            loss, correct = loss + sums[0], correct + sums[1]
            seen += (stretch.stop - stretch.start) * settings["batch_size"]
            seen += len(x) % settings["batch_size"] if stretch.tail else 0
            if not math.isfinite(loss):
                status = DIVERGED
            if not stretch.evaluate and status == COMPLETED:
                continue
            trained = time.perf_counter()
            train_loss, train_accuracy = trainer.evaluate(*train_sample)
            validation_loss, validation_accuracy = trainer.evaluate(*validation)
            evaluated = time.perf_counter()
            # Weights can blow up in the last update before an evaluation.
            if not (math.isfinite(train_loss) and math.isfinite(validation_loss)):
                status = DIVERGED
            at = {"replicate": replicate, "epoch": step / per_epoch, "step": step}
            row = {
                "train_loss_as_trained": loss / seen,
                "train_accuracy_as_trained": correct / seen,
                "train_loss": train_loss,
                "train_accuracy": train_accuracy,
                "validation_loss": validation_loss,
                "validation_accuracy": validation_accuracy,
            }
            training_seconds += trained - started
            seconds = {
                "training_seconds": trained - started,
                "evaluation_seconds": evaluated - trained,
            }
            history.append(at | row)
            timings.append(at | seconds)
            log.info(
                "replicate %d of %d, epoch %g, step %d: loss %.4f, accuracy %.4f; "
                "validation loss %.4f, accuracy %.4f (%.2f s)",
                *(replicate, spec["replicates"], at["epoch"], step, loss / seen, correct / seen),
                *(validation_loss, validation_accuracy, evaluated - started),
            )
            if status == DIVERGED:
                break
            loss, correct, seen, started = 0.0, 0.0, 0, time.perf_counter()

        test_loss, test_accuracy = trainer.evaluate(*test)
        if not math.isfinite(test_loss):
            status = DIVERGED
        result = row | {"test_loss": test_loss, "test_accuracy": test_accuracy}
        if status == DIVERGED:
            result = dict.fromkeys(result, math.nan)
        runs.append(
            {
                "replicate": replicate,
                "status": status,
                "epochs": step / per_epoch,
                "steps": step,
                "parameters": parameters,
            }
            | result
        )
        log.log(
            PROGRESS,
            "%s %s: replicate %d of %d %s, test accuracy %.4f, %.1f s of training",
            *(spec["study"], spec["variant"], replicate, spec["replicates"], status),
            *(test_accuracy, training_seconds),
        )

    def table(rows: list[dict[str, Any]], columns: list[str]) -> pd.DataFrame:
        return labelled(pd.DataFrame(rows), spec, columns)

    return Outcome(
        runs=table(runs, RUN_COLUMNS),
        history=table(history, HISTORY_COLUMNS),
        timings=table(timings, TIMING_COLUMNS),
        machine={
            "processor": processor(),
            "platform": platform.platform(),
            "python": platform.python_version(),
            "packages": {name: version(name) for name in ("keras", "numpy")}
            | {"tensorflow": tensorflow_version()},
            "threads": threads,
            "seconds": round(time.perf_counter() - began, 3),
            "peak_memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        },
    )


def tensorflow_version() -> str:
    """Return TensorFlow's version, whichever of its builds is installed."""
    import tensorflow as tf

    return tf.__version__


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
