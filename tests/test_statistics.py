"""Statistics against scipy, worked examples and simulation."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from bnmatrix.statistics.comparisons import compare, summarize
from bnmatrix.statistics.paired import estimate, paired_difference
from bnmatrix.tables import axes_of, stack


def test_against_scipy():
    rng = np.random.default_rng(1)
    a, b = rng.normal(0.97, 0.01, 8), rng.normal(0.96, 0.01, 8)
    ours = paired_difference(a, b)
    theirs = stats.ttest_rel(a, b).confidence_interval(0.95)
    assert (ours.ci_low, ours.ci_high) == pytest.approx((theirs.low, theirs.high))
    assert ours.mean == pytest.approx((a - b).mean())
    assert ours.sd == pytest.approx((a - b).std(ddof=1))


def test_worked_example_of_the_sign_flip_test():
    """Differences 1 … 5: of 32 sign patterns, only all plus and all minus are as extreme."""
    result = paired_difference(np.arange(1, 6), np.zeros(5))
    assert result.p_value == pytest.approx(2 / 32)
    # 1, 2, 3 and −1: sums of at least 5 come from 4 of 16 patterns, and as many below −5.
    # (+1+2+3−1 = 5, +1+2+3+1 = 7, −1+2+3+1 = 5 on one side.)
    assert paired_difference(np.array([1, 2, 3, -1]), np.zeros(4)).p_value == pytest.approx(6 / 16)


def test_probability_of_improvement_counts_ties_half():
    result = paired_difference(np.array([1, 0, 0, -1]), np.array([0, 0, 0, 0]))
    assert result.probability_of_improvement == 0.5
    assert paired_difference([3, 3], [1, 3]).probability_of_improvement == 0.75


def test_one_pair_has_no_interval():
    result = paired_difference([0.9], [0.8])
    assert result.n == 1
    assert np.isnan([result.sd, result.ci_low, result.ci_high, result.p_value]).all()


def test_no_spread_is_no_interval():
    """Five pairs each one of 30 rows apart are no proof that all pairs are."""
    for control, mean in ((0.9, 0), (0.9 + 1 / 30, -1 / 30)):
        result = paired_difference([0.9] * 5, [control] * 5)
        assert result.mean == pytest.approx(mean)
        assert result.sd == 0
        assert np.isnan([result.ci_low, result.ci_high]).all()
    assert paired_difference([0.9] * 5, [0.9] * 5).p_value == 1


def test_pairs_are_needed():
    for a, b in ([], []), ([1, 2], [1]):
        with pytest.raises(ValueError, match="pairs needed"):
            paired_difference(a, b)


def test_the_interval_covers_as_it_says_and_a_bootstrap_of_five_does_not():
    """2 000 simulated studies of five pairs: the t interval covers 95 %, a percentile bootstrap
    interval less than 85 %."""
    rng = np.random.default_rng(2)
    covered = np.zeros(2)
    studies = 2000
    for _ in range(studies):
        differences = rng.normal(0.3, 1, 5)
        ours = estimate(differences)
        covered[0] += ours.ci_low <= 0.3 <= ours.ci_high
        means = rng.choice(differences, (400, 5)).mean(axis=1)
        low, high = np.percentile(means, [2.5, 97.5])
        covered[1] += low <= 0.3 <= high
    assert covered[0] / studies == pytest.approx(0.95, abs=0.015)
    assert covered[1] / studies < 0.85


def runs_table(**columns):
    """Return a study's runs: two arms, two batch sizes, three replicates."""
    rows = []
    for batch in (8, 16):
        for arm in ("none", "batch"):
            for replicate in (1, 2, 3):
                rows.append(
                    {
                        "study": "s",
                        "dataset": "d",
                        "normalization": arm,
                        "batch_size": batch,
                        "replicate": replicate,
                        "status": "completed",
                        "test_accuracy": 0.8 + 0.01 * replicate + (0.05 if arm == "batch" else 0),
                        "test_loss": 0.5,
                        "validation_accuracy": 0.8,
                        "validation_loss": 0.6,
                        "train_accuracy": 0.9,
                        "learning_rate_used": 0.001,
                        "parameters": 10,
                        "variant": f"{arm}-{batch}",
                        "baseline": f"none-{batch}" if arm == "batch" else None,
                    }
                )
    return pd.DataFrame(rows).assign(**columns)


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
