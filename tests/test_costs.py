"""Expected costs of training jobs."""

import pandas as pd
import pytest
from conftest import ROOT

from bnmatrix.config.project import Project
from bnmatrix.plan.blocks import Block
from bnmatrix.plan.costs import expected, training_cost
from bnmatrix.plan.jobs import jobs


@pytest.fixture(scope="module")
def table(project):
    # The documented table has the jobs in PyTorch, even if PyTorch is not installed here.
    project = project.model_copy(update={"frameworks": ("keras", "torch")})
    return pd.DataFrame(expected(project, project.studies)).set_index("study")


def test_larger_data_and_networks_cost_more(table):
    small, large = table.loc["iris-64-32"], table.loc["cifar10-512-256-128"]
    assert large["core_minutes"] > 10 * small["core_minutes"]
    # Two copies of 60 000 pictures with 3 072 numbers take 1.5 GB, and measures 0.8 GB.
    assert 2200 <= large["asked_mb"] - small["asked_mb"] <= 2400


def test_jobs_are_those_of_the_workflow(project, table):
    project = project.model_copy(update={"frameworks": ("keras", "torch")})
    for study in project.studies:
        assert table.loc[study, "jobs"] == len(jobs(project, study))


def test_replicates_and_tuning_cost_in_proportion(project):
    def cost(replicates, tuned, block=None):
        study = project.studies["cifar10-512-256-128"]
        axes = study.axes | {"batch_size": [64], "tuned": [tuned]}
        changed = study.model_copy(update={"axes": axes, "replicates": replicates})
        studies = {"cifar10-512-256-128": changed}
        found = Project.model_construct(**{**dict(project), "studies": studies})
        return training_cost(found, jobs(found, "cifar10-512-256-128")[0], block)

    five, ten = cost(5, False), cost(10, False)
    assert 1.8 < ten.seconds / five.seconds < 2.0
    assert ten.mem_mb == five.mem_mb
    # Five runs of the coarse search and fourteen of the fine one, for each five replicates.
    assert 4 < cost(5, True).seconds / five.seconds < 5.5
    assert cost(10, True).seconds / ten.seconds == pytest.approx(
        cost(5, True).seconds / five.seconds, rel=0.1
    )
    assert cost(10, True, Block(6, 10)).seconds == pytest.approx(cost(5, True).seconds)
    # A block that begins inside of a tuning block tunes for itself.
    assert cost(10, True, Block(5, 6)).seconds > cost(5, True).seconds


def test_jobs_request_a_little_more_time_than_expected(table):
    assert table["asked_minutes"].min() == 1
    assert (table["asked_minutes"] >= 1.5 * table["longest_minutes"]).all()
    long = table[table["longest_minutes"] > 2]
    assert (long["asked_minutes"] <= 2 * long["longest_minutes"]).all()


def test_the_documented_table_matches_the_command(project, table):
    text = (ROOT / "docs/cluster.md").read_text(encoding="utf-8")
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("|")]
    documented = {row[0]: row[1:6] for row in rows if row[0] in project.studies}
    assert documented == {
        study: [f"{value:.0f}" for value in row] for study, row in table.iterrows()
    }


def test_long_jobs_have_separate_queue_entries(project):
    found = {
        study: {training_cost(project, job).short for job in jobs(project, study)}
        for study in ("iris-64-32", "cifar10-512-256-128")
    }
    assert found == {"iris-64-32": {True}, "cifar10-512-256-128": {False}}
