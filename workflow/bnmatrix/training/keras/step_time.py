"""Time of a training step, all variants of a strip in turn."""

import time
from typing import Any

import keras
import numpy as np

from bnmatrix.datasets.preparation import Prepared
from bnmatrix.training.examples import examples_of
from bnmatrix.training.keras.network import build_network, build_optimizer
from bnmatrix.training.keras.trainer import Trainer
from bnmatrix.training.minibatches import Stretch
from bnmatrix.training.runs import Program

#: Times that each variant has its turn.
ROUNDS = 16

#: Steps of one turn: many enough for the clock, few enough that turns alternate quickly.
STEPS = 100


def step_times(spec: dict[str, Any], prepared: Prepared) -> dict[str, list[dict[str, Any]]]:
    """Return seconds a step by variant, in this package's loop and in Keras's ``fit``.

    Variants take turns, so that whatever else the machine is doing meets them all alike. A round
    is one turn of each; the first, which compiles, is not counted.

    Args:
        spec: what :meth:`bnmatrix.variants.Strip.spec` returns.
        prepared: the data, split.

    Returns:
        Rows in the form of measurements: ``replicate`` is the round, ``part`` is ``loop`` or
        ``fit``.
    """
    turns = {
        (variant["variant"], part): turn(variant["settings"], prepared, spec["seed"])
        for variant in spec["variants"]
        for part, turn in (("loop", _loop_turn), ("fit", _fit_turn))
    }
    rows: dict[str, list[dict[str, Any]]] = {v["variant"]: [] for v in spec["variants"]}
    for number in range(ROUNDS + 1):
        for (variant, part), turn in turns.items():
            began = time.perf_counter()
            turn()
            seconds = (time.perf_counter() - began) / STEPS
            if number:
                rows[variant].append(
                    {"replicate": number, "step": STEPS, "measure": "seconds_per_step"}
                    | {"part": part, "value": seconds}
                )
    return rows


def _orders(examples: int, batch_size: int) -> np.ndarray:
    """Return indices for one turn, over and over the data where it is small."""
    return np.resize(np.arange(examples, dtype=np.int32), STEPS * batch_size)


def _loop_turn(settings: dict[str, Any], prepared: Prepared, seed: int) -> Any:
    program = Program(settings, prepared, seed, Trainer)
    program.start(settings, settings["learning_rate"] or 1e-3, 1)
    order = _orders(program.examples, settings["batch_size"])
    stretch = Stretch(order, 0, STEPS, tail=False, evaluate=False)
    return lambda: program.trainer.train(stretch)


def _fit_turn(settings: dict[str, Any], prepared: Prepared, seed: int) -> Any:
    examples = examples_of(prepared, settings, seed, 1)
    order = _orders(len(examples.x_train), settings["batch_size"])
    x, y = examples.scaling.apply(examples.x_train)[order], examples.y_train[order]
    network = build_network(settings, x.shape[1], prepared.classes)
    network.compile(
        optimizer=build_optimizer(settings),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    return lambda: network.fit(x, y, batch_size=settings["batch_size"], shuffle=False, verbose=0)
