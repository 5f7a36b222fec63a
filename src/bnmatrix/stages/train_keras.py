"""Train a job's variants in Keras."""

from pathlib import Path

from bnmatrix.training.keras.environment import configure
from bnmatrix.training.spec import JobSpec


def run(spec: JobSpec, *, data: Path, threads: int, gpus: int, folder: Path) -> None:
    """Train all replicates of a job's variants, and write its tables.

    Args:
        spec: the specification of the job.
        data: the prepared data (.npz).
        threads: number of threads to use.
        gpus: number of GPUs of the job; 0: use the processor only.
        folder: the folder for the tables.
    """
    threads = spec.threads(threads, gpus)
    configure(threads, gpus)

    from bnmatrix.training.framework import Framework
    from bnmatrix.training.job import run_job
    from bnmatrix.training.keras.trainer import Trainer, packages

    run_job(spec, data, Framework(Trainer, packages), threads, folder)
