"""Rows of the tables that a training job writes (:mod:`bnmatrix.tables.schema` says what each
column means); the names of study, axes and variant are added to them later.
"""

from dataclasses import dataclass, field
from typing import NotRequired, TypedDict


class EvaluationRow(TypedDict):
    """An evaluation during a run; tuning runs evaluate the validation part alone."""

    replicate: int
    epoch: float
    step: int
    train_loss_as_trained: float
    train_accuracy_as_trained: float
    train_loss: NotRequired[float]
    train_accuracy: NotRequired[float]
    validation_loss: float
    validation_accuracy: float


class TimingRow(TypedDict):
    """The wall-clock time of an evaluation, and of the training before it."""

    replicate: int
    epoch: float
    step: int
    training_seconds: float
    evaluation_seconds: float


class MeasurementRow(TypedDict):
    """A measured value; of step times, ``replicate`` is the round."""

    replicate: int
    step: int
    measure: str
    part: str
    value: float


class TestedRow(TypedDict):
    """The metrics of a run on the test part, beside accuracy and loss."""

    test_balanced_accuracy: float
    test_macro_f1: float
    test_auc: float
    test_brier: float
    test_ece: float
    test_rmse: float
    test_r2: float


class RunRow(TypedDict):
    """A run: its last evaluation, and its scores on the test part."""

    replicate: int
    status: str
    test_accuracy: float
    test_loss: float
    test_balanced_accuracy: float
    test_macro_f1: float
    test_auc: float
    test_brier: float
    test_ece: float
    test_rmse: float
    test_r2: float
    validation_accuracy: float
    validation_loss: float
    train_accuracy: float
    train_loss: float
    train_accuracy_as_trained: float
    train_loss_as_trained: float
    epochs_taken: float
    steps_taken: int
    learning_rate_used: float
    tuning_block: int
    parameters: int
    state: int


class TuningRow(TypedDict):
    """A run that tuned a learning rate."""

    block: int
    replicate: int
    rate: float
    widened: bool
    status: str
    tuning_objective: float
    chosen: bool


class CorrectnessRow(TypedDict):
    """Which test examples a run classifies correctly."""

    replicate: int
    tested: bytes
    correct: bytes
    clusters: bytes
    class_tested: bytes
    class_correct: bytes
    without: bytes


class PredictionRow(TypedDict):
    """What a run predicts for a test example."""

    replicate: int
    example: int
    label: int
    predicted: int
    probability: float


@dataclass
class VariantRows:
    """The rows of one variant; attributes are named as the tables are."""

    runs: list[RunRow] = field(default_factory=list)
    history: list[EvaluationRow] = field(default_factory=list)
    tuning: list[TuningRow] = field(default_factory=list)
    measurements: list[MeasurementRow] = field(default_factory=list)
    correctness: list[CorrectnessRow] = field(default_factory=list)
    predictions: list[PredictionRow] = field(default_factory=list)
    timings: list[TimingRow] = field(default_factory=list)
    step_times: list[MeasurementRow] = field(default_factory=list)
