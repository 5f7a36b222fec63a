"""Fingerprints of stages: they change with the code and files that a stage uses, and only then."""

from modulefinder import ModuleFinder
from pathlib import Path

import pytest
from conftest import ROOT

from bnmatrix.plan.fingerprint import closure, fingerprint

PACKAGE = ROOT / "src/bnmatrix"
STAGES = sorted(path.stem for path in (PACKAGE / "stages").glob("[a-z]*.py"))


def imported_by(stage: str) -> set[Path]:
    """Return the modules that a stage imports, according to Python's ModuleFinder."""
    finder = ModuleFinder(path=[str(PACKAGE.parent)])
    finder.run_script(str(PACKAGE / f"stages/{stage}.py"))
    files = [Path(module.__file__) for module in finder.modules.values() if module.__file__]
    # ModuleFinder leaves out the package of the script.
    return {*files, PACKAGE / "__init__.py", PACKAGE / "stages/__init__.py"}


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_depends_on_the_modules_that_it_imports(stage):
    needed = closure(stage)
    assert {path for path in needed if path.suffix == ".py"} == imported_by(stage)
    pages = {path for path in needed if path.suffix != ".py"}
    assert pages <= set((PACKAGE / "report/pages").rglob("*.*"))
    with_pages = ("claims_page", "explorer", "overview", "page", "theory", "variance_page")
    assert bool(pages) == (stage in with_pages)


#: A package with two stages. `one` uses all modules, and `two` uses `basic.py`. Declarations are
#: not part of the code.
FILES = {
    "__init__.py": '"""A package."""\n',
    "stages/__init__.py": "",
    "stages/one.py": "from small.pages import drawing\n",
    "stages/two.py": "def main():\n    import small.basic\n",
    "basic.py": '"""Basic."""\n\n# Why\nVALUE = """\n# 1\n"""  # note\n',
    "defaults/studies.yaml": "studies: {}\n",
    "pages/__init__.py": "from small.basic import VALUE\n",
    "pages/drawing.py": "SIZE = 1\n",
    "pages/templates/page.html": "<p>Text</p>\n",
}


def fingerprints(folder: Path, **changes: str) -> dict[str, str]:
    """Return the fingerprints of both stages of a package of FILES with ``changes``.

    The package is written to a new folder: the fingerprints of a package are kept in memory.
    """
    package = folder / f"{len(list(folder.iterdir()))}" / "small"
    for name, text in (FILES | changes).items():
        path = package / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return {stage: fingerprint(stage, package) for stage in ("one", "two")}


def changed(folder: Path, name: str, old: str, new: str) -> set[str]:
    """Return the stages whose fingerprints change if ``new`` replaces ``old`` in a file."""
    assert old in FILES[name]
    before = fingerprints(folder)
    after = fingerprints(folder, **{name: FILES[name].replace(old, new)})
    return {stage for stage in before if before[stage] != after[stage]}


@pytest.mark.parametrize("name", [name for name in FILES if FILES[name]])
def test_a_changed_file_changes_the_stages_that_use_it(tmp_path, name):
    addition = "MORE = 1\n" if name.endswith(".py") else "more\n"
    after = fingerprints(tmp_path, **{name: FILES[name] + addition})
    before = fingerprints(tmp_path)
    used_by = {
        "__init__.py": {"one", "two"},
        "basic.py": {"one", "two"},
        "stages/two.py": {"two"},
        "defaults/studies.yaml": set(),
    }
    changes = {stage for stage in before if before[stage] != after[stage]}
    assert changes == used_by.get(name, {"one"})


def test_prose_does_not_count(tmp_path):
    """Comments on lines of their own, docstrings and blank lines; but all of a string does."""
    assert changed(tmp_path, "basic.py", '"""Basic."""', '"""Base.\n\nMore."""') == set()
    assert changed(tmp_path, "basic.py", "# Why\n", "# Why not\n\n") == set()
    assert changed(tmp_path, "basic.py", "# 1\n", "# 2\n") == {"one", "two"}


def test_files_of_editors_and_systems_do_not_count(tmp_path):
    before = fingerprints(tmp_path)
    extra = dict.fromkeys(("pages/.drawing.py.swp", "pages/drawing.py~", ".DS_Store"), "x")
    assert fingerprints(tmp_path, **extra) == before
