"""From settings to a PyTorch network and optimizer."""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from bnmatrix.errors import UserError
from bnmatrix.training.activations import ACTIVATIONS
from bnmatrix.training.networks import (
    Block,
    ConvolutionalNetwork,
    OwnNetwork,
    image_shape,
    layer_sizes,
    own_shape,
    projected,
)
from bnmatrix.training.optimizers import OPTIMIZERS
from bnmatrix.training.own_network import build_own, check_logits, failed
from bnmatrix.training.settings import Settings

#: Number of weights from which on oneDNN saves more than a call of it costs.
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


class Convolution(nn.Conv2d):
    """PyTorch's convolution, with zeros around the input that keep its size (at stride 1).

    Args:
        inputs: channels of the input.
        filters: channels of the output.
        kernel: height and width of the kernels.
        stride: distance between the pixels at which it is computed.
        bias: whether it has biases.
        symmetric: whether an odd kernel has as many zeros before the input as after it, as usual in
            PyTorch. Otherwise, as in Keras, the zero that a stride leaves over comes after it.
    """

    def __init__(
        self, inputs: int, filters: int, kernel: int, stride: int, bias: bool, symmetric: bool
    ) -> None:
        super().__init__(inputs, filters, kernel, stride, bias=bias)
        self._symmetric = symmetric and kernel % 2 == 1

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return examples × filters × height × width."""
        (top, bottom), (left, right) = (self._zeros(size) for size in x.shape[2:])
        if top != bottom or left != right:
            x, top, left = functional.pad(x, (left, right, top, bottom)), 0, 0
        return functional.conv2d(x, self.weight, self.bias, self.stride, (top, left))

    def _zeros(self, size: int) -> tuple[int, int]:
        """Return how many zeros come before and after an input of a size."""
        kernel, stride = self.kernel_size[0], self.stride[0]
        if self._symmetric:
            return kernel // 2, kernel // 2
        zeros = max((math.ceil(size / stride) - 1) * stride + kernel - size, 0)
        return zeros // 2, zeros - zeros // 2


class BiasedBatchNorm(nn.modules.batchnorm._BatchNorm):
    """Batch normalization whose moving variance averages biased variances, as Keras's does.

    PyTorch's own averages unbiased ones, n / (n − 1) times as large.
    """

    running_mean: torch.Tensor
    running_var: torch.Tensor
    momentum: float
    ghost: int | None = None
    """Number of examples in the parts of a mini-batch that have their own statistics."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Normalize units or channels, by the mini-batch in training, else by moving averages."""
        if not self.training:
            return functional.batch_norm(
                x, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps
            )
        whole = self.ghost is None or len(x) % self.ghost
        found = [
            torch.native_batch_norm(part, self.weight, self.bias, None, None, True, 0.0, self.eps)
            for part in x.split(len(x) if whole else self.ghost)
        ]
        with torch.no_grad():
            mean = torch.stack([mean for _, mean, _ in found]).mean(0)
            inverse = torch.stack([inverse for *_, inverse in found])
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_((inverse.pow(-2) - self.eps).mean(0), self.momentum)
        return found[0][0] if whole else torch.cat([y for y, *_ in found])


def _batch(settings: Settings, units: int, maps: bool) -> nn.Module:
    if settings.conventions == "torch":
        return nn.BatchNorm2d(units) if maps else nn.BatchNorm1d(units)
    # PyTorch's momentum is the share of the new value, Keras's that of the old one.
    momentum = 1 - settings.normalization_momentum
    layer = BiasedBatchNorm(units, eps=settings.normalization_epsilon, momentum=momentum)
    layer.ghost = settings.ghost_batch_size
    return layer


def _layer(settings: Settings, units: int, maps: bool) -> nn.Module:
    arguments = {} if settings.conventions == "torch" else {"eps": settings.normalization_epsilon}
    # Of maps, over channels, height and width, with a scale and a shift per channel (Wu & He 2018).
    return nn.GroupNorm(1, units, **arguments) if maps else nn.LayerNorm(units, **arguments)


def _group(settings: Settings, units: int, _maps: bool) -> nn.Module:
    groups = settings.normalization_groups
    if settings.conventions == "torch":
        return nn.GroupNorm(groups, units)
    return nn.GroupNorm(groups, units, eps=settings.normalization_epsilon)


class MapRms(nn.RMSNorm):
    """RMS normalization of the channels of each pixel, as Keras's of maps."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return examples × channels × height × width."""
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


def _rms(settings: Settings, units: int, maps: bool) -> nn.Module:
    layer = MapRms if maps else nn.RMSNorm
    if settings.conventions == "torch":
        return layer(units)
    return layer(units, eps=settings.normalization_epsilon)


#: Normalization layers by name: from settings, the number of units or channels, and whether these
#: are channels of maps, to a module.
NORMALIZATION_LAYERS: dict[str, Callable[[Settings, int, bool], nn.Module]] = {
    "batch": _batch,
    "layer": _layer,
    "group": _group,
    "rms": _rms,
}


def activation_layer(name: str) -> nn.Module:
    """Return an activation function, given its name in Keras."""
    entry = ACTIVATIONS[name]
    if entry.torch_module is None:
        raise ValueError(f"PyTorch's trainer has no activation function {name}")
    return getattr(nn, entry.torch_module)(**entry.torch_arguments)


def build_network(settings: Settings, shape: Sequence[int], classes: int) -> nn.Module:
    """Return a network that maps examples to logits; layers are ordered as in Keras's.

    Args:
        settings: the variant's settings.
        shape: shape of an example.
        classes: number of logits.

    Raises:
        UserError: a user's own network cannot be built, or is none.
    """
    network = settings.network
    if isinstance(network, OwnNetwork):
        return _own(settings, network, own_shape(shape), classes)
    layers: list[nn.Module] = []
    inputs, hidden = math.prod(shape), settings.hidden_layers
    if isinstance(network, ConvolutionalNetwork):
        channels = image_shape(shape)[2]
        for block in network.convolutional:
            layers.append(_ConvolutionBlock(settings, block, channels))
            channels = block.filters
        hidden = network.dense
        layers.append(FlatMaps() if hidden else Average())
        sizes = layer_sizes(network, (), shape, classes)
        inputs = sizes[-1 - len(hidden)].multiplications // sizes[-1 - len(hidden)].units
    for units in hidden:
        dense = Dense(inputs, units, bias=settings.biases)
        before, after = _hidden(settings, dense, units, maps=False)
        layers += [*before, *after]
        inputs = units
    layers.append(Dense(inputs, classes, bias=settings.biases))
    return nn.Sequential(*layers)


class FlatMaps(nn.Module):
    """Maps as one vector, in Keras's order: height, width, channels."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return examples × features."""
        return x.permute(0, 2, 3, 1).flatten(1)


class Average(nn.Module):
    """Global average pooling."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return examples × channels."""
        return x.mean((2, 3))


class _ConvolutionBlock(nn.Module):
    """A block of convolutions.

    Args:
        settings: the variant's settings.
        block: the block.
        channels: channels of the input.
    """

    def __init__(self, settings: Settings, block: Block, channels: int) -> None:
        super().__init__()
        symmetric = settings.conventions == "torch"
        before: list[nn.Module] = []
        after: list[nn.Module] = []
        inputs = channels
        for number in range(block.repeats):
            stride = 1 if number else block.stride
            layer = Convolution(
                inputs, block.filters, block.kernel, stride, settings.biases, symmetric
            )
            before += after
            first, after = _hidden(settings, layer, block.filters, maps=True)
            before += first
            inputs = block.filters
        self.before, self.after = nn.Sequential(*before), nn.Sequential(*after)
        shortcut: list[nn.Module] = []
        if block.residual and projected(block, channels):
            shortcut.append(
                Convolution(channels, block.filters, 1, block.stride, settings.biases, symmetric)
            )
            shortcut += _normalization(settings, block.filters, maps=True)
        self.shortcut = nn.Sequential(*shortcut) if block.residual else None
        self.pooling = nn.MaxPool2d(block.pooling) if block.pooling > 1 else nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return examples × filters × height × width."""
        y = self.before(x)
        if self.shortcut is not None:
            y = y + self.shortcut(x)
        return self.pooling(self.after(y))


def _hidden(
    settings: Settings, layer: nn.Module, units: int, maps: bool
) -> tuple[list[nn.Module], list[nn.Module]]:
    """Return the layers of a hidden layer: those before and after the sum of a residual block."""
    dropout: list[nn.Module] = [nn.Dropout(settings.dropout)] if settings.dropout else []
    first = [layer]
    if settings.dropout_order == "before":
        first, dropout = [*first, *dropout], []
    activation = activation_layer(settings.activation)
    normalization = _normalization(settings, units, maps)
    if settings.placement == "before" or not normalization:
        return [*first, *normalization], [activation, *dropout]
    return [*first, activation, *normalization], dropout


def _normalization(settings: Settings, units: int, maps: bool) -> list[nn.Module]:
    """Return the normalization as a list of one layer, or of none."""
    if settings.normalization == "none":
        return []
    return [NORMALIZATION_LAYERS[settings.normalization](settings, units, maps)]


def _own(
    settings: Settings, network: OwnNetwork, shape: tuple[int, ...], classes: int
) -> nn.Module:
    """Return a user's own network; images are channels × height × width."""
    maps = len(shape) == 3
    if maps:
        shape = (shape[2], *shape[:2])

    def normalization(units: int) -> nn.Module:
        found = _normalization(settings, units, maps)
        return found[0] if found else nn.Identity()

    built = build_own(network, shape, classes, normalization)
    if not isinstance(built, nn.Module):
        raise UserError(
            f"{network.own}: returns {type(built).__name__}, and must return a torch.nn.Module "
            "(with `framework: keras`, a keras.Model)"
        )
    built.eval()
    try:
        with torch.no_grad():
            found = built(torch.zeros(2, *shape))
    except Exception as error:
        raise failed(network, error) from error
    check_logits(network, tuple(found.shape), classes)
    return built


def batch_normalizations(network: nn.Module) -> list[nn.modules.batchnorm._BatchNorm]:
    """Return the layers that normalize by the statistics of mini-batches."""
    kind = nn.modules.batchnorm._BatchNorm
    return [layer for layer in network.modules() if isinstance(layer, kind)]


def build_optimizer(
    settings: Settings, weights: Iterable[nn.Parameter], learning_rate: float
) -> torch.optim.Optimizer:
    """Return the optimizer of some weights.

    Its fused implementation takes a third of the time of a loop's. It does not decay weights.
    """
    entry = OPTIMIZERS[settings.optimizer]
    if entry.torch_class is None:
        raise ValueError(f"PyTorch's trainer has no optimizer {settings.optimizer}")
    optimizer = getattr(torch.optim, entry.torch_class)
    return optimizer(list(weights), learning_rate, fused=True, **entry.arguments)
