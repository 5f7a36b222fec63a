"""The same training in PyTorch: native modules, one loop, data on the device.

With ``conventions: keras``, it takes the steps that the Keras trainer takes, from the same initial
weights, over the same mini-batches; with ``conventions: torch``, PyTorch's defaults hold.
:data:`bnmatrix.training.convention_table.CONVENTIONS` lists what the two do differently.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional
from torch.optim.lr_scheduler import CosineAnnealingLR

from bnmatrix.datasets.scaling import Scaling
from bnmatrix.training.augmentation import augmented
from bnmatrix.training.averaging import share
from bnmatrix.training.class_weights import balanced_weights
from bnmatrix.training.conventions import KERAS_ADAM_EPSILON
from bnmatrix.training.framework import Part, Placed, most_recomputed
from bnmatrix.training.initializers import initial_weights
from bnmatrix.training.minibatches import Segment, total_steps
from bnmatrix.training.networks import OwnNetwork, image_shape
from bnmatrix.training.optimizers import OPTIMIZERS
from bnmatrix.training.seeds import Purpose, Streams
from bnmatrix.training.settings import Settings
from bnmatrix.training.torch.network import batch_normalizations, build_network, build_optimizer


def packages() -> dict[str, str]:
    """Return the versions of the packages that compute, by name.

    PyTorch's version names its build, such as "2.13.0+cpu".
    """
    return {"numpy": np.__version__, "torch": torch.__version__}


#: Examples evaluated at a time.
EVALUATION_BATCH = 1000

#: Layers with a weight matrix.
_WEIGHTED = (nn.Linear, nn.Conv2d)


class Trainer:
    """A network and its optimizer that train any number of replicates.

    It has the methods of :class:`bnmatrix.training.keras.trainer.Trainer` that training needs.

    Args:
        settings: a variant's settings.
        shape: shape of an example.
        classes: number of classes.
        x: training examples × features.
        y: their labels, int32.
        scaling: the input scaling.
    """

    def __init__(
        self,
        settings: Settings,
        shape: Sequence[int],
        classes: int,
        x: NDArray[Any],
        y: NDArray[np.int32],
        scaling: Scaling,
    ) -> None:
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.settings, self._shape, self._classes = settings, tuple(shape), classes
        self.batch_size = settings.batch_size
        images = len(shape) > 1 and settings.network != "dense"
        self._image_shape = image_shape(shape) if images else None
        self.network = build_network(settings, shape, classes).to(self.device)
        if images:
            # oneDNN convolves images that have their channels last several times as fast.
            self.network.to(memory_format=torch.channels_last)
        self.use(x, y, scaling)
        self._start_optimizer(self.network.parameters(), settings.learning_rate)
        numbers = [*self.network.parameters(), *self.network.buffers()]
        self.parameters = sum(n.numel() for n in numbers if n.is_floating_point())
        weights = sum(weight.numel() for weight in self.network.parameters())
        #: How many numbers training holds: those of the network, and the optimizer's averages.
        self.size = self.parameters + weights * OPTIMIZERS[settings.optimizer].averages

    def use(self, x: NDArray[Any], y: NDArray[np.int32], scaling: Scaling) -> None:
        """Train on other examples from now on, as many as before."""
        self._scaling = scaling
        both = np.stack(np.broadcast_arrays(scaling.shift, scaling.scale))
        self._shift, self._scale = torch.tensor(both, dtype=torch.float32).to(self.device)
        self._shifted = bool(np.any(scaling.shift))
        self._changing = x if self.settings.augmentation != "none" else None
        self.x = self._on_device(x)
        self._class_weights: torch.Tensor | None = None
        if self.settings.class_weights == "balanced":
            weights = balanced_weights(y, self._classes).astype(np.float32)
            self._class_weights = torch.from_numpy(weights).to(self.device)
        kind = np.float32 if self.settings.regression else np.int64
        self.y = torch.from_numpy(y.astype(kind)).to(self.device)
        self._order: NDArray[np.int32] | None = None

    def _on_device(self, x: NDArray[Any]) -> torch.Tensor:
        """Put features on the device; uint8 stays uint8, and is scaled a mini-batch at a time.

        Gathering from a quarter of the memory saves more time than scaling beforehand would.
        """
        features = x if x.dtype == np.uint8 else self._scaling.apply(x)
        return torch.from_numpy(features).to(self.device)

    def place(self, parts: Sequence[Part]) -> list[Placed]:
        """Put all parts that are evaluated on the device."""
        return [Placed(self._on_device(x), y) for x, y in parts]

    def scaled(self, x: torch.Tensor) -> torch.Tensor:
        """Return placed examples as the network's input."""
        if x.dtype == torch.uint8:
            x = x.to(torch.float32)
            x = (x.sub_(self._shift) if self._shifted else x).mul_(self._scale)
        if self._image_shape is None:
            return x
        # The same numbers in memory, with channels as the second dimension.
        return x.reshape(len(x), *self._image_shape).permute(0, 3, 1, 2)

    def start(self, settings: Settings, learning_rate: float, streams: Streams) -> None:
        """Go back to before the first step, with the initial weights of a run.

        Args:
            settings: the variant's settings.
            learning_rate: the learning rate.
            streams: the run's random streams.
        """
        for layer in self.network.modules():
            # Of normalizations: γ becomes 1, β 0, and moving averages start afresh.
            reset = getattr(layer, "reset_parameters", None)
            if reset and not isinstance(layer, _WEIGHTED):
                reset()
        weighted = [layer for layer in self.network.modules() if isinstance(layer, _WEIGHTED)]
        if isinstance(settings.network, OwnNetwork):
            # It has its own initial weights.
            torch.manual_seed(streams.integer(Purpose.WEIGHTS))
            fresh = build_network(settings, self._shape, self._classes)
            self.network.load_state_dict(fresh.state_dict())
        elif settings.conventions == "torch":
            for number, layer in enumerate(weighted):
                torch.manual_seed(streams.integer(Purpose.WEIGHTS, number))
                layer.reset_parameters()
        else:
            self._initialize_as_keras(weighted, settings, streams)
        self._frozen: list[nn.Module] = []
        self._start_optimizer(self.network.parameters(), learning_rate)
        # Masks of dropout.
        torch.manual_seed(streams.integer(Purpose.DROPOUT))

    def _start_optimizer(self, weights: Iterable[nn.Parameter], learning_rate: float) -> None:
        settings = self.settings
        self._weights = list(weights)
        self._total, self._steps = total_steps(settings, len(self.y)), 0
        self.optimizer = build_optimizer(settings, self._weights, learning_rate)
        self._schedule = (
            CosineAnnealingLR(self.optimizer, self._total)
            if settings.schedule == "cosine"
            else None
        )
        kernels = [layer.weight for layer in self.network.modules() if isinstance(layer, _WEIGHTED)]
        decayed = self._weights if settings.decayed == "all" else kernels
        self._decayed = decayed if settings.weight_decay else []
        averaged = settings.weight_averaging != "none"
        self._averages = [weight.detach().clone() for weight in self._weights if averaged]

    def weights(self) -> list[NDArray[Any]]:
        """Return all numbers of the network, moving averages included."""
        return [value.numpy(force=True).copy() for value in self.network.state_dict().values()]

    def fine_tune(self, weights: list[NDArray[Any]], frozen: str) -> None:
        """Start from the weights of a pre-trained network, after :meth:`start`.

        Args:
            weights: what :meth:`weights` returned.
            frozen: what batch normalization keeps as it is
                (:attr:`bnmatrix.training.settings.Settings.frozen`).
        """
        names = self.network.state_dict()
        values = dict(zip(names, map(torch.from_numpy, weights), strict=True))
        self.network.load_state_dict(values)
        if frozen == "nothing":
            return
        self._frozen = list(batch_normalizations(self.network))
        if frozen == "normalization":
            kept = {id(weight) for layer in self._frozen for weight in layer.parameters()}
            rate = self.optimizer.param_groups[0]["lr"]
            trained = [weight for weight in self.network.parameters() if id(weight) not in kept]
            self._start_optimizer(trained, rate)

    @torch.no_grad()
    def finish(self) -> None:
        """Give the network the weights and statistics that it has after training."""
        for average, weight in zip(self._averages, self._weights, strict=False):
            weight.copy_(average)
        if self.settings.recalibrated:
            self._recalibrate()

    def _recalibrate(self) -> None:
        """Set moving averages to the statistics of the first training examples, in one pass."""
        layers = batch_normalizations(self.network)
        momenta = [layer.momentum for layer in layers]
        self.network.eval()
        for layer in layers:
            layer.momentum = 1.0
            layer.train()
        self.network(self.scaled(self.x[: most_recomputed(self.settings)]))
        for layer, momentum in zip(layers, momenta, strict=True):
            layer.momentum = momentum

    @staticmethod
    def _initialize_as_keras(
        weighted: list[nn.Linear | nn.Conv2d], settings: Settings, streams: Streams
    ) -> None:
        # Drawn weights are inputs × units or height × width × inputs × filters, PyTorch's
        # units × inputs or filters × inputs × height × width.
        shapes = [
            tuple(layer.weight.permute(*range(2, layer.weight.ndim), 1, 0).shape)
            for layer in weighted
        ]
        kernels = initial_weights(settings.initializer, shapes, streams)
        with torch.no_grad():
            for layer, kernel in zip(weighted, kernels, strict=True):
                values = np.moveaxis(kernel, [-1, -2], [0, 1])
                layer.weight.copy_(torch.from_numpy(np.ascontiguousarray(values)))
                if layer.bias is not None:
                    layer.bias.zero_()

    def train(self, segments: Sequence[Segment]) -> list[tuple[float, float]]:
        """Train on the mini-batches of consecutive segments.

        Returns:
            For each segment the sum of the loss over its examples, and the number of examples
            classified correctly: in training mode, each mini-batch before its update. Training ends
            after a segment whose loss is not finite; what follows is left out.
        """
        sums: list[tuple[float, float]] = []
        for segment in segments:
            sums.append(self._train(segment))
            if not math.isfinite(sums[-1][0]):
                break
        return sums

    def _train(self, segment: Segment) -> tuple[float, float]:
        if segment.order is not self._order:
            self._order = segment.order
            self._indices = torch.from_numpy(segment.order.astype(np.int64)).to(self.device)
        size = self.batch_size
        stop = len(self._indices) if segment.tail else segment.stop * size
        indices = self._indices[segment.start * size : stop]
        labels = self.y.index_select(0, indices)
        self.network.train()
        for layer in self._frozen:
            layer.eval()
        if self._changing is None:
            features = (self.x.index_select(0, x) for x in indices.split(size))
        else:
            rows, changes = segment.rows(size), segment.changed(size)
            changed = augmented(self._changing[rows], changes, self._shape)
            features = iter(self._on_device(changed).split(size))
        batches = zip(features, labels.split(size), strict=True)
        logits = [self._step(self.scaled(x), y) for x, y in batches]
        with torch.inference_mode():
            every = torch.cat(logits)
            loss = self._loss(every, labels, "sum")
            if self.settings.regression:
                return float(loss), math.nan
            return float(loss), float((every.argmax(1) == labels).sum())

    def _step(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """Train on one mini-batch; return its logits, before the update."""
        self.optimizer.zero_grad(set_to_none=True)
        parts = self.settings.accumulation
        found = []
        for x_part, y_part in zip(x.chunk(parts), y.chunk(parts), strict=True):
            found.append(self.network(x_part))
            (self._loss(found[-1], y_part, "mean") / parts).backward()
        logits = found[0] if parts == 1 else torch.cat(found)
        self._steps += 1
        self._decay()
        if self.settings.optimizer == "adam" and self.settings.conventions != "torch":
            # Keras adds ε to the root of the uncorrected second moment, PyTorch to the corrected.
            corrected = math.sqrt(1 - 0.999**self._steps)
            self.optimizer.param_groups[0]["eps"] = KERAS_ADAM_EPSILON / corrected
        self.optimizer.step()
        if self._schedule:
            self._schedule.step()
        self._average()
        return logits.detach()

    @torch.no_grad()
    def _decay(self) -> None:
        """Shrink the weights that decay (Loshchilov & Hutter 2019)."""
        if self._decayed:
            shrink = 1 - self.optimizer.param_groups[0]["lr"] * self.settings.weight_decay
            torch._foreach_mul_(self._decayed, shrink)

    @torch.no_grad()
    def _average(self) -> None:
        if self._averages:
            part = share(self.settings.weight_averaging, self._steps, self._total)
            torch._foreach_lerp_(self._averages, self._weights, part)

    def _loss(self, logits: torch.Tensor, y: torch.Tensor, reduction: str) -> torch.Tensor:
        """Return the loss that is trained on."""
        if self.settings.regression:
            return functional.mse_loss(logits[:, 0], y, reduction=reduction)
        if self.settings.loss == "softmax_twice":
            logits = logits.softmax(1)
        if self._class_weights is not None:
            # The mean of PyTorch would divide by the sum of the weights of the mini-batch.
            losses = functional.cross_entropy(logits, y, self._class_weights, reduction="none")
            return losses.sum() if reduction == "sum" else losses.mean()
        return functional.cross_entropy(logits, y, reduction=reduction)

    @torch.inference_mode()
    def logits(self, placed: Placed) -> NDArray[np.float32]:
        """Return the logits of placed examples, examples × classes, in inference mode."""
        self.network.eval()
        parts = placed.x[: len(placed)].split(EVALUATION_BATCH)
        return torch.cat([self.network(self.scaled(part)) for part in parts]).cpu().numpy()
