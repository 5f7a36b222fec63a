"""Keras and PyTorch: equal numbers under equal conventions, and the effect of each convention."""

import importlib.util
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT, settings
from support import SEED, configured, job_spec, keras_weights, small_digits

from bnmatrix.config.project import Project
from bnmatrix.datasets.data import Prepared, save
from bnmatrix.datasets.loaders import sklearn_digits
from bnmatrix.errors import UserError
from bnmatrix.plan.jobs import jobs
from bnmatrix.plan.loading import load_project
from bnmatrix.plan.variants import variants
from bnmatrix.statistics.frameworks import compare_frameworks
from bnmatrix.tables.job_files import load, machine_of, unpack
from bnmatrix.training.convention_table import CONVENTIONS
from bnmatrix.training.conventions import TORCH_KNOWS
from bnmatrix.training.minibatches import Segment
from bnmatrix.training.spec import Tuning

STEPS = (1, 10, 100)
HUNDRED_STEPS = {"steps": 100, "evaluate_every": 100}


@pytest.fixture(scope="module")
def torch():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: make torch")
    for name in ("keras", "torch"):
        configured(name)
    return torch


@pytest.fixture(scope="module")
def digits() -> Prepared:
    arrays = sklearn_digits(None)
    x, y = arrays.x, arrays.y
    return Prepared(
        x_train=x[:1000],
        y_train=y[:1000],
        x_validation=x[1000:1200],
        y_validation=y[1000:1200],
        x_test=x[1200:1500],
        y_test=y[1200:1500],
        classes=10,
        maximum=16.0,
        shape=(8, 8),
    )


def program_for(own, prepared):
    from bnmatrix.training.program import Program

    return Program(own, prepared, SEED, configured(own.framework))


def trained(prepared, framework, change=None, **chosen):
    """Return (sums of the segment, weights, loss and accuracy in inference) after STEPS steps."""
    usual = {"hidden_layers": [32, 16], "batch_size": 32, "normalization_groups": 4}
    own = settings(**(usual | chosen), framework=framework)
    program = program_for(own, prepared)
    program.start(own, own.learning_rate, 1)
    if change:
        change(program.trainer)
    rng = np.random.default_rng(0)
    order = rng.permutation(np.resize(np.arange(1000), 3200)).astype(np.int32)
    changes = own.augmentation.draw(rng, 3200) if own.augmentation != "none" else None
    found, at = [], 0
    for steps in STEPS:
        segment = Segment(order, at, steps, tail=False, evaluate=False, changes=changes)
        (sums,) = program.trainer.train([segment])
        found.append((sums, keras_weights(program.trainer), program.evaluate(program.validation)))
        at = steps
    return found


CASES = {
    "none, adam": {},
    "batch before, adam": {"normalization": "batch"},
    "batch after, sgd": {
        "normalization": "batch",
        "placement": "after",
        "optimizer": "sgd",
        "learning_rate": 0.1,
        "normalization_momentum": 0.9,
    },
    "layer, sgd with momentum": {
        "normalization": "layer",
        "optimizer": "momentum",
        "learning_rate": 0.01,
    },
    "group, adam": {"normalization": "group"},
    "rms, adam": {"normalization": "rms"},
    "no biases, sigmoid, sgd": {
        "normalization": "batch",
        "biases": False,
        "activation": "sigmoid",
        "optimizer": "sgd",
        "learning_rate": 0.1,
        "normalization_epsilon": 0.01,
    },
    "softmax twice": {"loss": "softmax_twice"},
    "the source's input scaling": {"input_scaling": {"mean": 0.1307, "deviation": 0.3081}},
    "standardized": {"input_scaling": "standardized", "initializer": "he_normal"},
    # Training of just these steps, so that the rate is near zero at their end.
    "cosine, adam": {"normalization": "batch", "schedule": "cosine"} | HUNDRED_STEPS,
    "ghost batches, sgd": {
        "normalization": "batch",
        "ghost_batch_size": 8,
        "optimizer": "sgd",
        "learning_rate": 0.1,
        "last_batch": "drop",
    },
    "accumulation, adam": {"accumulation": 4, "last_batch": "drop"},
    "accumulation, batch": {
        "normalization": "batch",
        "accumulation": 4,
        "optimizer": "sgd",
        "learning_rate": 0.1,
        "last_batch": "drop",
    },
    "decay of all, cosine": {"weight_decay": 0.1, "schedule": "cosine"} | HUNDRED_STEPS,
    "decay of kernels, sgd": {
        "normalization": "batch",
        "weight_decay": 0.1,
        "decayed": "kernels",
        "optimizer": "momentum",
        "learning_rate": 0.03,
    },
    "cosine, sgd": {"optimizer": "sgd", "learning_rate": 0.1, "schedule": "cosine"} | HUNDRED_STEPS,
}


SMALL = {"convolutional": [{"filters": 8, "pooling": 2}, {"filters": 16, "stride": 2}]}
RESIDUAL = {
    "convolutional": [
        {"filters": 8, "kernel": 5},
        {"filters": 16, "repeats": 2, "stride": 2, "residual": True},
        {"filters": 16, "repeats": 2, "residual": True},
    ]
}
CONVOLUTIONAL_CASES = {
    "none": {"network": SMALL},
    "batch before": {"network": SMALL, "normalization": "batch"},
    "batch after, no biases": {
        "network": SMALL,
        "normalization": "batch",
        "placement": "after",
        "biases": False,
    },
    "layer": {"network": SMALL, "normalization": "layer"},
    "group": {"network": SMALL, "normalization": "group"},
    "rms": {"network": SMALL, "normalization": "rms"},
    "dense layers, even kernel": {
        "network": {"convolutional": [{"filters": 8, "kernel": 2}], "dense": [16]},
        "normalization": "batch",
        "input_scaling": "standardized",
    },
    "residual": {"network": RESIDUAL, "normalization": "batch"},
    "residual, after": {"network": RESIDUAL, "normalization": "batch", "placement": "after"},
    "ghost batches": {
        "network": SMALL,
        "normalization": "batch",
        "ghost_batch_size": 8,
        "last_batch": "drop",
    },
    # Much to compute: in Keras, the network is a graph.
    "large": {
        "network": {"convolutional": [{"filters": 128, "pooling": 2}, {"filters": 64}]},
        "normalization": "batch",
    },
    "augmented": {"network": SMALL, "augmentation": {"shift": 2, "flip": True}},
}
CASES |= {
    f"convolutional, {name}": {"optimizer": "sgd", "learning_rate": 0.005, "activation": "tanh"}
    | case
    for name, case in CONVOLUTIONAL_CASES.items()
}


@pytest.mark.usefixtures("torch")
@pytest.mark.parametrize("case", CASES)
def test_from_equal_weights_both_take_the_same_steps(digits, case):
    """After 1, 10 and 100 steps: weights, training losses, and loss and accuracy in inference."""
    chosen = CASES[case]
    both = [trained(digits, framework, **chosen) for framework in ("keras", "torch")]
    for steps, keras, other in zip(STEPS, *both, strict=True):
        close = 2e-4 if steps == 100 else 1e-5
        assert other[0][0] == pytest.approx(keras[0][0], rel=close), f"loss as trained, {steps}"
        # Pooling can turn a rounding error into another choice of a pixel.
        few = 4 if "network" in chosen and steps == 100 else 0
        assert other[0][1] == pytest.approx(keras[0][1], rel=close, abs=few), f"correct, {steps}"
        assert other[2][0] == pytest.approx(keras[2][0], rel=5 * close), f"validation loss, {steps}"
        assert other[2][1] == pytest.approx(keras[2][1], abs=0.0101), f"accuracy, {steps}"
        assert keras[1].keys() == other[1].keys()
        for name, value in keras[1].items():
            # A bias before batch normalization has no effect. Its gradient consists of rounding
            # errors, which Adam turns into steps.
            idle = name.startswith("bias") and chosen.get("normalization") == "batch"
            if idle:
                continue
            off = np.abs(other[1][name] - value)
            where = f"{name} after {steps} steps"
            # Rounding errors grow with each step; Adam turns even tiny gradients into steps.
            if steps == 1:
                np.testing.assert_allclose(other[1][name], value, 1e-4, 1e-5, err_msg=where)
            near = 2e-3 if steps == 100 else 5e-4
            assert np.linalg.norm(off) <= near * np.linalg.norm(value) + 1e-5, where


def test_activations_equal_those_of_keras(torch):
    import keras

    from bnmatrix.training.torch.network import activation_layer

    x = np.linspace(-4, 4, 81, dtype=np.float32)
    for name in TORCH_KNOWS["activation"]:
        ours = activation_layer(name)(torch.from_numpy(x)).numpy()
        theirs = keras.ops.convert_to_numpy(keras.activations.get(name)(x))
        np.testing.assert_allclose(ours, theirs, atol=2e-6, err_msg=name)


@pytest.mark.usefixtures("torch")
def test_pytorch_has_the_declared_normalizations():
    from bnmatrix.training.torch.network import NORMALIZATION_LAYERS

    assert {"none", *NORMALIZATION_LAYERS} == set(TORCH_KNOWS["normalization"])


def _momentum(trainer):
    for layer in trainer.network:
        if hasattr(layer, "running_mean"):
            layer.momentum = 0.1


def _unbiased(trainer):
    from torch import nn

    for layer in trainer.network:
        if hasattr(layer, "running_mean"):
            layer.__class__ = nn.BatchNorm1d


def _epsilon(trainer):
    for layer in trainer.network:
        if hasattr(layer, "running_mean"):
            layer.eps = 1e-5


def _adam(trainer):
    import torch

    class Fixed(torch.optim.Adam):
        """PyTorch's ε: always 1e-8, independently of the loop."""

        def step(self, closure=None):
            self.param_groups[0]["eps"] = 1e-8
            return super().step(closure)

    trainer.optimizer = Fixed(trainer.network.parameters(), 1e-3, fused=True)


def _weights(trainer):
    for layer in trainer.network:
        if type(layer).__name__ == "Dense":
            bias = layer.bias.detach().clone()
            layer.reset_parameters()
            layer.bias.data.copy_(bias)


def _biases(trainer):
    for layer in trainer.network:
        if type(layer).__name__ == "Dense":
            kernel = layer.weight.detach().clone()
            layer.reset_parameters()
            layer.weight.data.copy_(kernel)


#: For each convention, PyTorch's version, and a setting in which the difference is visible.
BROKEN = {
    "Momentum of moving averages": (_momentum, "moving_mean", {}),
    "Moving variance": (_unbiased, "moving_variance", {}),
    "ε of batch normalization": (_epsilon, "kernel", {}),
    "ε of Adam": (_adam, "kernel", {"normalization": "none"}),
    "Initial weights of dense layers": (_weights, "kernel", {}),
    "Initial biases of dense layers": (_biases, "bias", {}),
}


@pytest.mark.parametrize("name", [convention.what for convention in CONVENTIONS])
def test_each_convention_matters(torch, digits, name):
    """With PyTorch's version of the convention, the frameworks no longer agree."""
    change, shows, further = BROKEN[name]
    chosen = {"normalization": "batch"} | further
    keras, matched = (trained(digits, framework, **chosen) for framework in ("keras", "torch"))
    torch.manual_seed(0)
    broken = trained(digits, "torch", change, **chosen)

    def off(found):
        return max(
            float(np.abs(found[-1][1][key] - value).max())
            for key, value in keras[-1][1].items()
            if key.startswith(shows)
        )

    idle = shows == "bias"
    assert off(broken) > (0.01 if idle else 10 * off(matched)), name


def test_pytorchs_conventions_equal_those_of_its_layers(torch, digits):
    own = settings(
        hidden_layers=[32], normalization="batch", framework="torch", conventions="torch"
    )
    assert own.value("initializer") is None
    program = program_for(own, digits)
    program.start(own, 1e-3, 1)
    layer = next(x for x in program.trainer.network if isinstance(x, torch.nn.BatchNorm1d))
    assert type(layer) is torch.nn.BatchNorm1d
    assert (layer.momentum, layer.eps) == (0.1, 1e-5)
    dense = program.trainer.network[0]
    assert float(dense.weight.detach().abs().max()) == pytest.approx(1 / 8, rel=0.01)
    assert 0 < float(dense.bias.detach().abs().max()) <= 1 / 8
    group = program.trainer.optimizer.param_groups[0]
    order = np.arange(1000, dtype=np.int32)
    program.trainer.train([Segment(order, 0, 3, tail=False, evaluate=False)])
    assert group["eps"] == 1e-8
    kernel = dense.weight.detach().clone()
    program.start(own, 1e-3, 2)
    assert not torch.equal(dense.weight, kernel)
    program.start(own, 1e-3, 1)
    first = dense.weight.detach().clone()
    program.start(own, 1e-3, 1)
    assert torch.equal(dense.weight, first)


@pytest.mark.usefixtures("torch")
def test_runs_are_the_same_each_time_with_dropout_too(digits):
    own = settings(
        hidden_layers=[32], normalization="batch", dropout=0.3, epochs=2, framework="torch"
    )
    runs = [program_for(own, digits).run(own, 1e-3, replicate) for replicate in (1, 1, 2)]
    assert runs[0].history == runs[1].history
    assert runs[0].history != runs[2].history
    # The last, smaller mini-batch is trained on: 31 of 32, and one of 8.
    assert runs[0].steps == 2 * 32


@pytest.mark.usefixtures("torch")
def test_dropping_the_last_mini_batch_keeps_both_in_step(digits):
    """1000 = 31 × 32 + 8: two epochs of 31 steps, with the same validation losses."""
    losses = []
    for framework in ("keras", "torch"):
        own = settings(
            hidden_layers=[32],
            normalization="batch",
            epochs=2,
            last_batch="drop",
            framework=framework,
            schedule="cosine",
            optimizer="sgd",
        )
        run = program_for(own, digits).run(own, 0.1, 1)
        assert [row["step"] for row in run.history] == [31, 62]
        losses.append([row["validation_loss"] for row in run.history])
    np.testing.assert_allclose(*losses, rtol=1e-3)


@pytest.mark.usefixtures("torch")
def test_the_softmax_applied_twice_cannot_be_fitted(digits):
    """The loss stays above ln(e + 9) − 1, even if every prediction is right with probability 1."""
    for framework in ("keras", "torch"):
        own = settings(
            hidden_layers=[64],
            epochs=60,
            learning_rate=0.01,
            batch_size=100,
            framework=framework,
            loss="softmax_twice",
        )
        last = program_for(own, digits).run(own, 0.01, 1).history[-1]
        assert last["train_accuracy_as_trained"] > 0.85
        assert 1.4611 < last["train_loss_as_trained"] < 1.65


def test_variants_in_pytorch_are_left_out_without_pytorch(project):
    without = Project.model_construct(**{**dict(project), "frameworks": ("keras",)})
    with_it = Project.model_construct(**{**dict(project), "frameworks": ("keras", "torch")})
    study = "mnist-256-128"
    both, one = variants(with_it, study), variants(without, study)
    assert {v.settings.framework for v in both} == {"keras", "torch"}
    assert {v.settings.framework for v in one} == {"keras"}
    assert variants(without, study, every=True) == both
    assert len(jobs(without, study)) == len(one)
    # The remaining variants have the same names and seeds as with the others.
    assert [v for v in both if v.settings.framework == "keras"] == one


def test_settings_without_support_in_pytorch_are_refused(tmp_path):
    (tmp_path / "config").mkdir()
    for path in (ROOT / "config").glob("*.yaml"):
        (tmp_path / "config" / path.name).write_text(path.read_text(encoding="utf-8"))
    studies = tmp_path / "config/studies.yaml"
    text = studies.read_text(encoding="utf-8")
    entry = (
        "\n  own:\n    title: t\n    question: q\n    dataset: digits\n"
        "    settings: {{epochs: 1, framework: {framework}, {more}}}\n"
        "    axes: {{normalization: [none], batch_size: [32]}}\n    {measures}"
    )
    for values, message in (
        ({"more": "optimizer: rmsprop"}, "one of sgd, momentum, adam \\(not rmsprop\\)"),
        (
            {"more": "epochs: 1", "measures": "measures: {order: [last]}"},
            "measures: order: need `framework: keras`",
        ),
        (
            {"framework": "keras", "more": "conventions: torch"},
            "`torch` needs `framework: torch`",
        ),
        ({"framework": "pytorch", "more": "epochs: 1"}, "must be one of keras, torch"),
        (
            {"more": "input_scaling: {mean: 0.1, deviation: 0}"},
            "input_scaling.*deviation.*greater than 0",
        ),
    ):
        filled = {"framework": "torch", "measures": ""} | values
        more = filled["more"].replace("epochs: 1", "dropout: 0")
        studies.write_text(text + entry.format(**filled | {"more": more}), encoding="utf-8")
        with pytest.raises(UserError, match=message):
            load_project(root=tmp_path)


def test_frameworks_are_compared_in_pairs():
    rng = np.random.default_rng(0)
    rows = []
    for normalization in ("none", "batch"):
        for replicate in range(1, 21):
            base = rng.normal(0.97, 0.001)
            for framework, shift in (("keras", 0.0), ("torch", 0.00002)):
                noise = rng.normal(0, 0.0005)
                drop = 0.01 if (framework, normalization) == ("torch", "batch") else 0.0
                rows.append(
                    {"study": "s", "dataset": "d", "normalization": normalization}
                    | {"batch_size": 32, "framework": framework, "replicate": replicate}
                    | {"status": "completed", "test_accuracy": base + shift + noise - drop}
                    | {"variant": f"{framework} {normalization}", "tuning_block": 0}
                )
    runs = pd.DataFrame(rows)
    found = compare_frameworks(runs, 10, margin=0.002)
    assert found["verdict"].tolist() == ["different", "no difference that matters", "different"]
    assert found["pairs"].tolist() == [20, 20, 20]
    assert found["effect"].iloc[2] == pytest.approx(-0.01, abs=0.001)
    assert found["effect"].iloc[0] == pytest.approx(found["effect"].iloc[1:].mean())
    few = compare_frameworks(runs[runs["replicate"] <= 2], 10, margin=0.0002)
    assert few["verdict"].iloc[1] == "cannot tell"
    assert compare_frameworks(runs.drop(columns="framework"), 10, 0.002).empty
    missing = runs[(runs["replicate"] > 1) | (runs["variant"] != "keras none")]
    assert compare_frameworks(missing, 10, 0.002)["pairs"].tolist() == [19, 19, 20]


def test_a_difference_between_frameworks_allows_for_other_test_examples():
    """PyTorch errs on the same five of 200 examples in all replicates."""
    rng, positions, rows = np.random.default_rng(1), 200, []
    for replicate in range(1, 21):
        right = rng.random(positions) < 0.99
        for framework in ("keras", "torch"):
            correct = right & (rng.random(positions) < 0.99)
            correct[:5] &= framework == "keras"
            rows.append(
                {"study": "s", "dataset": "d", "normalization": "none", "batch_size": 32}
                | {"framework": framework, "replicate": replicate, "status": "completed"}
                | {"tuning_block": 0, "variant": framework, "test_accuracy": correct.mean()}
                | {"correct": np.packbits(correct).tobytes(), "clusters": b""}
                | {"tested": np.packbits(np.ones(positions, bool)).tobytes()}
            )
    table = pd.DataFrame(rows)
    runs = table.drop(columns=["correct", "tested", "clusters"])
    alone, allowing = (
        compare_frameworks(runs, 10, 0.002, correctness=stored).iloc[1] for stored in (None, table)
    )
    assert alone["effect"] == allowing["effect"] == pytest.approx(-0.025, abs=0.01)
    error = np.sqrt(0.025 * 0.975 / positions)
    assert allowing["ci_high"] - allowing["effect"] > 1.5 * error
    assert alone["ci_high"] - alone["effect"] < error


def run_job(folder, framework, absent=()):
    """Run the command of rule train on a small part of digits; return the finished process.

    Args:
        folder: the folder for its tables.
        framework: the framework of its variant.
        absent: packages whose import fails, as if they were not installed.
    """
    folder.mkdir()
    save(small_digits(), folder / "digits.npz")
    spec = job_spec(
        {"hidden_layers": [16], "normalization": "batch", "framework": framework, "tuned": True},
        replicates=2,
        tuning=Tuning(rates=(0.001, 0.01, 0.1), replicates=1, widen=0),
        predictions=True,
    )
    code = (
        "import sys\n"
        f"sys.modules.update(dict.fromkeys({list(absent)!r}))\n"
        "from bnmatrix.cli import main\n"
        "sys.exit(main(sys.argv[1:]))"
    )
    options = {
        "spec": spec.model_dump_json(),
        "data": folder / "digits.npz",
        "threads": 1,
        "gpus": 0,
        "folder": folder,
        "log": folder / "log",
    }
    command = [sys.executable, "-c", code, "train"]
    for name, value in options.items():
        command += [f"--{name}", str(value)]
    return subprocess.run(command, cwd=ROOT / "src", capture_output=True, text=True, check=False)


OTHERS = {"torch": ("tensorflow", "keras"), "keras": ("torch", "triton")}


@pytest.mark.parametrize("framework", OTHERS)
def test_a_job_needs_only_its_framework(tmp_path, framework):
    """PyTorch's build for CUDA cannot share a process with TensorFlow."""
    if framework == "torch" and not importlib.util.find_spec("torch"):
        pytest.skip("PyTorch is not installed: make torch")
    folder = tmp_path / "job"
    done = run_job(folder, framework, absent=OTHERS[framework])
    assert done.returncode == 0, done.stdout + (folder / "log").read_text(encoding="utf-8")
    packages = machine_of(folder / "times.arrow")["packages"]
    assert framework in packages
    assert not set(OTHERS[framework]) & set(packages)


@pytest.mark.slow
@pytest.mark.usefixtures("torch")
def test_a_job_in_pytorch_writes_the_same_tables_as_one_in_keras(tmp_path):
    """Two jobs give the same bytes, and the same tables as a job in Keras."""
    tables = {}
    for name, framework in (("a", "torch"), ("b", "torch"), ("c", "keras")):
        done = run_job(tmp_path / name, framework)
        assert done.returncode == 0, done.stdout
        packed = load([tmp_path / name / "results.arrow"], ["v0"])
        tables[name] = {
            table: unpack(packed, table).to_pandas()
            for table in ("runs", "history", "tuning", "predictions")
        }
    assert (tmp_path / "a/results.arrow").read_bytes() == (
        tmp_path / "b/results.arrow"
    ).read_bytes()
    for table, keras in tables["c"].items():
        assert list(tables["a"][table].columns) == list(keras.columns)
        assert len(tables["a"][table]) == len(keras)
    first, other = tables["a"]["runs"], tables["c"]["runs"]
    assert (first["parameters"] == other["parameters"]).all()
    assert first["test_accuracy"].to_numpy() == pytest.approx(other["test_accuracy"], abs=0.03)
