"""PyTorch, as training sees it."""

from importlib.metadata import version

import torch

from bnmatrix.training.framework import Framework
from bnmatrix.training.torch.trainer import Trainer

#: The version names the build ("2.13.0+cpu").
TORCH = Framework(Trainer, lambda: {"numpy": version("numpy"), "torch": torch.__version__})
