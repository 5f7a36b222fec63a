"""The workflow in a copy of the project."""

import json
import re
import shutil
import subprocess
import sys

import pandas as pd
import pytest
from checkout import CLAIMS, DETAILS, DETERMINISTIC, REPLICATIONS, STUDIES, TUNED, Copy
from conftest import ROOT
from file_server import Server

from bnmatrix.plan.jobs import jobs

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def offline(tmp_path_factory):
    """A run without network and mirror: Iris is available, MNIST is not."""
    copy = Copy(tmp_path_factory.mktemp("offline"), "iris-tiny", "mnist-tiny")
    copy.output = copy.ok("--cores", "2")
    return copy


def test_available_studies_run_and_others_are_named(offline):
    reports = offline.folder / "reports"
    assert (reports / "iris-tiny.html").exists()
    assert not (reports / "mnist-tiny.html").exists()
    index = (reports / "index.html").read_text(encoding="utf-8")
    for text in (offline.output, index):
        assert "1 of 2 studies" in text
        assert "mnist-tiny" in text
        assert "storage.googleapis.com, ossci-datasets.s3.amazonaws.com: cannot be reached" in text
        assert "BNMATRIX_MIRROR" in text
    runs = pd.read_csv(reports / "runs.csv", keep_default_na=False)
    assert len(runs) == 4
    assert set(runs["study"]) == {"iris-tiny"}
    assert set(runs["normalization"]) == {"none", "batch"}
    assert (runs["status"] == "completed").all()
    assert runs["test_accuracy"].between(0, 1).all()
    facts = json.loads((reports / "provenance.json").read_text(encoding="utf-8"))["iris-tiny"]
    assert facts["jobs"] == 2
    assert facts["data"]["source"].startswith("scikit-learn ")
    logs = list((offline.folder / "logs/train/iris-tiny").glob("*/*.log"))
    assert len(logs) == 2
    log = logs[0].read_text(encoding="utf-8")
    assert "replicate 2 of 2, epoch 3, step 21" in log
    assert re.search(r"replicate 2 of 2 completed, test accuracy (0\.\d+|1\.0)", log)


def test_nothing_to_do_the_second_time(offline):
    assert "Nothing to be done" in offline.ok("--cores", "2")


def test_requests_for_unavailable_data_fail_with_the_reason(offline):
    for arguments in (
        ("reports/mnist-tiny.html",),
        ("-n", "reports/mnist-tiny.csv"),
        ("--config", "require_all=true"),
    ):
        process = offline.run("--cores", "2", *arguments)
        assert process.returncode != 0
        assert "MNIST is not in data/raw/mnist; no mirror is set" in process.stdout
        assert "BNMATRIX_MIRROR=" in process.stdout
        assert "Traceback" not in process.stdout


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("reports/iris-tny.html",), "unknown study 'iris-tny' (did you mean 'iris-tiny'?)"),
        (("--config", "studies=iris"), "unknown study 'iris'"),
        (("--config", "replicas=3"), "unknown key (did you mean 'replicates'?)"),
        (("--config", "replicates=0"), "replicates"),
        (("--config", "mirror=/nowhere"), "mirror '/nowhere': there is no such directory"),
        (
            ("data/runs/iris-tiny/x/1-2/results.arrow",),
            "has no job 'x'; it has normalization~none",
        ),
    ],
)
def test_errors_before_anything_runs(offline, arguments, expected):
    before = offline.digests("reports/*.*")
    process = offline.run("--cores", "2", *arguments)
    assert process.returncode != 0
    assert expected in process.stdout
    assert "Traceback" not in process.stdout
    assert "Execute" not in process.stdout
    assert offline.digests("reports/*.*") == before, "an error loses nothing"


def test_same_bytes_in_other_circumstances(offline, tmp_path):
    """Directory, time zone, locale, hash seed and number of cores do not change any byte."""
    other = Copy(tmp_path / "another directory with spaces", "iris-tiny", "mnist-tiny")
    circumstances = {"TZ": "Pacific/Auckland", "LC_ALL": "C", "PYTHONHASHSEED": "42"}
    other.ok("--cores", "1", **circumstances)
    assert other.digests(*DETERMINISTIC) == offline.digests(*DETERMINISTIC)


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    """A run without network, with claims and a replication; part of a claim has no data."""
    copy = Copy(tmp_path_factory.mktemp("judged"), "mnist-tiny")
    mnist = {"mnist-tiny": STUDIES["mnist-tiny"]}
    copy.declare(TUNED | mnist, CLAIMS, REPLICATIONS)
    copy.output = copy.ok("--cores", "2", *DETAILS, "--", "reports/claims.html")
    return copy


def test_claims_are_judged_where_there_is_data(judged):
    assert rules_run(judged.output) == {
        *("prepare", "train", "aggregate", "judge"),
        *("plot_claims", "plot_tuning", "claims_page"),
    }
    assert re.search(r"^train\s+1$", judged.output, flags=re.MULTILINE), "one job, one job"
    claims = pd.read_csv(judged.folder / "reports/claims.csv", keep_default_na=False)
    assert list(claims["dataset"]) == ["iris", "mnist"]
    assert list(claims["pairs"]) == [3, 0]
    assert claims["verdict"][1] == "not measured"
    runs = pd.read_csv(judged.folder / "reports/iris-tuned.csv", keep_default_na=False)
    assert list(runs["tuned"]) == [False] * 3 + [True] * 3 + [False] * 3 + [True] * 3
    assert set(runs[~runs["tuned"]]["learning_rate_used"]) == {0.001}
    tuning = pd.read_parquet(judged.folder / "data/results/iris-tuned/tuning.parquet")
    assert {0.001, 0.01, 0.1} <= set(tuning["rate"])
    assert set(runs[runs["tuned"]]["learning_rate_used"]) == set(tuning[tuning["chosen"]]["rate"])
    measurements = pd.read_parquet(judged.folder / "data/results/iris-tuned/measurements.parquet")
    assert set(measurements["measure"]) == {"gradient_norm", "order_difference"}
    page = (judged.folder / "reports/claims.html").read_text(encoding="utf-8")
    assert "It is better" in page
    assert "Text &amp; &lt;b&gt;more&lt;/b&gt;." in page
    assert "Not measured on MNIST" in re.sub(r"\s+", " ", page)
    replications = pd.read_csv(judged.folder / "reports/replications.csv")
    assert replications["runs"][0] == 6 or replications["runs"][0] == 3


def test_claims_have_the_same_bytes_in_another_run(judged, tmp_path):
    other = Copy(tmp_path / "another directory", "mnist-tiny")
    other.declare(TUNED | {"mnist-tiny": STUDIES["mnist-tiny"]}, CLAIMS, REPLICATIONS)
    other.ok("--cores", "1", "reports/claims.html", TZ="Pacific/Auckland", PYTHONHASHSEED="42")
    patterns = ("reports/claims.csv", "reports/replications.*", "reports/figures/claims/*.*")
    patterns += ("reports/claims.html", "reports/claims.tex")
    patterns += ("data/results/*/analyses.csv", "data/results/*/tuning.parquet")
    patterns += ("data/results/*/measurements.parquet",)
    assert other.digests(*patterns) == judged.digests(*patterns)


def test_a_changed_claim_is_judged_again_without_training(judged):
    changed = json.loads(json.dumps(CLAIMS))
    changed["better"]["primary"]["margin"] = 0.5
    changed["better"]["exploratory"] = []  # no table with wall-clock times remains
    judged.declare(TUNED | {"mnist-tiny": STUDIES["mnist-tiny"]}, changed, REPLICATIONS)
    output = judged.ok("--cores", "2", *DETAILS, "--", "reports/claims.html")
    assert rules_run(output) == {"judge", "plot_claims", "claims_page"}


def test_the_overview_has_the_scorecard(judged):
    judged.declare(TUNED | {"mnist-tiny": STUDIES["mnist-tiny"]}, CLAIMS, REPLICATIONS)
    judged.ok("--cores", "2")
    index = (judged.folder / "reports/index.html").read_text(encoding="utf-8")
    assert 'href="claims.html#better"' in index
    assert not (judged.folder / "reports/iris-tuned.html").exists(), "made when it is asked for"
    judged.ok("--cores", "2", "reports/iris-tuned.html")


def test_only_pages_run_after_a_change_of_template(offline):
    style = offline.folder / "src/bnmatrix/report/pages/assets/style.css"
    original = style.read_text(encoding="utf-8")
    try:
        style.write_text(original + "/* changed */\n", encoding="utf-8")
        output = offline.ok("--cores", "2", *DETAILS)
    finally:
        style.write_text(original, encoding="utf-8")
    assert rules_run(output) == {"page", "overview", "explorer", "theory", "default"}
    assert "/* changed */" in (offline.folder / "reports/index.html").read_text(encoding="utf-8")


def test_only_figures_and_pages_run_after_a_change_of_plot(offline):
    figures = offline.folder / "src/bnmatrix/report/figures/drawing.py"
    text = figures.read_text(encoding="utf-8")
    figures.write_text(f"{text}\n_CHANGED = True\n", encoding="utf-8")
    pages = {"page", "overview", "explorer", "theory"}  # the test before changed them back
    output = offline.ok("--cores", "2", *DETAILS)
    assert rules_run(output) == pages | {"plot", "plot_time", "default"}


def test_swapped_settings_train_again(tmp_path):
    """Snakemake detects that two settings swapped their values."""

    studies = {"iris-tiny": STUDIES["iris-tiny"]}
    first, second = (
        {
            "iris-tiny": studies["iris-tiny"]
            | {"settings": studies["iris-tiny"]["settings"] | change}
        }
        for change in ({"epochs": 2, "hidden_layers": [3]}, {"epochs": 3, "hidden_layers": [2]})
    )
    copy = Copy(tmp_path, "iris-tiny")
    copy.declare(first)
    target = "data/runs/iris-tiny/normalization~none__batch_size~16/1-2/results.arrow"
    copy.ok("--cores", "2", target)
    copy.declare(second)
    assert "train" in rules_run(copy.ok("--cores", "2", *DETAILS, "--", target))


def test_dry_run_shows_the_whole_matrix(project, tmp_path):
    """The dry run lists every job of every declared study."""
    copy = Copy(tmp_path / "copy", *STUDIES)
    mirror = tmp_path / "mirror"  # empty files suffice: only the download reads them
    for dataset in project.datasets.values():
        for file in dataset.files:
            (mirror / dataset.folder).mkdir(parents=True, exist_ok=True)
            (mirror / dataset.folder / file.name).touch()
    for name in ("studies", "claims", "replications"):
        shutil.copy(ROOT / f"config/{name}.yaml", copy.folder / f"config/{name}.yaml")
    output = copy.ok("--cores", "2", "-n", BNMATRIX_MIRROR=str(mirror))
    count = sum(len(jobs(project, study)) for study in project.studies)
    assert re.search(rf"^train\s+{count}$", output, flags=re.MULTILINE)
    assert count > 90
    assert re.search(r"^download\s+2$", output, flags=re.MULTILINE)


def test_genuine_mnist_and_cifar10_through_the_mirror(mirror, tmp_path):
    copy = Copy(tmp_path / "copy", "mnist-tiny", "cifar10-tiny")
    output = copy.ok("--cores", "2", BNMATRIX_MIRROR=str(mirror))
    assert "studies do not run" not in output
    runs = pd.read_csv(copy.folder / "reports/runs.csv", keep_default_na=False)
    mnist = runs[runs["study"] == "mnist-tiny"]
    # 4 000 images and two epochs: better than chance, worse than with 48 000 images.
    assert mnist["test_accuracy"].astype(float).between(0.8, 0.95).all()
    cifar10 = runs[runs["study"] == "cifar10-tiny"]
    assert cifar10["test_accuracy"].astype(float).between(0.3, 0.5).all()
    history = pd.read_parquet(copy.folder / "data/results/cifar10-tiny/history.parquet")
    assert list(history["step"]) == [50, 100, 150]
    page = (copy.folder / "reports/cifar10-tiny.html").read_text(encoding="utf-8")
    assert "There is nothing to compare" in page, "no variant of it has a baseline"
    # A raw file that was changed is named and not opened.
    raw = copy.folder / "data/raw/mnist/t10k-labels-idx1-ubyte.gz"
    raw.write_bytes(raw.read_bytes()[:-1] + b"?")
    process = copy.run("--cores", "2", "--forcerun", "prepare", BNMATRIX_MIRROR=str(mirror))
    assert process.returncode != 0
    assert re.search(r"t10k-labels-idx1-ubyte\.gz: its SHA-256 is \w+ instead of", process.stdout)


def test_a_run_after_the_network_returns_adds_studies(mirror, tmp_path):
    """The next run with a network adds the studies that were left out."""

    def shorten(studies):
        studies["mnist-tiny"]["settings"] |= {"training_examples": 200, "epochs": 1}

    copy = Copy(tmp_path, "iris-tiny", "mnist-tiny", edit=shorten)
    assert "1 of 2 studies" in copy.ok("--cores", "2")
    iris = copy.digests("data/runs/iris-tiny/*/*/times.arrow")
    output = copy.ok("--cores", "2", BNMATRIX_MIRROR=str(mirror))
    assert "studies do not run" not in output
    assert copy.digests("data/runs/iris-tiny/*/*/times.arrow") == iris, "not trained again"
    index = (copy.folder / "reports/index.html").read_text(encoding="utf-8")
    assert "were not run" not in index
    assert "MNIST, a slice" in index
    runs = pd.read_csv(copy.folder / "reports/runs.csv", keep_default_na=False)
    assert set(runs["study"]) == {"iris-tiny", "mnist-tiny"}
    # Another number of replicates for one study does not affect the other study.
    copy.ok("--cores", "2", "--config", "replicates=1", "--", "reports/mnist-tiny.csv")
    assert copy.digests("data/runs/iris-tiny/*/*/times.arrow") == iris


def test_a_host_that_breaks_off_leaves_out_its_studies(project, tmp_path):
    """The first run fails; the next one leaves out the data set and writes the overview."""
    server = Server()
    for file in project.datasets["mnist"].files:
        server.files[f"/mnist/{file.name}"] = bytes(file.size)
    server.cut_after = [1000] * 100
    network = {"BNMATRIX_MIRROR": server.url, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
    copy = Copy(tmp_path, "iris-tiny", "mnist-tiny")
    first = copy.run("--cores", "2", **network)
    assert first.returncode != 0
    assert "the host breaks off, 4 times" in first.stdout
    assert not (copy.folder / "reports/index.html").exists()
    second = copy.ok("--cores", "2", **network)
    index = (copy.folder / "reports/index.html").read_text(encoding="utf-8")
    for text in (second, index):
        assert "1 of 2 studies" in text
        assert f"MNIST could not be downloaded: {server.url}/mnist/train-images" in text
        assert "remove data/partial/mnist/failed.json to try again at once" in text
    # A request that names the study, and one that is for nothing else, try again.
    for target in ("reports/mnist-tiny.html",), ("--config", "studies=mnist-tiny"):
        assert "download" in rules_run(copy.ok("--cores", "2", "-n", *target, **network))
    server.close()


def test_an_own_file_that_moved_stops_its_own_study(tmp_path):
    copy = Copy(tmp_path)
    copy.declare({"iris-tiny": STUDIES["iris-tiny"], "mine": None})
    with (copy.folder / "config/datasets.yaml").open("a", encoding="utf-8") as file:
        file.write("\n  mine:\n    path: data/own/moved.csv\n    target: kind\n")
    reason = "datasets → mine: data/own/moved.csv: there is no such file or folder"
    assert "train" in rules_run(copy.ok("-n", "reports/iris-tiny.csv"))
    output = copy.ok("--cores", "2", "reports/index.html")
    index = (copy.folder / "reports/index.html").read_text(encoding="utf-8")
    for text in (output, index):
        assert "1 of 2 studies" in text
        assert reason in text
    for request in (
        ("reports/mine.html",),
        ("reports/mine.csv",),
        ("--config", "studies=mine"),
        ("--config", "require_all=true"),
    ):
        process = copy.run("-n", *request)
        assert process.returncode != 0
        assert reason in process.stdout
        assert "Traceback" not in process.stdout


def test_the_documented_example_of_own_data(tmp_path):
    """The example of config/README.md, from a CSV file to its page in ten lines of YAML."""
    copy = Copy(tmp_path)
    shutil.copytree(ROOT / "config", copy.folder / "config", dirs_exist_ok=True)
    text = (ROOT / "config/README.md").read_text(encoding="utf-8")
    section = text.split("## Your own data\n")[1].split("\n## ")[0]
    command = re.search(r"\$ (python -c .*)", section)[1].replace("python", sys.executable, 1)
    (copy.folder / "data/own").mkdir(parents=True)
    subprocess.run(command, shell=True, cwd=copy.folder, check=True)
    # Further keys and kinds of data follow.
    entries = re.findall(r"```yaml\n(.*?)```", section, flags=re.DOTALL)[:2]
    assert sum(len(entry.splitlines()) for entry in entries) <= 10
    for name, entry in zip(("datasets", "studies"), entries, strict=True):
        with (copy.folder / f"config/{name}.yaml").open("a", encoding="utf-8") as file:
            file.write(f"\n{entry}")

    fewer = ("--cores", "2", "--config", "replicates=5", "--", "reports/wine.html")
    copy.ok(*fewer)
    page = (copy.folder / "reports/wine.html").read_text(encoding="utf-8")
    assert "Use batch normalization? " in page
    assert "178 examples are too few to tell" in page
    assert "What is said about batch normalization, tested on this data" in page
    assert "(powers of two up to a quarter of 113 training examples)" in page
    assert "tested in turn, in 5 folds" in page
    assert "column of numbers" in page or "columns of numbers" in page
    # The shares of the classes: 59, 71 and 48 examples, each of which is tested.
    assert "A network that always answers &#39;1&#39;, the most frequent class" in page
    assert "has an accuracy of 39.9 % on the 178 tested examples" in page
    runs = pd.read_csv(copy.folder / "reports/wine.csv")
    assert sorted(set(runs["batch_size"])) == [4, 8, 16]
    assert len(runs) == 6 * 5
    claims = pd.read_csv(copy.folder / "data/results/wine/claims.csv")
    assert {"generalization", "convergence", "small-batch"} <= set(claims["claim"])
    assert set(claims["dataset"]) == {"wine"}
    # The tables of all studies have the same statistics as the page of the study.
    rows = pd.read_csv(copy.folder / "data/results/wine/comparisons.csv")
    assert (rows["pairs"] == 5).all()

    # The same file does not cause training again; a different file does.
    wine = copy.folder / "data/own/wine.csv"
    wine.touch()
    assert rules_run(copy.ok("-n", *fewer)) == set()
    wine.write_text(wine.read_text().replace("14.23,", "14.24,", 1))
    assert {"prepare", "train", "page"} <= rules_run(copy.ok("-n", *fewer))
    # An error in the file is reported before anything runs.
    wine.write_text(wine.read_text().replace("14.24,", "much,", 1))
    process = copy.run(*fewer)
    assert process.returncode != 0
    assert "wine.csv: column 'alcohol', row 1 (line 2): 'much' is not a number" in process.stdout


def rules_run(output):
    """Return the names of the rules in snakemake's table of jobs."""
    table = re.search(r"Job stats:\njob\s+count\n[- ]+\n(.*?)\n\n", output, flags=re.DOTALL)
    if table is None:
        return set()
    return {line.split()[0] for line in table[1].splitlines()} - {"total"}
