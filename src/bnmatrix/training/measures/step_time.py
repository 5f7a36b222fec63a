"""Time of a training step, all variants of a job in turn."""

import time

from bnmatrix.training.measures.registry import Turns, measure_after_runs
from bnmatrix.training.rows import MeasurementRow

#: Turns of each variant.
ROUNDS = 16

#: Steps of one turn: many enough for the clock, few enough that turns alternate quickly.
STEPS = 100


@measure_after_runs("seconds_per_step")
def step_time(turns: Turns, rounds: int, steps: int) -> dict[str, list[MeasurementRow]]:
    """Return the seconds of a step, by variant.

    Variants take turns, so that other work of the machine slows all of them alike. A round
    is one turn of each; the first one compiles and is not counted.

    Args:
        turns: by variant and by what trains it.
        rounds: rounds that are counted.
        steps: steps of one turn.

    Returns:
        Rows whose ``replicate`` is the round and whose ``part`` is what trained.
    """
    rows: dict[str, list[MeasurementRow]] = {variant: [] for variant, _ in turns}
    for number in range(rounds + 1):
        for (variant, part), turn in turns.items():
            began = time.perf_counter()
            turn()
            seconds = (time.perf_counter() - began) / steps
            if number > 0:
                rows[variant].append(
                    MeasurementRow(
                        replicate=number,
                        step=steps,
                        measure="seconds_per_step",
                        part=part,
                        value=seconds,
                    )
                )
    return rows
