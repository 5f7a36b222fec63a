"""From settings to a Keras network and optimizer, and a replicate's initial weights."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

from bnmatrix.errors import UserError
from bnmatrix.training.initializers import initial_weights
from bnmatrix.training.keras.convolution import Convolution, MaxPooling
from bnmatrix.training.keras.layers import flat_layers, weighted_layers
from bnmatrix.training.keras.normalization import BatchNormalization, normalizations
from bnmatrix.training.networks import (
    Block,
    ConvolutionalNetwork,
    OwnNetwork,
    image_shape,
    layer_sizes,
    little_to_compute,
    own_shape,
    projected,
)
from bnmatrix.training.optimizers import OPTIMIZERS
from bnmatrix.training.own_network import build_own, check_logits
from bnmatrix.training.seeds import Purpose, Streams
from bnmatrix.training.settings import Settings


def compiled_by_xla(settings: Settings, shape: Sequence[int], classes: int) -> bool:
    """Return whether a network is compiled by XLA; otherwise, it is a TensorFlow graph.

    XLA compiles dense networks. A user's own network can have any layers, and XLA cannot compile
    all of them. On a processor, XLA's own convolution takes a hundred times as long as that of
    oneDNN, which a graph calls: where little is to be computed, convolutions are products of
    matrices (:mod:`bnmatrix.training.keras.convolution`), compiled by XLA, since starting a graph's
    operations would take most of the time; otherwise, and on a GPU, the network is a graph.

    Args:
        settings: the variant's settings.
        shape: shape of an example.
        classes: number of logits.
    """
    if settings.network == "dense":
        return True
    if isinstance(settings.network, OwnNetwork) or tf.config.get_visible_devices("GPU"):
        return False
    sizes = layer_sizes(settings.network, settings.hidden_layers, shape, classes)
    return little_to_compute(sizes, settings.batch_size)


class Dropout(keras.layers.Dropout):
    """Keras's dropout, with masks drawn by a generator that is fast where it runs.

    Args:
        rate: share of activations that are dropped.
        algorithm: ThreeFry for XLA on a processor, where TensorFlow's default takes 200 times as
            long: most of a step's time. Philox for a graph, which has no ThreeFry.
    """

    def __init__(self, rate: float, algorithm: str = "threefry") -> None:
        # initialize() sets the seed for each replicate.
        super().__init__(rate, seed=0)
        self._algorithm = algorithm

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Drop units while training, and scale up the others by 1 / (1 − rate)."""
        if not training or not self.rate:
            return inputs
        seed = tf.cast(self.seed_generator.next(), tf.int32)
        return tf.nn.experimental.stateless_dropout(
            inputs, self.rate, seed=seed, rng_alg=self._algorithm
        )


def input_shape(settings: Settings, shape: Sequence[int]) -> tuple[int, ...]:
    """Return the shape in which a network is given an example.

    Args:
        settings: the variant's settings.
        shape: shape of an example of the data set.
    """
    if isinstance(settings.network, ConvolutionalNetwork):
        return image_shape(shape)
    if isinstance(settings.network, OwnNetwork):
        return own_shape(shape)
    return (math.prod(shape),)


def build_network(settings: Settings, shape: Sequence[int], classes: int) -> keras.Model:
    """Return a network that maps examples to logits.

    A hidden layer is dense → normalization → activation → dropout, or, with the normalization
    placed after the activation, dense → activation → normalization → dropout; with the dropout
    ordered before, it follows the dense layer. The same holds for convolutions.

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
    layers = _Layers(settings, compiled_by_xla(settings, shape, classes))
    inputs = keras.Input(input_shape(settings, shape))
    x: Any = inputs
    hidden: Sequence[int] = settings.hidden_layers
    if isinstance(network, ConvolutionalNetwork):
        for block in network.convolutional:
            x = layers.block(block, x)
        hidden = network.dense
        pool = keras.layers.Flatten() if hidden else keras.layers.GlobalAveragePooling2D()
        x = pool(x)
    for units in hidden:
        layer = keras.layers.Dense(units, use_bias=settings.biases)
        before, after = layers.hidden(layer, maps=False)
        x = _chain([*before, *after], x)
    logits = keras.layers.Dense(classes, use_bias=settings.biases)(x)
    return keras.Model(inputs, logits)


def keras_network(settings: Settings, shape: Sequence[int], classes: int) -> keras.Model:
    """Return the same network of Keras's own layers, for ``fit``: some of ours need XLA.

    Args: as :func:`build_network`.
    """
    network = build_network(settings, shape, classes)
    if isinstance(settings.network, OwnNetwork):
        return network
    own = {
        Convolution: keras.layers.Conv2D,
        MaxPooling: keras.layers.MaxPooling2D,
        BatchNormalization: keras.layers.BatchNormalization,
    }

    def replaced(layer: keras.Layer) -> keras.Layer:
        if isinstance(layer, Dropout):
            return keras.layers.Dropout(layer.rate, seed=0)
        kind = own.get(type(layer))
        return kind.from_config(layer.get_config()) if kind else layer

    return keras.models.clone_model(network, clone_function=replaced)


@dataclass(frozen=True)
class _Layers:
    """The layers of a variant's network.

    Attributes:
        settings: the variant's settings.
        xla: whether XLA compiles the network.
    """

    settings: Settings
    xla: bool

    def block(self, block: Block, x: Any) -> Any:
        """Return the output of a block of convolutions."""
        shortcut, channels = x, x.shape[-1]
        for number in range(block.repeats):
            stride = 1 if number else block.stride
            before, after = self.hidden(self._convolution(block, stride), maps=True)
            x = _chain(before, x)
            if block.residual and number == block.repeats - 1:
                if projected(block, channels):
                    projection = self._convolution(block, block.stride, kernel=1)
                    normalization = normalizations(self.settings, maps=True)
                    shortcut = _chain([projection, *normalization], shortcut)
                x = keras.layers.Add()([x, shortcut])
            x = _chain(after, x)
        pooling = MaxPooling if self.xla else keras.layers.MaxPooling2D
        return pooling(block.pooling)(x) if block.pooling > 1 else x

    def _convolution(self, block: Block, stride: int, kernel: int | None = None) -> keras.Layer:
        kind = Convolution if self.xla else keras.layers.Conv2D
        size, biases = kernel or block.kernel, self.settings.biases
        return kind(block.filters, size, stride, padding="same", use_bias=biases)

    def hidden(self, layer: keras.Layer, maps: bool) -> tuple[list[keras.Layer], list[keras.Layer]]:
        """Return the layers of a hidden layer: those before and after the sum of a residual block.

        Args:
            layer: its layer with weights.
            maps: whether that gives maps, and not units.
        """
        settings = self.settings
        algorithm = "threefry" if self.xla else "philox"
        dropout = [Dropout(settings.dropout, algorithm)] if settings.dropout else []
        first: list[keras.Layer] = [layer]
        if settings.dropout_order == "before":
            first, dropout = [*first, *dropout], []
        activation = keras.layers.Activation(settings.activation)
        normalization = normalizations(settings, maps)
        if settings.placement == "before" or not normalization:
            return [*first, *normalization], [activation, *dropout]
        return [*first, activation, *normalization], dropout


def _chain(layers: Sequence[keras.Layer], x: Any) -> Any:
    for layer in layers:
        x = layer(x)
    return x


def _own(
    settings: Settings, network: OwnNetwork, shape: tuple[int, ...], classes: int
) -> keras.Model:
    """Return a user's own network."""

    def normalization(_units: int) -> keras.Layer:
        found = normalizations(settings, maps=len(shape) > 1)
        return found[0] if found else keras.layers.Identity()

    built = build_own(network, shape, classes, normalization)
    if not isinstance(built, keras.Model):
        raise UserError(
            f"{network.own}: returns {type(built).__name__}, and must return a keras.Model "
            "(with `framework: torch`, a torch.nn.Module)"
        )
    if not built.built:
        built.build((None, *shape))
    found = built.compute_output_shape((None, *shape))
    check_logits(network, found if isinstance(found, tuple) else (None, None, None), classes)
    return built


def build_optimizer(settings: Settings, steps: int) -> tuple[keras.Optimizer, keras.Variable]:
    """Return the optimizer, with Keras's defaults except for the learning rate, and its rate.

    Args:
        settings: the variant's settings.
        steps: the number of steps in the whole training, over which a schedule extends.

    Returns:
        The optimizer, and the variable that holds the learning rate: that of the first step, if the
        rate follows a schedule.
    """
    entry = OPTIMIZERS[settings.optimizer]
    optimizer = getattr(keras.optimizers, entry.keras_class)
    arguments: dict[str, Any] = dict(entry.arguments)
    if settings.weight_decay:
        arguments["weight_decay"] = settings.weight_decay
    if settings.schedule == "constant":
        built = optimizer(settings.learning_rate, **arguments)
        return built, built.learning_rate
    rate = keras.Variable(settings.learning_rate, trainable=False, name="learning_rate")
    schedule = keras.optimizers.schedules.CosineDecay(rate, steps)
    return optimizer(schedule, **arguments), rate


def initialize(
    network: keras.Model,
    settings: Settings,
    streams: Streams,
    shape: Sequence[int],
    classes: int,
) -> None:
    """Give a network the initial weights of a run, and its dropout layers the run's seeds.

    Weights of the *i*-th dense layer or convolution depend on the run's streams and on *i*, not on
    other layers, and so do the seeds of the *i*-th dropout layer: networks with and without
    normalization start from the same weights and drop the same units. A user's own network has its
    own initializers; it is built again, with Keras's random numbers started by the run's streams.

    Args:
        network: the network.
        settings: the variant's settings.
        streams: the run's random streams.
        shape: shape of an example.
        classes: number of logits.
    """
    if isinstance(settings.network, OwnNetwork):
        keras.utils.set_random_seed(streams.integer(Purpose.WEIGHTS))
        fresh = build_network(settings, shape, classes)
        for variable, value in zip(network.variables, fresh.variables, strict=True):
            variable.assign(value)
        return
    weighted = weighted_layers(network)
    shapes = [tuple(layer.kernel.shape) for layer in weighted]
    kernels = initial_weights(settings.initializer, shapes, streams)
    for layer, kernel in zip(weighted, kernels, strict=True):
        layer.kernel.assign(kernel)
    dropout = [layer for layer in flat_layers(network) if isinstance(layer, Dropout)]
    for number, layer in enumerate(dropout):
        mask_seed = streams.integer(Purpose.DROPOUT, number)
        # A new generator's state: the seed, and a count of draws.
        layer.seed_generator.state.assign([mask_seed, 0])
