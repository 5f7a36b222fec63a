"""One whole run of the workflow: two studies, a claim and a replication, from Iris to the pages.

Also what is published of it: packed tables, pages made from them without training, an RO-Crate.
"""

import json
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest
from checkout import CLAIMS, DETAILS, REPLICATIONS, STUDIES, TUNED, Copy
from conftest import ROOT

PAGES = ("index", "iris-tiny", "claims", "replications", "explorer", "theory")


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Copy:
    copy = Copy(tmp_path_factory.mktemp("pipeline") / "a folder")
    tiny = STUDIES["iris-tiny"] | {"together": ["normalization"]}
    primary = CLAIMS["better"]["primary"] | {"studies": ["iris-tuned"]}
    claims = {"better": CLAIMS["better"] | {"primary": primary}}
    copy.declare({"iris-tiny": tiny} | TUNED, claims, REPLICATIONS)
    copy.commit()
    copy.output = copy.ok("--cores", "2", *DETAILS)
    return copy


def test_all_jobs_run(finished):
    table = re.search(r"^job +count\n[- ]+\n(.*?)\n\n", finished.output, re.DOTALL | re.MULTILINE)
    counts = dict(line.split() for line in table[1].splitlines())
    assert counts["train"] == "2", "variants that are trained together are one job"
    assert {"prepare", "aggregate", "compare", "combine", "judge", "page", "theory"} <= set(counts)
    assert "(100%) done" in finished.output
    assert f"Report: {finished.folder / 'reports/index.html'}" in finished.output


def test_tables(finished):
    runs = pd.read_csv(finished.folder / "reports/runs.csv", keep_default_na=False)
    assert runs.groupby(["study", "normalization"]).size().to_dict() == {
        **{("iris-tiny", "batch"): 2, ("iris-tiny", "none"): 2},
        **{("iris-tuned", "batch"): 6, ("iris-tuned", "none"): 6},
    }
    assert (runs["status"] == "completed").all()
    assert runs["test_accuracy"].between(0, 1).all()
    history = pd.read_parquet(finished.folder / "data/results/iris-tiny/history.parquet")
    assert list(history["epoch"]) == [1, 2, 3] * 4
    measured = pd.read_parquet(finished.folder / "data/results/iris-tuned/measurements.parquet")
    assert set(measured["measure"]) == {"gradient_norm", "order_difference"}
    claims = pd.read_csv(finished.folder / "reports/claims.csv", keep_default_na=False)
    assert list(claims["pairs"]) == [3]
    assert len(pd.read_csv(finished.folder / "reports/replications.csv")) == 1
    facts = json.loads((finished.folder / "reports/provenance.json").read_text(encoding="utf-8"))
    assert facts["iris-tiny"]["jobs"] == 1
    assert facts["iris-tiny"]["data"]["source"].startswith("scikit-learn ")


@pytest.mark.parametrize("name", PAGES)
def test_pages(finished, name):
    """Each page is complete, and its links to other pages and tables lead to files."""
    reports = finished.folder / "reports"
    text = (reports / f"{name}.html").read_text(encoding="utf-8")
    assert text.rstrip().endswith("</html>")
    assert "<h1" in text
    links = set(re.findall(r'href="([^"#:]+)["#]', text))
    for link in links:
        assert (reports / link).is_file(), link
    if name == "index":
        assert {"iris-tiny.html", "claims.html", "explorer.html", "theory.html"} <= links
        assert 'href="claims.html#better"' in text


def test_logs(finished):
    """The output names the log of each training job, which has the epochs."""
    named = re.findall(r"log: (logs/train/iris-tiny/\S+\.log)", finished.output)
    assert len(named) == 1
    log = (finished.folder / named[0]).read_text(encoding="utf-8")
    assert "replicate 2 of 2, epoch 3, step 21" in log


def pack(copy, folder="docs/results"):
    return copy.run("pack", f"--published={folder}", command=("bnmatrix",))


def contents(folder):
    """Return the bytes of all files in a folder, by relative path."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


@pytest.fixture(scope="module")
def packed(finished) -> Copy:
    done = pack(finished)
    assert done.returncode == 0, done.stdout
    return finished


def test_the_same_run_is_packed_as_the_same_bytes(packed):
    folder = packed.folder / "docs/results"
    (folder / "README.md").write_text("Kept", encoding="utf-8")
    first = contents(folder)
    (folder / "iris-tiny/runs.csv.zst").write_text("of an earlier run", encoding="utf-8")
    (folder / "gone").mkdir()
    assert pack(packed).returncode == 0
    assert contents(folder) == first
    assert not (folder / "gone").exists()
    assert {name.split("/")[0] for name in first} == {
        *("README.md", "run.json", "iris-tiny", "iris-tuned"),
    }
    assert not [name for name in first if "predictions" in name]
    assert sum(map(len, first.values())) < 100_000


def replaced(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


#: What is wrong with a run: how it comes about, and what the refusal says.
UNFIT = {
    "unfinished": (
        lambda folder: shutil.rmtree(folder / "data/runs/iris-tiny"),
        ["not finished: iris-tiny"],
    ),
    "other declarations": (
        lambda folder: replaced(folder / "config/studies.yaml", "epochs: 3", "epochs: 4"),
        ["of other code, libraries or declarations: iris-tiny"],
    ),
    "other code": (
        lambda folder: replaced(
            folder / "src/bnmatrix/training/job.py",
            "def train_job(",
            "CHANGED = 1\n\n\ndef train_job(",
        ),
        ["of other code, libraries or declarations: iris-tiny, iris-tuned"],
    ),
    "local changes": (
        lambda folder: replaced(
            folder / "data/results/iris-tuned/provenance.json",
            '"\n  ],',
            ' with local changes"\n  ],',
        ),
        ["made by code that no commit has", "with local changes", "iris-tuned"],
    ),
    "a table of other runs": (
        lambda folder: replaced(folder / "reports/iris-tiny.csv", "completed", "diverged"),
        ["reports/iris-tiny.csv is not what data/runs gives: iris-tiny"],
    ),
    "no table": (
        lambda folder: (folder / "data/results/iris-tuned/tuning.parquet").unlink(),
        ["not finished, without data/results/iris-tuned/tuning.parquet: iris-tuned"],
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", UNFIT)
def test_what_cannot_be_published_is_refused_by_name(packed, tmp_path, case):
    spoil, words = UNFIT[case]
    folder = tmp_path / "copy"
    shutil.copytree(packed.folder, folder, symlinks=True)
    spoil(folder)
    copy = Copy.__new__(Copy)
    copy.folder = folder
    before = contents(folder / "docs/results")
    done = pack(copy)
    assert done.returncode == 1
    for word in ("cannot be published", *words):
        assert word in done.stdout
    assert contents(folder / "docs/results") == before


@pytest.mark.slow
def test_pages_are_made_from_packed_tables_without_training(packed, tmp_path):
    """The same bytes as the pages of the run, in a folder that has no runs."""
    copy = Copy(tmp_path / "elsewhere")
    for name in ("config", "docs/results"):
        shutil.copytree(packed.folder / name, copy.folder / name, dirs_exist_ok=True)
    arguments = ("--published=docs/results", "--output=published", "--cores=2")
    done = copy.run("publish", *arguments, command=("bnmatrix",))
    assert done.returncode == 0, done.stdout
    assert not (copy.folder / "data").exists()
    compared = ("--reports=published/reports", "--published=docs/results", "--output=agreement")
    (copy.folder / "docs/results/claims.csv").write_bytes(
        (copy.folder / "published/reports/claims.csv").read_bytes()
    )
    agreed = copy.run("agreement", *compared, command=("bnmatrix",))
    assert "runs.csv: 6 identical\nclaims.csv: 1 identical" in agreed.stdout
    assert not (copy.folder / "published/data/runs").exists()
    made, own = (contents(f / "reports") for f in (copy.folder / "published", packed.folder))
    assert set(made) == set(own)
    assert [name for name in own if made[name] != own[name]] == []
    check_crate(copy)
    # A study that is declared otherwise now has no results, and the overview says so.
    replaced(copy.folder / "config/studies.yaml", "epochs: 3", "epochs: 4")
    done = copy.run("publish", *arguments, command=("bnmatrix",))
    assert done.returncode == 0, done.stdout
    reason = "its declaration has changed since the published run"
    assert f"iris-tiny: {reason}" in done.stdout
    page = (copy.folder / "published/reports/index.html").read_text(encoding="utf-8")
    assert f"{reason}: iris-tiny" in page


def check_crate(copy):
    """Check that another program finds in the crate what the profile requires."""
    import rocrate
    from rocrate.rocrate import ROCrate

    from bnmatrix.files import sha256
    from bnmatrix.stages.crate import _FILES

    for name in _FILES:
        shutil.copy(ROOT / name, copy.folder)
    arguments = ["--published=docs/results", "--reports=published/reports", "--output=crate"]
    path = str(Path(rocrate.__file__).parents[1])
    done = copy.run("crate", *arguments, command=("bnmatrix",), PYTHONPATH=path)
    assert done.returncode == 0, done.stdout
    crate = ROCrate(copy.folder / "crate")
    assert crate.license
    profiles = [entity.id for entity in crate.root_dataset["conformsTo"]]
    assert "https://w3id.org/ro/wfrun/workflow/0.5" in profiles
    workflow = crate.mainEntity
    assert workflow.id == "workflow/Snakefile"
    assert set(workflow.type) == {"File", "SoftwareSourceCode", "ComputationalWorkflow"}
    assert workflow["programmingLanguage"]["name"] == "Snakemake"
    assert {"keras", "numpy", "python"} <= {app["name"] for app in workflow["softwareRequirements"]}
    run = crate.root_dataset["mentions"]
    assert run.type == "CreateAction"
    assert run["instrument"] is workflow
    assert run["startTime"] <= run["endTime"]
    inputs, results = ({entity.id for entity in run[key]} for key in ("object", "result"))
    assert {"config/studies.yaml", "config/claims.yaml", "#iris"} <= inputs
    assert {"results/run.json", "results/iris-tiny/history.parquet", "reports/"} <= results
    files = [entity for entity in crate.get_by_type("File") if "sha256" in entity.properties()]
    assert len(files) > 100
    for entity in files:
        assert sha256(copy.folder / "crate" / entity.id) == entity["sha256"], entity.id
    assert (copy.folder / "crate/reports/index.html").exists()
