"""The workflow itself, run as a user runs it, in a copy of the project."""

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
import yaml
from conftest import ROOT

from bnmatrix.variants import strips

pytestmark = pytest.mark.slow

COPIED = ("Snakefile", "workflow", "config", "profiles", "environment.yml")

STUDIES = {
    "iris-tiny": {
        "title": "Iris, small",
        "question": "Does it run?",
        "dataset": "iris",
        "settings": {
            "hidden_layers": [8],
            "placement": "after",
            "epochs": 3,
            "input_scaling": "standardized",
            "validation": {"fraction": 0.1, "take": "last"},
        },
        "axes": {"normalization": ["none", "batch"], "batch_size": [16]},
        "replicates": 2,
    },
    "mnist-tiny": {
        "title": "MNIST, a slice",
        "question": "Does it run?",
        "dataset": "mnist",
        "settings": {"hidden_layers": [64, 64], "epochs": 2, "training_examples": 4000},
        "axes": {"normalization": ["none", "batch"], "batch_size": [64]},
        "replicates": 2,
    },
    "cifar10-tiny": {
        "title": "CIFAR-10, a slice",
        "question": "Does it run?",
        "dataset": "cifar10",
        "settings": {
            "hidden_layers": [32],
            "steps": 150,
            "evaluate_every": 50,
            "training_examples": 5000,
            "validation": {"fraction": 0.2, "take": "last"},
        },
        "axes": {"normalization": ["batch"], "batch_size": [128]},
        "replicates": 1,
    },
}


TUNED = {
    "iris-tuned": {
        "title": "Iris, tuned",
        "question": "Does tuning run?",
        "dataset": "iris",
        "role": "experiment",
        "settings": {
            "hidden_layers": [8],
            "steps": 20,
            "evaluate_every": 10,
            "input_scaling": "standardized",
            "validation": {"fraction": 0.1, "take": "last"},
        },
        "axes": {"normalization": ["none", "batch"], "batch_size": [16], "tuned": [False, True]},
        "tuning": {"rates": [0.001, 0.01, 0.1], "replicates": 1, "widen": 1},
        "measures": {"gradients": [0, 20], "order": ["last"]},
        "replicates": 3,
        "together": ["normalization", "tuned"],
    }
}

ANALYSIS = {
    "label": "at an ordinary rate",
    "studies": ["iris-tuned", "mnist-tiny"],
    "endpoint": "final",
    "direction": "greater",
    "margin": 0.02,
}
CLAIMS = {
    "better": {
        **dict.fromkeys(("wording", "question", "reason", "literature"), "Text & <b>more</b>."),
        "title": "It is better",
        "primary": ANALYSIS,
        "exploratory": [
            {
                "label": "in time",
                "studies": ["iris-tuned"],
                "endpoint": "seconds_to",
                "arguments": {"target": 0.5},
                "wall_clock": True,
            }
        ],
        "plot": {"table": "history", "x": "step", "y": "validation_accuracy", "panels": "tuned"},
    }
}
REPLICATIONS = {
    "one": {
        **dict.fromkeys(("title", "reference", "protocol"), "Text & <b>more</b>"),
        "study": "iris-tuned",
        "figures": [
            {"what": "accuracy", "value": 0.5, "treatment": {"normalization": "none"}},
        ],
    }
}


class Copy:
    """A copy of the project, with small studies."""

    def __init__(self, folder: Path, *names: str, edit=None):
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        for name in COPIED:
            source = ROOT / name
            ignore = shutil.ignore_patterns("__pycache__")
            if source.is_dir():
                shutil.copytree(source, folder / name, ignore=ignore)
            else:
                shutil.copy(source, folder / name)
        studies = json.loads(json.dumps({name: STUDIES[name] for name in names}))
        if edit:
            edit(studies)
        self.declare(studies)

    def declare(self, studies, claims=None, replications=None):
        parts = {"studies": studies, "claims": claims or {}, "replications": replications or {}}
        for name, content in parts.items():
            text = yaml.safe_dump({name: content}, sort_keys=False)
            (self.folder / f"config/{name}.yaml").write_text(text, encoding="utf-8")

    def run(self, *arguments, **environment):
        """Run snakemake; return the finished process, with all output in ``stdout``."""
        # No proxy and no mirror unless the test sets one: the hosts cannot be reached.
        hidden = ("BNMATRIX_MIRROR", "PYTHONPATH")
        base = {key: value for key, value in os.environ.items() if key not in hidden}
        names = ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy")
        dead = dict.fromkeys(names, "http://127.0.0.1:9") | {"NO_PROXY": "", "no_proxy": ""}
        return subprocess.run(
            [sys.executable, "-m", "snakemake", *arguments],
            cwd=self.folder,
            env=base | dead | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )

    def ok(self, *arguments, **environment):
        process = self.run(*arguments, **environment)
        assert process.returncode == 0, process.stdout
        return process.stdout

    def digests(self, *patterns):
        """Return the SHA-256 of every file that matches, by relative path.

        Without the files about time, and of pages without the part that is marked as varying.
        """
        paths = sorted(path for pattern in patterns for path in self.folder.glob(pattern))
        assert paths, patterns
        return {
            str(path.relative_to(self.folder)): hashlib.sha256(steady(path)).hexdigest()
            for path in paths
            if path.stem not in ("timings", "claims-timing", "time")
        }


def steady(path):
    """Return a file's bytes, without the part of a page that is marked as varying."""
    content = path.read_bytes()
    if path.suffix != ".html":
        return content
    found = re.findall(rb'<section id="provenance" data-varies.*?</section>', content, re.DOTALL)
    assert len(found) <= 1
    return content.replace(found[0], b"") if found else content


DETERMINISTIC = (
    "reports/*.csv",
    "reports/*.html",
    "reports/*.tex",
    "reports/figures/*/*.*",
    "data/results/*/history.parquet",
    "data/results/*/comparisons.csv",
    "data/results/*/summary.csv",
    "data/processed/*/*.npz",
    "data/runs/*/*/results.arrow",
)


@pytest.fixture(scope="module")
def offline(tmp_path_factory):
    """A run without network and mirror: Iris can be had, MNIST cannot."""
    copy = Copy(tmp_path_factory.mktemp("offline"), "iris-tiny", "mnist-tiny")
    copy.output = copy.ok("--cores", "2")
    return copy


def test_runs_what_can_be_had_and_says_what_not(offline):
    reports = offline.folder / "reports"
    assert (reports / "iris-tiny.html").exists()
    assert not (reports / "mnist-tiny.html").exists()
    index = (reports / "index.html").read_text(encoding="utf-8")
    for text in (offline.output, index):
        assert "Left out, for want of data: 1 of 2 studies" in text
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
    # Progress: each job's log is named, and has its epochs.
    named = re.findall(r"log: (logs/train/\S+\.log)", offline.output)
    assert len(named) == 2
    log = (offline.folder / named[0]).read_text(encoding="utf-8")
    assert "replicate 2 of 2, epoch 3, step 21" in log
    assert re.search(r"replicate 2 of 2 completed, test accuracy (0\.\d+|1\.0)", offline.output)


def test_nothing_to_do_the_second_time(offline):
    assert "Nothing to be done" in offline.ok("--cores", "2")


def test_asking_by_name_for_what_cannot_be_had(offline):
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
            ("data/runs/iris-tiny/x/results.arrow",),
            "has no variants 'x'; it has normalization~none",
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
    """Another directory, time zone, locale, hash seed and number of cores; the same bytes."""
    other = Copy(tmp_path / "another directory with spaces", "iris-tiny", "mnist-tiny")
    circumstances = {"TZ": "Pacific/Auckland", "LC_ALL": "C", "PYTHONHASHSEED": "42"}
    other.ok("--cores", "1", **circumstances)
    assert other.digests(*DETERMINISTIC) == offline.digests(*DETERMINISTIC)


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    """A run with claims and a replication, without network: part of a claim has no data."""
    copy = Copy(tmp_path_factory.mktemp("judged"), "mnist-tiny")
    mnist = {"mnist-tiny": STUDIES["mnist-tiny"]}
    copy.declare(TUNED | mnist, CLAIMS, REPLICATIONS)
    copy.output = copy.ok("--cores", "2", "reports/claims.html")
    return copy


def test_claims_are_judged_where_there_is_data(judged):
    assert rules_run(judged.output) == {
        *("prepare", "train", "aggregate", "judge", "plot_claims", "claims_page"),
    }
    assert re.search(r"^train\s+1$", judged.output, flags=re.MULTILINE), "one strip, one job"
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
    assert "not measured" in page
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


def test_a_changed_claim_is_judged_anew_and_nothing_is_trained(judged):
    changed = json.loads(json.dumps(CLAIMS))
    changed["better"]["primary"]["margin"] = 0.5
    changed["better"]["exploratory"] = []  # none by wall-clock time is left
    judged.declare(TUNED | {"mnist-tiny": STUDIES["mnist-tiny"]}, changed, REPLICATIONS)
    output = judged.ok("--cores", "2", "reports/claims.html")
    assert rules_run(output) == {"judge", "plot_claims", "claims_page"}


def test_the_overview_has_the_scorecard(judged):
    judged.declare(TUNED | {"mnist-tiny": STUDIES["mnist-tiny"]}, CLAIMS, REPLICATIONS)
    judged.ok("--cores", "2")
    index = (judged.folder / "reports/index.html").read_text(encoding="utf-8")
    assert 'href="claims.html#better"' in index
    assert not (judged.folder / "reports/iris-tuned.html").exists(), "made when it is asked for"
    judged.ok("--cores", "2", "reports/iris-tuned.html")


def test_pages_alone_after_a_change_of_template(offline):
    style = offline.folder / "workflow/bnmatrix/report/assets/style.css"
    original = style.read_text(encoding="utf-8")
    try:
        style.write_text(original + "/* changed */\n", encoding="utf-8")
        output = offline.ok("--cores", "2")
    finally:
        style.write_text(original, encoding="utf-8")
    assert rules_run(output) == {"page", "overview", "explorer", "theory", "all"}
    assert "/* changed */" in (offline.folder / "reports/index.html").read_text(encoding="utf-8")


def test_figures_and_pages_alone_after_a_change_of_plot(offline):
    figures = offline.folder / "workflow/bnmatrix/report/figures.py"
    figures.write_text(figures.read_text(encoding="utf-8") + "\n# changed\n", encoding="utf-8")
    assert rules_run(offline.ok("--cores", "2")) == {
        *("plot", "plot_time", "page", "overview", "explorer", "theory", "all")
    }


def test_swapped_numbers_train_anew(tmp_path):
    """Settings are one value among the params, so that a swap of two of them is seen."""

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
    target = "data/runs/iris-tiny/normalization~none__batch_size~16/results.arrow"
    copy.ok("--cores", "2", target)
    copy.declare(second)
    assert "train" in rules_run(copy.ok("--cores", "2", target))


def test_snakemakes_own_report(offline):
    offline.ok("--cores", "2")
    offline.ok("--report", "report.zip")
    assert (offline.folder / "report.zip").stat().st_size > 100_000


def test_dry_run_shows_the_whole_matrix(project, tmp_path):
    """The declared studies: every strip of every one is a job of its own."""
    copy = Copy(tmp_path / "copy", *STUDIES)
    mirror = tmp_path / "mirror"  # empty files will do: they are looked at when downloaded
    for dataset in project.datasets.values():
        for file in dataset.files:
            (mirror / dataset.folder).mkdir(parents=True, exist_ok=True)
            (mirror / dataset.folder / file.name).touch()
    for name in ("studies", "claims", "replications"):
        shutil.copy(ROOT / f"config/{name}.yaml", copy.folder / f"config/{name}.yaml")
    output = copy.ok("--cores", "2", "-n", BNMATRIX_MIRROR=str(mirror))
    jobs = sum(len(strips(project, study)) for study in project.studies)
    assert re.search(rf"^train\s+{jobs}$", output, flags=re.MULTILINE)
    assert jobs > 90
    assert re.search(r"^download\s+2$", output, flags=re.MULTILINE)


def test_genuine_mnist_and_cifar10_through_the_mirror(mirror, tmp_path):
    copy = Copy(tmp_path / "copy", "mnist-tiny", "cifar10-tiny")
    output = copy.ok("--cores", "2", BNMATRIX_MIRROR=str(mirror))
    assert "Left out" not in output
    runs = pd.read_csv(copy.folder / "reports/runs.csv", keep_default_na=False)
    mnist = runs[runs["study"] == "mnist-tiny"]
    # 4 000 images, two epochs: far from chance, and from what 48 000 give.
    assert mnist["test_accuracy"].astype(float).between(0.8, 0.95).all()
    cifar10 = runs[runs["study"] == "cifar10-tiny"]
    assert cifar10["test_accuracy"].astype(float).between(0.3, 0.5).all()
    history = pd.read_parquet(copy.folder / "data/results/cifar10-tiny/history.parquet")
    assert list(history["step"]) == [50, 100, 150]
    page = (copy.folder / "reports/cifar10-tiny.html").read_text(encoding="utf-8")
    assert "There is nothing to compare" in page, "no variant of it has a baseline"
    # A raw file that was changed since is named, and not opened.
    raw = copy.folder / "data/raw/mnist/t10k-labels-idx1-ubyte.gz"
    raw.write_bytes(raw.read_bytes()[:-1] + b"?")
    process = copy.run("--cores", "2", "--forcerun", "prepare", BNMATRIX_MIRROR=str(mirror))
    assert process.returncode != 0
    assert re.search(r"t10k-labels-idx1-ubyte\.gz: its SHA-256 is \w+ instead of", process.stdout)


def test_a_network_that_comes_back_is_noticed(mirror, tmp_path):
    """What was left out is picked up by the next run that can have it."""

    def shorten(studies):
        studies["mnist-tiny"]["settings"] |= {"training_examples": 200, "epochs": 1}

    copy = Copy(tmp_path, "iris-tiny", "mnist-tiny", edit=shorten)
    assert "1 of 2 studies" in copy.ok("--cores", "2")
    iris = copy.digests("data/runs/iris-tiny/*/times.arrow")
    output = copy.ok("--cores", "2", BNMATRIX_MIRROR=str(mirror))
    assert "Left out" not in output
    assert copy.digests("data/runs/iris-tiny/*/times.arrow") == iris, "not trained again"
    index = (copy.folder / "reports/index.html").read_text(encoding="utf-8")
    assert "Left out" not in index
    assert "MNIST, a slice" in index
    runs = pd.read_csv(copy.folder / "reports/runs.csv", keep_default_na=False)
    assert set(runs["study"]) == {"iris-tiny", "mnist-tiny"}
    # Another number of replicates for one study leaves the other's data and runs alone.
    copy.ok("--cores", "2", "--config", "replicates=1", "--", "reports/mnist-tiny.csv")
    assert copy.digests("data/runs/iris-tiny/*/times.arrow") == iris


def test_interrupted_run_goes_on(tmp_path):
    """After SIGINT, nothing half-made is left, and the next run completes."""

    def lengthen(studies):
        studies["iris-tiny"]["settings"]["epochs"] = 3000

    copy = Copy(tmp_path, "iris-tiny", edit=lengthen)
    environment = {key: value for key, value in os.environ.items() if key != "BNMATRIX_MIRROR"}
    process = subprocess.Popen(
        [sys.executable, "-m", "snakemake", "--cores", "2"],
        cwd=copy.folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        # Where the tests run in the background, SIGINT is ignored, and that is inherited.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    logs = copy.folder / "logs/train/iris-tiny"
    deadline = time.monotonic() + 60
    while not any("epoch" in p.read_text() for p in logs.glob("*.log")):
        assert time.monotonic() < deadline, "training did not start"
        time.sleep(0.2)
    os.killpg(process.pid, signal.SIGINT)  # as Ctrl-C in a terminal does: to all of them
    process.communicate(timeout=60)
    assert process.returncode != 0
    assert not list(copy.folder.glob("data/runs/**/*.tmp*"))
    copy.declare({"iris-tiny": STUDIES["iris-tiny"]})
    copy.ok("--cores", "2")


def test_data_of_ones_own_as_the_documentation_says(tmp_path):
    """The example of config/README.md, from a CSV file to its page in ten lines of YAML."""
    copy = Copy(tmp_path)
    shutil.copytree(ROOT / "config", copy.folder / "config", dirs_exist_ok=True)
    text = (ROOT / "config/README.md").read_text(encoding="utf-8")
    section = text.split("## Your own data\n")[1].split("\n## ")[0]
    command = re.search(r"\$ (python -c .*)", section)[1].replace("python", sys.executable, 1)
    (copy.folder / "data/own").mkdir(parents=True)
    subprocess.run(command, shell=True, cwd=copy.folder, check=True)
    entries = re.findall(r"```yaml\n(.*?)```", section, flags=re.DOTALL)
    assert sum(len(entry.splitlines()) for entry in entries) <= 10
    for name, entry in zip(("datasets", "studies"), entries, strict=True):
        with (copy.folder / f"config/{name}.yaml").open("a", encoding="utf-8") as file:
            file.write(f"\n{entry}")

    fewer = ("--cores", "2", "--config", "replicates=5", "--", "reports/wine.html")
    copy.ok(*fewer)
    page = (copy.folder / "reports/wine.html").read_text(encoding="utf-8")
    assert "178 examples are too few to tell" in page
    assert "What is said of batch normalization, on this data" in page
    assert "(powers of two up to a quarter of 113 training examples)" in page
    assert "one of 5 folds a replicate" in page
    assert "column of numbers" in page or "columns of numbers" in page
    runs = pd.read_csv(copy.folder / "reports/wine.csv")
    assert sorted(set(runs["batch_size"])) == [2, 4, 8, 16]
    assert len(runs) == 8 * 5
    claims = pd.read_csv(copy.folder / "data/results/wine/claims.csv")
    assert {"generalization", "convergence", "small-batch"} <= set(claims["claim"])
    assert set(claims["dataset"]) == {"wine"}
    # The rows of all have the statistics of the page of one.
    rows = pd.read_csv(copy.folder / "data/results/wine/comparisons.csv")
    assert (rows["pairs"] == 5).all()

    # The same file again is no reason to train again; another one is.
    wine = copy.folder / "data/own/wine.csv"
    wine.touch()
    assert rules_run(copy.ok("-n", *fewer)) == set()
    wine.write_text(wine.read_text().replace("14.23,", "14.24,", 1))
    assert {"prepare", "train", "page"} <= rules_run(copy.ok("-n", *fewer))
    # A mistake in it is said before anything runs.
    wine.write_text(wine.read_text().replace("14.24,", "much,", 1))
    process = copy.run(*fewer)
    assert process.returncode != 0
    assert "wine.csv: column 'alcohol', row 1: 'much' is not a number" in process.stdout


def rules_run(output):
    """Return the names of the rules in snakemake's table of jobs."""
    table = re.search(r"Job stats:\njob\s+count\n[- ]+\n(.*?)\n\n", output, flags=re.DOTALL)
    if table is None:
        return set()
    return {line.split()[0] for line in table[1].splitlines()} - {"total"}
