"""PyTorch on a GPU: the same training as on a processor, and the same bits from run to run."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

TESTS = Path(__file__).parent

SETTINGS = {
    "dense, batch": {"hidden_layers": [64, 32], "normalization": "batch"},
    "dense, dropout": {"hidden_layers": [64, 32], "dropout": 0.3},
    "convolutional, batch": {
        "network": {"convolutional": [{"filters": 8, "stride": 2}, {"filters": 16}], "dense": [16]},
        "normalization": "batch",
    },
    "convolutional, group": {
        "network": {"convolutional": [{"filters": 8, "pooling": 2}, {"filters": 16}]},
        "normalization": "group",
        "normalization_groups": 4,
    },
}

#: Trains in a process of its own: what a process sees of the machine is set once.
TRAIN = """
import json, sys
import numpy as np
from bnmatrix.training.torch.environment import configure
gpus = int(sys.argv[1])
configure(threads=1, gpus=gpus)
from dataclasses import replace
from bnmatrix.training.framework import Framework
from bnmatrix.training.minibatches import Segment
from bnmatrix.training.program import Program
from bnmatrix.training.settings import Settings
from bnmatrix.training.torch.trainer import Trainer, packages
from support import SEED, small_digits
settings = Settings(framework="torch", **json.loads(sys.argv[2]))
digits = replace(small_digits(), shape=(8, 8))
program = Program(settings, digits, SEED, Framework(Trainer, packages))
assert program.trainer.device.type == ("cuda" if gpus else "cpu")
program.start(settings, settings.learning_rate, 1)
order = np.resize(np.random.default_rng(0).permutation(300), 1600).astype(np.int32)
found, at = {}, 0
for steps in (1, 10, 50):
    program.trainer.train([Segment(order, at, steps, tail=False, evaluate=False)])
    found |= {f"{steps}-{n}": value for n, value in enumerate(program.trainer.weights())}
    found[f"{steps}-logits"] = program.trainer.logits(program.test)
    at = steps
np.savez(sys.argv[3], **found)
"""


@pytest.fixture(scope="module", autouse=True)
def gpu():
    torch = pytest.importorskip("torch")
    if not (torch.version.cuda and shutil.which("nvidia-smi")):
        pytest.skip("no GPU, or a PyTorch without CUDA")


@pytest.mark.parametrize("case", SETTINGS)
def test_training(case, tmp_path):
    """After 1, 10 and 50 steps: equal to float tolerance, without dropout, whose masks differ."""
    chosen = {"epochs": 10, "batch_size": 32, "optimizer": "sgd", "activation": "tanh"}
    # Another test may have hidden GPUs from this process.
    seen = {name: v for name, v in os.environ.items() if name != "CUDA_VISIBLE_DEVICES"}
    runs = []
    for gpus in (1, 1, 0):
        file = tmp_path / f"{len(runs)}.npz"
        arguments = [str(gpus), json.dumps(chosen | SETTINGS[case]), str(file)]
        subprocess.run([sys.executable, "-c", TRAIN, *arguments], check=True, cwd=TESTS, env=seen)
        with np.load(file) as arrays:
            runs.append(dict(arrays))
    first, second, processor = runs
    for name, value in first.items():
        np.testing.assert_array_equal(value, second[name])
        if "dropout" not in case:
            np.testing.assert_allclose(value, processor[name], rtol=1e-3, atol=1e-4)
