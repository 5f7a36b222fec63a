"""What a release and its documents say: one version, links that lead somewhere, true examples."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from conftest import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
VERSION = PROJECT["version"]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))


def text(name):
    return (ROOT / name).read_text(encoding="utf-8")


def tracked(*patterns):
    """Return the files that git tracks or would add, relative to the root of the repository."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", *patterns]
    process = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return sorted(name for name in process.stdout.splitlines() if (ROOT / name).is_file())


def newest_release():
    """Return version and date of the newest release in the changelog."""
    found = re.findall(r"^## \[(\d\S*)\] - (\S+)$", text("CHANGELOG.md"), flags=re.MULTILINE)
    return found[0]


def test_changelog_and_citation_have_the_version_of_the_package():
    citation = yaml.safe_load(text("CITATION.cff"))
    assert newest_release() == (VERSION, citation["date-released"])
    assert str(citation["version"]) == VERSION
    assert citation["license"] == PROJECT["license"]


#: Where a version of bnmatrix stands: an image, an address with a tag, an argument, a check.
MENTIONS = (
    r"\bbnmatrix:(\d+\.\d+\.\d+)",
    r"\bbnmatrix@v(\d+\.\d+\.\d+)",
    r'\btag="v(\d+\.\d+\.\d+)"',
    r"--tag v(\d+\.\d+\.\d+)",
    r"\bgit (?:tag|push origin) v(\d+\.\d+\.\d+)",
    r'check_workflow, .*"(\d+\.\d+\.\d+)"',
)


def test_images_tags_and_rules_have_the_version_of_the_package():
    found = {
        (name, version)
        for name in tracked()
        if (ROOT / name).suffix in ("", ".md", ".yaml", ".yml", ".smk", ".py", ".json")
        for pattern in MENTIONS
        for version in re.findall(pattern, text(name))
    }
    assert {(name, version) for name, version in found if version != VERSION} == set()
    files = {name for name, _ in found}
    assert {"Dockerfile", "README.md", "docs/reuse.md", "docs/cluster.md"} <= files
    assert {"profiles/kubernetes/config.yaml", "workflow/rules/common.smk"} <= files


def test_the_workflow_catalog_finds_what_it_requires():
    """Its conditions for standardized usage."""
    usage = yaml.safe_load(text(".snakemake-workflow-catalog.yml"))["usage"]
    assert set(usage) == {"mandatory-flags", "software-stack-deployment", "report"}
    assert usage["software-stack-deployment"]["conda"]
    assert usage["report"]
    assert re.search("snakemake", text("README.md"), re.IGNORECASE)
    assert re.search("workflow", text("README.md"), re.IGNORECASE)
    assert {"workflow/Snakefile", "config/README.md"} <= set(tracked())


def step(workflow, name):
    """Return the script of a step of a workflow."""
    jobs = yaml.safe_load(text(f".github/workflows/{workflow}.yml"))["jobs"]
    return next(
        step["run"] for job in jobs.values() for step in job["steps"] if step.get("name") == name
    )


def run_step(workflow, name, folder, tag):
    for file in ("CHANGELOG.md", "pyproject.toml"):
        shutil.copy(ROOT / file, folder)
    return subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", step(workflow, name)],
        cwd=folder,
        env=os.environ | {"GITHUB_REF_NAME": tag},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_notes_of_a_release_are_its_section_of_the_changelog(tmp_path):
    name = "Take the notes from the changelog"
    assert run_step("release", name, tmp_path, f"v{VERSION}").returncode == 0
    notes = (tmp_path / "notes.md").read_text(encoding="utf-8")
    section = text("CHANGELOG.md").split(f"## [{VERSION}] - {newest_release()[1]}\n")[1]
    assert notes == section.split("\n## ")[0] + "\n"
    assert "### Added" in notes
    missing = run_step("release", name, tmp_path, "v99.0.0")
    assert missing.returncode == 1
    assert "no section of v99.0.0" in missing.stderr


def test_a_release_needs_a_tag_that_is_the_version(tmp_path):
    name = "Compare the tag with the version"
    assert run_step("release", name, tmp_path, f"v{VERSION}").returncode == 0
    other = run_step("release", name, tmp_path, "v99.0.0")
    assert other.returncode == 1
    assert VERSION in other.stderr


def test_workflows_read_only_and_pin_their_actions():
    """Only the jobs that publish may write."""
    writers = set()
    for path in WORKFLOWS:
        content = path.read_text(encoding="utf-8")
        workflow = yaml.safe_load(content)
        assert workflow["permissions"] == {"contents": "read"}, path
        for job in workflow["jobs"].values():
            assert "timeout-minutes" in job
            if "permissions" in job:
                writers.add((path.stem, job["name"]))
        for action in re.findall(r"uses: (.*)", content):
            assert re.fullmatch(r"[\w/-]+@[0-9a-f]{40} # v[\d.]+", action), action
    assert writers == {("release", "Publish"), ("pages", "Publish")}


def test_make_has_every_target_that_is_mentioned():
    targets = set(re.findall(r"^([a-z-]+):", text("Makefile"), flags=re.MULTILINE))
    for name in tracked("*.md", "*.yml", "*.yaml"):
        for target in re.findall(r"(?:`|\$ |run: |&& )make ([a-z][a-z-]*)", text(name)):
            assert target in targets, f"{name}: make {target}"


def recipe(*arguments):
    """Return what make would run, and what it warns of."""
    command = ["make", "--dry-run", "--warn-undefined-variables", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout, done.stderr


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("report", "bnmatrix report --cores"),
        ("test", "pytest --cov -n"),
        ("test-all", "--cov-fail-under=90"),
        ("lint", "ruff check"),
        ("scale", "benchmarks/scale.py"),
        ("benchmark", "benchmarks/training_speed.py"),
        ("costs", "bnmatrix costs"),
        ("compare", "bnmatrix agreement"),
        ("publish", "bnmatrix publish --published docs/results"),
        ("results", "tools/results.py"),
        ("crate", "bnmatrix crate --published docs/results"),
        ("lock", "tools/lock.py"),
        ("schemas", "bnmatrix schemas"),
        ("cluster", "--require-hashes -r requirements-cluster.txt"),
        ("gpu", "--require-hashes -r requirements-gpu.txt"),
        ("torch", "--require-hashes -r requirements-torch.txt"),
    ],
)
def test_make_runs_what_a_target_promises(target, expected):
    files = [f"--what-if=requirements-{name}.txt" for name in ("cluster", "gpu", "torch")]
    commands, warnings = recipe(*files, target)
    assert expected in commands
    undefined = set(re.findall(r"undefined variable '(\w+)'", warnings))
    # Those that a user can set.
    assert undefined <= {"FLAGS", "PYTHON"}


@pytest.mark.parametrize("gpu", [True, False])
def test_the_other_targets_leave_the_gpu_build_alone(tmp_path, gpu):
    """The packages that uv is told to install, with a stand-in for uv."""
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "python").write_text("#!/bin/sh\n", encoding="utf-8")
    recording = f'#!/bin/sh\nfor last; do :; done\ncp "$last" {tmp_path}/asked\n'
    (programs / "uv").write_text(recording, encoding="utf-8")
    for program in programs.iterdir():
        program.chmod(0o755)
    for name in ("ready", *(["ready-gpu"] if gpu else [])):
        (tmp_path / name).touch()
    command = ["make", "--old-file", f"{tmp_path}/ready", "cluster", f"VENV={tmp_path}"]
    subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    lines = (tmp_path / "asked").read_text(encoding="utf-8").splitlines()
    wanted = text("requirements-cluster.txt").splitlines()
    removed = [line for line in wanted if line not in lines]
    assert all(line in wanted for line in lines)
    if gpu:
        assert removed[0].startswith("tensorflow-cpu==")
        assert all(line.startswith("    --hash=") for line in removed[1:])
    else:
        assert not removed


def anchors(markdown):
    """Return the anchors of the headings of a page, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", markdown, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("name", tracked("*.md"))
def test_links_between_documents_lead_somewhere(name):
    folder = (ROOT / name).parent
    prose = re.sub(r"^```.*?^```$", "", text(name), flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", prose):
        if target.startswith(("https://", "http://")):
            continue
        path, _, anchor = target.partition("#")
        linked = (folder / path).resolve() if path else ROOT / name
        assert linked.exists(), f"{name}: {target}"
        assert linked.is_relative_to(ROOT), f"{name}: {target}"
        if anchor:
            assert anchor in anchors(linked.read_text(encoding="utf-8")), f"{name}: {target}"


#: Inline code that names a file of the repository, and not one that a run writes.
NAMED = re.compile(r"`((?:src|tests|tools|docs|workflow|profiles|\.github|\.ci)/[\w./-]+)`")


@pytest.mark.parametrize("name", tracked("*.md"))
def test_files_that_documents_name_exist(name):
    for path in NAMED.findall(text(name)):
        assert (ROOT / path).exists(), f"{name}: {path}"


def patched(folder: Path) -> Path:
    """Apply the edits of the example in CONTRIBUTING.md to a copy of the repository's files.

    Each edit is a block ``diff``; the last file that the prose before it names is edited.
    """
    section = text("CONTRIBUTING.md").split("## Add a normalization")[1].split("\n## ")[0]
    name = ""
    for prose, block in re.findall(r"(.*?)```diff\n(.*?)```", section, flags=re.DOTALL):
        named = re.findall(r"`((?:src|tests|config)/[\w./]+)`", prose)
        name = named[-1] if named else name
        copy = folder / name
        lines = block.splitlines(keepends=True)
        old, new = (
            "".join(line[1:] for line in lines if line[0] in signs) for signs in (" -", " +")
        )
        content = copy.read_text(encoding="utf-8")
        assert content.count(old) == 1, f"{name} does not contain once:\n{old}"
        copy.write_text(content.replace(old, new), encoding="utf-8")
    return folder


BUILD = """
from bnmatrix.training.keras.network import build_network
from bnmatrix.training.settings import Settings
network = build_network(Settings(normalization="unit", epochs=1), shape=(4,), classes=3)
print([type(layer).__name__ for layer in network.layers])
"""


@pytest.mark.slow
def test_the_example_of_contributing_adds_a_normalization(tmp_path):
    for name in ("src", "config", "tests"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    folder = patched(tmp_path)
    environment = os.environ | {"PYTHONPATH": str(folder / "src")}
    found = subprocess.run(
        [sys.executable, "-c", BUILD],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "UnitNormalization" in found.stdout, found.stderr
    for name in ("src/bnmatrix/training/torch/network.py", "tests/test_frameworks.py"):
        compile((folder / name).read_text(encoding="utf-8"), name, "exec")
