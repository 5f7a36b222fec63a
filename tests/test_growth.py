"""The first report grows: embedded data first, then one download after another."""

import pytest
from checkout import DETERMINISTIC, Copy

from bnmatrix.datasets.availability import Availability
from bnmatrix.plan.growth import growth
from bnmatrix.plan.loading import load_project
from bnmatrix.plan.plan import Plan


def test_steps_begin_with_data_that_needs_no_download(project):
    everywhere = Plan(project, {})
    assert growth(everywhere) == [
        ["iris", "digits"],
        ["iris", "digits", "mnist"],
        ["iris", "digits", "mnist", "cifar10"],
    ]
    absent = Availability(False, "no network")
    offline = Plan(project, {"mnist": absent, "cifar10": absent})
    assert growth(offline) == [["iris", "digits"]]
    assert offline.network_helps


def test_only_studies_of_the_data_sets_run():
    plan = Plan(load_project({"datasets": "iris, mnist"}), {})
    assert {plan.project.study(study).dataset for study in plan.studies} == {"iris", "mnist"}
    assert "CIFAR-10 is not among the data sets of this run" in plan.not_run_message()
    assert not plan.network_helps
    with pytest.raises(Exception, match=r"unknown data set 'irs' \(did you mean 'iris'\?\)"):
        load_project({"datasets": ["irs"]})


@pytest.mark.slow
def test_a_report_grows_and_ends_as_if_made_at_once(mirror, tmp_path):
    def shorten(studies):
        studies["mnist-tiny"]["settings"] |= {"training_examples": 200, "epochs": 1}

    names = ("iris-tiny", "mnist-tiny")
    steps, once = (Copy(tmp_path / name, *names, edit=shorten) for name in ("steps", "once"))
    environment = {"BNMATRIX_MIRROR": str(mirror)}
    process = steps.run("--cores", "2", command=("bnmatrix", "report"), **environment)
    assert process.returncode == 0, process.stdout
    assert "Step 1 of 2: the studies of iris" in process.stdout
    assert process.stdout.count("reports/index.html") >= 2, "the place of the report so far"
    once.ok("--cores", "2", **environment)
    assert steps.digests(*DETERMINISTIC) == once.digests(*DETERMINISTIC)
    # A later run makes no steps.
    process = steps.run("--cores", "2", command=("bnmatrix", "report"), **environment)
    assert "Step" not in process.stdout
