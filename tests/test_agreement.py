"""The agreement of two runs of the pipeline, on synthetic tables."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from study_tables import runs_table

from bnmatrix.cli import main
from bnmatrix.statistics.agreement import claims_agreement, runs_agreement
from bnmatrix.tables.csv import write_csv


def table():
    return runs_table().assign(study="s", test_loss=0.5)


def agreement_of(ours, theirs):
    found = runs_agreement(ours, theirs)
    return dict(zip(found["variant"], found["agreement"], strict=True))


def test_the_same_runs_are_identical_in_any_order():
    again = table().sample(frac=1, random_state=0)
    assert set(agreement_of(table(), again).values()) == {"identical"}


def test_runs_that_differ_are_judged_by_welchs_interval():
    theirs, rng = table(), np.random.default_rng(1)
    for shift in (0.0, 0.001, 0.02, 0.5):
        ours = theirs.copy()
        ours["test_accuracy"] += shift + rng.normal(0, 0.001, len(ours))
        found = agreement_of(ours, theirs)
        for variant, word in found.items():
            pair = [t[t["variant"] == variant]["test_accuracy"] for t in (ours, theirs)]
            p = stats.ttest_ind(*pair, equal_var=False).pvalue
            assert word == ("differs" if p < 0.05 else "within intervals")
    assert set(found.values()) == {"differs"}


def test_missing_and_diverged_runs():
    first = table()["variant"].iloc[0]
    less = table()[table()["variant"] != first]
    assert agreement_of(less, table())[first] == "only there"
    assert agreement_of(table(), less)[first] == "only here"
    gone = table().assign(status="diverged", test_accuracy=np.nan, test_loss=np.nan)
    assert set(agreement_of(gone, gone).values()) == {"identical"}
    assert set(agreement_of(gone, table()).values()) == {"differs"}
    some = table()
    some.loc[some["replicate"] == 1, ["test_accuracy", "test_loss", "status"]] = [
        *(np.nan, np.nan, "diverged")
    ]
    assert set(agreement_of(some, table()).values()) == {"differs"}
    one = table()[table()["replicate"] == 1]
    assert set(agreement_of(one, table()).values()) == {"no interval"}


def claims(**changes):
    names = {"claim": "c", "dataset": "d", "network": "dense"}
    found = {"verdict": "supported", "effect": 1.0, "ci_low": 0.5, "ci_high": 1.5}
    return pd.DataFrame([names | found | changes])


@pytest.mark.parametrize(
    ("ours", "expected"),
    [
        ({}, "identical"),
        ({"effect": 1.1}, "within intervals"),
        ({"effect": 1.1, "verdict": "conditional"}, "differs"),
        ({"effect": 1.6, "ci_high": 2.0}, "differs"),
        ({"verdict": "not measured"}, "only there"),
        ({"dataset": "e"}, None),
        ({"network": "convolutional"}, None),
    ],
)
def test_claims(ours, expected):
    found = claims_agreement(claims(**ours), claims())
    if expected is None:
        assert sorted(found["agreement"]) == ["only here", "only there"]
    else:
        assert list(found["agreement"]) == [expected]
    absent = claims(verdict="not measured", effect=np.nan, ci_low=np.nan, ci_high=np.nan)
    assert claims_agreement(absent, absent).empty
    no_interval = claims(ci_low=np.nan, ci_high=np.nan)
    assert list(claims_agreement(no_interval, no_interval)["agreement"]) == ["identical"]


def test_the_command_prints_the_agreement(tmp_path, capsys):
    for name, shift in (("here", 0.3), ("there", 0.0)):
        runs = table().assign(test_accuracy=lambda t, s=shift: t["test_accuracy"] + s)
        write_csv(runs, tmp_path / name / "runs.csv")
        write_csv(claims(), tmp_path / name / "claims.csv")
    arguments = [f"--published={tmp_path / 'there'}", f"--output={tmp_path}"]
    assert main(["agreement", f"--reports={tmp_path / 'here'}", *arguments]) == 0
    printed = capsys.readouterr().out
    assert f"runs.csv: {table()['variant'].nunique()} differs" in printed
    assert "claims.csv: 1 identical" in printed
    assert main(["agreement", f"--reports={tmp_path / 'nowhere'}", *arguments]) == 1
