"""PyTorch's set-up."""

import logging
import os

log = logging.getLogger(__name__)


def configure(threads: int, gpus: int = 0) -> None:
    """Import PyTorch, and make it compute the same each time.

    Args:
        threads: threads to use.
        gpus: GPUs that the job was given; without any, it uses none, even if there are some. Where
            it was given some and PyTorch finds none, it says so, and uses the processor.
    """
    # How cuBLAS adds in the same order each time.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    os.environ["OMP_NUM_THREADS"] = str(threads)
    if not gpus:
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
    import torch

    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True)
    # Nothing here reads memory that it has not written.
    torch.utils.deterministic.fill_uninitialized_memory = False
    # As TensorFlow does: Adam's averages of gradients that are zero would slow each step down.
    torch.set_flush_denormal(True)
    if gpus and not torch.cuda.is_available():
        log.warning(
            "No GPU found, though %d was asked for: training on the processor. Is this PyTorch "
            "built for GPUs, and does nvidia-smi show one?",
            gpus,
        )
