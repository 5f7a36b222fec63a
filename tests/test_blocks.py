"""How blocks vary in the light of other analyses: worked examples, and simulated data sets."""

import dataclasses
import math

import numpy as np
import pytest
from claim_tables import NOISE, claim, project_of, study_arm
from scipy import stats

from bnmatrix.claims.analyses import analyse, usual_ratios
from bnmatrix.claims.batch_sizes import by_batch_size
from bnmatrix.statistics.blocks import MeanSquares, UsualRatio, usual_ratio
from bnmatrix.statistics.uncertainty import ALPHA, uncertainty
from bnmatrix.statistics.verdicts import tail as tail_of

#: Blocks and their sizes, as claims have them.
BLOCKS, EACH = 4, 5
PLACE = np.repeat(np.arange(BLOCKS), EACH)


def squares(ratio, blocks=BLOCKS, replicates=BLOCKS * EACH):
    return MeanSquares(ratio, 1.0, blocks, replicates)


def test_mean_squares_are_those_of_an_analysis_of_variance():
    values = np.random.default_rng(1).normal(0, 1, 20) + np.array([0, 1, 0, 2])[PLACE]
    found = MeanSquares.of(values, PLACE)
    assert found.ratio == pytest.approx(stats.f_oneway(*values.reshape(4, 5)).statistic)
    assert found.freedom == (3, 16)
    assert MeanSquares.of(values, np.zeros(20, int)) is None, "one block"
    assert MeanSquares.of(values, np.arange(20)) is None, "blocks of one replicate"


#: Ratios as they should be around a usual one of 2.
AROUND_2 = tuple(2 * stats.f.ppf((np.arange(500) + 0.5) / 500, 3, 1 / (1 / 4 + 1 / 16)))


def test_a_moderated_mean_square_by_hand():
    """Usual ratio 2 with 4 degrees of freedom; own mean square 4 with 3: (4 · 2 + 3 · 4) / 7."""
    usual = UsualRatio(2.0, seen=AROUND_2)
    found, freedom = usual.moderate(squares(4.0))
    assert found == pytest.approx(20 / 7, rel=0.002)
    parts = (8 / 7) ** 2 * (1 / 4 + 1 / 16) + (12 / 7) ** 2 / 3
    assert freedom == pytest.approx((20 / 7) ** 2 / parts, rel=0.002)
    less, _ = usual.moderate(squares(4.0), shared=0.7)
    assert less == pytest.approx(found - 0.7 * 3 / 7, rel=0.002), "of its own part"
    values = np.repeat([-1.0, -1, 1, 1], 5) + np.tile(np.linspace(-2, 2, 5), 4)
    between, freedom = usual.moderate(MeanSquares.of(values, PLACE))
    assert uncertainty(values, PLACE, usual=usual).error == pytest.approx(math.sqrt(between / 20))
    ratio = between / values.var(ddof=1)
    expected = ratio**2 / (1 / 19 + ratio * (ratio - 1) / freedom)
    assert uncertainty(values, PLACE, usual=usual).freedom == pytest.approx(expected)


def test_test_examples_that_blocks_share_are_subtracted_from_their_own_part():
    """Blocks with a fold of their own, whose examples alone make them differ."""
    rng = np.random.default_rng(3)
    cells = np.repeat(rng.normal(0, 1, (BLOCKS, 20)), EACH, axis=0) + rng.normal(0, 1, (20, 20))
    without = (cells.sum(axis=1, keepdims=True) - cells) / 19
    values = cells.mean(axis=1)
    usual = UsualRatio(1.0, seen=(1.0,) * 10)
    alone, ours, neither = (
        uncertainty(values, PLACE, without=rest, usual=one).replicate_variance
        for rest, one in ((without, None), (without, usual), (None, None))
    )
    assert alone <= ours < neither


def test_an_analysis_unlike_all_others_stands_by_itself():
    usual = UsualRatio(2.0, seen=AROUND_2)
    assert usual.moderate(squares(1e5)) == (pytest.approx(1e5, rel=0.01), pytest.approx(3, 0.01))
    alike = MeanSquares(1.0, 0.0, BLOCKS, BLOCKS * EACH)
    assert usual.moderate(alike) == (1.0, 3), "replicates of a block are alike"


def test_blocks_that_differ_more_never_narrow_an_interval():
    rng = np.random.default_rng(10)
    usual = fitted(draw(rng, 0.7, 60))
    within, blocks = rng.normal(0, 1, 20), np.array([-1.0, -1, 1, 1])[PLACE]
    within -= np.repeat(within.reshape(BLOCKS, EACH).mean(axis=1), EACH)
    halves = [
        uncertainty(within + step * blocks, PLACE, usual=usual).bounds(0, tail)[1]
        for tail in (ALPHA / 2, 0.0025)
        for step in np.linspace(0.05, 8, 160)
    ]
    assert (np.diff(np.reshape(halves, (2, -1)), axis=1) > -1e-9).all()


def draw(rng, spread, analyses):
    """Return values of analyses around zero; true ratios are 2, times a factor with a spread."""
    return with_ratios(rng, 2 * np.exp(spread * rng.standard_normal(analyses)))


def with_ratios(rng, ratios):
    """Return values around zero of analyses with true ratios."""
    deviations = np.sqrt((np.asarray(ratios)[:, None] - 1).clip(0) / EACH)
    blocks = rng.normal(0, 1, (len(ratios), BLOCKS)) * deviations
    return blocks[:, PLACE] + rng.normal(0, 1, (len(ratios), BLOCKS * EACH))


def fitted(values, studies=20):
    found = [
        (f"s{number % studies}", MeanSquares.of(row, PLACE)) for number, row in enumerate(values)
    ]
    return usual_ratio(found)


@pytest.mark.parametrize("spread", [0, 0.5])
def test_the_usual_ratio_is_found(spread):
    rng = np.random.default_rng(2)
    found = [fitted(draw(rng, spread, 400)) for _ in range(20)]
    assert np.mean([one.ratio for one in found]) == pytest.approx(2, rel=0.05)


def test_a_usual_ratio_needs_five_studies():
    values = draw(np.random.default_rng(3), 0, 60)
    assert fitted(values, studies=4) is None
    assert fitted(values, studies=5) is not None
    assert usual_ratio([]) is None


@pytest.mark.parametrize("ratio", [0.0, 1e-31, math.inf])
def test_one_strange_analysis_hardly_changes_the_usual_ratio(ratio):
    found = [(f"s{number}", squares(value)) for number, value in enumerate(np.linspace(0.5, 4, 40))]
    plain = usual_ratio(found)
    strange = MeanSquares(ratio, 1.0, 4, 20) if ratio < math.inf else MeanSquares(1.0, 0.0, 4, 20)
    assert usual_ratio([*found, ("s41", strange)]).ratio == pytest.approx(plain.ratio, rel=0.12)


#: True ratios of 60 analyses, by what they stand for; the last are those that the others mislead.
KINDS = {
    "equal": (np.full(60, 2.0), 60),
    "without blocks": (np.full(60, 1.0), 60),
    "spread": (2 * np.exp(0.7 * stats.norm.ppf((np.arange(60) + 0.5) / 60)), 6),
    "a tenth": (np.repeat([1.0, 6.0], [54, 6]), 6),
    "a third": (np.repeat([1.0, 5.0], [40, 20]), 20),
}


def missed(kind, tail, data_sets):
    """Return the share of intervals that miss the effect, of all analyses and of the last, and the
    coefficient of variation of their widths; each with the usual ratio and without."""
    ratios, last = KINDS[kind]
    rng, out, widths = np.random.default_rng(5), [], []
    for _ in range(data_sets):
        values = with_ratios(rng, ratios)
        usual = fitted(values)
        ends = np.array(
            [
                [uncertainty(row, PLACE, usual=u).bounds(row.mean(), tail) for u in (usual, None)]
                for row in values
            ]
        )
        out.append((ends[..., 0] > 0) | (ends[..., 1] < 0))
        widths.append(ends[..., 1] - ends[..., 0])
    wide, every = np.concatenate(widths), np.mean(out, axis=(0, 1))
    these = np.mean(np.array(out)[:, -last:], axis=(0, 1))
    print(f"{kind}, {1 - 2 * tail:.3f}: missed {every.round(4)}, of the last {these.round(4)}")
    return every, these, wide.std(axis=0) / wide.mean(axis=0)


@pytest.mark.parametrize("data_sets", [60, pytest.param(400, marks=pytest.mark.slow)])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("tail", [ALPHA / 2, 0.0025])
def test_coverage_with_a_usual_ratio(record_property, kind, tail, data_sets):
    """The second level is that of claims. Intervals without a usual ratio are the measure."""
    (ours, alone), (last, last_alone), (varies, varies_alone) = missed(kind, tail, data_sets)
    record_property("missed", f"{ours:.4f}, {alone:.4f} alone")
    error = math.sqrt(2 * tail / data_sets / 60)
    assert ours - 3 * error <= max(2 * tail, 1.1 * alone)
    assert last - 3 * error * math.sqrt(60 / KINDS[kind][1]) <= max(2 * tail, 1.8 * last_alone)
    assert varies < varies_alone


@pytest.mark.parametrize("studies", [5, 7])
def test_coverage_in_few_studies_whose_analyses_share_their_runs(studies):
    """All analyses of a study have nearly the same pairs."""
    rng, tail, out = np.random.default_rng(6), 0.0025, []
    for _ in range(300):
        common = with_ratios(rng, np.full(studies, 2.0))
        values = np.repeat(common, 3, axis=0) * math.sqrt(0.8)
        values += with_ratios(rng, np.full(3 * studies, 2.0)) * math.sqrt(0.2)
        found = [
            (f"s{number // 3}", MeanSquares.of(row, PLACE)) for number, row in enumerate(values)
        ]
        for one in (usual_ratio(found), None):
            ends = [uncertainty(row, PLACE, usual=one).bounds(row.mean(), tail) for row in values]
            out.append(np.mean([low > 0 or high < 0 for low, high in ends]))
    ours, alone = np.mean(np.reshape(out, (-1, 2)), axis=0)
    print(f"{studies} studies: missed {ours:.4f}, {alone:.4f} alone")
    assert ours <= max(2 * tail, alone)


@pytest.mark.parametrize("tail", [ALPHA / 2, 0.0025])
def test_coverage_where_runs_fail(tail):
    """In 3 % of the blocks, all runs of an arm fail; the rest of the blocks do not differ."""
    rng, out = np.random.default_rng(7), []
    for _ in range(60):
        failed = rng.random((60, BLOCKS)) < 0.03
        values = rng.normal(0, 1, (60, 20)) - 6 * (failed - 0.03)[:, PLACE]
        usual = fitted(values)
        for one in (usual, None):
            ends = [uncertainty(row, PLACE, usual=one).bounds(row.mean(), tail) for row in values]
            out.append(np.mean([low > 0 or high < 0 for low, high in ends]))
    ours, alone = np.mean(np.reshape(out, (-1, 2)), axis=0)
    print(f"failing blocks, {1 - 2 * tail:.3f}: missed {ours:.4f}, {alone:.4f} alone")
    assert ours <= alone


def test_an_effect_of_two_margins_is_supported_more_often(record_property):
    """The margin is 1 and the standard error of the mean 1/4, in a family of 18, as on digits."""
    rng, level, found = np.random.default_rng(9), tail_of("greater", 18), []
    for _ in range(40):
        values = draw(rng, 0, 60)
        usual = fitted(values)
        # The variance of a mean is the mean square between blocks, 2, over 20.
        for row in 2 + 0.25 * values / math.sqrt(2 / 20):
            bounds = (
                uncertainty(row, PLACE, usual=u).bounds(row.mean(), level) for u in (usual, None)
            )
            found.append([low > 1 for low, _ in bounds])
    ours, alone = np.mean(found, axis=0)
    print(f"effect of 2 margins: supported {ours:.2f}, {alone:.2f} alone")
    record_property("supported", f"{ours:.2f}")
    assert ours >= max(0.6, alone)


# --------------------------------------------------------------------------- claims


def project_of_five():
    """Return a project with five claims, each with a study of its own, and the runs of all.

    Studies differ by how their eight replicates are distributed among four blocks.
    """
    entries = {
        f"c{number}": claim(by_batch_size={"label": "at each size", "where": {}})
        for number in range(5)
    }
    project = project_of(entries)
    names = {f"c{number}": f"study-{number}" for number in range(5)}
    claims = {
        name: one.model_copy(
            update={
                part: getattr(one, part).model_copy(update={"studies": (names[name],)})
                for part in ("primary", "by_batch_size")
            }
        )
        for name, one in project.claims.items()
    }
    studies = dict.fromkeys(names.values(), project.studies["study-a"])
    project = project.model_copy(update={"claims": claims, "studies": studies})
    rng, tables = np.random.default_rng(8), {}
    for name in studies:
        study = study_arm({8: 0.0, 32: 0.1})
        blocks = dict(zip(range(1, 9), rng.permutation(np.repeat([1, 2, 3, 4], 2)), strict=True))
        runs = study.runs.assign(tuning_block=study.runs["replicate"].map(blocks))
        tables[name] = dataclasses.replace(study, runs=runs)
    return project, tables


def test_claims_are_judged_in_the_light_of_each_other():
    project, tables = project_of_five()
    analyses, _ = analyse(project, tables, wall_clock=False)
    usual = usual_ratios(analyses)["a"]
    family = 5
    for number, row in analyses.iterrows():
        runs = tables[row["study"]].runs
        blocks = runs[runs["variant"] == "none-32"].sort_values("replicate")["tuning_block"]
        found = uncertainty(0.1 + NOISE, blocks.to_numpy(), usual=usual)
        level = tail_of("greater", family)
        assert row["ci_low"] == pytest.approx(found.bounds(0.1, level)[0]), number
        own = MeanSquares.of(NOISE, blocks.to_numpy() - 1)
        assert (row["blocks"], row["block_ratio"]) == (4, pytest.approx(own.ratio))
        assert row["usual_ratio"] == usual.ratio
    effects = by_batch_size(project, tables, usual_ratios(analyses))
    assert len(effects) == 10
    row = effects[(effects["study"] == "study-0") & (effects["batch_size"] == 32)].iloc[0]
    runs = tables["study-0"].runs
    blocks = runs[runs["variant"] == "none-32"].sort_values("replicate")["tuning_block"]
    found = uncertainty(0.1 + NOISE, blocks.to_numpy(), usual=usual)
    level = tail_of("different", 2)
    assert (row["ci_low"], row["ci_high"]) == pytest.approx(found.bounds(0.1, level))


def test_fewer_studies_are_judged_each_by_itself():
    project, tables = project_of_five()
    four = {name: table for name, table in tables.items() if name != "study-4"}
    analyses, _ = analyse(project, four, wall_clock=False)
    assert usual_ratios(analyses) == {}
    assert analyses["usual_ratio"].isna().all()
    assert analyses["blocks"].notna().sum() == 4
