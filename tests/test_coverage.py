"""Counts of how often intervals hold the effect, with known answers."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT

from bnmatrix.statistics.coverage import sets_of_blocks, tally
from bnmatrix.statistics.paired import paired_effect


def test_sets_are_of_complete_different_blocks():
    blocks = pd.Series([1, 1, 1, 4, 4, 4, 7, 7, 7, 10], index=range(1, 11))
    found = list(sets_of_blocks(blocks, 2, 60, np.random.default_rng(1)))
    assert {tuple(sorted(one)) for one in found} == {
        (1, 2, 3, 4, 5, 6),
        (1, 2, 3, 7, 8, 9),
        (4, 5, 6, 7, 8, 9),
    }
    with pytest.raises(ValueError, match="4 complete blocks needed, got 3"):
        list(sets_of_blocks(blocks, 4, 1, np.random.default_rng(1)))


def test_intervals_that_hold_the_effect_are_counted():
    """Around 1, 2, 3 and 4, each ± less than one; one of a single pair has no interval."""
    values = np.tile([-0.5, 0.5], 10)
    effects = [paired_effect(values + middle, np.zeros(20)) for middle in (1, 2, 2.1, 4)]
    found = tally(effects, 2.0)
    assert (found["hold"], found["below"], found["above"]) == (0.5, 0.25, 0.25)
    errors = [-1, 0, 0.1, 2]
    error = values.std(ddof=1) / np.sqrt(20)
    assert found["mean_square"] == pytest.approx(np.mean(np.square(errors)) / error**2)
    assert found["half_width"] == pytest.approx((effects[0].ci_high - effects[0].ci_low) / 2)
    single = tally([*effects, paired_effect([5], [0])], 2.0)
    assert (single["without"], single["hold"]) == (0.2, pytest.approx(0.6))


@pytest.mark.slow
def test_a_short_experiment(tmp_path):
    """Five blocks: of 20 pairs there is one set, which is the experiment itself."""
    script = ROOT / "benchmarks/coverage.py"
    options = ["--replicates", "20", "--folder", str(tmp_path), "--cores", "1"]
    subprocess.run([sys.executable, str(script), *options], check=True)
    table = pd.read_csv(tmp_path / "coverage.csv")
    assert list(table["pairs"]) == [12] * 3 + [16] * 3 + [20] * 3
    assert (table["hold"] > 0.5).all()
    last = table[table["pairs"] == 20].set_index("interval")
    assert (last["hold"] == 1).all() and (last["mean_square"] < 1e-9).all()
    assert last.loc["of claims", "half_width"] > last.loc["95 %", "half_width"]
