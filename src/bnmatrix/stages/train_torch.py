"""Train a job's variants in PyTorch."""

from pathlib import Path

from bnmatrix.training.spec import JobSpec
from bnmatrix.training.torch.environment import configure


def run(spec: JobSpec, *, data: Path, threads: int, gpus: int, folder: Path) -> None:
    """Train all replicates of a job's variants, and write its tables.

    Args: as :func:`bnmatrix.stages.train_keras.run`.
    """
    threads = spec.threads(threads, gpus)
    configure(threads, gpus)

    from bnmatrix.training.framework import Framework
    from bnmatrix.training.job import run_job
    from bnmatrix.training.torch.trainer import Trainer, packages

    run_job(spec, data, Framework(Trainer, packages), threads, folder)
