"""The locked environment: one set of versions in all its files, each file named by its hash."""

import importlib.util
import re

import yaml
from conftest import ROOT


def lock_tool():
    spec = importlib.util.spec_from_file_location("lock", ROOT / "tools/lock.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def text(name):
    return (ROOT / name).read_text(encoding="utf-8")


def test_conda_environment_has_the_locked_versions():
    environment = yaml.safe_load(text("environment.yml"))
    packages = environment["dependencies"][-1]["pip"]
    locked = lock_tool().pins(text("requirements.txt"))
    assert sorted(packages) == sorted(locked)
    assert len(packages) > 50
    assert text("environment.yml") == lock_tool().conda_environment(text("requirements.txt"))


def test_every_requirement_is_pinned_and_hashed():
    for name in ("requirements.txt", "requirements-dev.txt"):
        blocks = re.split(r"\n(?=[a-z])", text(name).split("\n", 1)[1], flags=re.IGNORECASE)
        for block in blocks:
            assert re.match(r"[\w.-]+==[\w.+-]+", block), block
            assert "--hash=sha256:" in block, block


def test_no_index_is_named():
    for name in ("requirements.txt", "requirements-dev.txt", "environment.yml"):
        assert not re.search(r"https?://|--index|--extra-index|--find-links", text(name))


def test_development_adds_to_the_locked_versions():
    tool = lock_tool()
    # Without markers: what development needs everywhere may be needed in places by the pipeline.
    run, dev = (
        {pin.partition(" ;")[0] for pin in tool.pins(text(f"requirements{part}.txt"))}
        for part in ("", "-dev")
    )
    assert run < dev


def test_direct_dependencies_are_locked():
    import tomllib

    declared = tomllib.loads(text("pyproject.toml"))["project"]["dependencies"]
    locked = {pin.split("==")[0] for pin in lock_tool().pins(text("requirements.txt"))}
    for requirement in declared:
        assert re.match(r"[\w-]+", requirement)[0] in locked
