"""The workflow in other places: in another directory, and as a module of another workflow."""

import os
import subprocess
import sys
import zipfile

import pytest
import yaml
from checkout import STUDIES, Copy
from conftest import ROOT

from bnmatrix.installed import DEFAULTS, check_same_code, check_workflow, package_version
from bnmatrix.plan.loading import load_project

OWN = {"path": "flowers.csv", "target": "kind"}
STUDY = {
    "settings": {"hidden_layers": [8], "epochs": 3},
    "axes": {"normalization": ["none", "batch"], "batch_size": [16]},
    "replicates": 2,
}


def write_own_study(folder):
    """Write a CSV file, and a data set and a study that use it."""
    (folder / "config").mkdir(parents=True, exist_ok=True)
    rows = [f"{n % 7 + n % 3},{n % 5 - n % 3},{'pqr'[n % 3]}" for n in range(90)]
    (folder / "flowers.csv").write_text("\n".join(["a,b,kind", *rows]), encoding="utf-8")
    for name, entries in (("datasets", {"flowers": OWN}), ("studies", {"flowers": STUDY})):
        text = yaml.safe_dump({name: entries})
        (folder / f"config/{name}.yaml").write_text(text, encoding="utf-8")


def snakemake(folder, *arguments, **environment):
    process = subprocess.run(
        [sys.executable, "-m", "snakemake", *arguments],
        cwd=folder,
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stdout
    return process.stdout


def test_declarations_add_to_those_of_the_package(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    packaged = load_project()
    assert packaged.studies == load_project(root=ROOT).studies
    write_own_study(tmp_path)
    iris = STUDIES["iris-tiny"]
    studies = {"flowers": STUDY, "iris-64-32": iris}
    text = yaml.safe_dump({"studies": studies})
    (tmp_path / "config/studies.yaml").write_text(text, encoding="utf-8")
    project = load_project()
    assert set(project.studies) == {*packaged.studies, "flowers"}
    assert project.studies["iris-64-32"].title == iris["title"], "an entry replaces its namesake"
    assert set(project.datasets) == {*packaged.datasets, "flowers"}


def test_another_file_replaces_the_declarations_of_the_package(tmp_path):
    (tmp_path / "mine.yaml").write_text(
        yaml.safe_dump({"studies": {"iris-tiny": STUDIES["iris-tiny"]}}), encoding="utf-8"
    )
    config = {"studies_file": "mine.yaml", "claims_file": None, "replications_file": None}
    assert list(load_project(config, tmp_path).studies) == ["iris-tiny"]


def test_the_link_to_the_declarations():
    """Editing config/ in a checkout edits the declarations of the package."""
    assert DEFAULTS.resolve() == ROOT / "config"


@pytest.mark.slow
def test_another_directory(tmp_path):
    folder = tmp_path / "elsewhere"
    write_own_study(folder)
    here = ("-s", str(ROOT / "Snakefile"), "--directory", str(folder))
    snakemake(tmp_path, *here, "--cores", "2", "reports/flowers.html")
    assert (folder / "reports/flowers.csv").exists()
    # Snakemake's own report contains what was made.
    snakemake(tmp_path, *here, "--report", str(tmp_path / "report.zip"))
    with zipfile.ZipFile(tmp_path / "report.zip") as report:
        assert any(name.endswith("flowers.html") for name in report.namelist())


MODULE = """
module bnmatrix:
    snakefile: "{snakefile}"
    config: config.get("bnmatrix", {{}})

use rule * from bnmatrix as bn_*

rule mine:
    default_target: True
    input: "reports/flowers.csv"
    output: "done.txt"
    shell: "cp {{input}} {{output}}"
"""


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    """A git repository with the workflow, and its commit."""
    copy = Copy(tmp_path_factory.mktemp("repository"), "iris-tiny")

    def git(*arguments):
        identity = ("-c", "user.name=test", "-c", "user.email=test@example.org")
        command = ["git", *identity, *arguments]
        done = subprocess.run(command, cwd=copy.folder, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    git("init", "--quiet")
    git("add", "--all")
    git("commit", "--quiet", "--message", "The workflow")
    return copy, git("rev-parse", "HEAD")


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["path", "commit"])
def test_module_of_another_workflow(repository, tmp_path, kind):
    copy, commit = repository
    snakefile = f"{copy.folder}/workflow/Snakefile"
    if kind == "commit":
        snakefile = f"git+file://{snakefile}@{commit}"
    folder = tmp_path / "mine"
    write_own_study(folder)
    text = MODULE.format(snakefile=snakefile)
    (folder / "Snakefile").write_text(text, encoding="utf-8")
    snakemake(folder, "--cores", "2", **copy.python_path())
    table = (folder / "done.txt").read_text(encoding="utf-8")
    assert table.count("\n") == 1 + 2 * 2
    assert table == (folder / "reports/flowers.csv").read_text(encoding="utf-8")


def test_rules_of_another_version_or_checkout_are_refused(tmp_path):
    rules = str(ROOT / "workflow/rules")
    check_workflow(rules, package_version())
    check_workflow("https://example.org/bnmatrix/workflow/rules", package_version())
    with pytest.raises(Exception, match=r"needs bnmatrix 9\.9\.9, but the environment has"):
        check_workflow(rules, "9.9.9")
    (tmp_path / "src/bnmatrix").mkdir(parents=True)
    with pytest.raises(Exception, match="Use the environment of the checkout"):
        check_workflow(str(tmp_path / "workflow/rules"), package_version())


def test_jobs_refuse_other_code(monkeypatch):
    monkeypatch.delenv("BNMATRIX_DIGEST", raising=False)
    check_same_code()
    monkeypatch.setenv("BNMATRIX_DIGEST", "0" * 16)
    with pytest.raises(Exception, match="is not the code that planned this job"):
        check_same_code()


def test_a_conda_environment_gets_the_package_of_the_main_process(tmp_path):
    """A stand-in for pip records its arguments."""
    (tmp_path / "python").write_text('#!/bin/sh\necho "$@"\n', encoding="utf-8")
    (tmp_path / "python").chmod(0o755)
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", str(ROOT / "environment.post-deploy.sh")],
        env={"PATH": path, "BNMATRIX_REQUIREMENT": "bnmatrix==0.2.0"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "-m pip install --no-deps --no-build-isolation bnmatrix==0.2.0\n"
