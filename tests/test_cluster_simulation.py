"""The simulation of a cluster: known answers."""

import importlib.util

import pytest
from conftest import ROOT


@pytest.fixture(scope="module")
def simulation():
    spec = importlib.util.spec_from_file_location("simulation", ROOT / "benchmarks/cluster.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_entries_have_the_work_of_their_jobs(simulation):
    entries = simulation.entries_of([10.0, 200.0, 20.0, 30.0], size=2)
    # The long job comes first, in its own entry.
    assert [work for _, work in entries] == [200, 30, 30]
    assert [time - work for time, work in entries] == [10, 15, 10]


def test_one_core_does_all_work_one_after_another(simulation):
    entries = [(100.0, 90.0)] * 10
    seconds = simulation.simulate(entries, cores=1, at_once=20)
    assert 1000 <= seconds <= 1000 + simulation.LONGEST_POLL
    # With as many entries as cores, the core waits until Snakemake has asked.
    assert simulation.simulate(entries, cores=1, at_once=1) > seconds


def test_enough_cores_need_as_long_as_the_longest_entry(simulation):
    entries = [(600.0, 590.0), *[(100.0, 90.0)] * 9]
    seconds = simulation.simulate(entries, cores=10, at_once=10)
    assert 600 <= seconds <= 600 + simulation.LONGEST_POLL
