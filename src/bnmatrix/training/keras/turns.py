"""Turns of training in Keras: what step times are taken of."""

import keras
import numpy as np
from numpy.typing import NDArray

from bnmatrix.datasets.data import Prepared
from bnmatrix.training.examples import examples_of
from bnmatrix.training.framework import Framework
from bnmatrix.training.keras.network import build_optimizer, input_shape, keras_network
from bnmatrix.training.keras.trainer import Trainer, packages
from bnmatrix.training.measures.registry import Turn
from bnmatrix.training.minibatches import Segment, total_steps
from bnmatrix.training.program import Program
from bnmatrix.training.seeds import Streams
from bnmatrix.training.settings import Settings
from bnmatrix.training.spec import JobSpec


def turns(spec: JobSpec, prepared: Prepared, steps: int) -> dict[tuple[str, str], Turn]:
    """Return turns of each variant: in this package's loop, and in Keras's ``fit``.

    Args:
        spec: the job's.
        prepared: the data, split.
        steps: steps of a turn.
    """
    found: dict[tuple[str, str], Turn] = {}
    for variant in spec.variants:
        settings = variant.settings
        found[variant.name, "loop"] = _loop_turn(settings, prepared, spec.seed, steps)
        found[variant.name, "fit"] = _fit_turn(settings, prepared, spec.seed, steps)
    return found


def _order(examples: int, batch_size: int, steps: int) -> NDArray[np.int32]:
    """Return the indices of a turn's examples; small data is gone over several times."""
    return np.resize(np.arange(examples, dtype=np.int32), steps * batch_size)


def _loop_turn(settings: Settings, prepared: Prepared, seed: int, steps: int) -> Turn:
    program = Program(settings, prepared, seed, Framework(Trainer, packages))
    program.start(settings, settings.learning_rate, replicate=1)
    order = _order(program.examples, settings.batch_size, steps)
    segment = Segment(order, start=0, stop=steps, tail=False, evaluate=False)
    return lambda: program.trainer.train([segment])


def _fit_turn(settings: Settings, prepared: Prepared, seed: int, steps: int) -> Turn:
    examples = examples_of(prepared, settings, Streams(seed, 1))
    order = _order(len(examples.x_train), settings.batch_size, steps)
    x, y = examples.scaling.apply(examples.x_train)[order], examples.y_train[order]
    shape = prepared.shape or x.shape[1:]
    network = keras_network(settings, shape, prepared.classes)
    x = x.reshape(len(x), *input_shape(settings, shape))
    optimizer, _ = build_optimizer(settings, total_steps(settings, len(examples.x_train)))
    network.compile(
        optimizer=optimizer,
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    return lambda: network.fit(x, y, batch_size=settings.batch_size, shuffle=False, verbose=0)
