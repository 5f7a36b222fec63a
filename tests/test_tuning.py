"""How learning rates are tuned."""

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

TUNING = Tuning(rates=(0.001, 0.01, 0.1), replicates=2, widen=0)


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
    assert list(rows["rate"]) == [0.001, 0.001, 0.01, 0.01, 0.1, 0.1]
    assert list(rows["replicate"]) == [1, 2] * 3
    assert not rows["widened"].any()
    program, chosen = program_for(digits, tuned=True, **changes)
    for rate, group in rows.groupby("rate"):
        scores = []
        for replicate in (1, 2):
            run = program.run(chosen, rate, replicate, tuning=True)
            taken = [row["validation_accuracy"] for row in run.history]
            scores.append(taken[-1] if objective == "final" else np.mean(taken))
        assert list(group["tuning_objective"]) == pytest.approx([np.mean(scores)] * 2)
    best = rows.loc[rows["tuning_objective"].idxmax(), "rate"]
    assert rows.groupby("rate")["tuning_objective"].first().nunique() == 3
    assert set(rows.loc[rows["chosen"], "rate"]) == {best}
    assert (tables["runs"]["learning_rate_used"] == best).all()
    assert tables["runs"]["learning_rate_used"].dtype == np.float64


@pytest.mark.parametrize(
    ("rates", "widen", "expected", "best"),
    [
        ([0.001, 0.01, 0.1], 3, [0.001, 0.01, 0.1, 1.0], 0.1),
        ([0.001, 0.01, 0.1], 0, [0.001, 0.01, 0.1], 0.1),
        ([0.1, 1.0, 10.0], 3, [0.01, 0.1, 1.0, 10.0], 0.1),
    ],
)
def test_the_grid_is_widened_where_the_best_lies_at_its_edge(digits, rates, widen, expected, best):
    """Tuning tries one more rate at that side, which is worse, and then ends."""
    tuning = Tuning(rates=rates, replicates=1, widen=widen)
    rows = train(digits, tuned=True, tuning=tuning, optimizer="momentum", epochs=2)["tuning"]
    assert list(rows["rate"]) == expected
    assert list(rows["widened"]) == [rate not in rates for rate in expected]
    assert list(rows["chosen"]) == [rate == best for rate in expected]


def test_runs_that_diverge_count_as_guesses(digits):
    """Among equally bad rates, tuning chooses the lowest and tries lower ones."""
    tuning = Tuning(rates=[1e24, 1e26, 1e28], replicates=2, widen=1)
    rows = train(digits, tuned=True, tuning=tuning, optimizer="sgd")["tuning"]
    assert list(rows["rate"]) == [1e22, 1e22, 1e24, 1e24, 1e26, 1e26, 1e28, 1e28]
    assert (rows["status"] == "diverged").all()
    assert (rows["tuning_objective"] == 0.1).all()
    assert list(rows["chosen"]) == [True] * 2 + [False] * 6


class Scored:
    """A substitute for a program, with known validation accuracies."""

    classes = 10

    def __init__(self, score):
        self.score = score

    def run(self, chosen, rate, replicate, *, tuning, evaluations):
        assert chosen.tuned
        assert tuning
        assert evaluations is Evaluations.LAST_VALIDATION
        accuracy = self.score(rate, replicate)
        # Falls with the rate: among rates with equal accuracy, the largest has the lowest loss.
        last = {"validation_accuracy": accuracy, "validation_loss": 1 / rate}
        return Run(replicate, history=[last])


@pytest.mark.parametrize(
    ("score", "widen", "expected", "best"),
    [
        # Accuracy rises without limit for larger, or for smaller, rates.
        (lambda rate, _: 1 - 1 / (1 + rate), 2, [0.01, 0.1, 1, 10, 100], 100),
        (lambda rate, _: 1 / (1 + rate), 2, [0.0001, 0.001, 0.01, 0.1, 1], 0.0001),
        # The best rate is in the middle, or three rates beyond the edge.
        (lambda rate, _: 1 / (1 + abs(rate - 0.1)), 2, [0.01, 0.1, 1], 0.1),
        (lambda rate, _: 1 / (1 + abs(rate - 1000)), 9, [0.01, 0.1, 1, 10, 100, 1000, 10000], 1000),
        # All rates are at chance: tuning moves towards the lower loss.
        (lambda _rate, _: 0.1, 2, [0.01, 0.1, 1, 10, 100], 100),
        # A single good seed does not give a good mean.
        (
            lambda rate, replicate: {0.01: (0.9, 0.1), 0.1: (0.6, 0.6)}.get(rate, (0.2, 0.3))[
                replicate - 1
            ],
            2,
            [0.01, 0.1, 1],
            0.1,
        ),
    ],
)
def test_how_far_the_grid_is_widened(score, widen, expected, best):
    tuning = Tuning(rates=(0.01, 0.1, 1), replicates=2, widen=widen)
    rate, rows = tune(Scored(score), settings(tuned=True), tuning)
    assert rate == best
    assert [row["rate"] for row in rows] == [rate for rate in expected for _ in range(2)]
    assert {row["rate"] for row in rows if row["chosen"]} == {best}
    assert {row["rate"] for row in rows if row["widened"]} == set(expected) - {0.01, 0.1, 1}
    for row in rows:
        mean = (score(row["rate"], 1) + score(row["rate"], 2)) / 2
        assert row["tuning_objective"] == pytest.approx(mean)


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
    assert set(started[: 2 * 3]) == {Streams(SEED, k, tuning=True) for k in (1, 2)}
    rate = tuned["runs"]["learning_rate_used"].iloc[0]
    fixed = train(digits, learning_rate=rate, **shared)
    for name in ("runs", "history"):
        pd.testing.assert_frame_equal(tuned[name], fixed[name], check_exact=True)
    assert fixed["tuning"].empty


def test_tuning_replicates_have_separate_random_streams():
    chosen = settings(batch_size=32)
    orders = [
        next(segments(chosen, 300, Streams(SEED, replicate, tuning))).order.tolist()
        for tuning in (False, True)
        for replicate in (1, 2)
    ]
    assert all(a != b for n, a in enumerate(orders) for b in orders[:n])
