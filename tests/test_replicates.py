"""Another number of replicates: added replicates cost only themselves, and fewer cost nothing."""

import shutil

import pandas as pd
import pytest
from checkout import CLAIMS, DETERMINISTIC, STUDIES, TUNED, Copy
from support import configured, job_spec, small_digits

from bnmatrix.datasets.data import save as save_data
from bnmatrix.errors import UserError
from bnmatrix.plan.blocks import Block, cover, finished_blocks
from bnmatrix.tables.job_files import FILES, load, unpack
from bnmatrix.training.job import run_job
from bnmatrix.training.spec import Tuning


@pytest.mark.parametrize(
    ("replicates", "finished", "expected"),
    [
        (20, [], ["1-20"]),
        (40, ["1-20"], ["1-20", "21-40"]),
        (60, ["1-20", "21-40"], ["1-20", "21-40", "41-60"]),
        (20, ["1-20", "21-40"], ["1-20"]),
        (30, ["1-20", "21-40"], ["1-20", "21-40"]),
        (2, ["1-20"], ["1-20"]),
        (4, ["1-2", "1-3"], ["1-3", "4-4"]),
        (4, ["3-4"], ["1-2", "3-4"]),
        (5, ["2-3"], ["1-1", "2-3", "4-5"]),
        (2, ["3-4"], ["1-2"]),
    ],
)
def test_blocks_contain_each_replicate_once(replicates, finished, expected):
    blocks = cover(replicates, [Block.parse(name) for name in finished])
    assert [str(block) for block in blocks] == expected
    numbers = [n for block in blocks for n in range(block.first, block.last + 1)]
    assert numbers == list(range(1, numbers[-1] + 1))
    assert numbers[-1] >= replicates


@pytest.mark.parametrize("name", ["", "5", "0-4", "4-3", "1-2-3", "01-2", "-1-2"])
def test_names_of_blocks(name):
    with pytest.raises(UserError, match="is not a block of replicates"):
        Block.parse(name)


VARIANTS = (
    {"normalization": "batch", "dropout": 0.2, "tuned": True},
    {"folds": 5, "input_scaling": "standardized"},
)
TUNING = Tuning(rates=(0.001, 0.01, 0.1), replicates=2, widen=1, shared_by=2)


def trained(folder, first, last, *variants, **changes):
    """Train a block of replicates into ``folder``; return its specification."""
    changes = {"tuning": TUNING, "predictions": True, "hidden_layers": [4]} | changes
    spec = job_spec(*variants, replicates=last - first + 1, **changes)
    spec = spec.model_copy(update={"first": first})
    data = folder.parent / "digits.npz"
    if not data.exists():
        save_data(small_digits(), data)
    framework = configured(spec.framework)
    run_job(spec, data, framework, 1, folder / f"{first}-{last}")
    return spec


def tables(*folders, replicates=None):
    """Return all tables of blocks except those of times, by name."""
    packed = load([folder / "results.arrow" for folder in folders], ["v0", "v1"])
    return {name: unpack(packed, name, replicates) for name in FILES["results"]}


@pytest.mark.parametrize("framework", ["keras", "torch"])
def test_blocks_together_have_the_tables_of_one_block(tmp_path, framework, request):
    """This includes measures, predictions, dropout, folds, and rates tuned for two replicates."""
    changes = {"framework": framework}
    if framework == "torch":
        pytest.importorskip("torch")
    else:
        request.getfixturevalue("tensorflow")
        changes["measures"] = {"gradients": [3, "last"], "covariate_shift": [0, "last"]}
    trained(tmp_path / "one", 1, 3, *VARIANTS, **changes)
    trained(tmp_path / "two", 1, 1, *VARIANTS, **changes)
    first = tmp_path / "two/1-1"
    trained(tmp_path / "two", 2, 3, *VARIANTS, **changes)
    once = tables(tmp_path / "one/1-3")
    for name, table in tables(first, tmp_path / "two/2-3").items():
        assert table.equals(once[name]), name
        assert len(table) > 0 or name == "measurements"
    # The first replicates of a larger block are those of a smaller block.
    for name, table in tables(tmp_path / "one/1-3", replicates=1).items():
        assert table.equals(tables(first)[name]), name


@pytest.mark.usefixtures("tensorflow")
def test_blocks_of_another_recipe_do_not_count(tmp_path):
    """The recipe does not depend on the block, and it changes with each setting and the code."""
    spec = trained(tmp_path, 1, 2)
    assert spec.model_copy(update={"first": 3, "replicates": 1}).recipe == spec.recipe
    shutil.copytree(tmp_path / "1-2", tmp_path / "3-3")
    assert finished_blocks(tmp_path, spec.recipe) == [Block(1, 2), Block(3, 3)]
    others = ({"seed": 8}, {"code": "other"}, {"predictions": False}, {"measures": {"order": (1,)}})
    for other in others:
        assert finished_blocks(tmp_path, spec.model_copy(update=other).recipe) == []
    # Incomplete blocks and other files do not count.
    (tmp_path / "3-3/times.arrow").unlink()
    (tmp_path / "1-2/results.arrow").write_bytes(b"")
    (tmp_path / "4-x").mkdir()
    assert finished_blocks(tmp_path, spec.recipe) == []


#: All files of a study that are the same in every run, except the files of its jobs.
PARQUET = ("history", "measurements", "correctness", "predictions", "tuning")
TABLES = ("reports/iris-*.csv", *(f"data/results/*/{name}.parquet" for name in PARQUET))
SAME = (*TABLES, *(pattern for pattern in DETERMINISTIC if not pattern.startswith("data/runs")))
TARGETS = ("reports/iris-tiny.csv", "reports/iris-tuned.csv")


def run(copy, replicates, *targets):
    """Run the workflow, and return the blocks that it trained, by study."""

    def written():
        return {
            path: path.stat().st_mtime_ns for path in copy.folder.glob("data/runs/*/*/*/times*")
        }

    before = written()
    copy.ok("--cores", "2", "--config", f"replicates={replicates}", "--", *targets)
    new = {path for path, time in written().items() if before.get(path) != time}
    return sorted(f"{path.parts[-4]}: {path.parts[-2]}" for path in new)


def both(*blocks):
    return sorted(f"{study}: {block}" for study in ("iris-tiny", "iris-tuned") for block in blocks)


def declare(copy, **changes):
    """Declare a study of one job, and a tuned study with measures, of one job too."""
    tiny = STUDIES["iris-tiny"] | {"together": ["normalization"]}
    tiny["settings"] = tiny["settings"] | changes
    primary = CLAIMS["better"]["primary"] | {"studies": ["iris-tuned"]}
    claims = {"better": CLAIMS["better"] | {"primary": primary}}
    copy.declare({"iris-tiny": tiny} | TUNED, claims)


@pytest.mark.slow
def test_another_number_of_replicates(tmp_path):
    """Results have the same bytes as those of a first run with this number."""
    copy, once = Copy(tmp_path / "copy"), Copy(tmp_path / "once")
    for folder in (copy, once):
        declare(folder)
    assert run(copy, 2, *TARGETS) == both("1-2")
    two = copy.digests(*TABLES)
    assert run(copy, 4, "all") == both("3-4")
    assert run(once, 4, "all") == both("1-4")
    assert copy.digests(*SAME) == once.digests(*SAME)
    four = once.digests(*TABLES)
    # Fewer replicates are the first ones, of two blocks or of one.
    for folder in (copy, once):
        assert run(folder, 2, *TARGETS) == []
        assert folder.digests(*TABLES) == two
    assert run(copy, 3, *TARGETS) == []
    assert set(pd.read_csv(copy.folder / TARGETS[1])["replicate"]) == {1, 2, 3}
    assert run(copy, 4, *TARGETS) == []
    assert copy.digests(*TABLES) == four
    # A changed setting trains the requested replicates only, and overwrites no other number.
    declare(once, epochs=2)
    assert run(once, 2, *TARGETS) == ["iris-tiny: 1-2"]
    assert once.digests(*TABLES) != two
    declare(once)
    assert run(once, 4, *TARGETS) == []
    assert once.digests(*TABLES) == four
