"""How learning rates are tuned."""

from collections import Counter

import numpy as np
import pandas as pd
import pytest
from conftest import mostly_slow, settings
from support import SEED, program_for, small_digits, train

from bnmatrix.datasets.data import Prepared
from bnmatrix.training.minibatches import segments
from bnmatrix.training.program import Evaluations, Run
from bnmatrix.training.seeds import Streams
from bnmatrix.training.spec import Tuning
from bnmatrix.training.tuning import tune

TUNING = Tuning(rates=(0.001, 0.01, 0.1), replicates=2, coarse=2, widen=0)


@pytest.fixture(scope="module")
def digits(tensorflow) -> Prepared:  # noqa: ARG001
    return small_digits()


@pytest.mark.parametrize("objective", mostly_slow(["final", "average"], ["average"]))
def test_the_tuned_rate_has_the_best_mean(digits, objective):
    """The chosen rate has the largest mean over the tuning replicates."""
    tuning = TUNING.model_copy(update={"objective": objective})
    changes = {"optimizer": "momentum", "epochs": 3}
    tables = train(digits, tuned=True, replicates=2, tuning=tuning, **changes)
    rows = tables["tuning"]
    # The coarse search compares the ends of the grid, the fine search the neighbour of the better.
    assert sorted(set(rows["rate"])) == [0.001, 0.01, 0.1]
    assert list(rows["replicate"]) == [1, 2] * 3
    assert not rows["widened"].any()
    program, chosen = program_for(digits, tuned=True, **changes)
    for rate, group in rows.groupby("rate"):
        scores = []
        for replicate in (1, 2):
            run = program.run(chosen, rate, replicate, attempt=replicate)
            taken = [row["validation_accuracy"] for row in run.history]
            scores.append(taken[-1] if objective == "final" else np.mean(taken))
        assert list(group["tuning_objective"]) == pytest.approx([np.mean(scores)] * 2)
    best = rows.loc[rows["tuning_objective"].idxmax(), "rate"]
    assert rows.groupby("rate")["tuning_objective"].first().nunique() == 3
    assert set(rows.loc[rows["chosen"], "rate"]) == {best}
    assert (tables["runs"]["learning_rate_used"] == best).all()
    assert tables["runs"]["learning_rate_used"].dtype == np.float64


def test_runs_that_diverge_count_as_guesses(digits):
    """Among equally bad rates, tuning chooses the lowest and tries lower ones."""
    tuning = Tuning(rates=[1e24, 1e26, 1e28], replicates=2, coarse=2, widen=1)
    rows = train(digits, tuned=True, tuning=tuning, optimizer="sgd")["tuning"]
    assert list(rows["rate"]) == [1e22, 1e22, 1e24, 1e24, 1e26, 1e26, 1e28, 1e28]
    assert (rows["status"] == "diverged").all()
    assert (rows["tuning_objective"] == 0.1).all()
    assert list(rows["chosen"]) == [True] * 2 + [False] * 6


class Scored:
    """A substitute for a program, with known validation accuracies."""

    classes = 10

    def __init__(self, score):
        self.score, self.runs = score, []

    def run(self, chosen, rate, replicate, *, attempt, evaluations):
        assert chosen.tuned
        assert evaluations is Evaluations.LAST_VALIDATION
        self.runs.append((rate, replicate, attempt))
        accuracy = self.score(rate, replicate)
        # Falls with the rate: among rates with equal accuracy, the largest has the lowest loss.
        last = {"validation_accuracy": accuracy, "validation_loss": 1 / rate}
        return Run(replicate, history=[last])


def peak(best):
    """Return an accuracy that falls with the distance from the best rate, in decades."""
    return lambda rate, _: 1 / (1 + abs(np.log10(rate / best)))


#: Half-decade steps: 0.01, 0.0316, 0.1, 0.316, 1.
GRID = (0.01, 0.0316, 0.1, 0.316, 1.0)


@pytest.mark.parametrize(
    ("score", "widen", "expected", "best"),
    [
        # The coarse search tries 0.01, 0.1 and 1; the fine search the neighbours of the best.
        (peak(0.1), 4, [0.01, 0.0316, 0.1, 0.316, 1], 0.1),
        (peak(0.316), 4, [0.01, 0.0316, 0.1, 0.316, 1], 0.316),
        # The grid is widened by a decade, and the neighbours there are tried.
        (peak(1.0), 4, [0.01, 0.1, 0.316, 1, 3.16, 10], 1),
        (peak(3.16), 4, [0.01, 0.1, 0.316, 1, 3.16, 10], 3.16),
        (peak(0.001), 6, [0.0001, 0.000316, 0.001, 0.00316, 0.01, 0.1, 1], 0.001),
        # Accuracy rises without limit, and the grid ends.
        (lambda rate, _: 1 - 1 / (1 + rate), 2, [0.01, 0.1, 1, 3.16, 10], 10),
        (lambda rate, _: 1 / (1 + rate), 2, [0.001, 0.00316, 0.01, 0.1, 1], 0.001),
        (peak(1.0), 0, [0.01, 0.1, 0.316, 1], 1),
        # All rates are at chance: tuning moves towards the lower loss.
        (lambda _rate, _: 0.1, 2, [0.001, 0.01, 0.1, 1, 3.16, 10], 10),
        # The rates at chance are all too large, though the largest has the lowest loss.
        (
            lambda rate, _: 0.9 if rate < 0.002 else 0.1,
            4,
            [0.0001, 0.000316, 0.001, 0.00316, 0.01, 0.1, 1, 10, 100],
            0.001,
        ),
        # A single good seed does not give a good mean.
        (
            lambda rate, replicate: {0.01: (0.9, 0.1), 0.1: (0.6, 0.6)}.get(rate, (0.2, 0.3))[
                replicate - 1
            ],
            0,
            [0.01, 0.0316, 0.1, 0.316, 1],
            0.1,
        ),
    ],
)
def test_the_search_of_the_best_rate(score, widen, expected, best):
    """Rates that only the coarse search tried, or that lost a race, have fewer runs."""
    tuning = Tuning(rates=GRID, replicates=4, coarse=2, widen=widen, shared_by=2)
    rate, rows = tune(Scored(score), settings(tuned=True), tuning)
    assert rate == best
    assert sorted({row["rate"] for row in rows}) == expected
    counts = Counter(row["rate"] for row in rows)
    assert counts[best] == 4
    assert set(counts.values()) <= {2, 4}
    assert {row["rate"] for row in rows if row["chosen"]} == {best}
    assert {row["rate"] for row in rows if row["widened"]} == set(expected) - set(GRID)
    for row in rows:
        assert row["tuning_objective"] == pytest.approx(
            (score(row["rate"], 1) + score(row["rate"], 2)) / 2
        )


@pytest.mark.parametrize(("race", "expected", "best"), [(2, 2, 0.1), (5, 5, 0.316)])
def test_a_neighbour_worse_with_each_of_the_first_seeds_drops_out(race, expected, best):
    """The lower neighbour wins with the second seed, the upper one with the third to fifth."""
    accuracies = {
        0.0316: (0.7, 0.9, 0.7, 0.7, 0.7),
        0.1: (0.8, 0.8, 0.8, 0.8, 0.8),
        0.316: (0.7, 0.7, 1.0, 1.0, 1.0),
    }
    program = Scored(lambda rate, replicate: accuracies.get(rate, (0.1,) * 5)[replicate - 1])
    tuning = Tuning(rates=GRID, replicates=5, race=race, shared_by=5, widen=0)
    rate, rows = tune(program, settings(tuned=True), tuning)
    assert rate == best
    counts = Counter(row["rate"] for row in rows)
    assert (counts[0.01], counts[0.0316], counts[0.1], counts[0.316]) == (1, 5, 5, expected)
    seeds = {at: {run[1:] for run in program.runs if run[0] == at} for at in (0.1, 0.316)}
    assert seeds[0.316] <= seeds[0.1], "rates race with the same seeds"


class Noisy:
    """Accuracies with a quadratic peak, seeds that all rates share, and noise of each run."""

    classes = 10

    def __init__(self, rng, curvature, noise):
        self.best, self.curvature, self.noise = rng.uniform(-2, 0), curvature, noise
        self.rng, self.seeds, self.runs = rng, rng.normal(0, noise, 50), 0

    def run(self, chosen, rate, replicate, *, attempt, evaluations):  # noqa: ARG002
        self.runs += 1
        accuracy = 0.9 - self.curvature * (np.log10(rate) - self.best) ** 2
        accuracy += self.seeds[attempt] + self.rng.normal(0, self.noise)
        last = {"validation_accuracy": accuracy, "validation_loss": 1 - accuracy}
        return Run(replicate, history=[last])


@pytest.mark.parametrize(("curvature", "noise"), [(0.02, 0.03), (0.1, 0.01), (0.4, 0.03)])
def test_the_race_saves_runs_and_widens_the_choice_little(curvature, noise):
    """Flat peaks with much noise, and clear ones: chosen rates scatter by a tenth more at most."""
    chosen, found = settings(tuned=True), {}
    for race in (5, 2):
        rng = np.random.default_rng(1)
        programs = [Noisy(rng, curvature, noise) for _ in range(1500)]
        rates = [tune(program, chosen, Tuning(race=race))[0] for program in programs]
        away = np.log10(rates) - [program.best for program in programs]
        found[race] = np.mean([program.runs for program in programs]), np.std(away)
    (runs, scatter), (fewer, wider) = found[5], found[2]
    print(f"runs: {fewer:.1f} of {runs:.1f}; scatter: {wider:.3f} and {scatter:.3f} decades")
    assert 0.7 < fewer / runs < 0.87
    assert wider / scatter < 1.12


def test_each_block_is_tuned_with_its_own_replicates_and_seeds():
    """Blocks of three replicates, four runs a rate: the second block uses replicates 4, 5, 6, 4."""
    tuning = Tuning(rates=GRID, replicates=4, coarse=2, widen=0, shared_by=3)
    assert [tuning.block(k) for k in range(1, 8)] == [1, 1, 1, 4, 4, 4, 7]
    attempts = {}
    for block in (1, 4):
        program = Scored(peak(0.1))
        _, rows = tune(program, settings(tuned=True), tuning, block)
        assert {row["block"] for row in rows} == {block}
        at_best = [run[1:] for run in program.runs if run[0] == 0.1]
        assert [replicate for replicate, _ in at_best] == [block + k for k in (0, 1, 2, 0)]
        attempts[block] = {attempt for _, attempt in at_best}
    assert len(attempts[1]) == len(attempts[4]) == 4
    assert not attempts[1] & attempts[4]


def test_a_rate_for_each_block(digits):
    """Replicates use the rate of their block; a job that starts inside of a block tunes as well."""
    tuning = Tuning(rates=(0.001, 0.01, 0.1), replicates=2, widen=0, shared_by=2)
    shared = {"optimizer": "momentum", "epochs": 2, "tuning": tuning, "folds": 5}
    tables = train(digits, tuned=True, replicates=5, **shared)
    runs, chosen = tables["runs"], tables["tuning"].query("chosen")
    assert list(runs["tuning_block"]) == [1, 1, 3, 3, 5]
    rates = dict(zip(chosen["block"], chosen["rate"], strict=True))
    assert list(runs["learning_rate_used"]) == [rates[block] for block in runs["tuning_block"]]
    part = train(digits, tuned=True, replicates=4, **shared)["correctness"]
    bits = [np.unpackbits(np.frombuffer(row, np.uint8)) for row in part["tested"]]
    assert [(bits[k] & bits[0]).any() for k in range(4)] == [True, True, False, False], (
        "replicates of a block are tested on one fold, of other blocks on others"
    )
    fixed = train(digits, replicates=5, folds=5, optimizer="momentum", epochs=2)
    assert (fixed["runs"]["tuning_block"] == 0).all()


def test_tuning_does_not_change_the_final_runs(digits, monkeypatch):
    """They equal the runs with the chosen rate as a setting; tuning used other streams."""
    from bnmatrix.training.keras.trainer import Trainer

    started, start = [], Trainer.start

    def spy(self, chosen, learning_rate, streams):
        started.append(streams)
        start(self, chosen, learning_rate, streams)

    monkeypatch.setattr(Trainer, "start", spy)
    shared = {"replicates": 3, "normalization": "batch", "dropout": 0.2, "epochs": 2}
    tuned = train(digits, tuned=True, tuning=TUNING, **shared)
    assert started[2 * 3 :] == [Streams(SEED, k) for k in (1, 2, 3)]
    assert set(started[: 2 * 3]) == {Streams(SEED, k, attempt=k) for k in (1, 2)}
    rate = tuned["runs"]["learning_rate_used"].iloc[0]
    fixed = train(digits, learning_rate=rate, **shared)
    for name in ("runs", "history"):
        ours = tuned[name].assign(tuning_block=0) if name == "runs" else tuned[name]
        pd.testing.assert_frame_equal(ours, fixed[name], check_exact=True)
    assert fixed["tuning"].empty


def test_tuning_runs_have_separate_random_streams():
    chosen = settings(batch_size=32)
    orders = [
        next(segments(chosen, 300, Streams(SEED, replicate, attempt))).order.tolist()
        for attempt in (0, 1, 2)
        for replicate in (1, 2)
        if attempt == 0 or replicate == 1
    ]
    assert all(a != b for n, a in enumerate(orders) for b in orders[:n])
