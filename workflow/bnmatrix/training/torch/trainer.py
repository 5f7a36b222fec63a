"""The same training in PyTorch: native modules, one loop, data on the device.

With ``conventions: keras``, it does what the Keras trainer
does, from the same initial weights, over the same mini-batches; with ``conventions: torch``,
PyTorch's defaults hold. :data:`bnmatrix.registry.CONVENTIONS` lists what the two do differently.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from bnmatrix.datasets.scaling import Scaling
from bnmatrix.registry import KERAS_ADAM_EPSILON, SGD_MOMENTUM
from bnmatrix.training import seeds
from bnmatrix.training.initializers import initial_weights
from bnmatrix.training.minibatches import Stretch

#: Examples evaluated at a time.
EVALUATION_BATCH = 1000

_ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "elu": nn.ELU,
    "selu": nn.SELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "leaky_relu": lambda: nn.LeakyReLU(0.2),  # Keras's slope
    "linear": nn.Identity,
}


#: Weights from which on oneDNN saves more than it costs to call it.
_LARGE = 8192


class _Product(torch.autograd.Function):
    """``x Wᵀ + b`` by oneDNN, which multiplies twice as fast as MKL on processors not Intel's."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, weight: torch.Tensor, bias: Any) -> torch.Tensor:
        ctx.save_for_backward(x, weight)
        return _multiply(x, weight, bias)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        wanted = ctx.needs_input_grad
        return (
            _multiply(gradient, weight.t()) if wanted[0] else None,
            _multiply(gradient.t(), x.t()),
            gradient.sum(0) if wanted[2] else None,
        )


def _multiply(x: torch.Tensor, weight: torch.Tensor, bias: Any = None) -> torch.Tensor:
    return torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")


class Dense(nn.Linear):
    """PyTorch's dense layer; on a processor, large products are oneDNN's."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return examples × units."""
        large = self.weight.numel() >= _LARGE
        if large and x.device.type == "cpu" and torch.backends.mkldnn.is_available():
            return _Product.apply(x, self.weight, self.bias)
        return super().forward(x)


class BiasedBatchNorm(nn.BatchNorm1d):
    """Batch normalization whose moving variance averages biased variances, as Keras's does.

    PyTorch's own averages unbiased ones, n / (n − 1) times as large.
    """

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Normalize examples × units, by the mini-batch in training, else by moving averages."""
        if not self.training:
            return super().forward(x)
        y, mean, inverse = torch.native_batch_norm(
            *(x, self.weight, self.bias, None, None, True, 0.0, self.eps)
        )
        with torch.no_grad():
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(inverse.pow(-2) - self.eps, self.momentum)
        return y


def _normalization(settings: dict[str, Any], units: int) -> nn.Module | None:
    kind, default = settings["normalization"], settings["conventions"] == "torch"
    epsilon = {} if default else {"eps": settings["normalization_epsilon"]}
    if kind == "batch" and default:
        return nn.BatchNorm1d(units)
    if kind == "batch":
        # PyTorch's momentum is the share of the new value, Keras's that of the old one.
        return BiasedBatchNorm(units, momentum=1 - settings["normalization_momentum"], **epsilon)
    if kind == "layer":
        return nn.LayerNorm(units, **epsilon)
    if kind == "group":
        return nn.GroupNorm(settings["normalization_groups"], units, **epsilon)
    return None


def build_network(settings: dict[str, Any], features: int, classes: int) -> nn.Sequential:
    """Return a dense network that maps features to logits; layers are ordered as in Keras's.

    Args:
        settings: the variant's settings.
        features: number of input features.
        classes: number of logits.
    """
    layers: list[nn.Module] = []
    inputs = features
    for units in settings["hidden_layers"]:
        layers.append(Dense(inputs, units, bias=settings["biases"]))
        activation = _ACTIVATIONS[settings["activation"]]()
        normalization = _normalization(settings, units)
        dropout = [nn.Dropout(settings["dropout"])] if settings["dropout"] else []
        if settings["dropout_order"] == "before":
            layers += dropout
            dropout = []
        block = [activation] if normalization is None else [normalization, activation]
        layers += block if settings["placement"] != "after" else block[::-1]
        layers += dropout
        inputs = units
    layers.append(Dense(inputs, classes, bias=settings["biases"]))
    return nn.Sequential(*layers)


def build_optimizer(
    settings: dict[str, Any], network: nn.Module, rate: float
) -> torch.optim.Optimizer:
    """Return the optimizer; its fused implementation takes a third of the time of a loop's."""
    weights = list(network.parameters())
    if settings["optimizer"] == "adam":
        return torch.optim.Adam(weights, rate, fused=True)
    momentum = SGD_MOMENTUM if settings["optimizer"] == "momentum" else 0.0
    return torch.optim.SGD(weights, rate, momentum=momentum, fused=True)


class Trainer:
    """A network and its optimizer that train any number of replicates.

    It has the methods of :class:`bnmatrix.training.keras.trainer.Trainer` that training needs.

    Args:
        settings: a variant's settings.
        classes: number of classes.
        x: training examples × features.
        y: their labels, int32.
        scaling: the input scaling.
    """

    def __init__(
        self, settings: dict[str, Any], classes: int, x: np.ndarray, y: np.ndarray, scaling: Scaling
    ) -> None:
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.settings = settings
        self.batch_size = settings["batch_size"]
        self.network = build_network(settings, x.shape[1], classes).to(self.device)
        self.use(x, y, scaling)
        self.optimizer = build_optimizer(settings, self.network, settings["learning_rate"] or 1e-3)
        numbers = [*self.network.parameters(), *self.network.buffers()]
        self.parameters = sum(n.numel() for n in numbers if n.is_floating_point())
        #: What training holds: Adam keeps two averages a weight, SGD with momentum one.
        weights = sum(weight.numel() for weight in self.network.parameters())
        self.size = self.parameters + weights * {"adam": 2, "momentum": 1}.get(
            settings["optimizer"], 0
        )

    def use(self, x: np.ndarray, y: np.ndarray, scaling: Scaling) -> None:
        """Train on other examples from now on, as many as before."""
        self._scaling = scaling
        both = np.stack(np.broadcast_arrays(scaling.shift, scaling.scale))
        self._shift, self._scale = torch.tensor(both, dtype=torch.float32).to(self.device)
        self._shifted = bool(np.any(scaling.shift))
        self.x, self.y = self.place(x, y)
        self._order: np.ndarray | None = None

    def place(self, x: np.ndarray, y: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        """Put examples on the device; bytes stay bytes, and are scaled a mini-batch at a time.

        A quarter of the memory to gather from costs less than scaling beforehand saves.
        """
        features = torch.from_numpy(x if x.dtype == np.uint8 else self._scaling.apply(x))
        labels = torch.from_numpy(y.astype(np.int64))
        return features.to(self.device), labels.to(self.device)

    def scaled(self, x: torch.Tensor) -> torch.Tensor:
        """Return placed examples as the network's input."""
        if x.dtype != torch.uint8:
            return x
        x = x.to(torch.float32)
        return (x.sub_(self._shift) if self._shifted else x).mul_(self._scale)

    def start(self, settings: dict[str, Any], rate: float, seed: int, replicate: int) -> None:
        """Go back to before the first step, with the initial weights of a replicate.

        Args:
            settings: the variant's settings.
            rate: the learning rate.
            seed: the study's seed.
            replicate: the replicate's number.
        """
        for layer in self.network:
            if hasattr(layer, "reset_parameters") and not isinstance(layer, nn.Linear):
                layer.reset_parameters()
        dense = [layer for layer in self.network if isinstance(layer, nn.Linear)]
        if settings["conventions"] == "torch":
            for number, layer in enumerate(dense):
                torch.manual_seed(seeds.integer(seed, replicate, seeds.Purpose.WEIGHTS, number))
                layer.reset_parameters()
        else:
            # Drawn weights are inputs × units, PyTorch's units × inputs.
            shapes = [tuple(layer.weight.shape[::-1]) for layer in dense]
            kernels = initial_weights(settings["initializer"], shapes, seed, replicate)
            with torch.no_grad():
                for layer, kernel in zip(dense, kernels, strict=True):
                    layer.weight.copy_(torch.from_numpy(kernel.T.copy()))
                    if layer.bias is not None:
                        layer.bias.zero_()
        self.optimizer = build_optimizer(settings, self.network, rate)
        self._steps = 0
        # Masks of dropout.
        torch.manual_seed(seeds.integer(seed, replicate, seeds.Purpose.DROPOUT))

    def train(self, stretch: Stretch) -> tuple[float, float]:
        """Train on the mini-batches of a stretch.

        Returns:
            Sum over its examples of the loss, and of the examples classified correctly, each
            mini-batch as it was trained on: in training mode, before its update.
        """
        if stretch.order is not self._order:
            self._order = stretch.order
            self._indices = torch.from_numpy(stretch.order.astype(np.int64)).to(self.device)
        size = self.batch_size
        stop = len(self._indices) if stretch.tail else stretch.stop * size
        indices = self._indices[stretch.start * size : stop]
        labels = self.y.index_select(0, indices)
        self.network.train()
        logits = [
            self._step(self.scaled(self.x.index_select(0, own)), labels[first : first + size])
            for first, own in zip(range(0, len(indices), size), indices.split(size), strict=True)
        ]
        with torch.inference_mode():
            every = torch.cat(logits)
            loss = self._loss(every, labels, "sum")
            return float(loss), float((every.argmax(1) == labels).sum())

    def _step(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """Train on one mini-batch; return its logits, before the update."""
        logits = self.network(x)
        self.optimizer.zero_grad(set_to_none=True)
        self._loss(logits, y, "mean").backward()
        self._steps += 1
        if self.settings["optimizer"] == "adam" and self.settings["conventions"] != "torch":
            # Keras adds ε to the root of the uncorrected second moment, PyTorch to the corrected.
            corrected = math.sqrt(1 - 0.999**self._steps)
            self.optimizer.param_groups[0]["eps"] = KERAS_ADAM_EPSILON / corrected
        self.optimizer.step()
        return logits.detach()

    def _loss(self, logits: torch.Tensor, y: torch.Tensor, reduction: str) -> torch.Tensor:
        """Return the loss that is trained on."""
        if self.settings["loss"] == "softmax_twice":
            logits = logits.softmax(1)
        return functional.cross_entropy(logits, y, reduction=reduction)

    def evaluate(self, x: torch.Tensor, y: torch.Tensor) -> tuple[float, float]:
        """Return the mean loss and the accuracy on placed examples, in inference mode."""
        logits = self._logits(x)
        loss = functional.cross_entropy(logits, y)
        return float(loss), float((logits.argmax(1) == y).sum()) / len(y)

    def predict(self, x: torch.Tensor) -> np.ndarray:
        """Return each class's probability for placed examples, in inference mode.

        Returns:
            Examples × classes, float32.
        """
        return self._logits(x).softmax(1).cpu().numpy()

    @torch.inference_mode()
    def _logits(self, x: torch.Tensor) -> torch.Tensor:
        self.network.eval()
        return torch.cat([self.network(self.scaled(part)) for part in x.split(EVALUATION_BATCH)])
