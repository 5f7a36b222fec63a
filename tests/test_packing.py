"""The files of training jobs: all rows return, in the order of the variants."""

import pandas as pd
import pytest

from bnmatrix.tables.job_files import load, machine_of, save, unpack
from bnmatrix.tables.schema import TABLES


def job(variants, groups, tuning=True):
    """Return the tables of a job, with two runs per variant and three evaluations per run."""
    keys = {"study": "s", "dataset": "d"}

    def rows(table, count, of=None):
        columns = list(TABLES[table])
        found = [
            {
                **keys,
                "normalization_groups": group,
                "normalization": "group" if group else "none",
                "batch_size": 8,
                **dict.fromkeys(columns, 0.25 + number),
                **{"replicate": 1 + number % 2, "status": "completed", "step": number},
                **{"measure": "m", "part": "p", "widened": False, "chosen": True},
                **{"parameters": 3, "state": 4, "steps_taken": 2, "example": 1, "label": 0},
                **{"tuning_block": 1, "block": 1, "tested": b"\xff", "correct": b"\x0f"},
                **{"predicted": 1, "variant": name, "baseline": None},
            }
            for name, group in zip(variants, groups, strict=True)
            if of is None or name in of
            for number in range(count)
        ]
        axes = ["normalization_groups", "normalization", "batch_size"]
        return pd.DataFrame(found, columns=[*keys, *axes, *columns])

    counts = {"runs": 2, "history": 6, "tuning": 4 * tuning, "timings": 6}
    tables = {name: rows(name, counts.get(name, 0)) for name in TABLES}
    # Some variants have measurements, and others do not.
    tables["measurements"] = rows("measurements", 3, of=variants[1:])
    return tables


@pytest.fixture
def folders(tmp_path):
    save(tmp_path / "one", job(["c", "b"], [None, None], tuning=False), {"node": "x"}, "recipe")
    save(tmp_path / "two", job(["a", "d"], [8, None]), {"node": "y"}, "recipe")
    return [tmp_path / "one", tmp_path / "two"]


def read(folders, table, file="results"):
    packed = load([folder / f"{file}.arrow" for folder in folders], ["a", "b", "c", "d"])
    return unpack(packed, table).to_pandas()


@pytest.mark.parametrize(("table", "count"), [("runs", 2), ("history", 6)])
def test_every_row_comes_back_in_the_order_of_the_matrix(folders, table, count):
    found = read(folders, table)
    assert list(found["variant"]) == [name for name in "abcd" for _ in range(count)]
    axes = ["study", "dataset", "normalization", "batch_size", "normalization_groups"]
    assert list(found.columns) == [*axes, *TABLES[table]]
    for name in "abcd":
        own = found[found["variant"] == name]
        assert list(own["replicate"]) == [1 + number % 2 for number in range(count)]
    # An axis is empty for variants in which it has no effect.
    assert list(found["normalization_groups"].dropna().unique()) == [8]
    assert set(found[found["normalization"] == "group"]["variant"]) == {"a"}


def test_variants_without_rows(folders):
    assert list(read(folders, "measurements")["variant"]) == ["b"] * 3 + ["d"] * 3
    assert list(read(folders, "tuning")["variant"]) == ["a"] * 4 + ["d"] * 4
    empty = read(folders, "predictions")
    assert empty.empty
    assert list(empty.columns)[-len(TABLES["predictions"]) :] == list(TABLES["predictions"])


def test_times_have_a_separate_file_with_the_machine(folders):
    assert len(read(folders, "timings", "times")) == 24
    assert machine_of(folders[1] / "times.arrow") == {"node": "y"}


def test_the_same_tables_give_the_same_bytes(tmp_path, folders):
    save(tmp_path / "again", job(["a", "d"], [8, None]), {"node": "z"}, "recipe")
    again, first = (folder / "results.arrow" for folder in (tmp_path / "again", folders[1]))
    assert again.read_bytes() == first.read_bytes()
