"""The tables that a training job writes, and their columns."""

import pyarrow as pa

from bnmatrix.tables.metrics import COLUMNS
from bnmatrix.tables.status import COMPLETED as COMPLETED
from bnmatrix.tables.status import DIVERGED as DIVERGED

#: Types of columns.
INT, REAL, TEXT, BOOL, BITS = pa.int64(), pa.float64(), pa.string(), pa.bool_(), pa.binary()

#: One row per run (a replicate of a variant). The axes are between ``dataset`` and ``replicate``.
#: ``parameters`` is the number of the network's parameters, moving averages included; ``state``
#: adds the variables of the optimizer. ``tuning_block`` is the first of the replicates that
#: share a tuned learning rate; 0 if the rate is not tuned.
#: Accuracies are fractions, losses cross-entropies in nats; both are empty for a diverged run. So
#: are all columns of ``test_*``, which :mod:`bnmatrix.tables.metrics` describes, and those of the
#: other task: classification or regression. The loss of a regression is the mean squared error of
#: the standardized target, ``test_rmse`` is in units of the target.
RUN_KEYS = ["study", "dataset"]
RUN_COLUMNS = {
    "replicate": INT,
    "status": TEXT,
    "test_accuracy": REAL,
    "test_loss": REAL,
    **dict.fromkeys((name for name in COLUMNS if name not in ("test_accuracy", "test_loss")), REAL),
    "validation_accuracy": REAL,
    "validation_loss": REAL,
    "train_accuracy": REAL,
    "train_loss": REAL,
    "train_accuracy_as_trained": REAL,
    "train_loss_as_trained": REAL,
    "epochs_taken": REAL,
    "steps_taken": INT,
    "learning_rate_used": REAL,
    "tuning_block": INT,
    "parameters": INT,
    "state": INT,
    "variant": TEXT,
    "baseline": TEXT,
}

#: ``reports/claims.csv`` has one row per claim and study; ``network`` is the kind of the study's
#: networks, and ``direction`` what the claim says of the effect
#: (:data:`bnmatrix.claims.verdicts.CLAIM_COLUMNS`). ``reports/effects.csv`` has one row per
#: normalization and batch size (:data:`bnmatrix.claims.batch_sizes.EFFECT_COLUMNS`).

#: One row per evaluation. ``train_*_as_trained`` are means over the mini-batches since the previous
#: evaluation, in training mode. ``train_*`` and ``validation_*`` are in inference mode; ``train_*``
#: are computed on a fixed sample of the training data.
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

#: One row per evaluation: seconds of wall-clock time since the previous evaluation.
TIMING_COLUMNS = {
    "replicate": INT,
    "epoch": REAL,
    "step": INT,
    "training_seconds": REAL,
    "evaluation_seconds": REAL,
    "variant": TEXT,
}


#: One row per run that tuned a learning rate. ``rate`` is the learning rate of the run.
#: ``tuning_objective`` is what tuning maximizes: a mean over the tuning replicates with this rate.
#: ``block`` is the first of the replicates for which the rate is tuned.
TUNING_COLUMNS = {
    "block": INT,
    "replicate": INT,
    "rate": REAL,
    "widened": BOOL,
    "status": TEXT,
    "tuning_objective": REAL,
    "chosen": BOOL,
    "variant": TEXT,
}

#: One row per measured value: the value of ``measure`` after ``step`` steps, for the layer or mode
#: ``part``.
MEASUREMENT_COLUMNS = {
    "replicate": INT,
    "step": INT,
    "measure": TEXT,
    "part": TEXT,
    "value": REAL,
    "variant": TEXT,
}

#: One row per run: for each example that can be tested, a bit that says whether it was in the run's
#: test part, and a bit that says whether it was classified correctly (NumPy's ``packbits``). The
#: same bit is the same example in all runs of a study. Diverged runs have no correct examples.
#: ``clusters`` has the group of each of these examples (little-endian int32) if the data set has
#: groups, and no bytes otherwise. ``class_tested`` and ``class_correct`` have, for each class, the
#: number of its test examples and of those that were classified correctly (int32); no bytes for
#: diverged runs and regressions. ``without`` has the metrics of
#: :data:`bnmatrix.tables.metrics.BY_GROUP` without each group of test examples in turn
#: (float64, metrics × :data:`bnmatrix.tables.example_groups.GROUPS`). All are little-endian.
CORRECTNESS_COLUMNS = {
    "replicate": INT,
    "tested": BITS,
    "correct": BITS,
    "clusters": BITS,
    "class_tested": BITS,
    "class_correct": BITS,
    "without": BITS,
    "variant": TEXT,
}

#: One row per run and test example, in studies that keep predictions. ``example`` is the index in
#: the test part, ``label`` and ``predicted`` are indices of classes, and ``probability`` is the
#: predicted probability of the predicted class, to four decimals. Diverged runs have no rows.
PREDICTION_COLUMNS = {
    "replicate": INT,
    "example": INT,
    "label": INT,
    "predicted": INT,
    "probability": REAL,
    "variant": TEXT,
}

#: The tables of a job, and their columns with types.
TABLES = {
    "runs": RUN_COLUMNS,
    "history": HISTORY_COLUMNS,
    "tuning": TUNING_COLUMNS,
    "measurements": MEASUREMENT_COLUMNS,
    "correctness": CORRECTNESS_COLUMNS,
    "predictions": PREDICTION_COLUMNS,
    "timings": TIMING_COLUMNS,
    # Wall-clock times, in the form of measurements.
    "step_times": MEASUREMENT_COLUMNS,
}
