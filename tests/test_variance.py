"""Where the spread comes from: components of known size, the table, the figure and the page."""

import json
import math
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import yaml
from checkout import DETAILS, STUDIES, VARIED, Copy
from conftest import ROOT
from scipy import stats

from bnmatrix.errors import UserError
from bnmatrix.plan.loading import load_project
from bnmatrix.plan.plan import Plan
from bnmatrix.plan.variants import variants
from bnmatrix.report.pages.variance import finding
from bnmatrix.stages import variance, variance_page
from bnmatrix.statistics.variance import components, deviation, ratio
from bnmatrix.tables.csv import read_runs, write_csv

SIZES = {"all": 0.03, "weights": 0.01, "order": 0.004, "examples": 0.02, "tuning": 0.0}
NOTHING_STORED = pd.DataFrame({name: [] for name in ("variant", "replicate", "tested", "correct")})


def runs_of(accuracies):
    """Return runs from accuracies by (normalization, source); NaN marks a diverged run."""
    return pd.DataFrame(
        [
            {
                "normalization": normalization,
                "varied": source,
                "replicate": replicate,
                "status": "diverged" if math.isnan(accuracy) else "completed",
                "test_accuracy": accuracy,
                "tuning_block": 0,
                "variant": f"{normalization}-{source}",
            }
            for (normalization, source), values in accuracies.items()
            for replicate, accuracy in enumerate(values, start=1)
        ]
    )


def packed(*rows):
    return [np.packbits(np.array(row, np.uint8)).tobytes() for row in rows]


def correctness_of(variant, *correct):
    """Return the correctness of replicates 1, 2, …, all examples of which are tested."""
    return pd.DataFrame(
        {
            "variant": variant,
            "replicate": range(1, len(correct) + 1),
            "tested": packed(*np.ones_like(correct)),
            "correct": packed(*correct),
            "clusters": b"",
        }
    )


def row_of(table, arm, source):
    (row,) = table[(table["arm"] == arm) & (table["source"] == source)].to_dict("records")
    return row


def test_simulated_components_are_found():
    """The part that both arms share cancels in the difference."""
    rng, accuracies = np.random.default_rng(0), {}
    for source, size in SIZES.items():
        shared = 0.8 + size * rng.normal(size=2000)
        accuracies["none", source] = shared
        accuracies["batch", source] = shared + size / 2 * rng.normal(size=2000)
    table = components(runs_of(accuracies), NOTHING_STORED, 10, 0.01)
    for source, size in SIZES.items():
        expected = {"none": size, "batch": size * math.sqrt(1.25), "difference": size / 2}
        for arm, sd in expected.items():
            found = row_of(table, arm, source)
            assert found["sd"] == pytest.approx(sd, rel=0.05, abs=1e-15)
            assert found["runs"] == 2000
            if size:
                assert found["sd_low"] < found["sd"] < found["sd_high"]
                assert found["sd_high"] / found["sd_low"] < 1.1
    assert row_of(table, "none", "all")["factor"] == pytest.approx(3, rel=0.05)


def test_the_seeds_needed_reach_the_margin():
    """With the factor for unseen outcomes below 20 replicates, as all intervals have."""
    rng = np.random.default_rng(1)
    values = 0.8 + 0.02 * rng.normal(size=50)
    runs = runs_of({("none", "all"): values, ("none", "weights"): values})

    def half_width(n):
        error = values.std(ddof=1) * math.sqrt(max(1, 2 - n / 20) / n)
        return stats.t.ppf(0.975, n - 1) * error

    for margin in (0.005, 0.01, 0.02):
        needed = row_of(components(runs, NOTHING_STORED, 10, margin), "none", "all")["seeds_needed"]
        assert half_width(needed) <= margin < half_width(needed - 1)


def test_no_seeds_suffice_where_the_test_examples_are_too_few():
    rng = np.random.default_rng(2)
    hard = rng.random(40) < 0.5  # right in all runs, or in almost none
    correct = [np.where(rng.random(40) < 0.05, 1, hard) for _ in range(20)]
    runs = runs_of({("none", "all"): [np.mean(row) for row in correct]})
    table = components(runs, correctness_of("none-all", *correct), 2, 0.01)
    assert pd.isna(row_of(table, "none", "all")["seeds_needed"])


def test_the_sampling_of_test_examples_has_its_exact_variance():
    none = np.r_[np.ones(75), np.zeros(25)]
    batch = np.r_[np.zeros(3), np.ones(77), np.zeros(20)]  # 3 worse and 5 better
    accuracies = {("none", "all"): [0.75] * 3, ("batch", "all"): [0.77] * 3}
    stored = [correctness_of("none-all", *[none] * 3), correctness_of("batch-all", *[batch] * 3)]
    table = components(runs_of(accuracies), pd.concat(stored), 10, 0.01)
    found = {arm: row_of(table, arm, "test_sampling")["sd"] for arm in table["arm"].unique()}
    assert found["none"] == pytest.approx(math.sqrt(0.75 * 0.25 / 100))
    assert found["batch"] == pytest.approx(math.sqrt(0.77 * 0.23 / 100))
    assert found["difference"] == pytest.approx(math.sqrt((0.08 - 0.02**2) / 100))


def test_a_diverged_run_counts_at_chance_and_has_no_sampling():
    values = [0.9, 0.8, math.nan, 0.85, 0.8]
    correct = [np.r_[np.ones(8), np.zeros(2)]] * 5
    runs, stored = runs_of({("none", "all"): values}), correctness_of("none-all", *correct)
    table = components(runs, stored, 4, 0.01)
    assert row_of(table, "none", "all")["sd"] == pytest.approx(
        np.std([0.9, 0.8, 0.25, 0.85, 0.8], ddof=1)
    )
    assert row_of(table, "none", "test_sampling")["runs"] == 4


@pytest.mark.parametrize(
    ("draw", "sd", "least"),
    [("normal", 1.0, 0.93), ("exponential", 1.0, 0.84), ("laplace", math.sqrt(2), 0.88)],
)
def test_intervals_of_deviations_hold_them(draw, sd, least):
    rng = np.random.default_rng(3)
    found = [deviation(getattr(rng, draw)(size=20)) for _ in range(1000)]
    assert np.mean([d.low <= sd <= d.high for d in found]) >= least


def test_the_interval_of_a_ratio_holds_it():
    rng = np.random.default_rng(4)
    found = [
        ratio(deviation(2 * rng.normal(size=20)), deviation(rng.normal(size=20)))
        for _ in range(1000)
    ]
    assert 0.92 <= np.mean([low <= 2 <= high for _, low, high in found]) <= 0.98


def test_equal_and_few_values_have_no_interval():
    equal, few = deviation(np.full(9, 0.1)), deviation(np.array([1.0, 2.0, 3.0, 4.0]))
    assert equal.sd == 0
    assert few.sd == pytest.approx(np.std([1, 2, 3, 4], ddof=1))
    assert all(math.isnan(end) for d in (equal, few) for end in (d.low, d.high))


def test_a_finding_says_where_the_factor_is_sure():
    rows = [
        {"arm": arm, "source": source, "sd": sd, "sd_low": sd / 2, "sd_high": sd * 2}
        | {"seeds_needed": needed, "factor": factor, "factor_low": low, "factor_high": 3.0}
        for arm, source, sd, needed, factor, low in (
            ("none", "all", 0.02, 7, 2.0, 1.2),
            ("none", "weights", 0.01, math.nan, math.nan, math.nan),
            ("difference", "all", 0.03, math.nan, 1.5, 0.7),
            ("difference", "weights", 0.02, math.nan, math.nan, math.nan),
            ("difference", "tuning", 0.021, math.nan, math.nan, math.nan),
            ("difference", "test_sampling", 0.05, math.nan, math.nan, math.nan),
        )
    ]
    text = finding(pd.DataFrame(rows).assign(panel="Iris"), 0.02)
    assert (
        "On Iris: of the difference batch − none, the largest estimate of a single source" in text
    )
    assert "2.10 (1.05 to 4.20) points; all together have 3.00 (1.50 to 6.00)." in text
    assert "alone is too small by a factor of 2.0 for no normalization (1.2 to 3.0)." in text
    assert (
        "not surely above 1 for the others: it is 1.5 for the difference batch − none (0.7" in text
    )
    assert "±2 points, if everything varies: 7 for no normalization and no number suff" in text


def test_runs_that_do_not_vary_say_nothing_of_the_seeds_needed():
    table = components(runs_of({("none", "all"): [0.9] * 6}), NOTHING_STORED, 10, 0.01)
    assert "an unknown number for no normalization" in finding(table.assign(panel="Iris"), 0.01)


def project_with(folder, studies):
    """Return the configuration of studies as JSON, and as a project."""
    path = folder / "studies.yaml"
    path.write_text(yaml.safe_dump({"studies": studies}, sort_keys=False), encoding="utf-8")
    config = {
        "studies_file": str(path),
        "datasets_file": str(ROOT / "config/datasets.yaml"),
        "claims_file": None,
        "replications_file": None,
    }
    return json.dumps(config), load_project(config)


@pytest.fixture
def varied(tmp_path):
    """Tables of a study with the axis ``varied`` at two batch sizes."""
    study = VARIED["iris-varied"]
    study = study | {"axes": study["axes"] | {"batch_size": [16, 32]}}
    config, project = project_with(tmp_path, {"iris-varied": study})
    rng, rows, stored = np.random.default_rng(5), [], []
    for variant in variants(project, "iris-varied"):
        settings = variant.settings
        correct = rng.random((6, 150)) < 0.8
        tested = rng.permuted(np.repeat([np.arange(150) < 30], 6, axis=0), axis=1)
        for replicate in range(1, 7):
            right = correct[replicate - 1] & tested[replicate - 1]
            rows.append(
                {
                    "study": "iris-varied",
                    "dataset": "iris",
                    "normalization": settings.normalization,
                    "batch_size": settings.batch_size,
                    "varied": settings.varied,
                    "replicate": replicate,
                    "status": "completed",
                    "test_accuracy": right.sum() / 30,
                    "tuning_block": 0,
                    "variant": variant.name,
                }
            )
        found = correctness_of(variant.name, *correct)
        stored.append(found.assign(tested=packed(*tested)))
    write_csv(pd.DataFrame(rows), tmp_path / "reports/iris-varied.csv")
    results = tmp_path / "data/results/iris-varied"
    results.mkdir(parents=True)
    pd.concat(stored).to_parquet(results / "correctness.parquet")
    return SimpleNamespace(config=config, project=project, root=tmp_path)


LINKS = ["index", "variance"]
FIGURE = "figures/variance/sources"
WRITTEN = ("variance.csv", "variance.html", *(f"{FIGURE}.{kind}" for kind in ("svg", "pdf", "csv")))


def test_table_figure_and_page(varied):
    reports, written = varied.root / "reports", []
    for _ in range(2):
        variance.run(config=varied.config, studies=["iris-varied"], results=varied.root)
        variance_page.run(
            config=varied.config,
            links=LINKS,
            results=varied.root,
            output=reports / "variance.html",
        )
        written.append([(reports / name).read_bytes() for name in WRITTEN])
    assert written[0] == written[1], "other bytes in another run"
    table = read_runs(reports / "variance.csv")
    assert set(table["cell"]) == {"batch size 16", "batch size 32"}
    assert set(table["arm"]) == {"none", "batch", "difference"}
    assert set(table["source"]) == {"all", "weights", "order", "examples", "test_sampling"}
    assert len(table) == 2 * 3 * 5
    page = (reports / "variance.html").read_text(encoding="utf-8")
    assert 'href="variance.html" aria-current="page"' in page
    for row in table.to_dict("records"):
        assert f"{row['sd'] * 100:.2f}" in page
    assert "On Iris, another draw of examples also has other test examples" in page
    svg = (reports / f"{FIGURE}.svg").read_text(encoding="utf-8")
    assert "Iris, batch size 32" in svg
    assert "sampling of test examples" in svg


def test_without_such_a_study_the_table_is_refused(varied):
    with pytest.raises(UserError, match=r"studies\.yaml: no study of this run has the axis `var"):
        variance.run(config=varied.config, studies=[], results=varied.root)


def test_pages_link_to_it_only_if_such_a_study_runs(tmp_path):
    studies = {"iris-tiny": STUDIES["iris-tiny"]}
    assert "variance" not in Plan(project_with(tmp_path, studies)[1], {}).pages
    assert "variance" in Plan(project_with(tmp_path, studies | VARIED)[1], {}).pages


def test_settings_of_a_normalization_are_no_axes_beside_it(tmp_path):
    study = VARIED["iris-varied"]
    axes = study["axes"] | {"normalization_momentum": [0.9, 0.99]}
    with pytest.raises(UserError, match="'normalization_momentum' cannot be an axis beside 'var"):
        project_with(tmp_path, {"iris-varied": study | {"axes": axes}})


@pytest.mark.slow
def test_the_workflow_makes_the_page(tmp_path):
    copy = Copy(tmp_path / "copy", "iris-tiny")
    without = copy.ok("--cores", "1", "-n", *DETAILS)
    assert "variance" not in without
    copy.declare({"iris-tiny": STUDIES["iris-tiny"]} | VARIED)
    planned = copy.ok("--cores", "1", "-n", *DETAILS).splitlines()
    counts = dict(line.split() for line in planned if len(line.split()) == 2)
    assert counts["variance"] == counts["variance_page"] == "1"
