"""TensorFlow's set-up, which must happen before its first import."""

import os

#: 512-bit vectors where the processor has them: XLA's default of 256 costs up to a seventh.
_XLA_FLAGS = "--xla_cpu_prefer_vector_width=512"


def configure(threads: int) -> None:
    """Import TensorFlow and Keras with ``threads`` threads, without chatter."""
    os.environ["KERAS_BACKEND"] = "tensorflow"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ["OMP_NUM_THREADS"] = str(threads)
    if "xla_cpu_prefer_vector_width" not in os.environ.get("XLA_FLAGS", ""):
        os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {_XLA_FLAGS}".strip()
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
