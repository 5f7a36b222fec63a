"""The architecture: allowed imports, and limits on the sizes of files and functions."""

import ast
import re
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest
from conftest import ROOT

from bnmatrix.plan.fingerprint import closure

PACKAGE = ROOT / "src/bnmatrix"

#: The parts of the package. Each part may import the parts before it.
PARTS = (
    "base",
    "datasets",
    "tables",
    "installed",
    "training",
    "statistics",
    "config",
    "plan",
    "cluster",
    "claims",
    "report",
    "stages",
    "cli",
)

#: Modules that every part may import.
BASE = ("errors", "files", "logs", "models", "supervision", "__init__")

FRAMEWORKS = {"keras": {"keras", "tensorflow"}, "torch": {"torch"}}


def module_name(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


MODULES = {module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def imports(path: Path) -> set[str]:
    """Return the names of all modules and objects that a file imports."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


IMPORTS = {name: imports(path) for name, path in MODULES.items()}


def part_of(name: str) -> str:
    """Return the part of the package that a module belongs to."""
    part = name.split(".")[1] if "." in name else "__init__"
    if part in BASE:
        return "base"
    return "cli" if part == "__main__" else part


@pytest.mark.parametrize("name", MODULES)
def test_data_flows_one_way(name):
    place = PARTS.index(part_of(name))
    for other in IMPORTS[name] & set(MODULES):
        assert PARTS.index(part_of(other)) <= place, f"{name} imports {other}"


def test_there_are_no_import_cycles():
    graph = {name: IMPORTS[name] & set(MODULES) for name in MODULES}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" → ".join(error.args[1]))


@pytest.mark.parametrize("name", MODULES)
def test_only_its_package_imports_a_framework(name):
    """A job has only one framework in its process."""
    roots = {module.split(".")[0] for module in IMPORTS[name]}
    for framework, packages in FRAMEWORKS.items():
        if not name.startswith(f"bnmatrix.training.{framework}."):
            assert not roots & packages


@pytest.mark.parametrize(
    ("stage", "other"),
    [("train_torch", "keras"), ("train_keras", "torch"), ("measure_keras", "torch")],
)
def test_a_job_has_no_code_of_the_other_framework(stage, other):
    needed, todo = set(), [f"bnmatrix.stages.{stage}"]
    while todo:
        name = todo.pop()
        if name not in needed:
            needed.add(name)
            todo += IMPORTS[name] & set(MODULES)
    assert not any(name.startswith(f"bnmatrix.training.{other}") for name in needed)


def test_reading_the_snakefile_is_light():
    """The Snakefile imports no library that takes a second to load."""
    code = (
        "import sys; import bnmatrix.plan.plan, bnmatrix.plan.environment; "
        "heavy = {'pandas', 'pyarrow', 'PIL', 'tensorflow', 'scipy', 'matplotlib', 'sklearn',"
        " 'requests'} & set(sys.modules); "
        "print(heavy); sys.exit(bool(heavy))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr


def test_files_and_functions_are_short():
    tests = (ROOT / "tests").glob("*.py")
    limits = dict.fromkeys(MODULES.values(), 400) | dict.fromkeys(tests, 600)
    for path, limit in limits.items():
        text = path.read_text(encoding="utf-8")
        assert text.count("\n") <= limit, f"{path.name}: a long file"
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef) and PACKAGE in path.parents:
                lines = node.end_lineno - node.lineno + 1
                assert lines <= 60, f"{path.name}: {node.name}: {lines} lines"


def test_rules_hold_no_code():
    rules = sorted((ROOT / "workflow/rules").glob("*.smk"))
    assert len(rules) == 6
    for path in rules:
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"^\s+(run|script|message):", text, flags=re.MULTILINE), path.name
    common = (ROOT / "workflow/rules/common.smk").read_text(encoding="utf-8")
    assert common.count("\n") <= 80


def test_declarations_do_not_affect_fingerprints():
    """A change to one study must not train another study again."""
    files = closure("train_keras") | closure("page")
    assert PACKAGE / "report/pages/assets/style.css" in files
    assert not [path for path in files if "defaults" in path.parts or path.suffix == ".yaml"]


def test_every_rule_has_the_fingerprint_of_its_command():
    """Each rule except `all` runs one command, and has the command's fingerprint as a param.

    Files that were downloaded and verified do not depend on code.
    """
    for path in (ROOT / "workflow/rules").glob("*.smk"):
        text = path.read_text(encoding="utf-8")
        for name, body in re.findall(r"^rule (\w+):\n(.*?)(?=^\S|\Z)", text, re.M | re.S):
            command = re.search(r"bnmatrix ([a-z-]+) --", body)
            assert command, name
            assert command[1].replace("-", "_") == name
            code = re.search(r"^        code=(.*)$", body, re.M)
            assert bool(code) == (name != "download"), name
            if code is None:
                continue
            if "fingerprint(" not in code[1]:
                assert code[1] == f'code_of("{name}"),', name
