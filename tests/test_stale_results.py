"""Snakemake runs the stages whose code has changed; test_fingerprints.py has every module."""

import re

import pytest
from checkout import CLAIMS, REPLICATIONS, STUDIES, TUNED, VARIED, Copy

pytestmark = pytest.mark.slow

#: For each stage, a file that it writes for the studies below.
WRITTEN = {
    "prepare": "data/processed/iris/last-0.1.npz",
    "train_keras": "data/runs/iris-tiny/normalization~none__batch_size~16/1-2/results.arrow",
    "measure_keras": "data/runs/iris-tuned/batch_size~16/1-3/results.arrow",
    "aggregate": "reports/iris-tiny.csv",
    "compare": "data/results/iris-tiny/summary.csv",
    "confuse": "data/results/iris-tiny/confusion.csv",
    "combine": "reports/runs.csv",
    "judge": "reports/claims.csv",
    "plot": "reports/figures/iris-tiny/accuracy.svg",
    "plot_time": "reports/figures/iris-tiny/time.svg",
    "plot_claims": "reports/figures/claims/better.svg",
    "plot_tuning": "reports/figures/claims/tuning-iris-tuned.svg",
    "page": "reports/iris-tiny.html",
    "claims_page": "reports/claims.html",
    "overview": "reports/index.html",
    "explorer": "reports/explorer.html",
    "theory": "reports/theory.html",
    "variance": "reports/variance.csv",
    "variance_page": "reports/variance.html",
}
#: `aggregate` selects the runs that the present code trains.
TRAINING = {"train_keras", "measure_keras", "aggregate"}
PAGES = {"page", "claims_page", "overview", "explorer", "theory", "variance_page"}

#: Changes to files of the package: old text, new text, and the stages that run again.
#: Where the old text is empty, the new text is added at the end.
CHANGES = {
    "a stage": ("stages/judge.py", "", "_CHANGED = True\n", {"judge"}),
    "training": ("training/job.py", "", "_CHANGED = True\n", TRAINING),
    "measures": ("training/keras/probe.py", "", "_CHANGED = True\n", {"measure_keras"}),
    "a template": ("report/pages/assets/style.css", "", "/* changed */\n", PAGES),
    "all stages": ("errors.py", "", "_CHANGED = True\n", set(WRITTEN)),
    "a docstring": ("training/settings.py", '"""Settings: ', '"""All settings: ', set()),
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Copy:
    """A copy of the project in which all files count as up to date."""
    copy = Copy(tmp_path_factory.mktemp("stale"))
    iris = {"iris-tiny": STUDIES["iris-tiny"]}
    primary = CLAIMS["better"]["primary"] | {"studies": ["iris-tuned"]}
    claims = {"better": CLAIMS["better"] | {"primary": primary}}
    copy.declare(iris | TUNED | VARIED, claims, REPLICATIONS)
    finish(copy)
    assert changed_stages(copy) == set()
    return copy


def finish(copy: Copy, **environment: str) -> None:
    """Make all files of a copy count as up to date."""
    planned = copy.ok("--cores", "1", "-n", "--detailed-summary", "all", **environment)
    files = [line.split("\t")[0] for line in planned.splitlines() if line.count("\t") > 5]
    for name in files:
        path = copy.folder / name
        if not path.exists() and name != "output_file":
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    copy.ok("--cores", "1", "--touch", "--forceall", **environment)


def changed_stages(copy: Copy) -> set[str]:
    """Return the stages that Snakemake would run again because a param has changed."""
    rows = [line.split("\t") for line in copy.ok("--cores", "1", "--summary").splitlines()]
    status = {row[0]: row[4] for row in rows if len(row) == 6}
    assert set(WRITTEN.values()) <= set(status)
    assert {status[file] for file in WRITTEN.values()} <= {"ok", "params changed"}
    return {stage for stage, file in WRITTEN.items() if status[file] == "params changed"}


@pytest.mark.parametrize("kind", CHANGES)
def test_a_change_runs_exactly_the_stages_that_use_the_file(finished, kind):
    name, old, new, expected = CHANGES[kind]
    path = finished.folder / "src/bnmatrix" / name
    original = path.read_text(encoding="utf-8")
    changed = original.replace(old, new, 1) if old else f"{original}\n{new}"
    assert changed != original
    try:
        path.write_text(changed, encoding="utf-8")
        assert changed_stages(finished) == expected
    finally:
        path.write_text(original, encoding="utf-8")


def test_changes_to_a_study_of_downloaded_data_are_seen(mirror, tmp_path):
    """Whatever else has changed: Snakemake does not look beyond a download that has to run."""
    copy = Copy(tmp_path, "mnist-tiny")
    environment = {"BNMATRIX_MIRROR": str(mirror)}
    finish(copy, **environment)

    def planned() -> dict[str, int]:
        output = copy.ok("--cores", "1", "-n", **environment)
        return {rule: int(n) for rule, n in re.findall(r"^(\w+) +(\d+)$", output, re.MULTILINE)}

    assert planned() == {}
    path = copy.folder / "src/bnmatrix/stages/download.py"
    path.write_text(path.read_text(encoding="utf-8") + "\n_CHANGED = True\n", encoding="utf-8")
    assert planned() == {}, "verified files do not depend on the code that downloads them"
    studies = copy.folder / "config/studies.yaml"
    text = studies.read_text(encoding="utf-8")
    studies.rename(copy.folder / "config/other.yaml")
    (copy.folder / "config/other.yaml").write_text(
        text.replace("epochs: 2", "epochs: 3"), encoding="utf-8"
    )
    (copy.folder / "config/config.yaml").write_text("studies_file: config/other.yaml\n")
    assert planned()["train"] == 2
    assert "download" not in planned()
    datasets = copy.folder / "config/datasets.yaml"
    text = datasets.read_text(encoding="utf-8")
    datasets.write_text(text.replace("440fcabf", "540fcabf"), encoding="utf-8")
    assert {"download": 1, "prepare": 1, "train": 2}.items() <= planned().items()
