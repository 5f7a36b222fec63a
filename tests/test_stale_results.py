"""A change to code runs exactly the stages that use the code."""

from modulefinder import ModuleFinder
from pathlib import Path

import pytest
from checkout import CLAIMS, REPLICATIONS, STUDIES, TUNED, Copy
from conftest import ROOT

pytestmark = pytest.mark.slow

PACKAGE = ROOT / "src/bnmatrix"
MODULES = sorted(path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py"))

#: For each stage, a file that it writes for the studies below.
WRITTEN = {
    "prepare": "data/processed/iris/last-0.1.npz",
    "train_keras": "data/runs/iris-tiny/normalization~none__batch_size~16/1-2/results.arrow",
    "measure_keras": "data/runs/iris-tuned/batch_size~16/1-3/results.arrow",
    "aggregate": "reports/iris-tiny.csv",
    "compare": "data/results/iris-tiny/summary.csv",
    "combine": "reports/runs.csv",
    "judge": "reports/claims.csv",
    "plot": "reports/figures/iris-tiny/accuracy.svg",
    "plot_time": "reports/figures/iris-tiny/time.svg",
    "plot_claims": "reports/figures/claims/better.svg",
    "page": "reports/iris-tiny.html",
    "claims_page": "reports/claims.html",
    "overview": "reports/index.html",
    "explorer": "reports/explorer.html",
    "theory": "reports/theory.html",
}


def imported_by(stage: str) -> set[Path]:
    """Return the modules that a stage imports, according to Python's ModuleFinder."""
    finder = ModuleFinder(path=[str(PACKAGE.parent)])
    finder.run_script(str(PACKAGE / f"stages/{stage}.py"))
    files = [Path(module.__file__) for module in finder.modules.values() if module.__file__]
    # ModuleFinder leaves out the package of the script.
    parents = [PACKAGE / "__init__.py", PACKAGE / "stages/__init__.py"]
    return {file.relative_to(PACKAGE) for file in [*files, *parents]}


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Copy:
    """A copy of the project in which all files count as up to date."""
    copy = Copy(tmp_path_factory.mktemp("stale"))
    iris = {"iris-tiny": STUDIES["iris-tiny"]}
    primary = CLAIMS["better"]["primary"] | {"studies": ["iris-tuned"]}
    claims = {"better": CLAIMS["better"] | {"primary": primary}}
    copy.declare(iris | TUNED, claims, REPLICATIONS)
    planned = copy.ok("--cores", "1", "-n", "--detailed-summary", "all")
    files = [line.split("\t")[0] for line in planned.splitlines() if line.count("\t") > 5]
    for name in files:
        path = copy.folder / name
        if not path.exists() and name != "output_file":
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    copy.ok("--cores", "1", "--touch", "--forceall")
    assert changed_stages(copy) == set()
    return copy


def changed_stages(copy: Copy) -> set[str]:
    """Return the stages that Snakemake would run again because a param has changed."""
    rows = [line.split("\t") for line in copy.ok("--cores", "1", "--summary").splitlines()]
    status = {row[0]: row[4] for row in rows if len(row) == 6}
    assert set(WRITTEN.values()) <= set(status)
    assert {status[file] for file in WRITTEN.values()} <= {"ok", "params changed"}
    return {stage for stage, file in WRITTEN.items() if status[file] == "params changed"}


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_exactly_the_stages_that_import_a_module_run_again(finished, module):
    path = finished.folder / "src/bnmatrix" / module
    original = path.read_text(encoding="utf-8")
    expected = {stage for stage in WRITTEN if module in imported_by(stage)}
    if "train_keras" in expected:
        # It selects the runs that the present code trains, and follows the training anyway.
        expected.add("aggregate")
    try:
        path.write_text(f"{original}\n_CHANGED = True\n", encoding="utf-8")
        assert changed_stages(finished) == expected
    finally:
        path.write_text(original, encoding="utf-8")


def test_changes_of_comments_run_no_stage(finished):
    """Comments and docstrings do not affect fingerprints."""
    path = finished.folder / "src/bnmatrix/training/settings.py"
    original = path.read_text(encoding="utf-8")
    try:
        changed = original.replace('"""Settings: ', '"""All settings: ').replace("#: ", "#: Now: ")
        assert changed != original
        path.write_text(changed, encoding="utf-8")
        assert changed_stages(finished) == set()
    finally:
        path.write_text(original, encoding="utf-8")


def test_a_change_of_a_template_renders_the_pages_again(finished):
    path = finished.folder / "src/bnmatrix/report/pages/assets/style.css"
    original = path.read_text(encoding="utf-8")
    pages = {"page", "claims_page", "overview", "explorer", "theory"}
    try:
        path.write_text(original + "/* changed */\n", encoding="utf-8")
        assert changed_stages(finished) == pages
    finally:
        path.write_text(original, encoding="utf-8")
