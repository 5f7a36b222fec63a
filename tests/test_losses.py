"""Why batch normalization loses: whether moving averages are the cause, by measurement."""

import pandas as pd
import pytest
from tables import comparisons_of, labels_of

from bnmatrix.report.losses import losses
from bnmatrix.report.pages.records import records
from bnmatrix.statistics.averages import accuracy_by_mode

#: A loss of five points.
LOSS = (-0.05, -0.06, -0.04)


def said(moving, population):
    table = comparisons_of((0.02, 0.01, 0.03), LOSS)
    labels = labels_of(table)
    rows = records(table, labels)
    measured = {"accuracy_moving": moving, "accuracy_population": population}
    common = {"steps_taken": 50, "starting_share": 0.6}
    summary = [{"variant": row["variant"], **common, **measured} for row in rows]
    (sentence,) = losses(rows, summary, labels, margin=0.01)
    return sentence


@pytest.mark.parametrize(
    ("population", "words"),
    [
        (0.95, "+5.00 points of test accuracy: the moving averages are the cause of the loss"),
        (0.92, "+2.00 points of test accuracy: the moving averages are a part of the loss"),
        (0.90, "the moving averages are not the cause of the loss"),
    ],
)
def test_recomputed_statistics_tell_the_cause_of_a_loss(population, words):
    sentence = said(0.90, population)
    assert words in sentence
    assert "−5.00 points [−6.00, −4.00] after 50 steps" in sentence
    assert "still hold 60 %" in sentence


def test_accuracies_by_mode_are_means_at_the_end():
    rows = [
        ("v", 5, "accuracy_by_mode", "moving", 0.1),
        ("v", 9, "accuracy_by_mode", "moving", 0.5),
        ("v", 9, "accuracy_by_mode", "moving", 0.7),
        ("v", 9, "accuracy_by_mode", "population", 0.9),
        ("v", 9, "order_difference", "all", 3.0),
    ]
    table = pd.DataFrame(rows, columns=["variant", "step", "measure", "part", "value"])
    (row,) = accuracy_by_mode(table).to_dict("records")
    assert row["variant"] == "v"
    assert row["accuracy_moving"] == pytest.approx(0.6)
    assert row["accuracy_population"] == pytest.approx(0.9)
    assert accuracy_by_mode(table.iloc[4:]).empty
