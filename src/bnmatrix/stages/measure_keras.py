"""Train a job's variants in Keras, and measure their networks during training."""

from pathlib import Path

from bnmatrix.training.keras.environment import configure
from bnmatrix.training.spec import JobSpec


def run(spec: JobSpec, *, data: Path, threads: int, gpus: int, folder: Path) -> None:
    """Train all replicates of a job's variants, measure, and write the job's tables.

    Args: as :func:`bnmatrix.stages.train_keras.run`.
    """
    threads = spec.threads(threads, gpus)
    configure(threads, gpus)

    from bnmatrix.training.framework import Framework
    from bnmatrix.training.job import run_job
    from bnmatrix.training.keras.probe import Probe
    from bnmatrix.training.keras.trainer import Trainer, packages
    from bnmatrix.training.keras.turns import turns
    from bnmatrix.training.measures.measuring import Measuring

    framework = Framework(Trainer, packages, Measuring(Probe, turns))
    run_job(spec, data, framework, threads, folder)
