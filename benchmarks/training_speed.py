"""Compare the training loop with Keras's ``fit`` and with the rate of matrix multiplication.

The benchmark uses one core and one thread. Both sides do the same work on the same data: one epoch
of training, including the last, smaller mini-batch, and a validation. They alternate in one process
after one uncounted epoch each, which compiles. The benchmark prints ratios of times, because
seconds vary with the load of the machine.

The data is random and has the shapes of MNIST and CIFAR-10: the content of pixels does not affect
the time.

At the end, Snakemake trains each study of a source on all cores, in a copy of the checkout, with
the real data. The benchmark prints which share of what the cores could multiply in that time is
training. That includes evaluation, start-up and compilation, and takes an hour on two cores.

    make benchmark
    python benchmarks/training_speed.py --rounds 9 --only mnist --without-studies
"""

import argparse
import contextlib
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "src"))
CORES = os.sched_getaffinity(0) if hasattr(os, "sched_setaffinity") else set(range(os.cpu_count()))


def use_cores(cores):
    """Keep this process on some cores, where the system can do so."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, cores)


use_cores({min(CORES)})

# The CUDA build of PyTorch contains Triton, which crashes if it is imported after TensorFlow.
with contextlib.suppress(ImportError):
    import triton  # noqa: F401

from bnmatrix.training.keras.environment import configure  # noqa: E402

configure(threads=1)

import keras  # noqa: E402
import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402

from bnmatrix.datasets.scaling import fit_scaling  # noqa: E402
from bnmatrix.plan.loading import load_project  # noqa: E402
from bnmatrix.plan.sizes import parts  # noqa: E402
from bnmatrix.plan.variants import variants  # noqa: E402
from bnmatrix.training.job import processor  # noqa: E402
from bnmatrix.training.keras.network import build_optimizer, keras_network  # noqa: E402
from bnmatrix.training.keras.trainer import Trainer  # noqa: E402
from bnmatrix.training.minibatches import segments, total_steps  # noqa: E402
from bnmatrix.training.scores import scores  # noqa: E402
from bnmatrix.training.seeds import Streams  # noqa: E402

#: Study, batch size, and the target for the ratio of times (at least).
AGAINST_FIT = [
    ("mnist-64-64", 32, 10.0),
    ("mnist-64-64", 256, 4.0),
    ("cifar10-512-256-128", 64, 2.3),
]
#: The same in PyTorch, compared with the DataLoader loop of the second source.
AGAINST_DATA_LOADER = [("mnist-256-128", 64, 3.0)]
#: Study, batch size, and the target for the share of the matrix-multiplication rate (at least).
AGAINST_PEAK = [("mnist-64-64", 128, 0.80), ("cifar10-512-256-128", 128, 0.80)]
#: What a copy of the checkout needs.
COPIED = ("Snakefile", "pyproject.toml", "environment.yml", "config", "src", "workflow")
#: Study, and the target for the share in a whole run of Snakemake, if there is one.
WHOLE_STUDIES = [
    ("iris-64-32", None),
    ("mnist-64-64", 0.55),
    ("mnist-256-128", None),
    ("mnist-128-dropout", None),
    ("cifar10-512-256-128", 0.80),
]


def settings_of(project, study, batch_size):
    """Return the settings of the Keras variant with batch normalization at a batch size."""
    return next(
        v.settings
        for v in variants(project, study)
        if v.settings.normalization == "batch"
        and v.settings.batch_size == batch_size
        and v.settings.framework == "keras"
    )


class Ours:
    """Epochs of the training loop of bnmatrix."""

    def __init__(self, settings, x, y, x_validation, y_validation, trainer=Trainer, shape=None):
        scaling = fit_scaling("unit", x, 255)
        self.examples = len(x)
        self.trainer = trainer(settings, shape or x.shape[1:], 10, x, y, scaling)
        streams = Streams(seed=0, replicate=1)
        self.trainer.start(settings, settings.learning_rate, streams)
        long = settings.model_copy(update={"epochs": 1000})
        self.segments = segments(long, len(x), streams)
        (self.validation,) = self.trainer.place([(x_validation, y_validation)])

    def train(self):
        """Train for an epoch."""
        self.trainer.train([next(self.segments)])

    def epoch(self):
        """Train for an epoch and validate."""
        self.train()
        scores(self.trainer.logits(self.validation), self.validation.y)


class Fit:
    """Epochs of ``fit``, called as in the documentation of Keras."""

    def __init__(self, settings, x, y, x_validation, y_validation, shape=None):
        self.batch_size = settings.batch_size
        self.network = keras_network(settings, shape or x.shape[1:], 10)
        inputs = self.network.input_shape[1:]
        self.x, self.y = (x.astype(np.float32) / 255).reshape(-1, *inputs), y
        self.validation = (x_validation.astype(np.float32) / 255).reshape(-1, *inputs), y_validation
        self.network.compile(
            build_optimizer(settings, total_steps(settings, len(x)))[0],
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=["accuracy"],
        )

    def epoch(self):
        """Train for an epoch and validate."""
        self.network.fit(
            self.x, self.y, self.batch_size, validation_data=self.validation, verbose=0
        )


def timed(function):
    """Return the seconds that a call of ``function`` takes."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def data_of(project, study):
    """Return random training and validation data with the shapes of a study.

    Returns:
        Training examples (uint8) and classes (int32), validation examples and classes.
    """
    dataset = project.dataset_of(study)
    examples = dataset.train_and_test()[0]
    stay, _ = variants(project, study)[0].settings.validation.sizes(examples)
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (examples, dataset.features), dtype=np.uint8)
    y = rng.integers(0, 10, examples).astype(np.int32)
    return x[:stay], y[:stay], x[stay:], y[stay:]


def against_fit(project, study, batch_size, target, rounds):
    """Print the time of ``fit`` divided by the time of bnmatrix, for an epoch with validation."""
    settings, data = settings_of(project, study, batch_size), data_of(project, study)
    ours, fit = Ours(settings, *data), Fit(settings, *data)
    ours.epoch()
    fit.epoch()
    pairs = [(timed(ours.epoch), timed(fit.epoch)) for _ in range(rounds)]
    ratios = sorted(theirs / mine for mine, theirs in pairs)
    ratio = statistics.median(ratios)
    print(
        f"{study}, batch {batch_size}, BN: fit takes {ratio:.1f} times as long "
        f"({ratios[0]:.1f} to {ratios[-1]:.1f} in {rounds} rounds); target: {target:g}; "
        f"epoch {statistics.median(p[0] for p in pairs):.3f} s against "
        f"{statistics.median(p[1] for p in pairs):.3f} s",
        flush=True,
    )


def against_data_loader(project, study, batch_size, target, rounds):
    """Print the time of a usual PyTorch loop divided by that of bnmatrix, for an epoch."""
    import torch
    from PIL import Image
    from torch import nn

    from bnmatrix.training.torch.environment import configure as configure_torch
    from bnmatrix.training.torch.trainer import Trainer as TorchTrainer

    configure_torch(threads=1)
    as_torch = {"framework": "torch", "conventions": "torch"}
    settings = settings_of(project, study, batch_size).model_copy(update=as_torch)
    x, y, *rest = data_of(project, study)
    x, y = x[:12_800], y[:12_800]
    ours = Ours(settings, x, y, *rest, trainer=TorchTrainer)

    class Images(torch.utils.data.Dataset):
        """Images that are created and transformed one by one.

        The steps are those of torchvision's ``MNIST``, ``ToTensor`` and ``Normalize``.
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
        units = [x.shape[1], *settings.hidden_layers]
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

    loops = {"of the second source": usual(Images()), "over prepared tensors": usual(tensors)}
    keras_loop = Ours(settings_of(project, study, batch_size), x, y, *rest)
    every = [ours.train, keras_loop.train, *loops.values()]
    for run in every:
        run()
    turns = [[timed(run) for run in every] for _ in range(rounds)]
    steps = len(x) / batch_size
    mine = statistics.median(turn[0] for turn in turns) / steps * 1e3
    for place, name in enumerate(loops, start=2):
        ratios = sorted(turn[place] / turn[0] for turn in turns)
        aim = f"; target: {target:g}" if place == 2 else ""
        print(
            f"{study}, batch {batch_size}, BN, PyTorch: the DataLoader loop {name} takes "
            f"{statistics.median(ratios):.1f} times as long ({ratios[0]:.1f} to {ratios[-1]:.1f} "
            f"in {rounds} rounds){aim}; a step {mine:.2f} ms",
            flush=True,
        )
    ratios = sorted(turn[0] / turn[1] for turn in turns)
    print(
        f"{study}, batch {batch_size}, BN: bnmatrix in PyTorch takes "
        f"{statistics.median(ratios):.1f} times as long as bnmatrix in Keras "
        f"({ratios[0]:.1f} to {ratios[-1]:.1f})",
        flush=True,
    )


def matrix_multiplication():
    """Return a function that returns the FLOP/s of this core in matrix multiplication."""
    size = 2048
    matrix = tf.random.normal((size, size))
    multiply = tf.function(lambda: tf.reduce_sum(tf.matmul(matrix, matrix)), autograph=False)
    multiply()
    # The best of three is closest to an undisturbed core.
    return lambda: 2 * size**3 / min(timed(lambda: multiply().numpy()) for _ in range(3))


def against_peak(project, study, batch_size, target, rounds):
    """Print FLOP/s in training divided by FLOP/s in matrix multiplication on the same core."""
    settings = settings_of(project, study, batch_size)
    x, y, *_ = data_of(project, study)
    ours = Ours(settings, x, y, x[:10], y[:10])
    units = [x.shape[1], *settings.hidden_layers, 10]
    weights = [a * b for a, b in pairwise(units)]
    # The forward pass takes two operations per weight and example. The backward pass takes two for
    # the gradients of the weights and two for those of the inputs, which the first layer does not
    # compute.
    usual = 6 * sum(weights) * len(x)
    executed = usual - 2 * weights[0] * len(x)
    rate = matrix_multiplication()
    ours.train()
    pairs = [(min(timed(ours.train) for _ in range(3)), rate()) for _ in range(rounds)]
    shares = sorted(usual / seconds / rate for seconds, rate in pairs)
    share = statistics.median(shares)
    peak = statistics.median(rate for _, rate in pairs)
    print(
        f"{study}, batch {batch_size}, BN: training reaches {share:.0%} of the core's "
        f"matrix-multiplication rate of {peak / 1e9:.0f} GFLOP/s "
        f"({shares[0]:.0%} to {shares[-1]:.0%}), counting 6 FLOP per weight and example; "
        f"{share * executed / usual:.0%} counting only executed operations; target: {target:.0%}",
        flush=True,
    )


def training_flop(project, study):
    """Return the floating-point operations of training a study: 6 per weight and example."""
    dataset, flop = project.dataset_of(study), 0
    for variant in variants(project, study):
        settings = variant.settings
        examples, _ = parts(dataset, settings.validation, settings.folds)
        units = [dataset.features, *settings.hidden_layers, len(dataset.classes)]
        flop += 6 * sum(a * b for a, b in pairwise(units)) * examples * settings.epochs
    return flop * project.replicates_of(study)


def whole_study(project, study, target):
    """Print FLOP/s of a run of Snakemake divided by those of its cores in matrix multiplication."""
    rate = matrix_multiplication()
    table = f"reports/{study}.csv"
    with tempfile.TemporaryDirectory() as folder:
        for name in COPIED:
            source = ROOT / name
            (shutil.copytree if source.is_dir() else shutil.copy)(source, Path(folder, name))
        if (ROOT / "data/raw").is_dir():
            shutil.copytree(ROOT / "data/raw", Path(folder, "data/raw"))
        command = [sys.executable, "-m", "snakemake", "--cores", str(len(CORES)), "--quiet", "all"]
        environment = os.environ | {"PYTHONPATH": str(Path(folder, "src"))}

        def snakemake(*arguments):
            subprocess.run(
                [*command, *arguments, "--", table],
                cwd=folder,
                env=environment,
                check=True,
                stdout=subprocess.DEVNULL,
                preexec_fn=lambda: use_cores(CORES),
            )

        # The data is there before the clock starts.
        snakemake("--until", "prepare")
        before = rate()
        seconds = timed(snakemake)
        peak = (before + rate()) / 2
    share = training_flop(project, study) / (seconds * len(CORES) * peak)
    aim = f"; target: {target:.0%}" if target else ""
    print(
        f"{study}: a run of Snakemake takes {seconds:.0f} s on {len(CORES)} cores; training's "
        f"operations take {share:.0%} of that at the matrix-multiplication rate of "
        f"{peak / 1e9:.0f} GFLOP/s a core"
        f"{aim}",
        flush=True,
    )


def main():
    """Run the benchmarks."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="", help="part of a study's name")
    parser.add_argument("--without-studies", action="store_true", help="no runs of Snakemake")
    options = parser.parse_args()
    os.chdir(ROOT)
    project = load_project()
    rate = matrix_multiplication()() / 1e9
    print(f"{processor()}: {rate:.0f} GFLOP/s a core in matrix multiplication", flush=True)
    sections = [(against_fit, AGAINST_FIT), (against_peak, AGAINST_PEAK)]
    if "torch" in project.frameworks:
        sections.append((against_data_loader, AGAINST_DATA_LOADER))
    else:
        print("PyTorch is not installed (make torch): its loop is not measured", flush=True)
    for run, cases in sections:
        for study, batch_size, target in cases:
            if options.only in study:
                run(project, study, batch_size, target, options.rounds)
    for study, target in WHOLE_STUDIES:
        if options.only in study and not options.without_studies:
            whole_study(project, study, target)


if __name__ == "__main__":
    main()
