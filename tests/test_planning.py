"""Replicates that are planned from a pilot, with known answers."""

import math

import pandas as pd
import pytest
from claim_tables import NOISE, REPLICATES, UNSEEN, claim, project_of, study_arm
from scipy import stats

from bnmatrix.claims.analyses import analyse
from bnmatrix.claims.planning import planned_replicates
from bnmatrix.errors import UserError
from bnmatrix.stages import replicates
from bnmatrix.tables.csv import write_csv


def pilot(tuned):
    """Return a project, and the analyses of a pilot of eight pairs; the study may tune."""
    project = project_of({"better": claim()})
    study = project.studies["study-a"]
    tuning = study.tuning.model_copy(update={"shared_by": 3})
    changes = {"settings": study.settings | {"tuned": tuned}, "tuning": tuning}
    studies = project.studies | {"study-a": study.model_copy(update=changes)}
    project = project.model_copy(update={"studies": studies})
    return project, analyse(project, {"study-a": study_arm({32: 0.1})}, False)[0]


@pytest.mark.parametrize(("tuned", "block"), [(False, 1), (True, 3)])
def test_the_smallest_number_whose_interval_reaches_half_a_margin(tuned, block):
    """Student's interval of n pairs, each end at 5 %; ± half a margin of one point."""
    project, analyses = pilot(tuned)
    (row,) = planned_replicates(project, analyses).to_dict("records")
    sd, n = NOISE.std(ddof=1), row["pairs_needed"]
    assert row["sd_in_margins"] == pytest.approx(sd / 0.01)
    halves = [stats.t.ppf(0.95, k - 1) * sd * math.sqrt(max(1, 2 - k / 20) / k) for k in (n - 1, n)]
    assert halves[1] <= 0.005 < halves[0]
    assert UNSEEN > 1, "few pairs are penalized, and the plan allows for it"
    assert (row["claim"], row["study"], row["pairs"]) == ("better", "study-a", REPLICATES)
    assert row["declared"] == 5
    assert row["replicates"] == math.ceil(n / block) * block


def test_pairs_that_get_lost_ask_for_more_replicates():
    project, analyses = pilot(tuned=False)
    half = analyses.assign(pairs_thorough=5)
    (row,) = planned_replicates(project, half).to_dict("records")
    assert row["replicates"] == 2 * row["pairs_needed"], "of 10 thorough replicates, 5 have pairs"
    (row,) = planned_replicates(project, analyses.assign(pairs_needed=math.nan)).to_dict("records")
    assert pd.isna(row["replicates"])


def test_the_command_prints_what_to_declare(tmp_path, capsys, monkeypatch):
    project, analyses = pilot(tuned=True)
    monkeypatch.setattr(replicates, "load_project", lambda _: project)
    with pytest.raises(UserError, match=r"analyses\.csv: there is no such file; run `snakemake"):
        replicates.run(config=None, results=tmp_path)
    write_csv(analyses, tmp_path / "data/results/claims/analyses.csv")
    replicates.run(config=None, results=tmp_path)
    printed = capsys.readouterr().out
    (row,) = planned_replicates(project, analyses).to_dict("records")
    assert (
        f"| better | a | study-a | {row['sd_in_margins']:.2f} | 8 | {row['pairs_needed']} |"
        in printed
    )
    assert f"study-a: {{replicates: {row['replicates']}}}  # declared: 5" in printed
