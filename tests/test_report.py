"""Sentences, figures and pages, from tables made here."""

import json
import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
import yaml
from conftest import ROOT
from test_statistics import runs_table

from bnmatrix.config import Printed
from bnmatrix.project import load_project
from bnmatrix.report import figures, labels
from bnmatrix.report.pages import overview_page, study_page
from bnmatrix.report.text import answer, overall
from bnmatrix.statistics.comparisons import compare, summarize
from bnmatrix.tables import axes_of, read_runs, write_csv


def comparisons(*effects, pairs=5):
    """Return comparisons at batch sizes 16, 32, …: each (effect, low, high), as fractions."""
    return pd.DataFrame(
        {
            "normalization": "batch",
            "batch_size": [16 * 2**i for i in range(len(effects))],
            "endpoint": "test_accuracy",
            "pairs": pairs,
            "effect": [e[0] for e in effects],
            "sd": 0.01,
            "ci_low": [e[1] for e in effects],
            "ci_high": [e[2] for e in effects],
            "p_value": 0.0625,
            "probability_of_improvement": 1.0,
            "baseline_mean": 0.9,
            "variant_mean": [0.9 + e[0] for e in effects],
            "variant": [f"v{i}" for i in range(len(effects))],
            "baseline": [f"b{i}" for i in range(len(effects))],
        }
    )


UP, DOWN, OPEN = (0.02, 0.01, 0.03), (-0.05, -0.06, -0.04), (0.001, -0.01, 0.012)


def test_the_answer_says_what_the_intervals_say():
    assert answer(comparisons(UP, OPEN, DOWN)) == [
        "In five paired replicates a cell, batch normalization raised test accuracy at batch size "
        "16 (+2.00, [+1.00, +3.00]), lowered test accuracy at batch size 64 (−5.00, "
        "[−6.00, −4.00]) and made no difference that can be told from chance at batch size 32 "
        "(+0.10, [−1.00, +1.20]). In brackets: the mean difference in points and its 95 % interval."
    ]
    both = answer(comparisons(UP, UP))[0]
    assert "at batch sizes 16 (+2.00, [+1.00, +3.00]) and 32 (+2.00, [+1.00, +3.00])." in both
    nothing = answer(comparisons(OPEN))[0]
    assert "raised" not in nothing
    assert "lowered" not in nothing
    single = answer(comparisons((0.02, np.nan, np.nan), pairs=1))[0]
    assert "left no interval" in single
    assert "raised" not in single
    assert "9 cells (mean differences from +2.00 to +2.00)" in answer(comparisons(*[UP] * 9))[0]
    assert "nothing to compare" in answer(comparisons(UP).iloc[:0])[0]


def test_the_overall_answer_counts():
    text = overall({"A": comparisons(UP, OPEN), "B": comparisons(DOWN), "C": comparisons(UP)[:0]})
    assert "Of 3 comparisons, normalization raised test accuracy in one, lowered it in one" in text
    assert "in one. Mean differences" in text
    assert "go from −5.00, [−6.00, −4.00] (B, batch size 16) to +2.00, [+1.00, +3.00] (A" in text


def test_numbers():
    assert labels.points(0.00213) == "+0.21"
    assert labels.points(-0.00004) == "0.00"
    assert labels.points(float("nan")) == "n/a"
    assert labels.percent(0.97234) == "97.23 %"
    assert labels.p_text(0.0625) == "0.0625"


def history_of(runs):
    rows = []
    for _, run in runs.iterrows():
        for epoch in (1, 2, 3):
            rows.append(
                {name: run[name] for name in (*("study", "dataset"), *axes_of(runs), "replicate")}
                | {
                    "epoch": epoch,
                    "step": epoch * 10,
                    "train_loss": 1 / epoch,
                    "train_accuracy": 0.5 + epoch / 10,
                    "validation_loss": 1.2 / epoch,
                    "validation_accuracy": 0.4 + epoch / 10 + run["replicate"] / 100,
                    "variant": run["variant"],
                }
            )
    return pd.DataFrame(rows)


def draw(folder, runs, printed=()):
    figures.draw_all(
        folder,
        runs=runs,
        history=history_of(runs),
        summary=summarize(runs, 2),
        comparisons=compare(runs, 2),
        printed=printed,
    )


def test_figures_are_the_same_bytes_and_have_text(tmp_path):
    printed = [Printed(normalization="none", batch_size=8, test_accuracy=0.8)]
    for name in ("a", "b"):
        draw(tmp_path / name, runs_table(), printed)
    for figure in ("learning-curves", "accuracy", "differences"):
        svg = (tmp_path / f"a/{figure}.svg").read_text(encoding="utf-8")
        assert svg == (tmp_path / f"b/{figure}.svg").read_text(encoding="utf-8")
        assert "<text" in svg
        assert "batch size" in svg
    assert "n = 3" in (tmp_path / "a/accuracy.svg").read_text(encoding="utf-8")
    assert "printed by the source" in (tmp_path / "a/accuracy.svg").read_text(encoding="utf-8")


@pytest.mark.parametrize("case", ["one replicate", "all diverged", "no baseline", "many cells"])
def test_partial_results_are_drawn(tmp_path, case):
    runs = runs_table()
    if case == "one replicate":
        runs = runs[runs["replicate"] == 1]
    elif case == "all diverged":
        runs = runs.assign(status="diverged", test_accuracy=np.nan)
    elif case == "no baseline":
        runs = runs[runs["normalization"] == "batch"]
    else:
        runs = pd.concat(
            [
                runs.assign(batch_size=size, variant=runs["variant"] + f"-{size}")
                for size in range(1, 30)
            ]
        )
    draw(tmp_path, runs)
    assert len(list(tmp_path.glob("*.svg"))) == 3


class Page(HTMLParser):
    """What tests read from a page."""

    def __init__(self, text):
        super().__init__()
        self.ids, self.loads, self.links, self.text = [], [], [], ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        if "id" in attributes:
            self.ids.append(attributes["id"])
        if tag in ("script", "img", "iframe", "link", "source", "object"):
            self.loads.append(attributes.get("src") or attributes.get("href") or "")
        if tag == "a":
            self.links.append(attributes.get("href"))

    def handle_data(self, data):
        self.text += data


@pytest.fixture
def results(tmp_path):
    """Results of a study whose names would break a page that does not escape them."""
    (tmp_path / "config").mkdir()
    declared = {
        "title": 'Müller & <b>Söhne</b> "quoted" 漢字',
        "question": "Is 1 < 2 & 3 > 2?",
        "dataset": "iris",
        "settings": {"epochs": 3},
        "axes": {"normalization": ["none", "batch"], "batch_size": [8, 16]},
        "source": {
            "title": "A <i>source</i>",
            "protocol": "x",
            "printed": [{"normalization": "batch", "batch_size": 8, "test_accuracy": 0.87}],
            "errors": ["a < b"],
        },
    }
    (tmp_path / "config/studies.yaml").write_text(yaml.safe_dump({"studies": {"s": declared}}))
    project = load_project(
        {
            "studies_file": str(tmp_path / "config/studies.yaml"),
            "claims_file": None,
            "replications_file": None,
            "datasets_file": str(ROOT / "config/datasets.yaml"),
        }
    )
    runs, tables = runs_table(), tmp_path / "data/results/s"
    write_csv(summarize(runs, 3), tables / "summary.csv")
    write_csv(compare(runs, 3), tables / "comparisons.csv")
    timings = history_of(runs)[["replicate", "epoch", "step", "variant"]]
    write_csv(timings.assign(training_seconds=0.5, evaluation_seconds=0.1), tables / "timings.csv")
    facts = {
        "commits": ["abc"],
        "python": "3.11",
        "packages": {"keras": "3"},
        "data": {"source": "scikit-learn", "prepared": {"a.npz": "00"}},
        "machines": {"processor": ["p"], "platform": ["l"], "threads": [1]},
        "jobs": 4,
        "seconds_of_training_jobs": 61.0,
        "peak_memory_mb": 900,
    }

    (tables / "provenance.json").write_text(json.dumps(facts))
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports/provenance.json").write_text(json.dumps({"s": facts}))
    draw(tmp_path / "reports/figures/s", runs)
    return project, tmp_path


def test_pages_are_self_contained_and_escaped(results):
    project, root = results
    left_out = [{"reason": "no <network>", "studies": ["x", "y"]}]
    pages = [study_page(project, "s", root), overview_page(project, ["s"], left_out, 3, root)]
    for text in pages:
        page = Page(text)
        assert all(load.startswith("data:") for load in page.loads)
        assert "@import" not in text
        assert not re.search(r"url\((?!#)", text)
        assert len(page.ids) == len(set(page.ids)), "an id twice in a page"
        assert 'Müller & <b>Söhne</b> "quoted" 漢字' in page.text
        local = [link for link in page.links if link and not link.startswith(("http", "#"))]
        assert set(local) <= {
            *("index.html", "s.html", "s.csv", "runs.csv", "timings.csv", "provenance.json")
        }
    study, overview = (Page(text).text for text in pages)
    assert "A <i>source</i>" in study
    assert "87.00 %" in study
    assert "no <network>" in overview
    assert "2 of 3 studies" in overview
    assert "x, y" in overview


def test_numbers_on_a_page_are_those_of_the_tables(results):
    project, root = results
    text = re.sub(r"\s+", "", Page(study_page(project, "s", root)).text)
    table = compare(runs_table(), 3)
    for _, row in table.iterrows():
        cells = [labels.percent(row["baseline_mean"]), labels.percent(row["variant_mean"])]
        expected = "".join([f"batch size {row['batch_size']}", *cells]).replace(" ", "")
        assert expected in text


def test_tables_read_back_exactly(tmp_path):
    table = pd.DataFrame(
        {"x": np.random.default_rng(0).normal(size=1000), "y": ["none", None] * 500}
    )
    write_csv(table, tmp_path / "t.csv")
    again = read_runs(tmp_path / "t.csv")
    assert (again["x"] == table["x"]).all()
    assert list(again["y"].fillna("")) == ["none", ""] * 500
