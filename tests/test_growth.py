"""A report grows, data set by data set, and with the replicates of a larger effort."""

import pytest
from checkout import DETERMINISTIC, TUNED, Copy

from bnmatrix.datasets.availability import Availability
from bnmatrix.errors import UserError
from bnmatrix.plan.blocks import Block, cover
from bnmatrix.plan.growth import Step, growth
from bnmatrix.plan.jobs import jobs
from bnmatrix.plan.loading import load_project
from bnmatrix.plan.plan import Plan


def test_steps_begin_with_data_that_needs_no_download(project):
    everywhere = Plan(project, {})
    matrices, *steps = growth(everywhere)
    assert [step.selection for step in steps] == [
        "datasets=iris,digits",
        "datasets=iris,digits,mnist",
        "datasets=iris,digits,mnist,cifar10",
    ]
    assert steps[0].title == "the studies of iris, digits"
    first = load_project(dict([matrices.selection.split("=")]))
    assert set(Plan(first, {}).studies) == {"iris-64-32", "digits-64-64", "digits-cnn"}
    absent = Availability(False, "no network")
    offline = Plan(project, {"mnist": absent, "cifar10": absent})
    assert growth(offline) == [matrices, steps[0]]
    assert growth(Plan(load_project({"studies": "digits-64-64"}), {})) == [
        Step("the studies of digits", "datasets=digits")
    ]
    assert offline.network_helps


def test_only_studies_of_the_data_sets_run():
    plan = Plan(load_project({"datasets": "iris, mnist"}), {})
    assert {plan.project.study(study).dataset for study in plan.studies} == {"iris", "mnist"}
    assert "CIFAR-10 is not among the data sets of this run" in plan.not_run_message()
    assert not plan.network_helps
    with pytest.raises(Exception, match=r"unknown data set 'irs' \(did you mean 'iris'\?\)"):
        load_project({"datasets": ["irs"]})


def test_effort_multiplies_the_replicates_of_claims():
    thorough = load_project({"effort": "thorough"})
    standard = load_project({})
    for name in standard.studies:
        factor = 2 if name in ("digits-sizes", "iris-cross-validated") else 1
        if factor == 2 or name in ("digits-variance", "digits-64-64", "mnist-256-128"):
            assert thorough.replicates_of(name) == factor * standard.replicates_of(name), name
    (job,) = jobs(thorough, "digits-sizes")
    plan = Plan(thorough, {})
    assert plan.spec("digits-sizes", job.name).replicates == 40
    first, more = Block(1, 20), Block(21, 40)
    assert cover(thorough.replicates_of("digits-sizes"), [first]) == (first, more), "only new ones"
    recipes = {plan.spec("digits-sizes", job.name, block).recipe for block in (first, more)}
    assert recipes == {Plan(standard, {}).spec("digits-sizes", job.name).recipe}
    with pytest.raises(UserError, match=r"`thorough` sets the number of replicates.*\(5\)"):
        load_project({"effort": "thorough", "replicates": 5})
    with pytest.raises(UserError, match="effort"):
        load_project({"effort": "much"})


@pytest.mark.slow
def test_a_report_grows_and_ends_as_if_made_at_once(mirror, tmp_path):
    def shorten(studies):
        studies["mnist-tiny"]["settings"] |= {"training_examples": 200, "epochs": 1}
        studies |= TUNED

    names = ("iris-tiny", "mnist-tiny")
    steps, once = (Copy(tmp_path / name, *names, edit=shorten) for name in ("steps", "once"))
    environment = {"BNMATRIX_MIRROR": str(mirror)}
    process = steps.run("--cores", "2", command=("bnmatrix", "report"), **environment)
    assert process.returncode == 0, process.stdout
    assert "Step 1 of 3: the matrices of iris" in process.stdout
    assert "Step 2 of 3: the studies of iris\n" in process.stdout
    assert "Step 3 of 3: the studies of iris, mnist\n" in process.stdout
    assert process.stdout.count("reports/index.html") >= 3, "the place of the report so far"
    once.ok("--cores", "2", **environment)
    assert steps.digests(*DETERMINISTIC) == once.digests(*DETERMINISTIC)
    # A later run makes no steps, and tells where the report is.
    process = steps.run("--cores", "2", command=("bnmatrix", "report"), **environment)
    assert "Step" not in process.stdout
    assert f"Report: {steps.folder / 'reports/index.html'}" in process.stdout
