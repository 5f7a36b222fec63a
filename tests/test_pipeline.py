"""One whole run of the workflow: two studies, a claim and a replication, from Iris to the pages."""

import json
import re

import pandas as pd
import pytest
from checkout import CLAIMS, DETAILS, REPLICATIONS, STUDIES, TUNED, Copy

PAGES = ("index", "iris-tiny", "claims", "replications", "explorer", "theory")


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Copy:
    copy = Copy(tmp_path_factory.mktemp("pipeline") / "a folder")
    tiny = STUDIES["iris-tiny"] | {"together": ["normalization"]}
    primary = CLAIMS["better"]["primary"] | {"studies": ["iris-tuned"]}
    claims = {"better": CLAIMS["better"] | {"primary": primary}}
    copy.declare({"iris-tiny": tiny} | TUNED, claims, REPLICATIONS)
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
