"""Sentences, figures and pages, from tables made here."""

import hashlib
import json
import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
import yaml
from conftest import ROOT
from test_statistics import runs_table

from bnmatrix.config import Printed
from bnmatrix.project import load_project
from bnmatrix.report import drawing, figures, labels
from bnmatrix.report.explorer import curves, explorer_page
from bnmatrix.report.pages import heat_map, latex, latex_table, math, overview_page, study_page
from bnmatrix.report.text import answer, overall
from bnmatrix.report.theory import theory_page
from bnmatrix.statistics.comparisons import compare, summarize
from bnmatrix.statistics.confusions import best_variant, confusion, most_confused
from bnmatrix.statistics.frameworks import compare_frameworks
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


CLASSES = ["a < b", 'the "second"', "漢字"]
FIGURES = ("learning-curves", "accuracy", "differences", "gap", "confusion", "confused")


def predictions_of(runs):
    """Return predictions of the first variant: of six examples, the last two confused."""
    first = runs[runs["variant"] == runs["variant"].iloc[0]]
    return pd.DataFrame(
        [
            {"replicate": replicate, "example": n, "label": n % 3, "probability": 0.9}
            | {"predicted": (n + (n > 3 and replicate > n - 4)) % 3, "variant": row["variant"]}
            for replicate, (_, row) in enumerate(first.iterrows(), start=1)
            for n in range(6)
        ]
    )


def draw(folder, runs, printed=(), images=None, predictions=None, history=None):
    found = predictions_of(runs) if predictions is None else predictions
    tables = figures.StudyTables(
        runs=runs,
        history=history_of(runs) if history is None else history,
        summary=summarize(runs, 2),
        comparisons=compare(runs, 2),
        confusion=confusion(found, 3),
        confused=most_confused(found, 18),
        classes=CLASSES,
        printed=printed,
        images=images,
    )
    figures.draw_all(folder, tables)
    drawing.save(figures.time_and_accuracy(runs, timings_of(runs)), folder / "time.svg")


def timings_of(runs):
    timings = history_of(runs)[["replicate", "epoch", "step", "variant"]]
    return timings.assign(training_seconds=0.5, evaluation_seconds=0.1)


def test_figures_are_the_same_bytes_and_have_text(tmp_path):
    printed = [Printed(normalization="none", batch_size=8, test_accuracy=0.8)]
    images = np.random.default_rng(0).random((6, 4, 4))
    for name in ("a", "b"):
        draw(tmp_path / name, runs_table(), printed, images)
    for figure in FIGURES:
        for kind in ("svg", "pdf", "csv"):
            bytes_of = (tmp_path / f"a/{figure}.{kind}").read_bytes()
            assert bytes_of == (tmp_path / f"b/{figure}.{kind}").read_bytes(), (figure, kind)
        svg = (tmp_path / f"a/{figure}.svg").read_text(encoding="utf-8")
        assert "<text" in svg
        assert ElementTree.fromstring(svg).get("role") == "img"
        assert len(read_runs(tmp_path / f"a/{figure}.csv"))
        if not figure.startswith("conf"):
            assert "batch size" in svg
    assert (tmp_path / "a/confused.svg").read_text(encoding="utf-8").count("<image") == 2
    assert "n = 3" in (tmp_path / "a/accuracy.svg").read_text(encoding="utf-8")
    assert "printed by the source" in (tmp_path / "a/accuracy.svg").read_text(encoding="utf-8")


def label_of(path):
    return ElementTree.parse(path).getroot().get("aria-label")


def test_descriptions_say_what_figures_show(tmp_path):
    runs = runs_table()
    draw(tmp_path, runs)
    for _, row in compare(runs, 2).iterrows():
        assert labels.points(row["effect"]) in label_of(tmp_path / "differences.svg")
    for _, row in summarize(runs, 2).iterrows():
        assert labels.percent(row["test_accuracy_mean"], 1) in label_of(tmp_path / "accuracy.svg")
    # Of each class two examples; one of the second is taken for the third in all runs.
    assert '50.0 % of the "second" as 漢字 and 33.3 % of 漢字 as a < b.' in label_of(
        tmp_path / "confusion.svg"
    )
    assert label_of(tmp_path / "confused.svg") == "The data are no images."


def test_confusions():
    """Worked by hand: three runs, six examples, example 4 wrong in all runs and 5 in two."""
    found = predictions_of(runs_table())
    matrix = confusion(found, 3).set_index(["label", "predicted"])
    assert matrix.loc[(0, 0), "share"] == 1
    assert matrix.loc[(1, 2), "share"] == pytest.approx(3 / 6)
    assert matrix.loc[(2, 0), "per_run"] == pytest.approx(2 / 3)
    assert matrix.groupby("label")["share"].sum().eq(1).all()
    worst = most_confused(found, 1)
    assert worst[["example", "label", "predicted"]].to_numpy().tolist() == [[4, 1, 2]]
    assert len(most_confused(found, 18)) == 2
    assert confusion(found[:0], 3).empty
    right = found.assign(predicted=found["label"])
    assert most_confused(right, 3).empty


def test_the_best_variant_is_chosen_on_validation_data():
    table = pd.DataFrame(
        {
            "variant": ["a", "b", "c"],
            "validation_accuracy_mean": [0.8, 0.9, np.nan],
            "test_accuracy_mean": [0.9, 0.8, 1.0],
        }
    )
    table = table.assign(diverged=0, test_accuracy_n=5, validation_loss_mean=[0.3, 0.2, np.nan])
    assert best_variant(table, 2) == "b"
    assert best_variant(table[2:], 2) is None
    # Three of five runs diverged: 0.4 × 0.9 + 0.6 × 0.5 = 0.66.
    assert best_variant(table.assign(diverged=[0, 3, 5]), 2) == "a"
    equal = table.assign(validation_accuracy_mean=0.9, validation_loss_mean=[0.3, 0.2, 0.4])
    assert best_variant(equal, 2) == "b"


@pytest.mark.parametrize("case", ["one replicate", "all diverged", "no baseline", "many cells"])
def test_partial_results_are_drawn(tmp_path, case):
    runs = runs_table()
    if case == "one replicate":
        runs = runs[runs["replicate"] == 1]
    elif case == "all diverged":
        scores = ["test_accuracy", "train_accuracy", "validation_accuracy"]
        runs = runs.assign(status="diverged", **dict.fromkeys(scores, np.nan))
    elif case == "no baseline":
        runs = runs[runs["normalization"] == "batch"]
    else:
        runs = pd.concat(
            [
                runs.assign(batch_size=size, variant=runs["variant"] + f"-{size}")
                for size in range(1, 30)
            ]
        )
    lost = case == "all diverged"
    history = history_of(runs)
    losses = ["train_loss", "validation_loss", "train_accuracy", "validation_accuracy"]
    if lost:
        history[losses] = np.nan
    draw(tmp_path, runs, predictions=predictions_of(runs)[:0] if lost else None, history=history)
    assert {path.stem for path in tmp_path.glob("*.svg")} == {*FIGURES, "time"}
    assert all(len(label_of(path)) > 10 for path in tmp_path.glob("*.svg"))


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
    found = predictions_of(runs)
    write_csv(confusion(found, 3), tables / "confusion.csv")
    write_csv(compare_frameworks(runs, 3, 0.01), tables / "frameworks.csv")
    write_csv(most_confused(found, 18), tables / "confused.csv")
    write_csv(timings_of(runs), tables / "timings.csv")
    history_of(runs).to_parquet(tables / "history.parquet")
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


LINKS = ["index", "explorer", "theory"]
KINDS = ("svg", "pdf", "csv")


def test_pages_are_self_contained_and_escaped(results):
    project, root = results
    left_out = [{"reason": "no <network>", "studies": ["x", "y"]}]
    pages = [
        study_page(project, "s", root, LINKS),
        overview_page(project, ["s"], left_out, 3, root, LINKS),
        explorer_page(project, ["s"], root, LINKS),
        theory_page(project, None, LINKS),
    ]
    for text in pages:
        page = Page(text)
        assert all(load == "" or load.startswith("data:") for load in page.loads)
        style = text[: text.index("</style>")]
        assert "@import" not in style
        assert "url(" not in style
        assert len(page.ids) == len(set(page.ids)), "an id twice in a page"
        if text != pages[-1]:
            assert 'Müller & <b>Söhne</b> "quoted" 漢字' in page.text
        local = [link for link in page.links if link and not link.startswith(("http", "#"))]
        assert set(local) <= {
            *("index.html", "s.html", "s.csv", "runs.csv", "timings.csv", "provenance.json"),
            *("theory.html", "explorer.html", "s.tex"),
            *("s.html#differences", "s.html#learning-curves", "explorer.html#s"),
            *(f"figures/s/{name}.{kind}" for name in (*FIGURES, "time") for kind in KINDS),
        }
    study, overview, *_ = (Page(text).text for text in pages)
    assert "A <i>source</i>" in study
    assert "87.00 %" in study
    assert "no <network>" in overview
    assert "2 of 3 studies" in overview
    assert "x, y" in overview


def test_numbers_on_a_page_are_those_of_the_tables(results):
    project, root = results
    text = re.sub(r"\s+", "", Page(study_page(project, "s", root, LINKS)).text)
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


def test_the_matrix_has_a_cell_a_comparison():
    """Coloured where the interval leaves zero out, the stronger the larger the difference."""
    rows = [
        row | {"arm": "batch normalization", "cell": f"batch size {row['batch_size']}"}
        for row in comparisons(UP, DOWN, OPEN, (0.001, 0.0005, 0.002)).to_dict("records")
    ]
    study = type("Study", (), {"title": "S"})
    found = heat_map([{"name": "s", "study": study, "comparisons": rows}])
    assert found["sizes"] == [16, 32, 64, 128]
    (row,) = found["rows"]
    shades = {size: cell["shade"] for size, cell in row["cells"].items()}
    assert shades == {16: "up3", 32: "down3", 64: "unsure", 128: "up1"}
    many = [
        own | {"cell": f"batch size 16, learning rate {n}"} for n in range(60) for own in rows[:1]
    ]
    studies = [
        {"name": "s", "study": study, "comparisons": many},
        {"name": "t", "study": type("Study", (), {"title": "T"}), "comparisons": rows},
    ]
    found = heat_map(studies)
    assert [row["study"] for row in found["rows"]] == ["s"] * 8 + ["t"], "no study crowds one out"
    assert found["more"] == {"S": 52}
    assert heat_map([]) == {"sizes": [], "rows": [], "more": {}}


def test_the_explorer_has_the_curves():
    history = history_of(runs_table())
    history.loc[history["epoch"] == 3, "train_loss"] = np.nan
    found = curves(history)
    assert {arm["name"] for arm in found["arms"]} == {"no normalization", "batch normalization"}
    for series in found["series"]:
        assert series["epoch"] == [1, 2, 3]
        values = series["validation_accuracy"]
        assert values["mean"][0] == pytest.approx(0.52)
        assert values["low"][0] == pytest.approx(0.51)
        assert values["high"][0] == pytest.approx(0.53)
        assert series["train_loss"]["mean"][2] is None
    json.dumps(found, allow_nan=False)


def test_latex_tables():
    text = latex_table(summarize(runs_table(), 2))
    assert text.count(r"\\") == 1 + runs_table()["variant"].nunique()
    assert r"\toprule" in text
    assert r"95 \% interval" in text
    special = latex(pd.DataFrame({"a_b": ["50 % & $x$ #1 ~^{}"]}))
    assert r"a\_b" in special
    assert r"50 \% \& \$x\$ \#1" in special


def test_formulas_are_mathml():
    text = math(r"\frac{a}{\sqrt{b}}")
    root = ElementTree.fromstring(text)
    assert root.tag == "{http://www.w3.org/1998/Math/MathML}math"
    assert [tag.split("}")[1] for tag in (e.tag for e in root.iter())] == [
        *("math", "mrow", "mfrac", "mrow", "mi", "mrow", "msqrt", "mrow", "mi")
    ]


def test_libraries_are_the_listed_ones():
    folder = ROOT / "workflow/bnmatrix/report/assets/vendor"
    listed = json.loads((folder / "vendor.json").read_text(encoding="utf-8"))
    files = {
        member.rpartition("/")[2]: digest
        for library in listed.values()
        for member, digest in library["files"].items()
    }
    assert set(files) == {path.name for path in folder.glob("*.js")}
    for name, digest in files.items():
        content = (folder / name).read_bytes()
        assert hashlib.sha256(content).hexdigest() == digest, name
        assert b"</script" not in content, f"{name} would end the element that it stands in"
    licences = (folder / "LICENSES.md").read_text(encoding="utf-8")
    for name, library in listed.items():
        assert f"## {name} {library['version']}" in licences


def test_names_of_classes_are_text_whatever_is_in_them(tmp_path):
    """Letters of any alphabet, Matplotlib's formulas and HTML, in figures."""
    from bnmatrix.report.drawing import save
    from bnmatrix.report.figures import confused, confusion

    classes = [r"$\frac{1}$", "猫 <b>&", "a very long name of a class that would fill a page"]
    shares = [
        {"variant": "v", "label": a, "predicted": b, "share": 0.8 if a == b else 0.1}
        for a in range(3)
        for b in range(3)
    ]
    wrong = [{"variant": "v", "example": 0, "label": 0, "predicted": 1, "share_wrong": 0.5}]
    save(confusion(pd.DataFrame(shares), classes), tmp_path / "a.svg")
    picture = np.zeros((1, 4, 4))
    save(confused(pd.DataFrame(wrong), classes, picture), tmp_path / "b.svg")
    text = (tmp_path / "a.svg").read_text(encoding="utf-8")
    assert r"$\frac{1}$" in text
    assert "猫 &lt;b&gt;&amp;" in text
    assert "a very long name of a c…" in text
