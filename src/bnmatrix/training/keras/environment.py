"""TensorFlow's set-up, which must happen before its first import."""

import gc
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

log = logging.getLogger(__name__)

#: 512-bit vectors where the processor has them: XLA's default of 256 costs up to a seventh.
_XLA_FLAGS = "--xla_cpu_prefer_vector_width=512"

#: Packages that Keras imports if they are installed, and training does not use: importing them
#: takes 1.2 s of each job's start.
_UNUSED = ("matplotlib", "sklearn")


def configure(threads: int, gpus: int = 0) -> None:
    """Import TensorFlow and Keras, with few messages of theirs.

    Args:
        threads: threads to use.
        gpus: GPUs that the job was given; 0: the processor, even if the machine has a GPU. If the
            job was given GPUs and TensorFlow finds none, a warning is logged, and the processor is
            used.
    """
    os.environ["KERAS_BACKEND"] = "tensorflow"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ["OMP_NUM_THREADS"] = str(threads)
    if not gpus:
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
    # XLA obeys the last of several equal flags: ours, since the vector width changes results.
    os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {_XLA_FLAGS}".strip()
    with _without_collection(), _absent(_UNUSED):
        import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    found = tf.config.list_physical_devices("GPU")
    if not gpus:
        tf.config.set_visible_devices([], "GPU")
    elif not found:
        log.warning(
            "No GPU found, though %d was asked for: training on the processor. Is this TensorFlow "
            "built for GPUs (`make gpu`), and does nvidia-smi show one?",
            gpus,
        )
    # A GPU would otherwise round the inputs of products and convolutions to 10 bits of mantissa.
    tf.config.experimental.enable_tensor_float_32_execution(False)
    for device in found if gpus else ():
        # Without it, one job takes all memory of the GPU.
        tf.config.experimental.set_memory_growth(device, True)


@contextmanager
def _without_collection() -> Iterator[None]:
    """Collect no garbage until the block ends, and never what it has created.

    Imports leave hundreds of thousands of objects that live on, and the collector would look
    through them again and again: a quarter of the time that TensorFlow's import takes.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.freeze()


@contextmanager
def _absent(packages: tuple[str, ...]) -> Iterator[None]:
    """Let imports of ``packages`` fail, as if they were not installed, until the block ends."""
    absent = [name for name in packages if name not in sys.modules]
    for name in absent:
        sys.modules[name] = None  # type: ignore[assignment]  # documented; typeshed lacks it
    try:
        yield
    finally:
        for name in absent:
            del sys.modules[name]
