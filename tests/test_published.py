"""The record of a published run, and what the repository shows of it."""

import importlib.util
import re
from types import SimpleNamespace

import pandas as pd
import pytest
from conftest import ROOT

from bnmatrix.cli import main
from bnmatrix.datasets.availability import Availability
from bnmatrix.files import write_json
from bnmatrix.plan import published
from bnmatrix.plan.loading import load_project
from bnmatrix.plan.plan import make_plan
from bnmatrix.plan.published import CHANGED, NOT_IN_RUN, RECORD, Record, read_record
from bnmatrix.stages.publish import RULES
from bnmatrix.tables.provenance import dirty_commits

ANSWERS = {
    **dict.fromkeys(("iris", "digits", "mnist"), Availability(True, "there")),
    "cifar10": Availability(False, "CIFAR-10 was not there"),
}
RAN = ("iris-64-32", "digits-64-64", "mnist-256-128")


@pytest.fixture(autouse=True)
def in_root(monkeypatch):
    monkeypatch.chdir(ROOT)


@pytest.fixture
def both(project):
    return project.model_copy(update={"frameworks": ("keras", "torch")})


def declared_otherwise(project, name, **changes):
    study = project.studies[name].model_copy(update=changes)
    return project.model_copy(update={"studies": project.studies | {name: study}})


def test_the_plan_is_that_of_the_record(both, tmp_path):
    """Neither data nor PyTorch is needed, and what did not run has its reason."""
    write_json(tmp_path / RECORD, Record.of(both, ANSWERS, RAN).model_dump(mode="json"))
    plan = make_plan({"published": str(tmp_path / RECORD)}, look=True)
    assert set(plan.studies) == set(RAN)
    assert "torch" in {v.settings.framework for v in plan.variants("mnist-256-128")}
    reasons = plan.not_run
    assert set(reasons) == {"CIFAR-10 was not there", NOT_IN_RUN}
    assert "cifar10-512-256-128" in reasons["CIFAR-10 was not there"]
    assert "mnist-64-64" in reasons[NOT_IN_RUN]
    assert plan.network_helps


def test_a_study_whose_results_would_be_others_has_changed(both):
    record = Record.of(both, ANSWERS, RAN)
    assert record.changed(both) == []
    name = "iris-64-32"
    study = both.studies[name]
    settings = study.settings | {"learning_rate": 0.123}
    for changes in ({"settings": settings}, {"replicates": 99}, {"seed": study.seed + 1}):
        other = declared_otherwise(both, name, **changes)
        assert record.changed(other) == [name]
        assert record.left_out(other)[name] == CHANGED
    assert record.changed(declared_otherwise(both, name, title="Another title")) == []
    less = both.model_copy(update={"studies": {k: v for k, v in both.studies.items() if k != name}})
    assert record.changed(less) == [name]


def test_a_setting_that_is_new_changes_only_studies_that_use_it(both, monkeypatch):
    fields = [name for name in published.Settings.model_fields if name != "weight_decay"]
    with monkeypatch.context() as earlier:
        earlier.setattr(published, "Settings", SimpleNamespace(model_fields=fields))
        record = Record.of(both, ANSWERS, RAN)
    assert record.changed(both) == []
    settings = both.studies["iris-64-32"].settings | {"weight_decay": 0.1}
    assert record.changed(declared_otherwise(both, "iris-64-32", settings=settings)) == [
        "iris-64-32"
    ]


def test_a_file_that_is_no_record_is_named(tmp_path, capsys):
    path = tmp_path / RECORD
    for content in (None, "{}"):
        if content:
            path.write_text(content, encoding="utf-8")
        with pytest.raises(published.UserError, match=str(path)):
            read_record(path)
    arguments = [f"--published={tmp_path}", f"--output={tmp_path / 'pages'}", "--cores=1"]
    assert main(["publish", *arguments]) == 1
    assert str(path) in capsys.readouterr().err


def test_pages_do_not_replace_another_folder(project, tmp_path, capsys):
    write_json(tmp_path / RECORD, Record.of(project, ANSWERS, RAN).model_dump(mode="json"))
    output = tmp_path / "mine"
    output.mkdir()
    (output / "thesis.txt").touch()
    arguments = [f"--published={tmp_path}", f"--output={output}", "--cores=1"]
    assert main(["publish", *arguments]) == 1
    assert "choose another --output" in capsys.readouterr().err
    assert (output / "thesis.txt").exists()


def test_every_rule_either_is_run_or_writes_what_is_packed():
    rules = {
        name
        for path in [ROOT / "workflow/Snakefile", *(ROOT / "workflow/rules").glob("*.smk")]
        for name in re.findall(r"^rule (\w+):", path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert rules - set(RULES) == {"download", "prepare", "train", "aggregate", "confuse"}
    assert set(RULES) <= rules


def test_code_without_a_commit_is_recognized(tmp_path):
    commit = "0123456789abcdef" * 2 + "01234567"
    bad = ["unknown", f"{commit} with local changes"]
    write_json(tmp_path / "provenance.json", {"commits": [commit, *bad]})
    assert dirty_commits(tmp_path / "provenance.json") == bad


def results_tool():
    spec = importlib.util.spec_from_file_location("results", ROOT / "tools/results.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_readme_shows_the_answer_of_the_published_run():
    tool = results_tool()
    answer = '- **It helps.** By 1 point.\n\n<picture>\n<img src="a.svg">\n'
    text = f"Before\n{tool.BEGIN}\nold\n{tool.END}\nAfter\n"
    shown = tool.replaced("README.md", text, tool.answer_block(answer))
    assert 'By 1 point.\n\n<picture>\n<img src="docs/results/a.svg">\n\n' in shown
    assert tool.replaced("README.md", shown, tool.answer_block(answer)) == shown
    assert shown.startswith("Before\n")
    assert shown.endswith("\nAfter\n")
    assert "old" not in shown
    with pytest.raises(ValueError, match="README: needs the lines"):
        tool.replaced("README", text + tool.BEGIN + "\n", answer)
    published = tool.answer_block((ROOT / tool.RESULTS / "answer.md").read_text(encoding="utf-8"))
    readme = (ROOT / tool.README).read_text(encoding="utf-8")
    assert tool.replaced(tool.README, readme, published) == readme
    for picture in re.findall(r'(?:src|srcset)="([^"]+)"', published):
        assert (ROOT / picture).is_file()


def test_the_evidence_shows_the_verdicts_of_the_published_run():
    tool = results_tool()
    claims = pd.read_csv(ROOT / tool.RESULTS / "claims.csv")
    tables = tool.verdict_tables(load_project({}, root=ROOT), claims)
    evidence = (ROOT / tool.EVIDENCE).read_text(encoding="utf-8")
    assert tool.replaced(tool.EVIDENCE, evidence, tables) == evidence
    row = claims[(claims["claim"] == "convergence") & (claims["dataset"] == "digits")].iloc[0]
    assert f"| {row['verdict']}: ×{2 ** row['effect']:.3g} [" in tables


def test_the_published_run_is_complete_and_small():
    path = ROOT / "docs/results" / RECORD
    if not path.exists():
        pytest.skip("docs/results has no packed run")
    for study in read_record(path).studies:
        assert not dirty_commits(path.parent / study / "provenance.json")
    files = [file for file in path.parent.rglob("*") if file.is_file()]
    assert sum(file.stat().st_size for file in files) <= 30e6
