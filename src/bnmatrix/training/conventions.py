"""Frameworks, and what PyTorch's trainer knows of what Keras's does."""

from bnmatrix.training.activations import ACTIVATIONS
from bnmatrix.training.normalizations import NORMALIZATIONS
from bnmatrix.training.optimizers import OPTIMIZERS

#: Frameworks that networks are trained in, and the package of each.
FRAMEWORKS = {"keras": "keras", "torch": "torch"}

#: Settings of which PyTorch's trainer has fewer values than Keras's, and the values that it has.
TORCH_KNOWS: dict[str, tuple[str, ...]] = {
    "normalization": tuple(name for name, entry in NORMALIZATIONS.items() if entry.torch),
    "optimizer": tuple(name for name, entry in OPTIMIZERS.items() if entry.torch_class),
    "activation": tuple(name for name, entry in ACTIVATIONS.items() if entry.torch_module),
}

#: ε of Adam in Keras.
KERAS_ADAM_EPSILON = 1e-7
