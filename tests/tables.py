"""Synthetic tables of results, in the form in which the pipeline writes them."""

import numpy as np
import pandas as pd

from bnmatrix.plan.variants import variant_name
from bnmatrix.report.labels import VariantLabels
from bnmatrix.training.settings import Settings
from bnmatrix.training.spec import Variant

AXES = ("normalization", "batch_size")


def variant(baseline=None, axes=AXES, **settings):
    """Return a variant, named after its values of the axes."""
    settings = Settings(epochs=1, **settings).canonical()
    return Variant(name=variant_name(settings, axes), settings=settings, baseline=baseline)


def name_of(normalization, batch_size):
    """Return the name of a variant with the usual two axes."""
    return variant(normalization=normalization, batch_size=batch_size).name


def runs_of(sizes=(8, 16), normalizations=("none", "batch"), replicates=3):
    """Return the runs of a study: all batch sizes with all normalizations, and some replicates."""
    rows = [
        {
            "study": "s",
            "dataset": "d",
            "normalization": normalization,
            "batch_size": size,
            "replicate": replicate,
            "status": "completed",
            "test_accuracy": 0.8 + 0.01 * replicate + (0.05 if normalization == "batch" else 0),
            "test_loss": 0.5,
            "validation_accuracy": 0.8,
            "validation_loss": 0.6,
            "train_accuracy": 0.9,
            "train_accuracy_as_trained": 0.85,
            "steps_taken": 30,
            "learning_rate_used": 0.001,
            "tuning_block": 0,
            "parameters": 10,
            "variant": name_of(normalization, size),
            "baseline": None if normalization == "none" else name_of("none", size),
        }
        for size in sizes
        for normalization in normalizations
        for replicate in range(1, replicates + 1)
    ]
    return pd.DataFrame(rows)


def labels_of(table):
    """Return the labels of the variants of a table with the usual two axes."""
    cells = table[list(AXES)].drop_duplicates().to_dict("records")
    return VariantLabels([variant(**cell) for cell in cells], AXES)


def history_of(runs):
    """Return three evaluations of each run, with increasing accuracy."""
    keys = ["study", "dataset", *AXES, "replicate"]
    rows = [
        {key: run[key] for key in keys}
        | {
            "epoch": epoch,
            "step": epoch * 10,
            "train_loss": 1 / epoch,
            "train_accuracy": 0.5 + epoch / 10,
            "validation_loss": 1.2 / epoch,
            "validation_accuracy": 0.4 + epoch / 10 + run["replicate"] / 100,
            "variant": run["variant"],
        }
        for _, run in runs.iterrows()
        for epoch in (1, 2, 3)
    ]
    return pd.DataFrame(rows)


def timings_of(runs):
    """Return the times of each evaluation of :func:`history_of`."""
    timings = history_of(runs)[["replicate", "epoch", "step", "variant"]]
    return timings.assign(training_seconds=0.5, evaluation_seconds=0.1)


def predictions_of(runs):
    """Return predictions of the first variant for six examples; the last two are confused."""
    first = runs[runs["variant"] == runs["variant"].iloc[0]]
    return pd.DataFrame(
        [
            {"replicate": replicate, "example": n, "label": n % 3, "probability": 0.9}
            | {"predicted": (n + (n > 3 and replicate > n - 4)) % 3, "variant": row["variant"]}
            for replicate, (_, row) in enumerate(first.iterrows(), start=1)
            for n in range(6)
        ]
    )


def comparisons_of(*effects, pairs=5):
    """Return comparisons at batch sizes 16, 32, … from tuples (effect, low, high) of fractions."""
    sizes = [16 * 2**place for place in range(len(effects))]
    effect, low, high = np.array(effects, dtype=float).T
    return pd.DataFrame(
        {
            "normalization": "batch",
            "batch_size": sizes,
            "endpoint": "test_accuracy",
            "pairs": pairs,
            "effect": effect,
            "sd": 0.01,
            "ci_low": low,
            "ci_high": high,
            "p_value": 0.0625,
            "probability_of_improvement": 1.0,
            "baseline_mean": 0.9,
            "variant_mean": 0.9 + effect,
            "variant": [name_of("batch", size) for size in sizes],
            "baseline": [name_of("none", size) for size in sizes],
        }
    )
