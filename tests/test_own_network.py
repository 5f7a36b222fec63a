"""A user's own network: the documented examples, from file to page, and every mistake's message."""

import importlib.util
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import yaml
from checkout import Copy
from conftest import ROOT, settings
from support import SEED, configured, job_spec, small_digits

from bnmatrix.config.project import Project
from bnmatrix.errors import UserError
from bnmatrix.plan.loading import load_project
from bnmatrix.plan.variants import variants
from bnmatrix.training.job import train_job
from bnmatrix.training.program import Program

FRAMEWORKS = [
    "keras",
    pytest.param(
        "torch",
        marks=pytest.mark.skipif(
            importlib.util.find_spec("torch") is None, reason="PyTorch is not installed: make torch"
        ),
    ),
]


def documented() -> dict[str, str]:
    """Return the blocks of the section on own networks: by framework, and the study."""
    text = (ROOT / "config/README.md").read_text(encoding="utf-8")
    section = text.split("## Your own network")[1].split("\n## ")[0]
    blocks = dict.fromkeys(re.findall(r"```(?:python|yaml)\n(.+?)```", section, re.DOTALL))
    keras, study, torch = blocks
    return {"keras": keras, "torch": torch, "study": study}


@pytest.fixture(scope="module")
def digits():
    return replace(small_digits(), shape=(8, 8))


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_the_documented_network_trains_and_pairs(digits, tmp_path, monkeypatch, framework):
    """Arms start from equal weights; replicates differ; a run does not depend on those before."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my_network.py").write_text(documented()[framework])
    usual = {
        "network": {"own": "my_network.py:build"},
        "framework": framework,
        "optimizer": "sgd",
        "learning_rate": 1e-9,
        "epochs": 1,
    }
    spec = job_spec({"normalization": "none"}, {"normalization": "batch"}, replicates=2, **usual)
    tables = train_job(spec, digits, configured(framework), 1).tables
    assert (tables["runs"]["status"] == "completed").all()
    # Batch normalization of a channel has four numbers; there are two of 16 channels.
    counts = tables["runs"].groupby("variant")["parameters"].first()
    assert counts["v1"] - counts["v0"] == 2 * 16 * 4
    starts = {}
    for name in ("none", "batch"):
        own = settings(**usual, normalization=name)
        program = Program(own, digits, SEED, configured(framework))
        for replicate in (1, 2, 1):
            program.start(own, 1e-9, replicate)
            starts.setdefault((name, replicate), []).append(_kernels(program.trainer.network))
    for replicate in (1, 2):
        (first, *_), (other, *_) = starts["none", replicate], starts["batch", replicate]
        for one, two in zip(first, other, strict=True):
            np.testing.assert_array_equal(one, two)
    first, again = starts["batch", 1]
    assert all((one == two).all() for one, two in zip(first, again, strict=True))
    assert (starts["batch", 1][0][0] != starts["batch", 2][0][0]).any()


def _kernels(network):
    if hasattr(network, "state_dict"):
        weights = [value.numpy().copy() for value in network.state_dict().values()]
    else:
        weights = [value.copy() for value in network.get_weights()]
    return [value for value in weights if value.ndim > 1]


HEAD = "import keras\n\n\ndef build(shape, classes, normalization):\n"
#: What is wrong with a network that is built, and what the message says.
WRONG = {
    "ignores the factory": (
        "    return keras.Sequential([keras.Input(shape), keras.layers.Flatten(),"
        " keras.layers.Dense(classes)])",
        "does not call normalization(units)",
    ),
    "another shape": (
        "    x = inputs = keras.Input(shape)\n    x = normalization(1)(x)\n"
        "    return keras.Model(inputs, keras.layers.Dense(7)(keras.layers.Flatten()(x)))",
        "the network returns examples × 7, and must return examples × 10",
    ),
    "maps instead of logits": (
        "    x = inputs = keras.Input(shape)\n    return keras.Model(inputs, normalization(1)(x))",
        "the network returns examples × 8 × 8 × 1, and must return examples × 10",
    ),
    "no network": (
        "    normalization(3)\n    return 3",
        "returns int, and must return a keras.Model",
    ),
    "an exception": (
        "    normalization(3)\n    return classes / 0",
        "net.py, line 6: ZeroDivisionError: division by zero",
    ),
    "an exception of a layer": (
        "    x = inputs = keras.Input(shape)\n    normalization(3)\n"
        "    x = keras.layers.Conv2D(4, 30)(x)\n    return keras.Model(inputs, x)",
        "net.py, line 7: ValueError",
    ),
    "two arguments": ("", "must take three arguments"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_network_is_named_before_training(digits, tmp_path, monkeypatch, case):
    monkeypatch.chdir(tmp_path)
    body, message = WRONG[case]
    content = HEAD + body + "\n" if body else "def build(shape, classes):\n    return None\n"
    (tmp_path / "net.py").write_text(content)
    own = settings(network={"own": "net.py:build"}, normalization="batch", epochs=1)
    with pytest.raises(UserError, match=re.escape(message)):
        Program(own, digits, SEED, configured("keras"))


def project_with(tmp_path, normalization="batch", **chosen) -> Project:
    study = {
        "title": "T",
        "question": "Q?",
        "dataset": "digits",
        "settings": {"epochs": 1, **chosen},
        "axes": {"normalization": [normalization], "batch_size": [32]},
    }
    (tmp_path / "studies.yaml").write_text(yaml.safe_dump({"studies": {"s": study}}))
    return load_project(
        {
            "studies_file": str(tmp_path / "studies.yaml"),
            "datasets_file": str(ROOT / "config/datasets.yaml"),
            "claims_file": None,
            "replications_file": None,
        }
    )


@pytest.mark.parametrize(
    ("network", "more", "message"),
    [
        ({"own": "absent.py:build"}, {}, "network: own: there is no file absent.py"),
        ({"own": "here.py:other"}, {}, "here.py defines no function other; it defines build"),
        ({"own": "broken.py:build"}, {}, "broken.py, line 1: not Python"),
        ({"own": "here.py"}, {}, "String should match pattern"),
        ({"own": "here.py:build"}, {"activation": "tanh"}, "activation: has no effect on your own"),
        ("dence", {}, "must be dense, or {convolutional"),
        ({"convolutional": []}, {}, "at least 1 item"),
        ({"convolutional": [{"filters": 8, "pool": 2}]}, {}, "pool: unknown key"),
        (
            {"convolutional": [{"filters": 8, "pooling": 4}, {"filters": 8, "pooling": 4}]},
            {},
            "pooling: block 8p4 of conv-8p4-8p4 leaves no pixel of 8 × 8",
        ),
        (
            {"convolutional": [{"filters": 12}]},
            {"normalization": "group"},
            "normalization_groups: 8 groups do not divide hidden layers of 12 units",
        ),
    ],
)
def test_mistakes_in_the_configuration(tmp_path, monkeypatch, network, more, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "here.py").write_text("def build(shape, classes, normalization): ...\n")
    (tmp_path / "broken.py").write_text("def build(:\n")
    with pytest.raises(UserError, match=re.escape(message)) as raised:
        variants(project_with(tmp_path, network=network, **more), "s")
    assert "studies.yaml: studies → s" in str(raised.value)


def test_networks_are_an_axis_with_readable_names(tmp_path):
    project = project_with(tmp_path)
    networks = ["dense", {"convolutional": [{"filters": 8, "pooling": 2}], "dense": [4]}]
    axes = {"normalization": ["none"], "batch_size": [32], "network": networks}
    study = project.study("s").model_copy(update={"axes": axes})
    found = variants(project.model_copy(update={"studies": {"s": study}}), "s")
    assert [variant.name.split(",")[-1] for variant in found] == [
        "network~dense",
        "network~conv-8p2-d4",
    ]
    assert [variant.settings.value("hidden_layers") for variant in found] == [(64, 64), None]


def test_tables_are_not_images(tmp_path):
    project = project_with(tmp_path, network={"convolutional": [{"filters": 8}]})
    iris = project.study("s").model_copy(update={"dataset": "iris"})
    with pytest.raises(UserError, match="a convolutional network needs images"):
        variants(project.model_copy(update={"studies": {"s": iris}}), "s")


@pytest.mark.slow
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_from_the_documentation_to_the_page(tmp_path, framework):
    """The example runs as documented; a change to the file trains again, and nothing else does."""
    copy = Copy(tmp_path)
    blocks = documented()
    study = yaml.safe_load(blocks["study"])
    study["my-network"]["settings"] |= {"framework": framework, "epochs": 2}
    study["my-network"]["replicates"] = 2
    copy.declare(study)
    (copy.folder / "my_network.py").write_text(blocks[framework])
    target = "reports/my-network.html"
    copy.ok("--cores", "2", target)
    runs = pd.read_csv(copy.folder / "reports/my-network.csv")
    assert len(runs) >= 4
    assert "my_network.py:build" in (copy.folder / target).read_text(encoding="utf-8")
    assert "Nothing to be done" in copy.ok("--cores", "2", target)
    changed = blocks[framework].replace("16", "24")
    (copy.folder / "my_network.py").write_text(changed)
    copy.ok("--cores", "2", target)
    again = pd.read_csv(copy.folder / "reports/my-network.csv")
    assert not runs.equals(again)
