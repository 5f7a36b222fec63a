"""The command ``ask``: entries, refusals, a number of minutes, and whole runs in other folders."""

import html
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from conftest import ROOT
from own_data import GOOD
from PIL import Image

from bnmatrix.cli import main
from bnmatrix.plan import engine
from bnmatrix.plan.asking import Question, name_for
from bnmatrix.plan.budget import run_seconds
from bnmatrix.plan.loading import load_project, study_project

NETWORK = """
import keras
from keras import layers


def build(shape, classes, normalization):
    inputs = keras.Input(shape)
    x = layers.ReLU()(normalization(8)(layers.Dense(8)(layers.Flatten()(inputs))))
    return keras.Model(inputs, layers.Dense(classes)(x))
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("own.csv").write_text(GOOD, encoding="utf-8")
    return tmp_path


@pytest.fixture
def calls(monkeypatch):
    """The arguments of each call of Snakemake, which fails."""
    found = []

    def snakemake(arguments):
        found.append(list(arguments))
        return 3

    monkeypatch.setattr("bnmatrix.stages.ask.snakemake", snakemake)
    return found


def ask(*arguments):
    """Ask about the table, up to the call of Snakemake."""
    with pytest.raises(SystemExit) as end:
        main(["ask", "own.csv", "--target", "kind", *arguments])
    assert end.value.code == 3


def refused(capsys, *arguments, file="own.csv", target="kind"):
    """Return the message of a refusal."""
    assert main(["ask", file, *(["--target", target] if target else []), *arguments]) == 1
    return capsys.readouterr().err


def entry(kind, name="own"):
    return yaml.safe_load(Path(f"config/{kind}.yaml").read_text(encoding="utf-8"))[kind][name]


# ------------------------------------------------------------------------------ entries


def test_two_entries_are_written_plainly(calls, capsys):
    ask("--batch-sizes", "16,4")
    assert entry("datasets") == {"path": "own.csv", "target": "kind"}
    assert entry("studies") == {"axes": {"batch_size": [4, 16]}}
    text = Path("config/datasets.yaml").read_text(encoding="utf-8")
    assert "    target: kind # Column of a table with the classes\n" in text
    assert "    # margin: … # The largest difference in the primary metric that" in text
    # The packaged declarations apply beside them.
    assert {"own", "iris-64-32"} <= set(load_project().studies)
    printed = capsys.readouterr().out.splitlines()[-1].removeprefix("$ ")
    assert shlex.split(printed) == ["snakemake", *calls[0]]
    assert calls[0][-1] == "reports/own.html"


def test_options_become_keys(calls):
    Path("my.py").write_text(NETWORK, encoding="utf-8")
    table = GOOD.replace("kind\n", "kind,who\n").replace("p\n", "p,a\n").replace("n\n", "n,b\n")
    lines = [f"{line[:-1]}{n % 9}" if n else line for n, line in enumerate(table.splitlines())]
    Path("own.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    ask(
        "--network",
        "my.py:build",
        "--group",
        "who",
        "--data",
        "margin=0.02",
        "--name",
        "mine",
        "--metric",
        "log_loss",
    )
    wanted = {"path": "own.csv", "target": "kind", "group": "who", "margin": 0.02}
    wanted["metric"] = "log_loss"
    assert entry("datasets", "mine") == wanted
    assert entry("studies", "mine") == {"settings": {"network": {"own": "my.py:build"}}}
    assert calls[0][-1] == "reports/mine.html"


def test_a_folder_of_images_has_its_slash(calls):
    rng = np.random.default_rng(0)
    for number in range(24):
        path = Path(f"photos/{'ab'[number % 2]}/{number}.png")
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (8, 8, 3), np.uint8)).save(path)
    with pytest.raises(SystemExit):
        main(["ask", "photos", "--batch-sizes", "4"])
    assert entry("datasets", "photos") == {"path": "photos/"}
    assert len(calls) == 1


def test_edits_are_kept(calls, capsys):
    ask()
    for kind, old, new in (
        ("studies", "    # replicates", "    settings: {epochs: 7}\n    # replicates"),
        ("datasets", "# margin: …", "margin: 0.05"),
    ):
        path = Path(f"config/{kind}.yaml")
        path.write_text(path.read_text("utf-8").replace(old, new), encoding="utf-8")
    edited = {path: path.read_bytes() for path in Path("config").iterdir()}
    capsys.readouterr()
    ask()
    assert {path: path.read_bytes() for path in Path("config").iterdir()} == edited
    assert "config/studies.yaml: the entry own is used as it is" in capsys.readouterr().out
    assert entry("datasets")["margin"] == 0.05
    assert len(calls) == 2


@pytest.mark.usefixtures("calls")
def test_an_edited_entry_is_replaced_only_on_request(capsys):
    ask()
    path = Path("config/studies.yaml")
    path.write_text(path.read_text("utf-8").replace("# axes", "axes"), encoding="utf-8")
    before = path.read_text("utf-8")
    message = refused(capsys, "--batch-sizes", "4,16")
    assert "config/studies.yaml: own: is there already, with other content:" in message
    assert "axes → batch_size: the file has [2, 4], the command asks for [4, 16]" in message
    assert "--name" in message
    assert "--again" in message
    assert path.read_text("utf-8") == before
    capsys.readouterr()
    ask("--batch-sizes", "4,16", "--again")
    assert entry("studies") == {"axes": {"batch_size": [4, 16]}}
    assert "replaced the entry own, which was:\n  own:" in capsys.readouterr().out


@pytest.mark.usefixtures("calls")
def test_an_entry_that_nobody_edited_follows_the_options():
    ask("--batch-sizes", "4")
    ask("--batch-sizes", "4,8")
    assert entry("studies") == {"axes": {"batch_size": [4, 8]}}


@pytest.mark.usefixtures("calls")
def test_the_rest_of_a_file_stays_as_it_is():
    shutil.copytree(ROOT / "config", "config")
    before = {path: path.read_text("utf-8") for path in Path("config").glob("[ds]*.yaml")}
    ask()
    ask("--name", "second")
    ask("--batch-sizes", "4")
    for path, text in before.items():
        after = path.read_text("utf-8")
        assert after.startswith(text.rstrip() + "\n\n  own: #")
        assert after.count("\n  own:") == after.count("\n  second:") == 1
    assert entry("studies") == {"axes": {"batch_size": [4]}}


@pytest.mark.usefixtures("calls")
def test_a_file_in_another_form_is_left_to_the_user(capsys):
    Path("config").mkdir()
    Path("config/studies.yaml").write_text("studies: {}\n", encoding="utf-8")
    message = refused(capsys)
    assert (
        "config/studies.yaml: its form does not allow to add an entry; write the lines" in message
    )
    assert "\n  own: #" in message
    assert not Path("config/datasets.yaml").exists(), "both files or none"


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("wine.csv", "wine"),
        ("data/my wine (2).csv.gz", "my-wine-2"),
        ("iris.csv", "iris-own"),
        ("index.parquet", "index-own"),
        ("all.npz", "all-own"),
        ("2024.csv", "data-2024"),
        ("Küche/", "Küche"),
    ],
)
def test_names_of_files_become_names_of_studies(file, name):
    assert name_for(Question(file), None) == name


# ------------------------------------------------------------------------------ refusals


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"file": "onw.csv"}, "onw.csv: there is no such file or folder (did you mean 'own.csv'?)"),
        ({"file": "own.xyz"}, "'own.xyz': cannot tell what kind of data this is"),
        ({"file": "https://example.org/a.csv"}, "download the file first"),
        ({"target": None}, "--target: give the column that holds what is to be predicted; its "),
        ({"target": None}, "first line is: width,height,colour,kind"),
        ({"target": "knd"}, "target: there is no column 'knd' (did you mean 'kind'?)"),
        (["--batch-sizes", "500"], "batch_size: 500 is more than the"),
        (["--network", "my.py:build"], "network: own: there is no file my.py"),
        (["--framework", "pytorch"], "framework: must be one of keras, torch"),
        (["--group", "patient"], "group: there is no column 'patient'"),
        (["--labels", "y.npy"], "labels: is strip_case or as_written (it is 'y.npy')"),
        (["--data", "margn=0.1"], "--data margn=0.1: give KEY=VALUE with a key of datasets.yaml"),
        (["--data", "margin=2"], "margin: 2 must be below 1"),
        (["--metric", "exactness"], "metric: must be one of accuracy, "),
        (["--task", "ranking"], "task: "),
        (["--name", "iris"], "--name iris: bnmatrix uses this name itself"),
        (["--name", "a b"], "a folder gets this name"),
        (["--minutes", "0.2"], "--minutes 0.2: too short: the shortest run that tells something"),
    ],
)
def test_bad_options_are_named_before_anything_runs(calls, capsys, arguments, expected):
    Path("own.xyz").touch()
    if isinstance(arguments, dict):
        message = refused(capsys, **arguments)
    else:
        message = refused(capsys, *arguments)
    assert expected in message
    assert not calls
    assert not Path("config").exists()


@pytest.mark.parametrize(
    ("option", "value", "expected"),
    [
        ("--batch-sizes", "4,x", "'4,x': give whole numbers above 0"),
        ("--batch-sizes", "0", "give whole numbers above 0"),
        ("--minutes", "-1", "give a number of minutes above 0"),
        ("--minutes", "nan", "give a number of minutes above 0"),
        ("--cores", "0", "give a whole number above 0"),
    ],
)
def test_values_that_are_no_numbers_are_named(capsys, option, value, expected):
    with pytest.raises(SystemExit) as end:
        main(["ask", "own.csv", f"{option}={value}"])
    assert end.value.code == 2
    assert expected in capsys.readouterr().err


def test_a_proposed_line_of_yaml_is_an_option_too(calls, capsys):
    rows = [f"{n % 37},{n * n % 101},{17 + n * 7919 % 97}" for n in range(300)]
    Path("own.csv").write_text("\n".join(["a,b,kind", *rows]), encoding="utf-8")
    message = refused(capsys)
    assert "add `task: regression`" in message
    (option,) = re.findall(r"(--data task=\w+)", message)
    ask(*option.split())
    assert entry("datasets")["task"] == "regression"
    assert len(calls) == 1


def test_without_the_workflow_it_says_where_it_is(monkeypatch, capsys, folder):
    monkeypatch.setattr(engine, "PACKAGE", folder / "site-packages/bnmatrix")
    assert "the workflow is not here" in refused(capsys)
    Path("workflow").mkdir()
    Path("workflow/Snakefile").touch()
    assert engine.workflow_options() == []


def test_the_checkout_needs_no_option(monkeypatch):
    assert engine.workflow_options() == ["--snakefile", str(ROOT / "Snakefile")]
    monkeypatch.chdir(ROOT)
    assert engine.workflow_options() == []


def test_a_dry_run_writes_nothing(calls, capsys):
    assert main(["ask", "own.csv", "--target", "kind", "--dry-run"]) == 0
    printed = capsys.readouterr().out
    assert "# config/datasets.yaml\n  own: #" in printed
    assert re.search(r"# expected time: [\d.]+ (seconds|minutes)\nsnakemake ", printed)
    assert not calls
    assert not Path("config").exists()


# ------------------------------------------------------------------------------ minutes


@pytest.mark.usefixtures("calls")
def test_minutes_choose_replicates_and_length():
    found = []
    for minutes in (2, 4, 12):
        ask("--minutes", str(minutes), "--cores", "2")
        keys = entry("studies")
        project = study_project("own", entry("datasets"), keys)
        assert run_seconds(project, "own", 2) <= 60 * minutes
        study = project.study("own")
        # Complete rounds of folds, from the usual rates.
        assert study.replicates % (study.settings["folds"] * study.tuning.shared_by) == 0
        assert len(study.tuning.rates) > 5
        found.append((keys["replicates"], study.settings["epochs"]))
    replicates, epochs = zip(*found, strict=True)
    assert replicates[0] < replicates[2]
    assert sorted(epochs) == list(epochs)


@pytest.mark.parametrize("line", ["replicates: 3", "effort: thorough"])
def test_a_number_of_replicates_and_minutes_exclude_each_other(capsys, line):
    Path("config").mkdir()
    Path("config/config.yaml").write_text(f"{line}\n", encoding="utf-8")
    message = refused(capsys, "--minutes", "9")
    assert f"config/config.yaml sets `{line}`, but --minutes chooses" in message


def test_the_time_of_an_own_network_is_unknown(capsys):
    Path("my.py").write_text(NETWORK, encoding="utf-8")
    message = refused(capsys, "--network", "my.py:build", "--minutes", "9")
    assert "--minutes: the time of your own network is unknown" in message
    arguments = ["ask", "own.csv", "--target", "kind", "--network", "my.py:build", "--dry-run"]
    assert main(arguments) == 0
    assert "# expected time: unknown, for your own network" in capsys.readouterr().out


# ------------------------------------------------------------------------------ whole runs

SHORT = {"epochs": 2, "learning_rate": 0.01, "folds": None}


def run_ask(*arguments):
    """Run the command in this folder, as a user does, with a small study that a user wrote."""
    command = [sys.executable, "-m", "bnmatrix", "ask", *arguments, "--cores", "2"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def declare(name, **study):
    Path("config").mkdir()
    text = yaml.safe_dump({"studies": {name: study}})
    Path("config/studies.yaml").write_text(text, encoding="utf-8")


def check_page(name):
    """Check that no link of a page leads nowhere; return the text of the page."""
    page = Path(f"reports/{name}.html").read_text(encoding="utf-8")
    ids = set(re.findall(r'\bid="([^"]+)"', page))
    links = set(re.findall(r'<a [^>]*href="([^"]+)"', page))
    assert links
    for link in links:
        place, _, anchor = link.partition("#")
        if not place.startswith("https://"):
            assert not place or Path("reports", place).exists(), link
            assert not anchor or place or anchor in ids, link
    return " ".join(html.unescape(re.sub(r"<[^>]+>", "", page)).split())


@pytest.mark.slow
def test_a_table_is_answered_in_another_folder():
    declare("own", replicates=6, settings=SHORT, axes={"batch_size": [4, 8]})
    printed = run_ask("own.csv", "--target", "kind").strip().splitlines()
    assert "config/studies.yaml: the entry own is used as it is" in printed
    verdict, advice, place = printed[-3:]
    assert re.match(r"Use batch normalization\? (Yes|No|No matter|Cannot tell) at ", verdict)
    assert "(6 pairs)" in verdict
    page = check_page("own")
    assert verdict in page
    assert advice in page
    assert Path(place.removeprefix("Why: ")).samefile("reports/own.html")
    # The reasons of the claims are on the page.
    assert "BN raises test accuracy" in page
    assert "Why this endpoint" in page
    always = "A network that always answers 'n', the most frequent class, has an accuracy of "
    assert page.count(f"{always}50.0 % on the 8 tested examples. The best variant has ") == 1
    assert "Learning rates are not tuned (0.01)" in page
    # The printed command, repeated, has nothing to do.
    (command,) = [line[2:] for line in printed if line.startswith("$ ")]
    again = subprocess.run(
        [sys.executable, "-m", *shlex.split(command)], capture_output=True, text=True, check=True
    )
    assert "Nothing to be done" in again.stdout + again.stderr or "up to date" in again.stderr


@pytest.mark.slow
def test_images_are_answered():
    rng = np.random.default_rng(0)
    for number in range(40):
        path = Path(f"photos/{'ab'[number % 2]}/{number}.png")
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(0, 128, (8, 8, 3)) + 120 * (number % 2)
        Image.fromarray(pixels.astype(np.uint8)).save(path)
    declare("photos", replicates=2, settings=SHORT, axes={"batch_size": [4]})
    printed = run_ask("photos", "--data", "image_size=[8, 8]")
    assert "Use batch normalization? " in printed
    assert "a small convolutional network, for images of 8 × 8 pixels" in check_page("photos")


@pytest.mark.slow
def test_an_own_network_is_answered():
    Path("my.py").write_text(NETWORK, encoding="utf-8")
    network = {"network": {"own": "my.py:build"}}
    declare("own", replicates=3, settings=SHORT | network, axes={"batch_size": [8]})
    printed = run_ask("own.csv", "--target", "kind", "--network", "my.py:build")
    assert "Use batch normalization? " in printed
    assert "A training step took" in check_page("own")
