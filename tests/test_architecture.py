"""Lines that hold: who may import what, and what each rule names as its code."""

import ast
import re
import subprocess
import sys

import pytest
from conftest import ROOT

PACKAGE = ROOT / "workflow/bnmatrix"
MODULES = {
    "bnmatrix." + ".".join(path.relative_to(PACKAGE).with_suffix("").parts): path
    for path in PACKAGE.rglob("*.py")
    if path.name not in ("__init__.py", "__main__.py")
}


def imports(path, top_level_only=False):
    """Return the modules that a file imports."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = tree.body if top_level_only else ast.walk(tree)
    found = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def closure(path):
    """Return the package's files that a file needs when it is imported, itself included."""
    needed, todo = set(), [path]
    while todo:
        path = todo.pop()
        if path in needed:
            continue
        needed.add(path)
        todo += [MODULES[name] for name in imports(path) if name in MODULES]
    return needed


FRAMEWORKS = {"keras": {"keras", "tensorflow"}, "torch": {"torch"}}


@pytest.mark.parametrize("name", MODULES)
def test_a_framework_is_imported_by_its_own_package_alone(name):
    """Neither by the rest, nor by the other framework's: a job has one of them in its process."""
    roots = {module.split(".")[0] for module in imports(MODULES[name])}
    for framework, packages in FRAMEWORKS.items():
        if not name.startswith(f"bnmatrix.training.{framework}."):
            assert not roots & packages, name
    for framework, other in (("keras", "torch"), ("torch", "keras")):
        if name.startswith(f"bnmatrix.training.{framework}."):
            needed = {path.relative_to(PACKAGE).as_posix() for path in closure(MODULES[name])}
            # Where one of them is chosen, neither has been imported.
            needed -= {"training/framework.py"}
            direct = {path for path in needed if path.startswith(f"training/{framework}/")}
            known = set().union(*(imports(PACKAGE / path) for path in direct))
            assert not any(module.startswith(f"bnmatrix.training.{other}") for module in known)


def test_data_flows_one_way():
    """datasets → variants → runs → statistics → report: none knows the one after it."""
    after = {
        "datasets": ("training", "statistics", "report"),
        "training": ("statistics", "report"),
        "statistics": ("datasets", "training", "report", "project"),
        "report": ("training", "datasets"),
    }
    for name, path in MODULES.items():
        part = name.split(".")[1]
        for later in after.get(part, ()):
            forbidden = f"bnmatrix.{later}"
            known = {m for m in imports(path) if m == forbidden or m.startswith(forbidden + ".")}
            assert not known, f"{name} imports {known}"


def test_reading_the_snakefile_is_light():
    """What every snakemake call imports has no numerical library in it."""
    code = (
        "import sys; import bnmatrix.project, bnmatrix.costs, bnmatrix.datasets.availability; "
        "heavy = {'numpy', 'pandas', 'pyarrow', 'PIL', 'tensorflow',"
        " 'sklearn', 'requests'} & set(sys.modules); "
        "print(heavy); sys.exit(bool(heavy))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(ROOT / "workflow"), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr


#: The modules that each rule's command runs, and those it need not name: they read the
#: configuration or the command line, and what they read from it is among the rule's params.
ENTRY = {
    "prepare": ["datasets/preparation.py", "datasets/loaders.py"],
    "train": ["training/replicates.py", "training/framework.py", "packing.py"],
    "aggregate": ["results.py", "provenance.py", "packing.py"],
    "compare": ["statistics/comparisons.py"],
    "judge": ["claims.py"],
    "judge_study": ["claims.py"],
    "plot": ["report/figures.py"],
    "plot_claims": ["report/claim_figures.py"],
    "claims_page": ["report/claim_pages.py"],
    "page": ["report/pages.py"],
    "plot_time": ["report/figures.py"],
    "overview": ["report/pages.py", "report/claim_pages.py"],
    "explorer": ["report/explorer.py"],
    "theory": ["report/theory.py"],
}
#: What reads data of one's own: behind the param `own` of rule prepare, and behind what is found in
#: the data, which is among the params of all.
OWN_DATA = (
    *("datasets/own.py", "datasets/labelled.py", "datasets/tables.py", "datasets/arrays.py"),
    *("datasets/images.py", "datasets/inspection.py"),
    *("datasets/download.py", "datasets/availability.py"),
)
NOT_NAMED = (
    *("config.py", "project.py", "variants.py", "files.py", "errors.py", "logs.py"),
    "supervision.py",
)
#: Where a change shows in the inputs anyway, or cannot change what is made.
SEEN_OTHERWISE = {
    # The entries that a variant uses are among its params, and so is how its data was prepared.
    # Its param `further` has the framework's code.
    "train": (
        *("datasets/loaders.py", "registry.py"),
        *(path.relative_to(PACKAGE) for path in (PACKAGE / "training").glob("*/*.py")),
        *OWN_DATA,
    ),
    **dict.fromkeys(("judge", "judge_study"), ("results.py", "registry.py")),
    **dict.fromkeys(("plot", "plot_time", "plot_claims", "page", "claims_page"), ("results.py",)),
    **dict.fromkeys(("overview", "explorer", "theory"), ("results.py",)),
    "aggregate": ("registry.py",),
    "compare": ("results.py", "registry.py"),
    "prepare": ("registry.py", *OWN_DATA),
}


@pytest.mark.parametrize("rule", ENTRY)
def test_rules_name_the_code_that_they_run(rule):
    """A change to the code behind a result makes the result anew."""
    rules = "".join(p.read_text(encoding="utf-8") for p in (ROOT / "workflow/rules").glob("*.smk"))
    constants = dict(re.findall(r"^([A-Z_]+) = code\(([^)]*)\)", rules, flags=re.MULTILINE))
    body = re.search(rf"\nrule {rule}:(.*?)(?=\nrule |\Z)", rules, flags=re.DOTALL)[1]
    named = re.search(r"code=(?:code\((.*?)\)|([A-Z_]+)),", body, flags=re.DOTALL)
    patterns = re.findall(r'"([^"]+)"', named[1] or constants[named[2]])
    covered = {path for pattern in patterns for path in PACKAGE.glob(pattern)}
    assert covered, rule
    needed = set().union(*(closure(PACKAGE / name) for name in ENTRY[rule]))
    exempt = {PACKAGE / name for name in (*NOT_NAMED, *SEEN_OTHERWISE.get(rule, ()))}
    missing = {str(path.relative_to(PACKAGE)) for path in needed - covered - exempt}
    assert not missing, f"rule {rule} runs code that its inputs do not name: {missing}"


def test_rules_hold_no_code():
    for path in (ROOT / "workflow/rules").glob("*.smk"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"^\s+(run|script|message):", text, flags=re.MULTILINE), path.name
