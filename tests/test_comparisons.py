"""Summaries and comparisons of the variants of a study, on small synthetic tables."""

import numpy as np
import pytest
from study_tables import runs_table

from bnmatrix.statistics.comparisons import compare, summarize
from bnmatrix.statistics.uncertainty import uncertainty
from bnmatrix.tables.csv import axes_of, stack


def test_comparison_pairs_replicates():
    runs = runs_table()
    shuffled = runs.sample(frac=1, random_state=0)
    result = compare(shuffled, classes=2).sort_values("batch_size")
    assert list(result["effect"]) == pytest.approx([0.05, 0.05])
    assert list(result["sd"]) == pytest.approx([0, 0], abs=1e-12), "replicates are paired"
    assert list(result["pairs"]) == [3, 3]
    assert axes_of(runs) == ["normalization", "batch_size"]


def test_missing_replicates_and_baselines():
    runs = runs_table()
    runs = runs[~((runs["variant"] == "none-8") & (runs["replicate"] == 2))]
    runs = runs[runs["variant"] != "none-16"]
    result = compare(runs, classes=2)
    assert list(result["variant"]) == ["batch-8"]
    assert list(result["pairs"]) == [2]
    nothing = compare(runs[runs["normalization"] == "none"], classes=2)
    assert nothing.empty
    assert list(nothing.columns) == list(result.columns)
    further = runs[runs["normalization"] == "none"].copy()
    further.insert(2, "dropout", 0.5)
    assert list(compare(further, classes=2).columns) == ["dropout", *result.columns]


def test_a_diverged_run_counts_at_chance():
    runs = runs_table()
    lost = (runs["variant"] == "none-8") & (runs["replicate"] == 1)
    runs.loc[lost, "status"] = "diverged"
    runs.loc[lost, ["test_accuracy", "test_loss"]] = np.nan
    summary = summarize(runs, classes=4).set_index("variant")
    assert summary.loc["none-8", "diverged"] == 1
    assert summary.loc["none-8", "test_accuracy_mean"] == pytest.approx((0.25 + 0.82 + 0.83) / 3)
    result = compare(runs, classes=4).set_index("variant")
    assert result.loc["batch-8", "effect"] == pytest.approx((0.86 - 0.25 + 0.05 + 0.05) / 3)


def test_means_stay_on_the_scale():
    runs = runs_table(test_accuracy=[1, 1, 0.9] * 4)
    summary = summarize(runs, classes=2)
    assert (summary["test_accuracy_ci_high"] <= 1).all()


def test_tables_of_studies_with_different_axes():
    runs = runs_table()
    other = runs.copy()
    other.insert(2, "learning_rate", 0.1)
    both = stack([other, runs])
    assert list(both.columns[:6]) == [
        *("study", "dataset", "normalization", "batch_size", "learning_rate", "replicate")
    ]
    assert len(both) == 24
    assert both["learning_rate"].isna().sum() == 12
    assert list(both.columns[5:]) == list(runs.columns[4:])
    assert both["baseline"].isna().sum() == 12


def test_intervals_allow_for_other_test_examples_and_tuned_rates():
    """The engine's interval, from accuracies that are counted by hand, in any order of the runs."""
    rng, positions = np.random.default_rng(4), 200
    runs = runs_table()
    right = {
        (row.variant, row.replicate): rng.random(positions)
        < (0.8 if "none" in row.variant else 0.9)
        for row in runs.itertuples()
    }
    keys = list(zip(runs["variant"], runs["replicate"], strict=True))
    runs = runs.assign(
        test_accuracy=[right[key].mean() for key in keys], tuning_block=runs["replicate"] // 2
    )
    correctness = runs[["variant", "replicate"]].assign(
        tested=[np.packbits(np.ones(positions, bool)).tobytes()] * len(runs),
        correct=[np.packbits(right[key]).tobytes() for key in keys],
        clusters=b"",
    )
    group = np.random.default_rng(0).permutation(positions) % 20

    def expected(values):
        """Return the interval of the mean of values per example, shape (3, positions)."""
        without = [[row[group != g].mean() for g in range(20)] for row in values]
        means = values.mean(axis=1)
        found = uncertainty(means, [0, 1, 1], without=np.array(without))
        return pytest.approx(found.bounds(means.mean(), 0.025))

    batch, none = (
        np.array([right[f"{arm}-8", k] for k in (1, 2, 3)], float) for arm in ("batch", "none")
    )
    shuffled = runs.sample(frac=1, random_state=0)
    row = compare(shuffled, 2, correctness=correctness).set_index("variant").loc["batch-8"]
    assert (row["ci_low"], row["ci_high"]) == expected(batch - none)
    summary = summarize(shuffled, 2, correctness=correctness).set_index("variant").loc["none-8"]
    low, high = expected(none).expected
    found = summary["test_accuracy_ci_low"], summary["test_accuracy_ci_high"]
    assert found == pytest.approx((max(low, 0), min(high, 1)))
