"""Compare the training of convolutional networks with Keras's ``fit``, and PyTorch with Keras.

One core, one thread, random images. The sides alternate; ratios are printed, because seconds vary
with the load of the machine. All networks have batch normalization. FLOP/s count 6 per
multiplication of the forward pass and example.

    make benchmark
    python benchmarks/convolution_speed.py --rounds 9
"""

import argparse
import importlib.util
import statistics

import numpy as np
from training_speed import Fit, Ours, matrix_multiplication, processor, timed

from bnmatrix.training.networks import layer_sizes
from bnmatrix.training.settings import Settings

#: Name, shape of an image, filters of the blocks, each with max pooling, and number of images.
NETWORKS = {
    "CIFAR-10, 32-64-128": ((32, 32, 3), (32, 64, 128), 1024),
    "MNIST, 8-16": ((28, 28), (8, 16), 4096),
    "digits, 16-32": ((8, 8), (16, 32), 4096),
}
#: Network, batch size, the target for the ratio to ``fit``, and that for the share of the
#: matrix-multiplication rate (at least).
CASES = [
    ("CIFAR-10, 32-64-128", 8, 2.3, 0.65),
    ("CIFAR-10, 32-64-128", 32, 1.15, 0.65),
    ("MNIST, 8-16", 8, 4.0, None),
    ("MNIST, 8-16", 32, 2.5, None),
    ("digits, 16-32", 8, 8.0, None),
    ("digits, 16-32", 32, 5.0, None),
]
#: The target for the time in PyTorch divided by that in Keras (at most).
IN_TORCH = 1.3


def settings_of(filters, batch_size, framework="keras"):
    """Return the settings of a network with batch normalization."""
    blocks = [{"filters": number, "pooling": 2} for number in filters]
    return Settings(
        network={"convolutional": blocks},
        normalization="batch",
        batch_size=batch_size,
        epochs=1,
        framework=framework,
    )


def data_of(shape, images):
    """Return random training and validation images."""
    rng = np.random.default_rng(0)
    rows = images + images // 4
    x = rng.integers(0, 256, (rows, int(np.prod(shape))), dtype=np.uint8)
    y = rng.integers(0, 10, rows).astype(np.int32)
    return x[:images], y[:images], x[images:], y[images:]


def compare(name, batch_size, target, share_target, rounds, torch):
    """Print the ratios of a network at a batch size."""
    shape, filters, images = NETWORKS[name]
    settings, data = settings_of(filters, batch_size), data_of(shape, images)
    ours, fit = Ours(settings, *data, shape=shape), Fit(settings, *data, shape=shape)
    sides = [ours.epoch, fit.epoch, ours.train]
    if torch:
        from bnmatrix.training.torch.environment import configure
        from bnmatrix.training.torch.trainer import Trainer

        configure(threads=1)
        own = settings_of(filters, batch_size, "torch")
        sides.append(Ours(own, *data, trainer=Trainer, shape=shape).train)
    rate = matrix_multiplication()
    for side in sides:
        side()
    turns = [([timed(side) for side in sides], rate()) for _ in range(rounds)]
    multiplications = sum(s.multiplications for s in layer_sizes(settings.network, (), shape, 10))
    where = f"{name}, batch {batch_size}, BN"
    ratios = [seconds[1] / seconds[0] for seconds, _ in turns]
    print(f"{where}: fit takes {spread(ratios)} times as long; target: {target:g}", flush=True)
    shares = [6 * multiplications * images / seconds[2] / peak for seconds, peak in turns]
    aim = f"; target: {share_target:.0%}" if share_target else ""
    low, high = min(shares), max(shares)
    print(
        f"{where}: {statistics.median(shares):.0%} ({low:.0%} to {high:.0%}) of the "
        f"matrix-multiplication rate{aim}",
        flush=True,
    )
    if torch:
        ratios = [seconds[3] / seconds[2] for seconds, _ in turns]
        print(f"{where}: PyTorch takes {spread(ratios)} times as long as Keras", flush=True)


def spread(ratios):
    """Return the median and the range of ratios as text."""
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"


def main():
    """Run the benchmarks."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    rate = matrix_multiplication()() / 1e9
    print(f"{processor()}: {rate:.0f} GFLOP/s a core in matrix multiplication", flush=True)
    torch = importlib.util.find_spec("torch") is not None
    print(f"target for PyTorch: at most {IN_TORCH} times Keras's time", flush=True)
    for case in CASES:
        compare(*case, options.rounds, torch)


if __name__ == "__main__":
    main()
