"""The order of examples, for every combination of drawing and length."""

from itertools import pairwise

import numpy as np
import pytest
from conftest import settings

from bnmatrix.training.minibatches import segments, steps_per_epoch
from bnmatrix.training.seeds import Streams


def seen(segment, batch_size):
    """Return the examples of a segment, in order."""
    full = segment.order[segment.start * batch_size : segment.stop * batch_size]
    tail = segment.order[len(segment.order) // batch_size * batch_size :] if segment.tail else []
    return [*full, *tail]


@pytest.mark.parametrize(("n", "batch_size"), [(100, 32), (96, 32), (5, 5), (7, 1)])
def test_each_epoch_sees_each_example_once(n, batch_size):
    chosen = settings(batch_size=batch_size, epochs=3)
    parts = list(segments(chosen, n, Streams(0, 1)))
    assert len(parts) == 3
    assert all(part.evaluate for part in parts)
    for part in parts:
        assert sorted(seen(part, batch_size)) == list(range(n))
        assert part.steps == -(-n // batch_size)
    assert n == 5 or any((a.order != b.order).any() for a, b in pairwise(parts))


def test_steps_cross_epochs_and_keep_the_same_order():
    """Training by steps uses the same mini-batches as training by epochs."""
    by_epoch = [
        i
        for p in segments(settings(batch_size=32, epochs=4), 100, Streams(0, 1))
        for i in seen(p, 32)
    ]
    chosen = settings(batch_size=32, steps=14, evaluate_every=3)
    parts = list(segments(chosen, 100, Streams(0, 1)))
    by_step = [i for p in parts for i in seen(p, 32)]
    assert by_step == by_epoch[: len(by_step)]
    assert sum(p.steps for p in parts) == 14
    step, evaluated = 0, []
    for part in parts:
        step += part.steps
        if part.evaluate:
            evaluated.append(step)
    assert evaluated == [3, 6, 9, 12, 14]


def test_with_replacement():
    chosen = settings(batch_size=30, epochs=50, minibatches="with_replacement")
    parts = list(segments(chosen, 100, Streams(0, 1)))
    assert steps_per_epoch(chosen, 100) == 3
    assert all(part.steps == 3 and not part.tail for part in parts)
    drawn = np.concatenate([seen(part, 30) for part in parts])
    assert len(drawn) == 50 * 90
    counts = np.bincount(drawn, minlength=100)
    assert counts.min() > 15
    assert counts.max() < 80
    assert len(set(seen(parts[0], 30))) < 90, "some examples come twice in an epoch"


@pytest.mark.parametrize("length", [{"epochs": 3}, {"steps": 9, "evaluate_every": 3}])
def test_the_last_mini_batch_can_be_dropped(length):
    """Full mini-batches are those of `keep`; the examples that are left out change each epoch."""
    kept, dropped = (
        list(segments(settings(batch_size=32, **own), 100, Streams(0, 1)))
        for own in ({"epochs": 3}, {"last_batch": "drop"} | length)
    )
    assert sum(part.steps for part in dropped) == 9
    assert not any(part.tail for part in dropped)
    left_out = []
    for part, full in zip(dropped, kept, strict=True):
        examples = seen(part, 32)
        assert len(set(examples)) == 96
        assert (part.order == full.order).all()
        assert examples == seen(full, 32)[:96]
        left_out.append(set(range(100)) - set(examples))
    assert left_out[0] != left_out[1]


@pytest.mark.parametrize("last_batch", ["keep", "drop"])
def test_an_epoch_has_a_full_mini_batch(last_batch):
    """Without one, dropping would leave epochs without steps, and training would never end."""
    chosen = settings(batch_size=32, last_batch=last_batch)
    with pytest.raises(ValueError, match="31 examples do not fill a mini-batch of 32"):
        next(segments(chosen, 31, Streams(0, 1)))


def test_dropping_has_no_effect_with_replacement():
    """Each mini-batch is full, and variants that differ in the setting alone are one."""
    kept, dropped = (
        settings(batch_size=30, minibatches="with_replacement", last_batch=last)
        for last in ("keep", "drop")
    )
    assert kept == dropped
    assert dropped.value("last_batch") is None


def test_replicates_see_different_orders():
    orders = [next(segments(settings(), 100, Streams(0, k))).order for k in (1, 2)]
    assert (orders[0] != orders[1]).any()


LENGTHS = [
    {"epochs": 4},
    {"steps": 14, "evaluate_every": 3},
    {"epochs": 4, "minibatches": "with_replacement"},
]


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("pauses", [{1}, {0, 2, 3, 4, 7, 8, 13}, set(range(17)), {500}])
def test_pauses_change_no_minibatch_and_no_evaluation(length, pauses):
    """Segments also end at pauses; mini-batches and evaluations stay the same."""

    def run(pauses):
        examples, ends, evaluated, step = [], [], [], 0
        for part in segments(settings(batch_size=32, **length), 100, Streams(0, 1), pauses):
            assert part.steps > 0
            examples += seen(part, 32)
            step += part.steps
            ends.append(step)
            if part.evaluate:
                evaluated.append(step)
        return examples, ends, evaluated

    examples, ends, evaluated = run(())
    with_pauses = run(pauses)
    assert with_pauses[0] == examples
    assert with_pauses[1] == sorted({*ends, *(p for p in pauses if 0 < p <= ends[-1])})
    assert with_pauses[2] == evaluated
