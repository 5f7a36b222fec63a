"""PyTorch's set-up."""

import logging
import os

log = logging.getLogger(__name__)


def configure(threads: int, gpus: int = 0) -> None:
    """Import PyTorch, and make it compute the same each time.

    Args:
        threads: threads to use.
        gpus: GPUs that the job was given; 0: the processor, even if the machine has a GPU. If the
            job was given GPUs and PyTorch finds none, a warning is logged, and the processor is
            used.
    """
    # cuBLAS then adds in the same order each time.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    os.environ["OMP_NUM_THREADS"] = str(threads)
    if not gpus:
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
    import torch

    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True)
    # Convolutions on a GPU would otherwise round their inputs to 10 bits of mantissa.
    torch.backends.cudnn.allow_tf32 = False
    # No code here reads memory that it has not written.
    torch.utils.deterministic.fill_uninitialized_memory = False
    # As TensorFlow does: Adam's averages of zero gradients are denormal, which slows each step.
    torch.set_flush_denormal(True)
    if gpus and not torch.cuda.is_available():
        log.warning(
            "No GPU found, though %d was asked for: training on the processor. Is this PyTorch "
            "built for GPUs, and does nvidia-smi show one?",
            gpus,
        )
