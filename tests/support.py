"""Helpers that tests share: frameworks that are set up once, and small training jobs."""

from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from conftest import settings

from bnmatrix.datasets.data import Prepared
from bnmatrix.datasets.loaders import sklearn_digits
from bnmatrix.training.framework import Framework
from bnmatrix.training.settings import Settings
from bnmatrix.training.spec import JobSpec, Tuning, Variant

SEED = 7

#: The hidden layers of most networks that tests train.
LAYERS = (16, 8)


@cache
def configured(name: str) -> Framework:
    """Return a framework that uses one thread."""
    if name == "torch":
        from bnmatrix.training.torch.environment import configure

        configure(threads=1)
        from bnmatrix.training.torch.trainer import Trainer, packages

        return Framework(Trainer, packages)
    from bnmatrix.training.keras.environment import configure

    configure(threads=1)
    from bnmatrix.training.keras.probe import Probe
    from bnmatrix.training.keras.trainer import Trainer, packages
    from bnmatrix.training.keras.turns import turns
    from bnmatrix.training.measures.measuring import Measuring

    return Framework(Trainer, packages, Measuring(Probe, turns))


@cache
def small_digits() -> Prepared:
    """Return 300 digits for training, 100 for validation and 200 for testing."""
    arrays = sklearn_digits(None)
    x, y = arrays.x, arrays.y
    return Prepared(
        x_train=x[:300],
        y_train=y[:300],
        x_validation=x[300:400],
        y_validation=y[300:400],
        x_test=x[400:600],
        y_test=y[400:600],
        classes=10,
        maximum=16.0,
    )


def job_spec(
    *variants: dict[str, Any],
    replicates: int = 1,
    tuning: Tuning | None = None,
    measures: dict[str, Any] | None = None,
    predictions: bool = False,
    **changes: Any,
) -> JobSpec:
    """Return the spec of a job: one variant per item of ``variants``, all with ``changes``."""
    return JobSpec(
        study="test",
        dataset="digits",
        axes=("normalization", "batch_size"),
        replicates=replicates,
        seed=SEED,
        tuning=tuning,
        measures=measures or {},
        predictions=predictions,
        variants=tuple(
            Variant(
                name=f"v{number}", settings=settings(**{"hidden_layers": LAYERS, **changes, **own})
            )
            for number, own in enumerate(variants or ({},))
        ),
    )


def train(prepared: Prepared, *variants: dict[str, Any], **changes: Any) -> dict[str, pd.DataFrame]:
    """Return the tables of a job in Keras (see :func:`job_spec`)."""
    from bnmatrix.training.job import train_job

    spec = job_spec(*variants, **changes)
    return train_job(spec, prepared, configured("keras"), threads=1).tables


def program_for(prepared: Prepared, **changes: Any) -> tuple[Any, Settings]:
    """Return a program in Keras, and the settings that it was compiled for."""
    from bnmatrix.training.program import Program

    chosen = settings(**{"hidden_layers": LAYERS, **changes})
    return Program(chosen, prepared, SEED, configured("keras")), chosen


def keras_weights(trainer: Any) -> dict[str, np.ndarray]:
    """Return the weights of a network by name and number, in Keras's layout."""
    import keras

    found: dict[str, np.ndarray] = {}

    def add(name: str, value: np.ndarray) -> None:
        number = sum(key.split()[0] == name for key in found)
        found[f"{name} {number}"] = value

    if isinstance(trainer.network, keras.Model):
        for layer in trainer.network.layers:
            for variable in layer.weights:
                if "seed" not in variable.path:
                    # Keras calls the scale of RMS normalization so, and that of others `gamma`.
                    add(variable.name.replace("scale", "gamma"), variable.numpy().copy())
        return found
    names = {
        "weight": "gamma",
        "bias": "beta",
        "running_mean": "moving_mean",
        "running_var": "moving_variance",
    }
    for layer in trainer.network.modules():
        weighted = type(layer).__name__ in ("Dense", "Convolution")
        for name, value in layer.named_parameters(recurse=False):
            array = value.detach().numpy().copy()
            if weighted and name == "weight":
                add("kernel", np.moveaxis(array, [0, 1], [-1, -2]))
            else:
                add("bias" if weighted else names[name], array)
        for name, value in layer.named_buffers(recurse=False):
            if name in names:
                add(names[name], value.numpy().copy())
    return found
