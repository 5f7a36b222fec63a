"""The training loop against Keras's ``fit`` and against the processor's matrix-multiply rate.

One core, one thread. Both sides do the same work on the same data: an epoch of training, the
last, smaller mini-batch included, and validation after it. They run alternately in one process,
after one epoch each that is not counted (compilation), and the ratio of their times is printed:
machines are noisy, and seconds compare badly.

The data is random, in the shapes of MNIST and CIFAR-10: what is in the pixels costs no time.

    make benchmark
    python benchmarks/training_speed.py --rounds 9 --only mnist
"""

import argparse
import contextlib
import os
import statistics
import sys
import time
from itertools import pairwise
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "workflow"))
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})

# PyTorch's build for CUDA brings Triton, which crashes when it is imported after TensorFlow.
with contextlib.suppress(ImportError):
    import triton  # noqa: F401

from bnmatrix.training.framework import configured  # noqa: E402

configured("keras", threads=1)

import keras  # noqa: E402
import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402

from bnmatrix.config import Split  # noqa: E402
from bnmatrix.datasets.scaling import fit_scaling  # noqa: E402
from bnmatrix.project import load_project  # noqa: E402
from bnmatrix.training.keras.network import build_network, build_optimizer  # noqa: E402
from bnmatrix.training.keras.trainer import Trainer  # noqa: E402
from bnmatrix.training.minibatches import stretches  # noqa: E402
from bnmatrix.variants import variants  # noqa: E402

#: Study, batch size, and the least ratio that is aimed at.
AGAINST_FIT = [
    ("mnist-64-64", 32, 10.0),
    ("mnist-64-64", 256, 4.0),
    ("cifar10-512-256-128", 64, 2.3),
]
#: In PyTorch, against the loop over a DataLoader that the second source wrote.
AGAINST_DATA_LOADER = [("mnist-256-128", 64, 3.0)]
AGAINST_PEAK = [("mnist-64-64", 128, 0.80), ("cifar10-512-256-128", 128, 0.80)]


def settings_of(project, study, batch_size):
    """Return the settings of a study's variant with batch normalization."""
    return next(
        v.settings
        for v in variants(project, study)
        if v.settings["normalization"] == "batch"
        and v.settings["batch_size"] == batch_size
        and v.settings["framework"] == "keras"
    )


class Ours:
    """Epochs of the compiled loop."""

    def __init__(self, settings, x, y, x_validation, y_validation, trainer=Trainer):
        scaling = fit_scaling("unit", x, 255)
        self.examples = len(x)
        self.trainer = trainer(settings, 10, x, y, scaling)
        self.trainer.start(settings, settings["learning_rate"], 0, 1)
        self.stretches = stretches(settings | {"epochs": 1000}, len(x), 0, 1)
        self.validation = self.trainer.place(x_validation, y_validation)

    def train(self):
        """Train for an epoch."""
        self.trainer.train(next(self.stretches))

    def epoch(self):
        """Train for an epoch and validate."""
        self.train()
        self.trainer.evaluate(*self.validation)


class Fit:
    """Epochs of ``fit``, as its documentation uses it."""

    def __init__(self, settings, x, y, x_validation, y_validation):
        self.x, self.y = x.astype(np.float32) / 255, y
        self.validation = x_validation.astype(np.float32) / 255, y_validation
        self.batch_size = settings["batch_size"]
        self.network = build_network(settings, x.shape[1], 10)
        self.network.compile(
            build_optimizer(settings),
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=["accuracy"],
        )

    def epoch(self):
        """Train for an epoch and validate."""
        self.network.fit(
            self.x, self.y, self.batch_size, validation_data=self.validation, verbose=0
        )


def timed(function):
    """Return the seconds that a call takes."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def data_of(project, study):
    """Return random training and validation data in a study's shapes."""
    dataset = project.dataset_of(study)
    examples = dataset.train_and_test()[0]
    stay, _ = Split(**variants(project, study)[0].settings["validation"]).sizes(examples)
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (examples, dataset.features), dtype=np.uint8)
    y = rng.integers(0, 10, examples).astype(np.int32)
    return x[:stay], y[:stay], x[stay:], y[stay:]


def against_fit(project, study, batch_size, target, rounds):
    """Print the ratio of ``fit``'s time to ours, an epoch with validation."""
    settings, data = settings_of(project, study, batch_size), data_of(project, study)
    ours, fit = Ours(settings, *data), Fit(settings, *data)
    ours.epoch()
    fit.epoch()
    pairs = [(timed(ours.epoch), timed(fit.epoch)) for _ in range(rounds)]
    ratios = sorted(theirs / mine for mine, theirs in pairs)
    ratio = statistics.median(ratios)
    print(
        f"{study}, batch {batch_size}, BN: fit takes {ratio:.1f} times as long "
        f"({ratios[0]:.1f} to {ratios[-1]:.1f} in {rounds} rounds); aim: {target:g}; "
        f"epoch {statistics.median(p[0] for p in pairs):.3f} s against "
        f"{statistics.median(p[1] for p in pairs):.3f} s",
        flush=True,
    )


def against_data_loader(project, study, batch_size, target, rounds):
    """Print the ratio of a usual PyTorch loop's time to ours, an epoch of training in PyTorch."""
    import torch
    from PIL import Image
    from torch import nn

    settings = settings_of(project, study, batch_size) | {"framework": "torch"}
    settings |= {"conventions": "torch"}
    x, y, *rest = data_of(project, study)
    x, y = x[:12_800], y[:12_800]
    ours = Ours(settings, x, y, *rest, trainer=configured("torch", threads=1).trainer)

    class Images(torch.utils.data.Dataset):
        """Pictures, made and transformed one by one, in the steps of torchvision's MNIST, ToTensor
        and Normalize.
        """

        def __len__(self):
            return len(x)

        def __getitem__(self, place):
            image = Image.fromarray(x[place].reshape(28, 28))
            pixels = torch.from_numpy(np.array(image, np.uint8, copy=True)).view(28, 28, 1)
            tensor = pixels.permute((2, 0, 1)).contiguous().to(torch.float32).div(255).clone()
            mean, deviation = (torch.as_tensor((v,), dtype=tensor.dtype) for v in (0.1307, 0.3081))
            assert not (deviation == 0).any()
            return tensor.sub_(mean.view(-1, 1, 1)).div_(deviation.view(-1, 1, 1)), int(y[place])

    prepared = torch.from_numpy(x.astype(np.float32) / 255).sub_(0.1307).div_(0.3081)
    tensors = torch.utils.data.TensorDataset(prepared, torch.from_numpy(y.astype(np.int64)))

    def usual(dataset):
        units = [x.shape[1], *settings["hidden_layers"]]
        hidden = [
            layer
            for a, b in pairwise(units)
            for layer in (nn.Linear(a, b), nn.BatchNorm1d(b), nn.ReLU())
        ]
        model = nn.Sequential(nn.Flatten(), *hidden, nn.Linear(units[-1], 10))
        loader = torch.utils.data.DataLoader(dataset, batch_size=batch_size, shuffle=True)
        criterion = nn.CrossEntropyLoss()
        optimizer = torch.optim.Adam(model.parameters(), lr=0.001)

        def epoch():
            running_loss = 0.0
            for images, labels in loader:
                optimizer.zero_grad()
                loss = criterion(model(images), labels)
                loss.backward()
                optimizer.step()
                running_loss += loss.item()

        return epoch

    loops = {"as the source wrote it": usual(Images()), "of tensors made before": usual(tensors)}
    keras_loop = Ours(settings_of(project, study, batch_size), x, y, *rest)
    every = [ours.train, keras_loop.train, *loops.values()]
    for run in every:
        run()
    turns = [[timed(run) for run in every] for _ in range(rounds)]
    steps = len(x) / batch_size
    mine = statistics.median(turn[0] for turn in turns) / steps * 1e3
    for place, name in enumerate(loops, start=2):
        ratios = sorted(turn[place] / turn[0] for turn in turns)
        aim = f"; aim: {target:g}" if place == 2 else ""
        print(
            f"{study}, batch {batch_size}, BN, PyTorch: a DataLoader's loop {name} takes "
            f"{statistics.median(ratios):.1f} times as long ({ratios[0]:.1f} to {ratios[-1]:.1f} "
            f"in {rounds} rounds){aim}; a step {mine:.2f} ms",
            flush=True,
        )
    ratios = sorted(turn[0] / turn[1] for turn in turns)
    print(
        f"{study}, batch {batch_size}, BN: our loop in PyTorch takes "
        f"{statistics.median(ratios):.1f} times as long as ours in Keras "
        f"({ratios[0]:.1f} to {ratios[-1]:.1f})",
        flush=True,
    )


def against_peak(project, study, batch_size, target, rounds):
    """Print our training FLOP/s as a share of the same core's matrix-multiply rate."""
    settings = settings_of(project, study, batch_size)
    x, y, *_ = data_of(project, study)
    ours = Ours(settings, x, y, x[:10], y[:10])
    units = [x.shape[1], *settings["hidden_layers"], 10]
    weights = [a * b for a, b in pairwise(units)]
    # Two operations a weight and example forward, and twice that backward: for the gradients of
    # the weights, and of the layer's inputs, which the first layer does not need.
    usual = 6 * sum(weights) * len(x)
    executed = usual - 2 * weights[0] * len(x)
    size = 2048
    matrix = tf.random.normal((size, size))
    multiply = tf.function(lambda: tf.reduce_sum(tf.matmul(matrix, matrix)))
    ours.train()
    multiply()
    pairs = []
    for _ in range(rounds):
        # The best of three on both sides: what the core does when nobody disturbs it.
        rate = 2 * size**3 / min(timed(lambda: multiply().numpy()) for _ in range(3))
        pairs.append((min(timed(ours.train) for _ in range(3)), rate))
    shares = sorted(usual / seconds / rate for seconds, rate in pairs)
    share = statistics.median(shares)
    peak = statistics.median(rate for _, rate in pairs)
    print(
        f"{study}, batch {batch_size}, BN: training does {share:.0%} of the core's matrix-multiply "
        f"rate of {peak / 1e9:.0f} GFLOP/s ({shares[0]:.0%} to {shares[-1]:.0%}), counting 6 FLOP "
        f"a weight and example; {share * executed / usual:.0%} counting only those executed; "
        f"aim: {target:.0%}",
        flush=True,
    )


def main():
    """Run the benchmarks."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="", help="part of a study's name")
    options = parser.parse_args()
    os.chdir(ROOT)
    project = load_project()
    sections = [(against_fit, AGAINST_FIT), (against_peak, AGAINST_PEAK)]
    if "torch" in project.frameworks:
        sections.append((against_data_loader, AGAINST_DATA_LOADER))
    else:
        print("PyTorch is not installed (make torch): its loop is left out", flush=True)
    for run, cases in sections:
        for study, batch_size, target in cases:
            if options.only in study:
                run(project, study, batch_size, target, options.rounds)


if __name__ == "__main__":
    main()
