"""One job of a study is found without the variants of all others."""

import pytest

from bnmatrix.plan.jobs import jobs, single_job
from bnmatrix.plan.plan import Plan


def changed(project, name, **keys):
    """Return the project with other keys of a study."""
    study = project.study(name).model_copy(update=keys)
    return project.model_copy(update={"studies": {**project.studies, name: study}})


def test_a_single_job_is_that_of_all_jobs(project):
    project = project.model_copy(update={"frameworks": ("keras", "torch")})
    for study in project.studies:
        for job in jobs(project, study):
            assert single_job(project, study, job.name) == job


@pytest.mark.parametrize(
    "keys",
    [
        # A learning rate has no effect where it is tuned, and is then not in the name.
        {"axes": {"learning_rate": [0.1, "1e-2"], "tuned": [False, True]}},
        # Values that only some values of another axis allow.
        {"axes": {"framework": ["keras", "torch"], "conventions": ["keras"]}},
        # Values that are not scalars, and the baseline in another job.
        {
            "axes": {
                "validation": [{"fraction": 0.2}, {"fraction": 0.1, "take": "last"}],
                "hidden_layers": [[8], [8, 4]],
                "initializer": ["he_normal", {"normal": 0.05}],
            }
        },
        {"further": [{"normalization": ["none", "layer"], "batch_size": [64]}]},
    ],
)
def test_axes_without_effect_and_further_variants(project, keys):
    usual = {"normalization": ["none", "batch"], "batch_size": [16, 32]}
    keys = {"together": [], **keys, "axes": usual | keys.get("axes", {})}
    settings = {"epochs": 2, "hidden_layers": [8]}
    settings = {name: value for name, value in settings.items() if name not in keys["axes"]}
    project = changed(project, "iris-64-32", settings=settings, **keys)
    project = project.model_copy(update={"frameworks": ("keras", "torch")})
    found = jobs(project, "iris-64-32")
    assert len(found) > 4
    for job in found:
        assert single_job(project, "iris-64-32", job.name) == job
    assert single_job(project, "iris-64-32", "batch_size~17__normalization~none") is None


def test_a_job_does_not_read_the_whole_study(project):
    """A process of a job combines only the values that its name has."""
    rates = [round(0.001 * number, 4) for number in range(1, 2000)]
    axes = {**project.study("iris-64-32").axes, "learning_rate": rates}
    plan = Plan(changed(project, "iris-64-32", axes=axes, together=[]), {})
    job = plan.job("iris-64-32", "normalization~batch__batch_size~16__learning_rate~0.5")
    assert [variant.settings.learning_rate for variant in job.variants] == [0.5]
    assert plan._variants == {}
