"""Sentences, figures and pages from synthetic tables."""

import json
import re
from html.parser import HTMLParser
from types import SimpleNamespace
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
import yaml
from conftest import ROOT, mostly_slow
from tables import (
    AXES,
    comparisons_of,
    history_of,
    labels_of,
    predictions_of,
    runs_of,
    timings_of,
    variant,
)

from bnmatrix.config.studies import Printed, Study
from bnmatrix.plan.loading import load_project
from bnmatrix.report import wording
from bnmatrix.report.figures import drawing
from bnmatrix.report.figures.confusion import confused as draw_confused
from bnmatrix.report.figures.confusion import confusion as draw_confusion
from bnmatrix.report.figures.study import StudyTables, draw_all
from bnmatrix.report.figures.time_and_accuracy import time_and_accuracy
from bnmatrix.report.labels import VariantLabels, with_labels
from bnmatrix.report.pages.explorer import curves, explorer_page
from bnmatrix.report.pages.latex import latex, latex_study
from bnmatrix.report.pages.overview import StudyResults, heat_map, overview_page
from bnmatrix.report.pages.records import records
from bnmatrix.report.pages.rendering import environment
from bnmatrix.report.pages.study import study_page
from bnmatrix.report.pages.text import answer, curve_ends, training_length
from bnmatrix.report.pages.theory import theory_page
from bnmatrix.statistics.comparisons import compare, summarize
from bnmatrix.statistics.confusions import best_variant, confusion, most_confused
from bnmatrix.statistics.frameworks import compare_frameworks
from bnmatrix.statistics.recalls import RECALL_COLUMNS
from bnmatrix.statistics.resolution import examples_needed, resolution, sampling_error
from bnmatrix.statistics.timings import evaluation_seconds, run_seconds, step_seconds
from bnmatrix.statistics.training_length import late_changes
from bnmatrix.tables.csv import read_runs, write_csv

UP, DOWN, OPEN = (0.02, 0.01, 0.03), (-0.05, -0.06, -0.04), (0.001, -0.01, 0.012)


def labelled(*effects, pairs=5):
    table = comparisons_of(*effects, pairs=pairs)
    return with_labels(table, labels_of(table))


def test_the_answer_follows_the_intervals():
    assert answer(labelled(UP, OPEN, DOWN), AXES) == [
        "In five paired replicates a cell, batch normalization raised test accuracy at batch size "
        "16 (+2.00, [+1.00, +3.00]), lowered test accuracy at batch size 64 (−5.00, "
        "[−6.00, −4.00]) and made no difference distinguishable from chance at batch size 32 "
        "(+0.10, [−1.00, +1.20]). In brackets: the mean difference in points and its 95 % interval."
    ]
    both = answer(labelled(UP, UP), AXES)[0]
    assert "at batch sizes 16 (+2.00, [+1.00, +3.00]) and 32 (+2.00, [+1.00, +3.00])." in both
    nothing = answer(labelled(OPEN), AXES)[0]
    assert "raised" not in nothing
    assert "lowered" not in nothing
    single = answer(labelled((0.02, np.nan, np.nan), pairs=1), AXES)[0]
    assert "has no interval" in single
    assert "raised" not in single
    assert "9 cells (mean differences from +2.00 to +2.00)" in answer(labelled(*[UP] * 9), AXES)[0]
    assert "nothing to compare" in answer(labelled(UP).iloc[:0], AXES)[0]


def with_curves(*curves):
    """Return a summary with labels, one batch size for each end of a validation curve."""
    table = runs_of([2**place for place in range(len(curves))], ["batch"], replicates=1)
    table = table.assign(late_curve=curves, late_change_mean=0.001)
    return with_labels(table, labels_of(table))


def test_a_study_says_whether_training_was_done():
    assert training_length(with_curves("flat", "flat")) == (
        "Training was done: over its last fifth, mean validation accuracy changed by at most 0.10 "
        "points in every variant."
    )
    some = training_length(with_curves("flat", "rising", "unclear", "not measured"))
    assert some == (
        "Over the last fifth of training, mean validation accuracy still rose in batch "
        "normalization, batch size 2 (+0.10 points); it varied too much between replicates to tell "
        "in one variant; it was flat in one variant; it was not measured in one variant."
    )
    many = training_length(with_curves("flat", "flat", *["falling"] * 6))
    assert "fell in six variants (+0.10 to +0.10 points); it was flat in two variants." in many
    assert "was not measured: that needs" in training_length(with_curves("not measured"))


def ends(label, **counts):
    row = {"label": label, "dataset_title": "D", "curves_largest_rise": 0.0021}
    names = ("variants", "rising", "falling", "unclear", "flat")
    return row | {f"curves_{name}": counts.get(name, 0) for name in names}


def test_a_claim_says_whether_training_was_done():
    done = ends("with ReLU", variants=2, flat=2)
    assert curve_ends([done]) == (
        "Over the last fifth of training on D, validation accuracy is flat in 2 of 2 variants with "
        "ReLU, the largest mean rise being +0.21 points."
    )
    rising = ends("with tanh", variants=4, rising=1, unclear=1, flat=1)
    none = ends("in one case", variants=1) | {"curves_largest_rise": np.nan}
    assert curve_ends([done, rising, none]).endswith(
        " points; it still rises in 1 of 4 variants, varies too much to tell in 1 of 4, is flat in "
        "1 of 4 and was not measured in 1 of 4 with tanh, the largest mean rise being +0.21 "
        "points; it was not measured in 1 of 1 variant in one case."
    )
    assert curve_ends([ends("of steps", variants=np.nan)]) == ""
    needed = ends("it helps", variants=2, flat=2) | {"role": "requirement"}
    assert "flat in 2 of 2 variants of the precondition that it helps, the" in curve_ends([needed])


def test_numbers():
    assert wording.points(0.00213) == "+0.21"
    assert wording.points(-0.00004) == "0.00"
    assert wording.points(float("nan")) == "n/a"
    assert wording.percent(0.97234) == "97.23 %"
    assert wording.p_text(0.0625) == "0.0625"
    cell = '{% import "parts.html.j2" as parts with context %}{{ parts.number(n, n) }}'
    written = environment([], "s").from_string(cell).render(n=np.int64(30000))
    assert written == '<td class="num" data-sort="30000">30\N{NARROW NO-BREAK SPACE}000</td>'


CLASSES = ["a < b", 'the "second"', "漢字"]
FIGURES = ("learning-curves", "accuracy", "differences", "gap", "confusion", "confused")


def draw(folder, runs, printed=(), images=None, predictions=None, history=None):
    found = predictions_of(runs) if predictions is None else predictions
    labels, wrong = labels_of(runs), most_confused(found, 18)
    tables = StudyTables(
        labels=labels,
        runs=runs,
        history=history_of(runs) if history is None else history,
        summary=summarize(runs, 2),
        comparisons=compare(runs, 2),
        confusion=confusion(found, 3),
        confused=wrong,
        classes=CLASSES,
        printed=printed,
        pictures=None if images is None else images[wrong["example"]],
    )
    draw_all(folder, tables)
    drawing.save(time_and_accuracy(runs, timings_of(runs), labels), folder / "time.svg")


def test_figures_are_the_same_bytes_and_have_text(tmp_path):
    printed = [Printed(normalization="none", batch_size=8, test_accuracy=0.8)]
    images = np.random.default_rng(0).random((6, 4, 4))
    for name in ("a", "b"):
        draw(tmp_path / name, runs_of(), printed, images)
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
    runs = runs_of()
    draw(tmp_path, runs)
    for _, row in compare(runs, 2).iterrows():
        assert wording.points(row["effect"]) in label_of(tmp_path / "differences.svg")
    for _, row in summarize(runs, 2).iterrows():
        assert wording.percent(row["test_accuracy_mean"], 1) in label_of(tmp_path / "accuracy.svg")
    # Each class has two examples. All runs predict class three for one example of class two.
    assert '50.0 % of the "second" as 漢字 and 33.3 % of 漢字 as a < b.' in label_of(
        tmp_path / "confusion.svg"
    )
    assert label_of(tmp_path / "confused.svg") == "The data are no images."


def test_confusions():
    """By hand: three runs, six examples; example 4 is wrong in all runs, example 5 in two."""
    found = predictions_of(runs_of())
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


PARTIAL = ("one replicate", "all diverged", "no baseline", "many cells")


@pytest.mark.parametrize("case", mostly_slow(PARTIAL, PARTIAL[:3]))
def test_partial_results_are_drawn(tmp_path, case):
    runs = runs_of()
    if case == "one replicate":
        runs = runs[runs["replicate"] == 1]
    elif case == "all diverged":
        scores = ["test_accuracy", "train_accuracy", "validation_accuracy"]
        runs = runs.assign(status="diverged", **dict.fromkeys(scores, np.nan))
    elif case == "no baseline":
        runs = runs[runs["normalization"] == "batch"]
    else:
        runs = runs_of(sizes=range(1, 45))
    lost = case == "all diverged"
    history = history_of(runs)
    losses = ["train_loss", "validation_loss", "train_accuracy", "validation_accuracy"]
    if lost:
        history[losses] = np.nan
    draw(tmp_path, runs, predictions=predictions_of(runs)[:0] if lost else None, history=history)
    assert {path.stem for path in tmp_path.glob("*.svg")} == {*FIGURES, "time"}
    assert all(len(label_of(path)) > 10 for path in tmp_path.glob("*.svg"))


class Page(HTMLParser):
    """The parts of a page that tests read."""

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
    """Results of a study whose names break pages that do not escape them."""
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
    (tmp_path / "config/studies.yaml").write_text(
        yaml.safe_dump({"studies": {"s": declared}}, sort_keys=False)
    )
    project = load_project(
        {
            "studies_file": str(tmp_path / "config/studies.yaml"),
            "claims_file": None,
            "replications_file": None,
            "datasets_file": str(ROOT / "config/datasets.yaml"),
        }
    )
    runs, tables = runs_of(), tmp_path / "data/results/s"
    late = late_changes(history_of(runs), runs, margin=0.01)
    summary = summarize(runs, 3).merge(late, on="variant")
    shares = np.where(summary["normalization"] == "batch", 0.5, np.nan)
    write_csv(summary.assign(starting_share=shares), tables / "summary.csv")
    write_csv(compare(runs, 3), tables / "comparisons.csv")
    found = predictions_of(runs)
    write_csv(confusion(found, 3), tables / "confusion.csv")
    write_csv(compare_frameworks(runs, 3, 0.01), tables / "frameworks.csv")
    write_csv(most_confused(found, 18), tables / "confused.csv")
    write_csv(pd.DataFrame(columns=RECALL_COLUMNS), tables / "recalls.csv")
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
        **{"started": "2026-01-01T00:00:00+00:00", "ended": "2026-01-01T01:00:00+00:00"},
        "peak_memory_mb": 900,
    }

    (tables / "provenance.json").write_text(json.dumps(facts))
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports/provenance.json").write_text(json.dumps({"s": facts}))
    draw(tmp_path / "reports/figures/s", runs)
    return project, tmp_path


LINKS = ["index", "explorer", "theory"]
KINDS = ("svg", "pdf", "csv")


def test_the_overview_advises_a_network_only_where_it_helps(results):
    project, root = results
    for helps in (True, False):
        page = overview_page(project, ["s"], {"no": ["x"]}, 2, root, LINKS, network_helps=helps)
        assert "1 of 2 studies were not run." in page
        assert ("with network access" in page) == helps


def test_pages_are_self_contained_and_escaped(results):
    project, root = results
    not_run = {"no <network>": ["x", "y"]}
    pages = [
        study_page(project, "s", root, LINKS),
        overview_page(project, ["s"], not_run, 3, root, LINKS),
        explorer_page(project, ["s"], root, LINKS),
        theory_page(project, None, LINKS),
    ]
    for text in pages:
        page = Page(text)
        assert all(load == "" or load.startswith("data:") for load in page.loads)
        style = text[: text.index("</style>")]
        assert "@import" not in style
        addresses = re.findall(r"url\((.{,20})", style)
        # The theory page alone has formulas, and a font for them.
        assert addresses == (["data:font/woff;base6"] if text == pages[-1] else [])
        assert len(page.ids) == len(set(page.ids)), "an id twice in a page"
        if text != pages[-1]:
            assert 'Müller & <b>Söhne</b> "quoted" 漢字' in page.text
        local = [link for link in page.links if link and not link.startswith(("http", "#"))]
        assert set(local) <= {
            *(
                "index.html",
                "index.html#studies",
                "s.html",
                "s.csv",
                "runs.csv",
                "timings.csv",
                "provenance.json",
            ),
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
    table = compare(runs_of(), 3)
    for _, row in table.iterrows():
        cells = [wording.percent(row["baseline_mean"]), wording.percent(row["variant_mean"])]
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


def results_of(name, title, comparisons, labels):
    study = Study(title=title, question="?", dataset="d", axes={axis: [1] for axis in AXES})
    rows = records(comparisons, labels)
    trained = {"train_accuracy_as_trained_mean": 0.93, "train_accuracy_mean": 0.83}
    summary = [
        {"variant": row["variant"], "steps_taken": 1050, "starting_share": 0.6, **trained}
        for row in rows
    ]
    dataset = SimpleNamespace(margin=0.01)
    return StudyResults(name, study, dataset, labels, comparisons, rows, summary)


def test_the_matrix_has_one_cell_per_comparison():
    """A cell is coloured if the interval excludes zero, more strongly for a larger difference."""
    table = comparisons_of(UP, DOWN, OPEN, (0.001, 0.0005, 0.002))
    found = heat_map([results_of("s", "S", table, labels_of(table))])
    assert found["sizes"] == [16, 32, 64, 128]
    (row,) = found["rows"]
    shades = {size: cell["shade"] for size, cell in row["cells"].items()}
    assert shades == {16: "up3", 32: "down3", 64: "unsure", 128: "up1"}
    assert all(cell["unsettled"] for cell in row["cells"].values())
    (loss,) = found["losses"]
    for words in (
        *("batch size 32: −5.00 points [−6.00, −4.00] after 1\u202f050 steps", "still hold 60 %"),
        *("93.0 % as trained", "83.0 % in inference mode"),
    ):
        assert words in loss
    axes = (*AXES, "learning_rate")
    rates = [
        variant(axes=axes, normalization="batch", batch_size=16, learning_rate=rate)
        for rate in range(1, 61)
    ]
    many = pd.concat(
        [comparisons_of(UP).assign(variant=rate.name) for rate in rates], ignore_index=True
    )
    studies = [
        results_of("s", "S", many, VariantLabels(rates, axes)),
        results_of("t", "T", table, labels_of(table)),
    ]
    found = heat_map(studies)
    assert [row["study"] for row in found["rows"]] == ["s"] * 8 + ["t"], "no study crowds one out"
    assert [row["label"] for row in found["rows"][:2]] == ["learning rate 1", "learning rate 2"]
    assert found["more"] == {"S": 52}
    assert heat_map([])["rows"] == []


def test_the_explorer_has_the_curves():
    history = history_of(runs_of())
    history.loc[history["epoch"] == 3, "train_loss"] = np.nan
    found = curves(history, labels_of(history))
    assert {arm["name"] for arm in found["arms"]} == {"no normalization", "batch normalization"}
    for series in found["series"]:
        assert series["epoch"] == [1, 2, 3]
        values = series["validation_accuracy"]
        assert values["mean"][0] == pytest.approx(0.52)
        assert values["low"][0] == pytest.approx(0.51)
        assert values["high"][0] == pytest.approx(0.53)
        assert series["train_loss"]["mean"][2] is None
        assert series["step"] == [10, 20, 30]
        assert len(series["runs"]) == 3
        assert ("differences" in series) == (series["arm"] == "batch normalization")
    json.dumps(found, allow_nan=False)


def test_latex_tables():
    runs = runs_of()
    text = latex_study(summarize(runs, 2), labels_of(runs))
    assert text.count(r"\\") == 1 + runs["variant"].nunique()
    assert r"\toprule" in text
    assert r"95 \% interval" in text
    special = latex(pd.DataFrame({"a_b": ["50 % & $x$ #1 ~^{}"]}))
    assert r"a\_b" in special
    assert r"50 \% \& \$x\$ \#1" in special


def test_names_of_classes_are_shown_as_text(tmp_path):
    """Figures show letters of any alphabet, Matplotlib's formulas and HTML as text."""
    classes = [r"$\frac{1}$", "猫 <b>&", "a very long name of a class that would fill a page"]
    shares = [
        {"variant": "v", "label": a, "predicted": b, "share": 0.8 if a == b else 0.1}
        for a in range(3)
        for b in range(3)
    ]
    wrong = [{"variant": "v", "example": 0, "label": 0, "predicted": 1, "share_wrong": 0.5}]
    drawing.save(draw_confusion(pd.DataFrame(shares), classes), tmp_path / "a.svg")
    picture = np.zeros((1, 4, 4))
    drawing.save(draw_confused(pd.DataFrame(wrong), classes, picture), tmp_path / "b.svg")
    text = (tmp_path / "a.svg").read_text(encoding="utf-8")
    assert r"$\frac{1}$" in text
    assert "猫 &lt;b&gt;&amp;" in text
    assert "a very long name of a c…" in text


def test_names_of_variants_come_from_typed_settings():
    """Each type of value has words, and defaults are left out."""
    axes = (
        *("batch_size", "normalization", "placement", "hidden_layers", "initializer"),
        *("input_scaling", "training_examples", "tuned", "learning_rate", "loss", "conventions"),
    )
    settings = {
        "normalization": "batch",
        "placement": "after",
        "hidden_layers": [64, 64, 64],
        "initializer": {"normal": 0.05},
        "input_scaling": {"mean": -0.5, "deviation": 0.25},
        "tuned": True,
    }
    labels = VariantLabels([variant(axes=axes, **settings)], axes)
    assert labels.axes[:2] == ("normalization", "batch_size")
    (label,) = (labels[variant(axes=axes, **settings).name],)
    assert label.arm == "batch normalization, placement after"
    # Defaults: all training examples, a tuned learning rate, the usual loss.
    assert label.cell() == (
        "batch size 32, hidden layers 3 × 64, initializer normal-0.05, "
        "input scaling (x − -0.5) / 0.25, tuned True"
    )
    assert label.cell(without=("tuned", "batch_size", "initializer")) == (
        "hidden layers 3 × 64, input scaling (x − -0.5) / 0.25"
    )
    assert label.short_cell().startswith("32, hidden layers")
    assert label.value("hidden_layers") == (64, 64, 64)
    assert label.value("learning_rate") is None
    assert label.text("learning_rate", missing="–") == "–"


def test_a_table_keeps_its_rows_when_it_gets_labels():
    table = runs_of().sample(frac=1, random_state=0)
    labelled = with_labels(table, labels_of(table))
    assert list(labelled.index) == list(table.index)
    expected = [f"batch size {size}" for size in table["batch_size"]]
    assert list(labelled["cell"]) == expected
    assert set(labelled["arm"]) == {"no normalization", "batch normalization"}


def test_times_leave_compilation_out():
    """By hand: two runs with three evaluations every ten steps; the first segment compiles."""
    timings = pd.DataFrame(
        {
            "variant": "v",
            "replicate": [1, 1, 1, 2, 2, 2],
            "step": [10, 20, 30] * 2,
            "training_seconds": [9.0, 1.0, 2.0, 3.0, 4.0, 5.0],
        }
    )
    assert run_seconds(timings).loc["v"].to_dict() == {1: 12.0, 2: 12.0}
    (row,) = evaluation_seconds(timings).to_dict("records")
    assert row == {"variant": "v", "first": 9.0, "steady": 3.0}
    assert step_seconds(timings)["v"] == pytest.approx(0.3)
    (single,) = evaluation_seconds(timings[:1]).to_dict("records")
    assert np.isnan(single["steady"])


def test_what_intervals_can_show():
    """By hand, with a margin of one point: one within it, one beyond it, and two unclear."""
    table = comparisons_of(
        (0.0, -0.005, 0.005), (0.03, 0.011, 0.05), (0.0, -0.02, 0.02), (0.0, -0.04, 0.04)
    )
    joint = {"ci_low": "joint_low", "ci_high": "joint_high"}
    found = resolution(table.rename(columns=joint), margin=0.01)
    assert (found.comparisons, found.unclear) == (4, 2)
    assert found.half_width == pytest.approx(0.03)
    assert found.widest == pytest.approx(0.04)
    # An interval of a third of the width needs nine times as many examples.
    assert examples_needed(100, 0.03, 0.01) == pytest.approx(900)
    # Binomial: √(0.9 × 0.1 / 100) = 0.03.
    assert sampling_error(0.9, 100) == pytest.approx(1.96 * 0.03)
    none = comparisons_of((0.0, np.nan, np.nan)).rename(columns=joint)
    nothing = resolution(none, margin=0.01)
    assert (nothing.comparisons, nothing.unclear) == (0, 0)
