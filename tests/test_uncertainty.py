"""The uncertainty of means: worked examples by hand, and simulations with known effects."""

import math

import numpy as np
import pandas as pd
import pytest
from conftest import settings
from scipy import stats

from bnmatrix.config.datasets import Dataset
from bnmatrix.plan.sizes import overlap
from bnmatrix.statistics.correctness import GROUPS, blocks_of, without_groups
from bnmatrix.statistics.overlaps import Overlap
from bnmatrix.statistics.paired import difference, paired_effect, pairs_needed
from bnmatrix.statistics.uncertainty import ALPHA, uncertainty

#: Nadeau & Bengio's correction by a quarter, and by a tenth.
QUARTER = Overlap(0.25, of_folds=True)
TENTH = Overlap(0.1, of_folds=True)

#: Twenty values without skewness: quantiles of the normal distribution.
SYMMETRIC = stats.norm.ppf((np.arange(20) + 0.5) / 20)


# --------------------------------------------------------------------------- by hand


def test_twenty_symmetric_values_have_students_interval():
    found = uncertainty(SYMMETRIC)
    theirs = stats.ttest_1samp(SYMMETRIC + 1, 0)
    interval = theirs.confidence_interval(0.95)
    assert found.bounds(SYMMETRIC.mean() + 1, ALPHA / 2) == pytest.approx(tuple(interval))
    assert found.p_value(SYMMETRIC.mean() + 1) == pytest.approx(theirs.pvalue)


def test_fewer_than_twenty_values_widen_the_interval():
    """Of five values, the variance counts 2 − 5/20 = 1.75 times."""
    values = np.arange(1.0, 6)
    assert uncertainty(values).error == pytest.approx(math.sqrt(1.75 * 2.5 / 5))


def test_the_correction_for_skewness_by_hand():
    """Twenty values with skewness g, less its standard error; Hall's transformation of t."""
    values = stats.expon.ppf((np.arange(20) + 0.5) / 20)
    g = stats.skew(values, bias=False) - math.sqrt(6 * 20 * 19 / (18 * 21 * 23))
    c, q = g / math.sqrt(20), stats.t.ppf(0.975, 19)
    error = values.std(ddof=1) / math.sqrt(20)
    low, high = uncertainty(values).bounds(values.mean(), ALPHA / 2)
    assert low == pytest.approx(values.mean() - q * error), "Student's end is the wider one"
    t = (values.mean() - high) / error
    assert t + c * t**2 / 3 + c**2 * t**3 / 27 + c / 6 == pytest.approx(-q)
    assert high > values.mean() + q * error


@pytest.mark.parametrize("values", [SYMMETRIC, stats.expon.ppf((np.arange(12) + 0.5) / 12)])
@pytest.mark.parametrize("sign", [1, -1])
def test_the_p_value_is_the_level_at_which_the_interval_just_excludes_zero(values, sign):
    found = uncertainty(sign * values)
    for mean in (0.2, -0.2, 0.7, -0.7):
        ends = found.bounds(mean, found.p_value(mean) / 2)
        assert min(ends, key=abs) == pytest.approx(0, abs=1e-9)


def test_overlap_by_hand():
    """Nadeau & Bengio: (1/20 + 1/4) s², on 19 degrees of freedom."""
    found = uncertainty(SYMMETRIC, overlap=QUARTER)
    half = stats.t.ppf(0.975, 19) * SYMMETRIC.std(ddof=1) * math.sqrt(1 / 20 + 1 / 4)
    assert found.bounds(0, ALPHA / 2) == pytest.approx((-half, half))


def test_blocks_by_hand():
    """Blocks −1, −1, 1, 1 with spread within: F is their mean square over the total one."""
    within = np.tile([-0.5, 0.5], 10)
    means = np.repeat([-1.0, -1, 1, 1], 5)
    values, blocks = within + means, np.repeat([1, 2, 3, 4], 5)
    groups = [values[blocks == block] for block in (1, 2, 3, 4)]
    between = 5 * np.var([group.mean() for group in groups], ddof=1)
    ratio = between / values.var(ddof=1)
    found = uncertainty(values, blocks)
    assert found.error == pytest.approx(math.sqrt(between / 20))
    assert found.freedom == pytest.approx(ratio**2 / (1 / 19 + ratio * (ratio - 1) / 3))
    assert uncertainty(within, blocks).error == pytest.approx(uncertainty(within).error)
    assert uncertainty(values, np.ones(20)) == uncertainty(values), "one block says nothing"


def test_values_that_do_not_vary():
    """The sign test: eight equal values exclude all others at 1/256 for each end, five at 1/32."""
    assert uncertainty([0.1] * 8).bounds(0.1, 0.0025) == (pytest.approx(math.nan, nan_ok=True),) * 2
    assert uncertainty([0.1] * 9).bounds(0.1, 0.0025) == (0.1, 0.1)
    assert uncertainty([0.1] * 8).p_value(0.1) == pytest.approx(2 / 2**8)
    assert uncertainty([0.0] * 8).p_value(0.0) == 1
    assert uncertainty([0.1] * 9, overlap=TENTH).bounds(0.1, 0.0025) == (0.1, 0.1)
    assert uncertainty([0.0] * 30).bounds(0.0, 0.025) == (0, 0)
    assert np.isnan(uncertainty([0.0] * 30, overlap=TENTH).bounds(0.0, 0.025)).all()
    assert np.isnan(uncertainty([0.1]).bounds(0.1, 0.025)).all()
    assert math.isnan(uncertainty([0.1]).p_value(0.1))


def test_the_grid_that_values_are_read_off_widens_the_interval():
    found = uncertainty(SYMMETRIC, resolution=0.5)
    assert found.error == pytest.approx(math.hypot(uncertainty(SYMMETRIC).error, 0.5))
    alike = uncertainty([2.0] * 20, resolution=0.5)
    low, high = alike.bounds(2.0, ALPHA / 2)
    assert (low, high) == pytest.approx((2 - 0.5 * 1.959964, 2 + 0.5 * 1.959964))
    assert alike.p_value(2.0) == pytest.approx(2 * stats.norm.sf(4))
    assert uncertainty([2.0] * 5, resolution=0.1).p_value(2.0) == 2 * 0.5**5, "five say little"
    assert np.isnan(uncertainty([2.0] * 5, resolution=0.5).bounds(2.0, ALPHA / 2)).all()
    assert math.isnan(pairs_needed(alike, 5.0, ALPHA / 2)), "values that do not vary tell no spread"
    apart = difference((3.0, alike), (2.0, alike), ALPHA / 2)
    assert apart == pytest.approx((1, 1 - 1.959964 * 0.5**0.5, 1 + 1.959964 * 0.5**0.5))


@pytest.mark.parametrize("spread", [0.01, 0.1, 0.5])
def test_coverage_of_values_read_off_a_grid(spread):
    """Two arms stop to work at places of their own, of which a grid shows the last value below."""
    rng, held, step = np.random.default_rng(0), 0, 0.25
    for _ in range(500):
        places = rng.uniform(0, 1, (2, 1)) + spread * rng.standard_normal((2, 16))
        values = np.floor(places / step) * step
        found = paired_effect(*values, resolution=step / math.sqrt(6))
        held += found.ci_low <= places[0].mean() - places[1].mean() <= found.ci_high
    assert held >= 0.95 * 500


def test_the_jackknife_over_test_examples_by_hand():
    """Each group moves all replicates alike: the test part is the variance of the groups' means."""
    groups = np.linspace(-0.02, 0.02, GROUPS)
    noise = np.linspace(-0.01, 0.01, 20)
    cells = noise[:, None] + groups
    values = cells.mean(axis=1)
    without = (cells.sum(axis=1, keepdims=True) - cells) / (GROUPS - 1)
    found = uncertainty(values, without=without)
    replicate, test = noise.var(ddof=1) / 20, groups.var(ddof=1) / GROUPS
    assert found.error == pytest.approx(math.sqrt(replicate + test))
    expected = (replicate + test) ** 2 / (replicate**2 / 19 + test**2 / (GROUPS - 1))
    assert found.freedom == pytest.approx(expected)


@pytest.mark.parametrize("of_folds", [True, False])
def test_of_folds_the_correction_for_overlap_stands_for_test_examples(of_folds):
    rng = np.random.default_rng(4)
    cells = rng.normal(0, 1, (20, 1)) + rng.normal(0, 3, GROUPS) + rng.normal(0, 1, (20, GROUPS))
    values = cells.mean(axis=1)
    without = (cells.sum(axis=1, keepdims=True) - cells) / (GROUPS - 1)
    shared = 0.25 * values.var(ddof=1)
    test = uncertainty(values, without=without).fixed_variance
    found = uncertainty(values, None, Overlap(0.25, of_folds), without)
    assert test > 0
    assert found.fixed_variance == pytest.approx(shared + (0 if of_folds else test))


def test_an_unknown_test_part_leaves_no_interval():
    without = np.full((20, GROUPS), math.nan)
    assert np.isnan(uncertainty(SYMMETRIC, without=without).bounds(0, 0.025)).all()
    folds = uncertainty(SYMMETRIC, None, QUARTER, without)
    assert folds == uncertainty(SYMMETRIC, overlap=QUARTER), "it needs no test part"


def test_accuracy_without_each_group_of_test_examples():
    """Forty positions, 30 of them tested: the weighted mean over groups is the accuracy."""
    rng = np.random.default_rng(1)
    tested = np.arange(40) < 30
    correct = (rng.random((3, 40)) < 0.8) & tested
    runs = pd.DataFrame({"variant": ["v"] * 4, "replicate": [3, 1, 2, 4]})
    correctness = pd.DataFrame(
        {
            "variant": "v",
            "replicate": [1, 2, 3],
            "tested": [np.packbits(tested).tobytes()] * 3,
            "correct": [np.packbits(row).tobytes() for row in correct],
            "clusters": b"",
        }
    )
    found = without_groups(runs, correctness)
    assert found.shape == (4, GROUPS)
    assert np.isnan(found[3]).all(), "a run without correctness"
    for row, number in enumerate((3, 1, 2)):
        hits = correct[number - 1]
        # Each tested example is left out once, and counts in all other groups.
        left = tested.sum() - (found[row] * 0 + _group_sizes(tested))
        assert (left * found[row]).sum() == pytest.approx((GROUPS - 1) * hits.sum())


@pytest.mark.parametrize("clusters", [6, 45])
def test_examples_of_a_cluster_are_left_out_together(clusters):
    """All examples of a cluster are alike: the test part is the variance between clusters."""
    rng, size = np.random.default_rng(7), 8
    names = np.repeat(np.arange(clusters) + 100, size)
    alike = np.repeat(rng.random(clusters) < 0.5, size)
    correct = np.array([alike ^ (rng.random(len(names)) < 0.02) for _ in range(12)])
    runs = pd.DataFrame({"variant": "v", "replicate": np.arange(12)})
    correctness = runs.assign(
        tested=[np.packbits(np.ones(len(names), bool)).tobytes()] * 12,
        correct=[np.packbits(row).tobytes() for row in correct],
        clusters=rng.permutation(clusters)[names - 100].astype("<i4").tobytes(),
    )
    values = correct.mean(axis=1)
    found = uncertainty(values, without=without_groups(runs, correctness))
    between = correct.mean(axis=0).reshape(clusters, size).mean(axis=1).var(ddof=1) / clusters
    assert found.fixed_variance == pytest.approx(between, rel=0.01 if clusters < GROUPS else 0.4)
    single = uncertainty(values, without=without_groups(runs, correctness.assign(clusters=b"")))
    assert single.fixed_variance < between / 4, "as if they were independent"
    if clusters < GROUPS:
        assert found.freedom < clusters


def _group_sizes(tested):
    """Return how many tested examples each group has, from an accuracy of one example at a time."""
    sizes = np.zeros(GROUPS)
    for position in np.flatnonzero(tested):
        alone = np.zeros(len(tested), bool)
        alone[position] = True
        table = pd.DataFrame({"variant": ["v"], "replicate": [1]})
        bits = {
            "tested": [np.packbits(tested).tobytes()],
            "correct": [np.packbits(alone).tobytes()],
            "clusters": b"",
        }
        sizes += without_groups(table, table.assign(**bits))[0] == 0
    return sizes


def test_blocks_of_runs():
    runs = pd.DataFrame({"replicate": [1, 1, 2, 2], "tuning_block": [0, 1, 0, 2]})
    assert list(blocks_of(runs)) == [1, 2]
    assert blocks_of(runs.assign(tuning_block=0)) is None


def test_a_difference_of_independent_means_is_welchs():
    rng = np.random.default_rng(6)
    a, b = rng.permutation(SYMMETRIC) + 1, rng.permutation(SYMMETRIC) * 3
    parts = [(float(x.mean()), uncertainty(x)) for x in (a, b)]
    effect, low, high = difference(*parts, 0.025)
    theirs = stats.ttest_ind(a, b, equal_var=False).confidence_interval(0.95)
    assert (low, high) == pytest.approx((theirs.low, theirs.high))
    assert effect == pytest.approx(1)


def test_pairs_needed_by_hand():
    """The smallest n ≥ 20 with t s/√n ≤ half width."""
    found = uncertainty(SYMMETRIC)
    needed = pairs_needed(found, 0.2, 0.025)
    sd = SYMMETRIC.std(ddof=1)
    halves = [stats.t.ppf(0.975, n - 1) * sd / math.sqrt(n) for n in (needed - 1, needed)]
    assert halves[1] <= 0.2 < halves[0]
    assert math.isnan(pairs_needed(uncertainty(SYMMETRIC, overlap=QUARTER), 0.2, 0.025))
    assert pairs_needed(found, 0.001, 0.025) > 1e6


def test_pairs_needed_once_all_folds_are_tested():
    """Of a test part from half of the examples, half is left when all are tested."""
    rng = np.random.default_rng(9)
    cells = SYMMETRIC[:, None] + rng.normal(0, 1, GROUPS)
    without = (cells.sum(axis=1, keepdims=True) - cells) / (GROUPS - 1)
    found = uncertainty(cells.mean(axis=1), without=without)
    test, half = found.fixed_variance, 1.2 * 1.96 * math.sqrt(found.fixed_variance / 2)
    assert math.isnan(pairs_needed(found, half, 0.025))
    n = int(pairs_needed(found, half, 0.025, tested=0.5))
    single = 20 * found.replicate_variance
    halves = [
        stats.t.ppf(0.975, found.replicate_freedom * (k - 1) / 19)
        * math.sqrt(single / k * max(1, 2 - k / 20) + test / 2)
        for k in (n - 1, n)
    ]
    assert halves[1] <= half < halves[0]


#: A data set of 1 000 examples.
DATASET = {
    **{"title": "D", "homepage": "https://example.org", "examples": {"train": 1000}},
    **{"test_split": {"fraction": 0.2}, "shape": [4], "classes": ["x", "y"]},
}
#: The same with a test part of its own.
SEPARATE = DATASET | {"examples": {"train": 1000, "test": 500}, "test_split": None}


@pytest.mark.parametrize(
    ("dataset", "changes", "expected"),
    [
        # 1 000 to train and validate with, 200 of them for validation.
        (SEPARATE, {"redraw": True}, 500 / 1000),
        (SEPARATE, {"redraw": True, "training_examples": 301}, 500 / 501),
        (SEPARATE, {"redraw": True, "training_examples": 300}, None),
        # All replicates have the same examples, and intervals are about these.
        (SEPARATE, {}, None),
        # Folds of 200 test, 160 validation and 640 training examples.
        (DATASET, {"folds": 5}, 200 / 800),
        (DATASET, {"folds": 5, "training_examples": 321}, 200 / 481),
        (DATASET, {"folds": 5, "training_examples": 320}, None),
    ],
)
def test_training_sets_overlap_if_they_share_more_than_half(dataset, changes, expected):
    found = overlap(Dataset(**dataset), settings(**changes))
    folds = "folds" in changes
    assert found == (None if expected is None else Overlap(pytest.approx(expected), folds))


# --------------------------------------------------------------------------- simulation

#: Draw n differences: their mean is zero.
DRAWS = {
    "normal": lambda rng, n: rng.normal(0, 1, n),
    "exponential": lambda rng, n: rng.exponential(1, n) - 1,
    # A tenth of the runs of one arm fails, and falls by six standard deviations.
    "failed runs": lambda rng, n: rng.normal(0, 1, n) - 6 * ((rng.random(n) < 0.1) - 0.1),
}
LEAST = {"normal": 0.94, "exponential": 0.92, "failed runs": 0.9}


def coverage(draw, simulations, tail=ALPHA / 2):
    """Return the share of simulations whose interval contains zero, and its standard error."""
    rng = np.random.default_rng(20)
    covered = 0
    for _ in range(simulations):
        values, more = draw(rng)
        low, high = uncertainty(values, **more).bounds(float(values.mean()), tail)
        covered += low <= 0 <= high
    share = covered / simulations
    return share, math.sqrt(share * (1 - share) / simulations)


@pytest.mark.parametrize("simulations", [300, pytest.param(6000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("n", [12, 15, 20])
@pytest.mark.parametrize("kind", DRAWS)
def test_coverage(record_property, kind, n, simulations):
    share, error = coverage(lambda rng: (DRAWS[kind](rng, n), {}), simulations)
    print(f"{kind}, {n} pairs: {share:.3f}")
    record_property("coverage", f"{share:.3f}")
    assert share + 2 * error >= LEAST[kind]


@pytest.mark.parametrize("simulations", [300, pytest.param(6000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("n", [12, 16, 20])
@pytest.mark.parametrize("correlation", [0, 0.1, 0.3])
def test_coverage_with_blocks(record_property, n, correlation, simulations):
    """Four blocks of replicates; replicates of a block are correlated."""
    blocks = np.arange(n) % 4

    def draw(rng):
        shared = rng.normal(0, math.sqrt(correlation), 4)[blocks]
        return shared + rng.normal(0, math.sqrt(1 - correlation), n), {"blocks": blocks}

    share, error = coverage(draw, simulations)
    print(f"blocks, correlation {correlation}, {n} pairs: {share:.3f}")
    record_property("coverage", f"{share:.3f}")
    assert share + 2 * error >= (0.94 if correlation == 0 else 0.92)


@pytest.mark.parametrize("simulations", [300, pytest.param(4000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("test", [0, 0.3, 1, 3])
@pytest.mark.parametrize("n", [12, 20])
def test_two_way_coverage(record_property, n, test, simulations):
    """The variance of the mean over test examples is ``test`` times that over replicates.

    Groups of test examples stand for the examples; they have an interaction with replicates.
    """

    def draw(rng):
        cells = rng.normal(0, 1, (n, 1)) + rng.normal(0, math.sqrt(test / n * GROUPS), GROUPS)
        cells = cells + rng.normal(0, 2, (n, GROUPS))
        without = (cells.sum(axis=1, keepdims=True) - cells) / (GROUPS - 1)
        return cells.mean(axis=1), {"without": without}

    share, error = coverage(draw, simulations)
    print(f"two-way, test part {test}, {n} pairs: {share:.3f}")
    record_property("coverage", f"{share:.3f}")
    assert share + 2 * error >= 0.94


def test_the_variance_of_the_mean_is_that_of_replicates_and_test_examples():
    """On average over simulations, the estimate is the known variance."""
    rng, n = np.random.default_rng(3), 20
    found = []
    for _ in range(300):
        cells = rng.normal(0, 1, (n, 1)) + rng.normal(0, 1, GROUPS) + rng.normal(0, 2, (n, GROUPS))
        without = (cells.sum(axis=1, keepdims=True) - cells) / (GROUPS - 1)
        found.append(uncertainty(cells.mean(axis=1), without=without).error ** 2)
    known = 1 / n + 1 / GROUPS + 4 / n / GROUPS
    assert np.mean(found) == pytest.approx(known, rel=0.06)


def folded(rng, blocks, each, example, network=1.0, rate=0.0, examples=40):
    """Return values and jackknife of replicates whose blocks are tested on folds of their own.

    Args:
        rng: the source of randomness.
        blocks: number of blocks; their folds have no example in common.
        each: number of replicates of a block.
        example: standard deviation of what all networks have in common on an example.
        network: standard deviation over networks of the mean over a fold.
        rate: standard deviation over blocks, of a tuned learning rate.
        examples: number of test examples of each group and fold.
    """
    n = blocks * each
    common = rng.normal(0, example / math.sqrt(examples), (blocks, GROUPS))
    cells = np.repeat(common + rng.normal(0, rate, (blocks, 1)), each, axis=0)
    cells += rng.normal(0, network, (n, 1)) + rng.normal(0, 1, (n, GROUPS))
    without = (cells.sum(axis=1, keepdims=True) - cells) / (GROUPS - 1)
    return cells.mean(axis=1), {
        "blocks": np.repeat(np.arange(blocks), each),
        "without": without,
    }


@pytest.mark.parametrize("example", [0, 10, 30])
@pytest.mark.parametrize("rate", [0, 0.5])
def test_blocks_that_share_test_examples_count_them_once(example, rate):
    """On average, the estimate is at least the known variance, and at most a third above it."""
    rng, found = np.random.default_rng(8), []
    for _ in range(400):
        values, more = folded(rng, 4, 5, example, rate=rate)
        found.append(uncertainty(values, **more).error ** 2)
    known = (1 + 1 / GROUPS) / 20 + rate**2 / 4 + example**2 / 40 / GROUPS / 4
    assert 0.95 * known <= np.mean(found) <= 1.35 * known


@pytest.mark.parametrize("simulations", [300, pytest.param(4000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("blocks", [3, 4, 5])
@pytest.mark.parametrize("example", [0, 10, 20])
def test_coverage_with_a_fold_for_each_block(record_property, blocks, example, simulations):
    share, error = coverage(lambda rng: folded(rng, blocks, 4, example), simulations)
    print(f"folds, examples {example}, {blocks} blocks of 4: {share:.3f}")
    record_property("coverage", f"{share:.3f}")
    assert share + 2 * error >= 0.94


def test_the_same_values_give_the_same_numbers():
    rng = np.random.default_rng(5)
    values, without = rng.normal(0, 1, 20), rng.normal(0, 1, (20, GROUPS))
    effects = [
        paired_effect(values, np.zeros(20), 0.0025, np.arange(20) % 4, None, without)
        for _ in range(2)
    ]
    assert len(set(effects)) == 1
