"""The kinds of networks that a study can train, and the sizes of their layers.

No framework is needed here: plans estimate the cost of a network, and check it, from its sizes.
"""

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from bnmatrix.models import Count, Model

#: The path of a Python file, a colon, and the name of a function in it.
_FUNCTION = r"^[^:]+\.py:[A-Za-z_]\w*$"

#: Multiplications for each number of an example in a user's own network, for estimates of time:
#: unknown, since plans import no framework. A network of 32, 64 and 128 filters on CIFAR-10 has as
#: many.
_OWN_MULTIPLICATIONS = 3_000


class Block(Model):
    """Some convolutions with the same number of filters, and max pooling after them.

    Each convolution is a layer: it has a normalization, an activation and a dropout.
    """

    filters: Count
    """Number of filters of each convolution: the channels of its output."""
    kernel: Count = 3
    """Height and width of the kernels, in pixels. Zeros around the input keep its size."""
    stride: Count = 1
    """Distance between the pixels at which the first convolution is computed."""
    repeats: Count = 1
    """Number of convolutions."""
    residual: bool = False
    """Whether the input of the block is added to the output of its convolutions, before the last
    activation (He et al. 2016). If the shapes differ, the input passes a 1×1 convolution first."""
    pooling: Count = 1
    """Height and width of the areas of max pooling; 1: no pooling."""

    @property
    def label(self) -> str:
        """A short name, such as ``32`` or ``64k5x2p2``: filters, and what is not the default."""
        parts = {"k": (self.kernel, 3), "s": (self.stride, 1), "x": (self.repeats, 1)}
        parts["p"] = (self.pooling, 1)
        changed = [f"{key}{value}" for key, (value, usual) in parts.items() if value != usual]
        return f"{self.filters}{''.join(changed)}{'r' if self.residual else ''}"


class ConvolutionalNetwork(Model):
    """Blocks of convolutions, and then global average pooling or dense layers."""

    convolutional: Annotated[tuple[Block, ...], Field(min_length=1)]
    """The blocks, from the input on."""
    dense: tuple[Count, ...] = ()
    """Units of dense hidden layers after the blocks. If there are none, each channel is averaged
    over height and width."""

    @property
    def label(self) -> str:
        """A short name, such as ``conv-16-32p2``."""
        dense = [f"d{units}" for units in self.dense]
        return "-".join(["conv", *(block.label for block in self.convolutional), *dense])


class OwnNetwork(Model):
    """A user's own network: what a Python function returns."""

    own: Annotated[str, Field(pattern=_FUNCTION)]
    """`path/to/file.py:function`. The function is given the shape of an example, the number of
    classes and a function `normalization(units)`, and returns a `keras.Model` or a
    `torch.nn.Module` that maps examples to logits."""

    @property
    def file(self) -> str:
        """Path of the Python file."""
        return self.own.rpartition(":")[0]

    @property
    def function(self) -> str:
        """Name of the function."""
        return self.own.rpartition(":")[2]

    @property
    def label(self) -> str:
        """A short name, such as ``own-my_model-build``."""
        stem = self.file.replace("\\", "/").rpartition("/")[2].removesuffix(".py")
        return f"own-{stem}-{self.function}"


#: Kinds of networks, by the key that declares them.
_KINDS: Mapping[str, type[ConvolutionalNetwork | OwnNetwork]] = {
    "convolutional": ConvolutionalNetwork,
    "own": OwnNetwork,
}


def _network(value: Any) -> Any:
    """Validate a network; the error message names the three kinds."""
    if value == "dense" or isinstance(value, ConvolutionalNetwork | OwnNetwork):
        return value
    if isinstance(value, Mapping):
        for key, model in _KINDS.items():
            if key in value:
                return model.model_validate(value)
    raise ValueError(
        "must be dense, or {convolutional: [{filters: …}, …]}, or {own: path/to/file.py:function}"
    )


Network = Annotated[
    Literal["dense"] | ConvolutionalNetwork | OwnNetwork,
    BeforeValidator(_network),
]


def kind_of(network: Any) -> str:
    """Return the kind of a value of the setting ``network``: dense, convolutional or own."""
    if isinstance(network, ConvolutionalNetwork):
        return "convolutional"
    return "own" if isinstance(network, OwnNetwork) else "dense"


@dataclass(frozen=True)
class LayerSize:
    """Sizes of a dense layer or a convolution.

    Attributes:
        units: units, or channels of the output.
        multiplications: of one example; a forward pass has twice as many floating-point operations.
        outputs: numbers that an example has in the output.
        normalized: whether a normalization belongs to it.
    """

    units: int
    multiplications: int
    outputs: int
    normalized: bool = True


#: The most multiplications of a mini-batch's forward pass that are little to compute.
_LITTLE = 25_000_000


def little_to_compute(sizes: Iterable[LayerSize], batch_size: int) -> bool:
    """Return whether a mini-batch is so little to compute that starting operations takes longer.

    Args:
        sizes: those of the network's layers.
        batch_size: examples in a mini-batch.
    """
    return batch_size * sum(size.multiplications for size in sizes) <= _LITTLE


def dense_sizes(widths: Sequence[int]) -> Iterator[LayerSize]:
    """Yield the sizes of consecutive dense layers, of which the last gives the logits.

    Args:
        widths: number of inputs, and units of each layer.
    """
    for number, (inputs, units) in enumerate(itertools.pairwise(widths), start=2):
        yield LayerSize(units, inputs * units, units, normalized=number < len(widths))


def layer_sizes(
    network: Any, hidden_layers: Sequence[int], shape: Sequence[int], classes: int
) -> list[LayerSize]:
    """Return the sizes of the layers of a network, from the input on.

    Args:
        network: a value of the setting ``network``.
        hidden_layers: units of the hidden layers of a dense network.
        shape: shape of an example.
        classes: number of logits.

    Raises:
        ValueError: the examples are not images, or pooling leaves nothing of them.
    """
    if isinstance(network, OwnNetwork):
        multiplications = _OWN_MULTIPLICATIONS * math.prod(shape)
        return [LayerSize(classes, multiplications, classes, normalized=False)]
    if not isinstance(network, ConvolutionalNetwork):
        return list(dense_sizes([math.prod(shape), *hidden_layers, classes]))
    sizes: list[LayerSize] = []
    height, width, channels = image_shape(shape)
    for block in network.convolutional:
        inputs = channels
        for number in range(block.repeats):
            if number == 0:
                height, width = (math.ceil(side / block.stride) for side in (height, width))
            outputs = height * width * block.filters
            sizes.append(LayerSize(block.filters, block.kernel**2 * channels * outputs, outputs))
            channels = block.filters
        if block.residual and projected(block, inputs):
            sizes.append(LayerSize(channels, inputs * outputs, outputs))
        height, width = height // block.pooling, width // block.pooling
        if not height or not width:
            raise ValueError(
                f"pooling: block {block.label} of {network.label} leaves no pixel of "
                f"{' × '.join(map(str, shape))}"
            )
    features = height * width * channels if network.dense else channels
    return [*sizes, *dense_sizes([features, *network.dense, classes])]


def projected(block: Block, channels: int) -> bool:
    """Return whether the input of a residual block has another shape than the output.

    Args:
        block: the block.
        channels: channels of the input.
    """
    return block.stride > 1 or channels != block.filters


def image_shape(shape: Sequence[int]) -> tuple[int, int, int]:
    """Return height, width and channels of an image; gray images have one channel.

    Raises:
        ValueError: the examples are not images.
    """
    if len(shape) not in (2, 3):
        raise ValueError(
            "a convolutional network needs images: examples of height × width, or of height × "
            f"width × channels (not {' × '.join(map(str, shape))})"
        )
    height, width, *channels = shape
    return height, width, *(channels or [1])  # type: ignore[return-value]


def own_shape(shape: Sequence[int]) -> tuple[int, ...]:
    """Return the shape of an example for a user's own network: gray images get a channel."""
    return image_shape(shape) if len(shape) == 2 else tuple(shape)
