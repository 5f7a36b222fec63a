"""A user's own data: doubts that the page and the console name, and what a page says of classes."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import test_report
from own_data import GOOD, configure, look, prepared
from sklearn.datasets import load_breast_cancer, load_iris, load_wine

from bnmatrix.config.own_data import InspectedDataset
from bnmatrix.datasets.splitting import Split
from bnmatrix.plan.announcements import doubts
from bnmatrix.plan.plan import make_plan
from bnmatrix.report.decision import Cell, word
from bnmatrix.report.pages.study import study_page
from bnmatrix.report.pages.text import majority

#: Results of a study, from which its page is made.
results = test_report.results


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def frame(rows=200, seed=0):
    """Return a table of two random columns and a random class."""
    rng = np.random.default_rng(seed)
    columns = {"a": rng.random(rows), "b": rng.random(rows), "kind": rng.integers(0, 2, rows)}
    return pd.DataFrame(columns)


def doubts_of(table, name="own.csv", **entry):
    """Return the doubts about a table."""
    table.to_csv(name, index=False)
    return look(None, name, **entry).doubts


# ------------------------------------------------------------------------------ duplicates


def test_clean_data_is_not_in_doubt():
    assert doubts_of(frame()) == ()
    for data in (load_wine, load_iris, load_breast_cancer):
        table = data(as_frame=True).frame.drop_duplicates().rename(columns={"target": "kind"})
        assert doubts_of(table) == ()


def test_duplicates_across_parts_are_counted_and_named():
    table = frame()
    copies = table.iloc[[10, 20, 30, 40, 50, 60, 70, 80, 90, 100]].copy()
    copies.loc[[10, 20], "kind"] = 1 - copies.loc[[10, 20], "kind"]
    table = pd.concat([table, copies], ignore_index=True)
    (doubt,) = doubts_of(table)
    assert "own.csv: 10 of 210 examples equal an earlier one in all features" in doubt
    assert "row 201 (line 202) and row 11 (line 12)" in doubt
    assert "; and 7 more" in doubt
    # Each of two pairs has two classes.
    assert "4 examples equal one of another class" in doubt
    # An independent count, on the parts that the preparation makes.
    made = prepared(look(None), Split(fraction=0.2, take="stratified"))
    others = {*map(tuple, made.x_train), *map(tuple, made.x_validation)}
    shared = sum(tuple(example) in others for example in made.x_test)
    assert 0 < shared < 10
    assert f"Of a test part of 42, {shared} equal one outside of it" in doubt


def test_duplicates_in_a_test_file_are_named_by_file():
    table = frame()
    frame(seed=1).iloc[:40].to_csv("extra.csv", index=False)
    test = pd.concat([frame(seed=1).iloc[:40], table.iloc[[3]]], ignore_index=True)
    test.to_csv("test.csv", index=False)
    (doubt,) = doubts_of(table, test_path="test.csv")
    assert "1 of 241 examples" in doubt
    assert "test.csv: row 41 (line 42) and row 4 (line 5)" in doubt
    assert "Of a test part of 41, 1 equal one outside of it" in doubt


def test_duplicates_of_arrays_are_counted_too():
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (60, 4, 5), dtype=np.uint8)
    x[59] = x[0]
    np.savez("own.npz", x=x, y=np.arange(60) % 2)
    (doubt,) = look(None, "own.npz", target=None).doubts
    assert "1 of 60 examples" in doubt
    assert "example 60 (counted from 1) and example 1 (counted from 1)" in doubt


def test_copies_within_a_group_never_reach_the_test_part():
    table = pd.concat([frame()] * 2, ignore_index=True)
    table["who"] = [f"p{row % 200}" for row in range(400)]
    (doubt,) = doubts_of(table, group="who")
    assert "200 of 400 examples equal an earlier one" in doubt
    assert ", 0 equal one outside of it" in doubt


# ------------------------------------------------------------------------------ giveaways


def test_a_column_that_gives_the_class_away_is_named():
    rng = np.random.default_rng(1)
    table = frame(400)
    table["refund"] = table["kind"] * 10 + rng.random(400)
    table["status"] = np.where(table["kind"] == 1, "closed", "open")
    (doubt,) = doubts_of(table)
    assert "own.csv: alone, column 'refund' (100.0 %), 'status' (100.0 %) tells the class" in doubt
    assert "add `exclude: [refund, status]` to the entry" in doubt
    assert doubts_of(table, exclude=["refund", "status"]) == ()


def test_a_frequent_class_is_no_giveaway():
    """With 97 % of one class, a tree without knowledge is right for 97 % of the examples."""
    table = frame(1000)
    table["kind"] = (np.arange(1000) % 33 == 0).astype(int)
    assert doubts_of(table) == ()


def test_a_noisy_copy_of_the_class_gives_it_away_and_a_good_feature_does_not():
    rng = np.random.default_rng(2)
    for wrong, named in ((0.005, True), (0.06, False)):
        table = frame(2000)
        flipped = rng.random(2000) < wrong
        table["leak"] = np.where(flipped, 1 - table["kind"], table["kind"]) + rng.random(2000) / 2
        assert bool(doubts_of(table)) is named


# ------------------------------------------------------------------------------ signs


def test_a_number_that_may_stand_for_missing_is_named():
    table = frame()
    table.loc[[4, 9], "a"] = -999
    (doubt,) = doubts_of(table)
    assert "own.csv: column 'a', rows 5, 10 (lines 6, 11): -999 is far from all other" in doubt
    assert "`missing: [-999]`" in doubt
    assert doubts_of(table, missing=[-999]) == ()
    # In a column of such numbers, -999 is one of them.
    table["a"] = np.random.default_rng(0).integers(-1500, 1500, 200)
    table.loc[[4, 9], "a"] = -999
    assert doubts_of(table) == ()


def test_categories_that_differ_in_case_or_spaces_alone_are_named():
    table = frame()
    table["colour"] = np.where(np.arange(200) % 3, "red", "blue")
    table.loc[7, "colour"] = "Red "
    (doubt,) = doubts_of(table)
    assert "own.csv: column 'colour', row 8 (line 9): categories differ only in case" in doubt
    assert "('Red ' = 'red')" in doubt


# ------------------------------------------------------------------------------ where it is said


def test_the_console_names_the_entry_and_the_doubts_of_the_studies_that_run(folder):
    table = frame(300)
    table["leak"] = table["kind"] * 2 + table["a"] / 3
    content = table.to_csv(index=False)
    configure(folder, {"path": "own.csv", "target": "kind"}, None, content)
    plan = make_plan({"studies": ["iris-64-32", "own"]}, look=True)
    (doubt,) = doubts(plan, {"own", None})
    assert doubt.startswith("config/datasets.yaml: datasets → own: own.csv: alone, column 'leak'")
    assert doubts(plan, {"iris-64-32"}) == []


def test_the_share_of_the_most_frequent_class_is_that_of_the_tested_examples():
    table = frame(3000)
    table["kind"] = np.where(np.arange(3000) % 100 < 97, "a", "b")
    table.to_csv("own.csv", index=False)
    dataset = look(None)
    assert dataset.test_rows_by_class == [582, 18]
    assert prepared(dataset).y_test.tolist().count(1) == 18
    assert majority(dataset, None) == (
        "A network that always answers 'a', the most frequent class, has an accuracy of 97.0 % on "
        "the 600 tested examples."
    )
    assert dataset.tested_by_class(5) == [2910, 90]
    assert "on the 3000 tested examples" in majority(dataset, 5)


def test_identifiers_in_arrays_are_named():
    rng = np.random.default_rng(0)
    x = np.column_stack([rng.random(60), np.arange(60) + 1000, rng.integers(0, 9, 60)])
    np.savez("own.npz", x=x, y=np.arange(60) % 2)
    (doubt,) = look(None, "own.npz", target=None).doubts
    assert "own.npz: x: feature 1 (from 0) holds whole numbers" in doubt
    assert "increase by row (1000, 1001, 1002, …)" in doubt
    np.savez("own.npz", x=x[:, [0, 2]], y=np.arange(60) % 2)
    assert look(None, "own.npz", target=None).doubts == ()


def test_the_test_file_has_its_own_shares():
    Path("test.csv").write_text("width,height,colour,kind\n1,1,red,p\n2,5,red,p\n9,9,blue,n\n")
    dataset = look(GOOD.replace("1,1,red,p", "1,1,red,n"), test_path="test.csv")
    assert dataset.rows_by_class == [22, 21]
    assert dataset.test_rows_by_class == [1, 2]
    # Networks learn from the data, in which the other class is the most frequent one.
    assert dataset.majority(None) == ("n", 1 / 3)


def test_the_page_names_doubts_and_the_tested_examples_of_each_class(results):
    project, root = results
    iris = project.datasets["iris"]
    own = InspectedDataset(
        **iris.model_dump(include={"title", "examples", "shape", "classes", "test_split"}),
        source={"path": "own.csv", "target": "kind"},
        fingerprint="0" * 64,
        rows_by_class=[90, 40, 20],
        test_rows_by_class=[18, 8, 4],
        doubts=("own.csv: a < b: add `exclude: [a]` to the entry.",),
    )
    project = project.model_copy(update={"datasets": {"iris": own}})
    page = study_page(project, "s", root, ["index"])
    assert "own.csv: a &lt; b: add <code>exclude: [a]</code> to the entry." in page
    table = page.split(">Tested</th>")[1].split("</table>")[0]
    cells = [int(cell) for cell in re.findall(r"<td[^>]*>(\d+)</td>", table)]
    assert cells == [90, 18, 40, 8, 20, 4]
    assert "an accuracy of 60.0 % on the 30 tested examples" in page
    # Without other pages, no link leads to them, and the verdict is that of the intervals.
    alone = study_page(project, "s", root, [])
    assert not re.findall(r'href="(?:index|explorer|claims|theory)', alone)
    rows = pd.read_csv(root / "data/results/s/comparisons.csv")
    words = [word(Cell("", 8, e, low, high, 5), 0.01) for e, low, high in joint(rows)]
    assert re.findall(r"<strong class=\"[\w-]+\">([\w ]+)</strong></td>", alone) == words
    assert "<strong class=" in alone.split("Use batch normalization?")[1].split("</p>")[0]


def joint(rows):
    return rows[["effect", "joint_low", "joint_high"]].itertuples(index=False)
