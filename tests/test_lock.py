"""The locked environment: all files have the same versions, with hashes."""

import importlib.util
import re

import yaml
from conftest import ROOT


def lock_tool():
    spec = importlib.util.spec_from_file_location("lock", ROOT / "tools/lock.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


LOCKS = [path.name for path in sorted(ROOT.glob("requirements*.txt"))]


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
    for name in LOCKS:
        blocks = re.split(r"\n(?=[a-z])", text(name).split("\n", 1)[1], flags=re.IGNORECASE)
        for block in blocks:
            assert re.match(r"[\w.-]+==[\w.+-]+", block), block
            assert "--hash=sha256:" in block, block


def test_no_index_is_named():
    for name in (*LOCKS, "environment.yml"):
        assert not re.search(r"https?://|--index|--extra-index|--find-links", text(name))


def test_development_adds_to_the_locked_versions():
    tool = lock_tool()
    # Markers are ignored: the pipeline may need some packages only on some platforms.
    run, dev = (
        {pin.partition(" ;")[0] for pin in tool.pins(text(f"requirements{part}.txt"))}
        for part in ("", "-dev")
    )
    assert run < dev


def test_all_environments_agree_on_versions():
    """The cluster lock adds packages; the GPU lock has another build of TensorFlow."""
    tool = lock_tool()
    assert len(LOCKS) == 6

    def pinned(part):
        pins = tool.pins(text(f"requirements{part}.txt"))
        return dict(pin.partition(" ;")[0].split("==") for pin in pins)

    main, cluster, gpu = pinned(""), pinned("-cluster"), pinned("-gpu")
    torch = pinned("-torch")
    assert main.items() < torch.items()
    # The dependencies of every build of PyTorch. pip resolves PyTorch and the packages of CUDA.
    assert set(torch) - set(main) == {"filelock", "fsspec", "mpmath", "networkx", "sympy"}
    assert main.items() < cluster.items()
    assert {name for name in cluster if "plugin-slurm" in name or "plugin-s3" in name}
    assert set(main) - set(gpu) == {"tensorflow-cpu"}
    assert gpu["tensorflow"] == main["tensorflow-cpu"]
    assert all(gpu[name] == version for name, version in main.items() if name in gpu)
    assert "nvidia-cudnn-cu12" in gpu


def test_direct_dependencies_are_locked():
    import tomllib

    declared = tomllib.loads(text("pyproject.toml"))["project"]["dependencies"]
    locked = {pin.split("==")[0] for pin in lock_tool().pins(text("requirements.txt"))}
    for requirement in declared:
        assert re.match(r"[\w-]+", requirement)[0] in locked
