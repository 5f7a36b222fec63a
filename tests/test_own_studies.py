"""A user's own data: inspection, preparation, and studies with default settings."""

import hashlib
import re
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from own_data import GOOD, STRATIFIED, configure, look, prepared, rows

from bnmatrix.cli import main
from bnmatrix.datasets.data import load_prepared, save
from bnmatrix.datasets.own.cache import INSPECTED_VARIABLE, for_jobs
from bnmatrix.datasets.spec import ExampleCounts
from bnmatrix.errors import UserError
from bnmatrix.files import as_json
from bnmatrix.plan.loading import load_project
from bnmatrix.plan.own_defaults import study_entry
from bnmatrix.plan.plan import make_plan
from bnmatrix.plan.preparation import preparation


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


# ------------------------------------------------------------------------------ inspections


def test_an_inspection_is_cached_until_the_file_changes(monkeypatch):
    first = look()
    code = (
        "import sys; from pathlib import Path;"
        "from bnmatrix.datasets.own.cache import inspected;"
        "from bnmatrix.datasets.own.source import OwnSource;"
        "found = inspected('own', OwnSource(path='own.csv', target='kind'), Path('data'));"
        "heavy = {'pandas', 'pyarrow', 'PIL', 'sklearn', 'requests', 'psutil'};"
        "print(found.examples.train, heavy & set(sys.modules))"
    )
    again = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
    )
    assert again.stdout == "40 set()\n"
    # Descriptions for pages have no effect.
    memory = Path("data/inspected/own.json")
    written = memory.stat().st_mtime_ns
    assert look(None, title="Flowers").title == "Flowers"
    assert memory.stat().st_mtime_ns == written
    changed = look(GOOD + "1,2,red,p\n")
    assert changed.examples.train == 41
    assert changed.fingerprint != first.fingerprint
    # A job on a machine without the file and without the cache of the main process.
    monkeypatch.setenv(INSPECTED_VARIABLE, for_jobs(["own"], Path("data")))
    Path("own.csv").unlink()
    memory.unlink()
    assert look(None) == changed


def test_an_inspection_by_another_version_is_repeated():
    first = look()
    Path("data/inspected/own.json").write_text('{"declared": "", "dataset": {}}')
    assert look() == first


def test_too_many_classes_for_the_environment_of_jobs_are_refused():
    labels = [hashlib.sha256(str(number).encode()).hexdigest() for number in range(3000)]
    table = "a,kind\n" + "".join(f"{row}.5,{labels[row % 3000]}\n" for row in range(60_000))
    look(table)
    with pytest.raises(UserError, match=r"data set 'own': .* the 3000 classes of 'own'\. Merge"):
        for_jobs(["own"], Path("data"))


def test_prepared_data_is_the_same_each_time():
    dataset = look(GOOD.replace("3,3,blue", "3,,blue"))
    for name in ("a.npz", "b.npz"):
        save(prepared(dataset), Path(name))
    assert Path("a.npz").read_bytes() == Path("b.npz").read_bytes()
    assert np.isnan(load_prepared(Path("a.npz")).x_train).sum() <= 1


def test_the_command_prepares_by_a_specification_alone():
    """The command reads no configuration; the specification decides the result."""
    dataset = look()
    save(prepared(dataset), Path("here.npz"))
    spec = preparation("own", dataset, STRATIFIED)
    described = dataset.model_copy(update={"title": "Other", "margin": 0.5, "homepage": "x"})
    assert preparation("own", described, STRATIFIED) == spec
    text = as_json(spec.model_dump(mode="json"))
    assert main(["prepare", "--spec", text, "--raw", "data/raw/own", "--output", "there.npz"]) == 0
    assert Path("there.npz").read_bytes() == Path("here.npz").read_bytes()


# ------------------------------------------------------------------------------ studies


def test_a_study_needs_only_its_name(folder):
    project = configure(folder, {"path": "own.csv", "target": "kind"}, None, rows(300))
    study = project.study("own")
    assert study.dataset == "own"
    assert study.axes == {"normalization": ["none", "batch"], "batch_size": [4, 8, 16, 32]}
    assert study.settings["folds"] == 5
    assert study.settings["tuned"] is True
    assert study.settings["last_batch"] == "drop"
    chosen = {"hidden_layers", "batch_size", "epochs", "tuned", "folds", "last_batch"}
    assert study.reasons.keys() >= chosen
    # Claims with `own_data` are judged on the study, and others are not.
    judged = [name for name, claim in project.claims.items() if claim.own]
    assert {"generalization", "small-batch", "train-inference"} <= set(judged)
    own = project.claims["generalization"].own[0]
    assert (own.studies, own.margin) == (["own"], 0.01)
    small = project.claims["small-batch"].own[0]
    assert small.arguments == {"axis": "batch_size", "at": 4, "reference": 32}


def test_defaults_follow_size_and_shape(folder):
    few = configure(folder, {"path": "own.csv", "target": "kind"}, None, rows(300)).study("own")
    many = configure(folder, {"path": "own.csv", "target": "kind"}, None, rows(40_000)).study("own")
    assert max(many.axes["batch_size"]) > max(few.axes["batch_size"])
    assert many.settings["epochs"] < few.settings["epochs"]
    assert many.settings["hidden_layers"] == [256, 128]
    assert "folds" not in many.settings
    assert many.settings["tuned"] is True
    assert len(many.tuning.rates) < len(few.tuning.rates)
    assert many.replicates < few.replicates
    # Cross-validation draws examples for each replicate, too.
    assert many.settings["redraw"] is True
    assert "redraw" not in few.settings


@pytest.mark.parametrize(
    ("examples", "features", "epochs", "tuned"),
    [
        (60_000, 20, 10, True),
        (200_000, 20, 3, True),
        (60_000, 784, 10, False),
        (2_000_000, 20, 3, False),
    ],
)
def test_large_tables_are_tuned_while_a_training_takes_seconds(examples, features, epochs, tuned):
    half = [examples // 2] * 2
    sizes = {"rows_by_class": half, "test_rows_by_class": [examples // 10] * 2}
    counts = ExampleCounts(train=examples)
    found = look().model_copy(update=sizes | {"examples": counts, "shape": [features]})
    study = study_entry(None, "own", found)
    assert study["settings"]["epochs"] == epochs
    training = examples * 0.8 * 0.8
    steps = f"{epochs * training / 32:,.0f}".replace(",", " ")
    assert study["reasons"]["epochs"].startswith(f"about {steps} steps at batch size 32")
    assert study["settings"].get("tuned", False) is tuned
    assert study["settings"].get("learning_rate") == (None if tuned else 0.001)
    assert ("tuned" in study["reasons"]) is tuned


@pytest.mark.parametrize(
    ("side", "blocks"),
    [
        (8, [{"filters": 16, "pooling": 2}, {"filters": 32}]),
        (28, [{"filters": 16, "pooling": 2}, {"filters": 32, "pooling": 2}, {"filters": 64}]),
    ],
)
def test_images_have_a_convolutional_network_of_their_size(folder, side, blocks):
    rng = np.random.default_rng(0)
    np.savez("own.npz", x=rng.integers(0, 256, (60, side, side), np.uint8), y=np.arange(60) % 2)
    study = configure(folder, {"path": "own.npz"}, None, None).study("own")
    assert study.settings["network"] == {"convolutional": blocks}
    assert "network" in study.reasons
    dense = configure(folder, {"path": "own.npz"}, {"settings": {"hidden_layers": [8]}}, None)
    assert "network" not in dense.study("own").settings
    assert dense.study("own").settings["hidden_layers"] == [8]


@pytest.mark.parametrize(
    "given",
    [{"settings": {"training_take": "first", "training_examples": 500}}, {"axes": {"folds": [5]}}],
)
def test_no_examples_are_drawn_where_the_settings_choose_them(folder, given):
    table = rows(3000)
    study = configure(folder, {"path": "own.csv", "target": "kind"}, given, table).study("own")
    assert "redraw" not in study.settings


def test_groups_are_not_divided_by_draws(folder):
    header, *lines = rows(3000).splitlines()
    table = "\n".join([f"{header},who", *(f"{line},{n // 10}" for n, line in enumerate(lines))])
    entry = {"path": "own.csv", "target": "kind", "group": "who"}
    study = configure(folder, entry, None, table + "\n").study("own")
    assert "redraw" not in study.settings
    with pytest.raises(
        UserError, match=r"redraw: .* is split by groups, which new draws would divide"
    ):
        configure(folder, entry, {"settings": {"redraw": True}}, table + "\n")


def test_declared_keys_override_defaults(folder):
    entry = {
        "title": "Mine",
        "settings": {"steps": 30, "evaluate_every": 10, "learning_rate": 0.01, "folds": None},
        "axes": {"batch_size": [5], "activation": ["relu", "tanh"]},
        "replicates": 3,
    }
    project = configure(folder, {"path": "own.csv", "target": "kind"}, entry, rows(300))
    study = project.study("own")
    assert study.title == "Mine"
    assert list(study.axes) == ["normalization", "batch_size", "activation"]
    assert study.axes["batch_size"] == [5]
    assert study.replicates == 3
    assert not {"epochs", "tuned"} & set(study.settings)
    assert not {"epochs", "tuned", "folds", "batch_size"} & set(study.reasons)


def test_errors_name_the_entry(folder):
    project = configure(folder, {"path": "own.csv", "target": "knd"})
    with pytest.raises(UserError) as error:
        project.study("own")
    assert str(error.value).startswith("config/datasets.yaml: datasets → own: own.csv: target:")
    with pytest.raises(UserError, match="datasets → own: targt: unknown key"):
        configure(folder, {"path": "own.csv", "targt": "kind"})
    with pytest.raises(UserError, match="is split by groups and cannot also be cross-validated"):
        configure(
            folder,
            {"path": "own.csv", "target": "kind", "group": "a"},
            {"settings": {"folds": 5}},
            rows(300),
        )
    with pytest.raises(UserError, match="batch_size: 900 is more than the 192 training examples"):
        configure(
            folder,
            {"path": "own.csv", "target": "kind"},
            {"axes": {"batch_size": [900]}},
            rows(300),
        )


def test_messages_about_wrong_entries(folder):
    dataset = {"path": "own.csv", "target": "kind"}
    for study, message in (
        ({"settings": "abc"}, "own: settings: Input should be a valid dictionary"),
        ({"axes": ["batch_size"]}, "own: axes: Input should be a valid dictionary"),
        ({"axes": {"batch_size": [16, "32"]}}, "batch_size.*valid integer"),
        ({"dataset": ["own"]}, "dataset"),
        ({"settings": {"folds": 400}}, "folds: 400 is more than the 150 examples"),
        ({"settings": {"folds": 200}}, "folds: 200 is more than the 150 examples"),
    ):
        with pytest.raises(UserError, match=message):
            configure(folder, dataset, study, rows(300))
    configure(folder, dataset, {"axes": None, "settings": None}, rows(300))
    configure(folder, dataset, None, rows(300))
    studies = folder / "config/studies.yaml"
    text = studies.read_text(encoding="utf-8")
    studies.write_text(text.replace("\n  own:", "\n  onw:"), encoding="utf-8")
    with pytest.raises(UserError, match="there is no data set 'onw' \\(did you mean 'own'\\?\\)"):
        load_project(root=folder)
    studies.write_text(f"{text}\n  iris-64-32:\n    dataset: own\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"duplicate key 'iris-64-32' in lines \d+ and \d+"):
        load_project(root=folder)


def test_data_that_no_chosen_study_uses_is_not_inspected(folder, monkeypatch):
    configure(folder, {"path": "own.csv", "target": "kind"}, None, rows(300))
    Path("own.csv").unlink()
    project = load_project({"studies": ["iris-64-32"]}, root=folder)
    assert project.chosen == ["iris-64-32"]
    with pytest.raises(UserError, match="not inspected, because no study in"):
        project.study("own")
    # Jobs do not inspect it either.
    monkeypatch.setenv(INSPECTED_VARIABLE, for_jobs([], Path("data")))
    assert "own" in load_project({}, root=folder).unavailable


def test_own_data_in_pytorch_has_no_measures(folder):
    dataset = {"path": "own.csv", "target": "kind"}
    project = configure(folder, dataset, {"settings": {"framework": "torch"}}, rows(300))
    assert project.study("own").measures == {}
    assert not project.claims["train-inference"].own
    assert project.claims["generalization"].own
    # Of further axes, claims are judged at the first value, where it applies.
    both = {"axes": {"framework": ["keras", "torch"], "placement": ["after", "before"]}}
    claims = configure(folder, dataset, both, rows(300)).claims
    where = {"framework": ["keras", None], "placement": ["after", None]}
    assert claims["regularization"].own[0].where == where
    project = configure(folder, dataset, {"measures": {"gradients": [0]}}, rows(300))
    assert not project.claims["order"].own


def missing():
    Path("own.csv").unlink()


def broken():
    Path("own.csv").write_text(rows(300) + "x,1,1\n", encoding="utf-8")


def unreadable():
    Path("own.csv").unlink()
    Path("own.csv").mkdir()
    Path("own.csv/link").symlink_to("nowhere")


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (missing, "own.csv: there is no such file or folder; correct the path"),
        (broken, "own.csv: column 'a', row 301 (line 302): 'x' is not a number"),
        (unreadable, "own.csv/link: cannot be read: No such file or directory"),
    ],
)
def test_a_fault_of_a_file_stops_its_own_studies_only(folder, fault, reason):
    configure(folder, {"path": "own.csv", "target": "kind"}, None, rows(300))
    fault()
    assert "iris-64-32" in load_project(root=folder).studies
    plan = make_plan({"studies": ["iris-64-32", "own"]}, look=True)
    assert plan.studies == ["iris-64-32"]
    assert f"own: config/datasets.yaml: datasets → own: {reason}" in plan.not_run_message()
    for request in (plan.project.study, lambda name: make_plan({"studies": [name]}, look=True)):
        with pytest.raises(UserError, match=re.escape(reason)):
            request("own")


def test_a_study_with_an_unreachable_address_is_left_out(folder, monkeypatch):
    content = rows(300).encode()
    entry = {
        "url": "http://127.0.0.1:9/own.csv",
        "sha256": hashlib.sha256(content).hexdigest(),
        "target": "kind",
    }
    project = configure(folder, entry)
    assert "own" not in project.studies
    with pytest.raises(UserError, match=r"own is not in .*; 127\.0\.0\.1:9: cannot be reached"):
        project.study("own")
    # A mirror has it.
    (folder / "mirror/own").mkdir(parents=True)
    (folder / "mirror/own/own.csv").write_bytes(content)
    monkeypatch.setenv("BNMATRIX_MIRROR", str(folder / "mirror"))
    assert configure(folder, entry).datasets["own"].examples.train == 300


def test_an_address_is_downloaded_and_verified_once(folder):
    """The server on loopback declares no size; a different file is refused."""
    asked = []
    content = rows(300).encode()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    entry = {
        "url": f"http://127.0.0.1:{server.server_port}/data/own.csv",
        "sha256": hashlib.sha256(content).hexdigest(),
        "target": "kind",
    }
    try:
        project = configure(folder, entry)
        assert project.datasets["own"].examples.train == 300
        assert (folder / "data/raw/own/own.csv").read_bytes() == content
        assert configure(folder, entry).datasets == project.datasets
        assert asked == ["/data/own.csv"]
        wrong = configure(folder, entry | {"sha256": "0" * 64})
        assert "own" not in wrong.studies
        assert "its SHA-256 is" in wrong.unavailable["own"]
    finally:
        server.shutdown()
