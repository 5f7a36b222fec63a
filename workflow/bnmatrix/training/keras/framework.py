"""Keras on TensorFlow, as training sees it."""

from importlib.metadata import version

import keras
import tensorflow as tf

from bnmatrix.training.framework import Framework
from bnmatrix.training.keras.measures import Probe
from bnmatrix.training.keras.step_time import step_times
from bnmatrix.training.keras.trainer import Trainer


def _packages() -> dict[str, str]:
    # TensorFlow's distribution has another name in each of its builds.
    return {"keras": keras.__version__, "tensorflow": tf.__version__, "numpy": version("numpy")}


KERAS = Framework(Trainer, _packages, Probe, step_times)
