"""Figures of claims, on small tables."""

import pytest
from study_tables import arm_of
from tables import labels_of, runs_of

from bnmatrix.config.claims import Plot
from bnmatrix.report.figures.claims import Evidence, evidence


@pytest.mark.parametrize("arms", [["batch"], ["none", "batch"]])
def test_points_over_categories_are_drawn_for_any_number_of_arms(arms):
    runs = runs_of()
    runs = runs[runs["normalization"].isin(arms)]
    arm = arm_of(runs.to_dict("records"), classes=2)
    plot = Plot(table="runs", x="variant", y="test_accuracy")
    drawing = evidence("A claim", plot, [Evidence("A", arm, labels_of(runs))])
    assert set(drawing.data["x"]) == set(runs["variant"])
    assert drawing.data["hue"].nunique() == len(arms)
