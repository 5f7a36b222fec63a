"""The tables that a training job leaves behind, and their columns."""

from collections.abc import Iterable
from typing import Any

import pandas as pd
import pyarrow as pa

from bnmatrix.variants import describe

#: What a run ended with; ``diverged``: its loss or a weight was no longer a finite number.
COMPLETED, DIVERGED = "completed", "diverged"

#: Types of columns.
INT, REAL, TEXT, BOOL = pa.int64(), pa.float64(), pa.string(), pa.bool_()

#: One row a run (a replicate of a variant); axes stand between ``dataset`` and ``replicate``.
#: ``parameters`` counts the network's numbers, moving averages included; ``state`` adds the
#: optimizer's.
#: Accuracies are fractions, losses cross-entropies in nats; both are empty for a diverged run.
RUN_KEYS = ["study", "dataset"]
RUN_COLUMNS = {
    "replicate": INT,
    "status": TEXT,
    "test_accuracy": REAL,
    "test_loss": REAL,
    "validation_accuracy": REAL,
    "validation_loss": REAL,
    "train_accuracy": REAL,
    "train_loss": REAL,
    "train_accuracy_as_trained": REAL,
    "train_loss_as_trained": REAL,
    "epochs": REAL,
    "steps": INT,
    "learning_rate_used": REAL,
    "parameters": INT,
    "state": INT,
    "variant": TEXT,
    "baseline": TEXT,
}

#: One row an evaluation. ``train_*_as_trained`` are means over the mini-batches since the
#: evaluation before, in training mode; ``train_*`` and ``validation_*`` are in inference mode, the
#: former on a fixed sample of the training data.
HISTORY_COLUMNS = {
    "replicate": INT,
    "epoch": REAL,
    "step": INT,
    "train_loss_as_trained": REAL,
    "train_accuracy_as_trained": REAL,
    "train_loss": REAL,
    "train_accuracy": REAL,
    "validation_loss": REAL,
    "validation_accuracy": REAL,
    "variant": TEXT,
}

#: One row an evaluation: seconds of wall-clock time since the one before.
TIMING_COLUMNS = {
    "replicate": INT,
    "epoch": REAL,
    "step": INT,
    "training_seconds": REAL,
    "evaluation_seconds": REAL,
    "variant": TEXT,
}


#: One row a run that tuned a learning rate; ``tuning_objective`` is what was maximized, as a mean
#: over the tuning replicates, of whichever rate (``rate``) this run tried.
TUNING_COLUMNS = {
    "replicate": INT,
    "rate": REAL,
    "widened": BOOL,
    "status": TEXT,
    "tuning_objective": REAL,
    "chosen": BOOL,
    "variant": TEXT,
}

#: One row a measured value: of ``measure``, after ``step`` steps, of the layer or mode ``part``.
MEASUREMENT_COLUMNS = {
    "replicate": INT,
    "step": INT,
    "measure": TEXT,
    "part": TEXT,
    "value": REAL,
    "variant": TEXT,
}

#: One row a run and test example, of studies that ask for it: ``example`` is the place in the test
#: part, ``label`` and ``predicted`` are numbers of classes, ``probability`` is that of the
#: predicted class, to four decimals. Diverged runs have none.
PREDICTION_COLUMNS = {
    "replicate": INT,
    "example": INT,
    "label": INT,
    "predicted": INT,
    "probability": REAL,
    "variant": TEXT,
}

#: The tables of a strip, and their columns with types.
TABLES = {
    "runs": RUN_COLUMNS,
    "history": HISTORY_COLUMNS,
    "tuning": TUNING_COLUMNS,
    "measurements": MEASUREMENT_COLUMNS,
    "predictions": PREDICTION_COLUMNS,
    "timings": TIMING_COLUMNS,
    # Wall-clock times, in the form of measurements.
    "step_times": MEASUREMENT_COLUMNS,
}


def labelled(
    rows: list[dict[str, Any]],
    spec: dict[str, Any],
    variant: dict[str, Any],
    columns: Iterable[str],
) -> pd.DataFrame:
    """Return a variant's table: study, data set and axes first, and the variant's name last.

    Args:
        rows: its rows.
        spec: what :meth:`bnmatrix.variants.Strip.spec` returns.
        variant: the entry of ``spec["variants"]``.
        columns: the columns after the axes.
    """
    keys = {"study": spec["study"], "dataset": spec["dataset"]}
    keys |= describe(variant["settings"], spec["axes"])
    names = {"variant": variant["variant"], "baseline": variant["baseline"]}
    table = pd.DataFrame(rows, columns=[name for name in columns if name not in names])
    return table.assign(**keys, **names)[[*keys, *columns]]
