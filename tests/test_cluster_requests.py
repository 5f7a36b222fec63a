"""What queue entries of a cluster request, and what the check of a cluster reads of a profile."""

import pytest
from conftest import ROOT

from bnmatrix.cluster.profile import read_profile
from bnmatrix.cluster.requests import demand, jobs_per_entry
from bnmatrix.cluster.slurm import minutes, partition_options
from bnmatrix.errors import UserError
from bnmatrix.plan.costs import Cost
from bnmatrix.plan.minutes import TimePolicy
from bnmatrix.plan.plan import Plan

POLICY = TimePolicy(percent=200, longest_minutes=60)


def total(seconds, jobs, attempt):
    """The sum that Snakemake computes for an entry of equal jobs."""
    return sum(POLICY.request(seconds, attempt) for _ in range(jobs))


def test_the_times_of_an_entry_add_up_to_the_second():
    assert POLICY.request(13, 1) == 1
    # 8 × 26 s are 3.5 minutes, and not 8.
    assert total(13, 8, attempt=1) == 4
    assert total(13, 8, attempt=3) == 11
    # Plain numbers, as of rules of another workflow, still add up.
    assert sum([POLICY.request(90, 1), 5]) == 8
    assert str(POLICY.request(90, 1)) == "3"


def test_attempts_stay_within_the_limit():
    assert [total(200, 5, attempt) for attempt in (1, 2, 3)] == [34, 60, 60]
    # What the first attempt needs is never cut: the job could not end.
    assert [total(200, 20, attempt) for attempt in (1, 2, 3)] == [134, 134, 134]


def test_snakemake_keeps_the_seconds():
    """The time of a group in Snakemake's own code is the exact sum."""
    from types import SimpleNamespace

    from snakemake.resources import GroupResources, Resources

    jobs = [
        SimpleNamespace(
            resources={"runtime": POLICY.request(13, 1), "slots": 1, "mem_mb": 100},
            pipe_group=None,
        )
        for _ in range(8)
    ]
    found = GroupResources.basic_layered(
        toposorted_jobs=[jobs[:4], jobs[4:]],
        constraints=Resources.parse(["slots=1"], allow_expressions=False),
        run_local=False,
    )
    assert int(found["runtime"]) == 4
    assert found["mem_mb"] == 100


@pytest.mark.parametrize(
    ("jobs", "at_once", "size"),
    [(8, 100, 1), (200, 100, 1), (201, 100, 2), (5000, 2000, 2), (20_000, 100, 30)],
)
def test_jobs_per_entry(jobs, at_once, size):
    assert jobs_per_entry(jobs, at_once) == size


@pytest.mark.parametrize(
    ("text", "expected"),
    [("02:00:00", 120), ("1-12:00:00", 2160), ("30:00", 30), ("UNLIMITED", float("inf"))],
)
def test_times_of_slurm(text, expected):
    assert minutes(text) == expected


def test_the_profile_for_slurm():
    profile = read_profile(ROOT / "profiles/slurm")
    assert (profile.executor, profile.status) == ("slurm", "squeue")
    assert profile.sizes == {"training": 4, "analysis": 4}
    assert profile.policy == TimePolicy(150, 1440)
    assert partition_options(profile) == []


@pytest.mark.parametrize(
    "resources",
    ["[slurm_account=a, 'slurm_partition=\"b\"']", "{slurm_account: a, slurm_partition: b}"],
)
def test_lists_and_mappings_in_a_profile(tmp_path, resources):
    (tmp_path / "config.yaml").write_text(
        f"executor: slurm\njobs: 5\ndefault-resources: {resources}\nslurm-qos: long\n"
        "set-resources: {train: {gpu: 1}}\n",
        encoding="utf-8",
    )
    profile = read_profile(tmp_path)
    assert partition_options(profile) == ["--partition=b", "--account=a", "--qos=long"]
    assert profile.training == {"gpu": 1}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("jobs: 5\n", "the key 'executor' is missing"),
        ("executor: slurm\njobs: many\n", "jobs: must be a whole number, not 'many'"),
        ("executor: slurm\njobs: 5\nresources: [slots]\n", "resources: must hold lines such as"),
    ],
)
def test_a_wrong_profile(tmp_path, text, said):
    (tmp_path / "config.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=r"config\.yaml: ") as error:
        read_profile(tmp_path)
    assert said in str(error.value)


def test_a_profile_that_does_not_exist(tmp_path):
    with pytest.raises(UserError, match="there is no file"):
        read_profile(tmp_path)


def test_what_a_run_requests(project):
    """The largest entry is the longest job of its own, or a sum of short jobs."""
    chosen = project.run.model_copy(update={"studies": ["iris-64-32", "cifar10-512-256-128"]})
    plan = Plan(project.model_copy(update={"run": chosen}), {})
    wanted = demand(plan, read_profile(ROOT / "profiles/slurm"))
    assert (wanted.short, wanted.long) == (8, 6)
    assert wanted.entries == 2 + 6
    costs = [
        plan.cost("cifar10-512-256-128", job, block)
        for job in plan.jobs("cifar10-512-256-128")
        for block in plan.blocks("cifar10-512-256-128", job)
    ]
    assert wanted.first.minutes == max(cost.minutes() for cost in costs)
    assert wanted.first.mem_mb == max(cost.mem_mb for cost in costs)
    assert wanted.last.minutes == max(cost.minutes(3) for cost in costs)
    assert wanted.last.mem_mb == 3 * wanted.first.mem_mb


def test_a_request_is_less_than_twice_what_is_expected():
    for seconds in (60, 600, 6000):
        assert Cost(seconds, 1000).minutes() <= 2 * seconds / 60
