"""A user's own data: what could mislead is refused, and the proposed line of YAML mends it."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from own_data import GOOD, arrays_of, look
from PIL import Image

from bnmatrix.errors import UserError


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refused(content=None, name="own.csv", **entry):
    """Return the message with which a data set is refused."""
    with pytest.raises(UserError) as error:
        look(content, name, **entry)
    return str(error.value)


def mended(message, key, name="own.csv", **entry):
    """Return the data set with the line of YAML that a message proposes for a key."""
    (line,) = re.findall(rf"`({key}: [^`]*)`", message)
    return look(None, name, **entry, **yaml.safe_load(line))


def table(columns, rows=60):
    """Return a CSV table: columns from a row's number to a text."""
    lines = [",".join(str(value(row)) for value in columns.values()) for row in range(rows)]
    return "\n".join([",".join(columns), *lines]) + "\n"


# ------------------------------------------------------------------------------ labels

WRITTEN = ["Yes", "yes ", "YES", " no", "No", "no"]


def test_labels_that_differ_in_case_or_spaces_alone_are_a_question():
    content = table({"a": lambda row: row % 7, "kind": lambda row: WRITTEN[row % 6]})
    message = refused(content)
    assert "own.csv: target 'kind', row 6 (line 7): 'no' differs from ' no' only in" in message
    assert "6 classes of 2" in message
    assert "' no' = 'No' = 'no', 'YES' = 'Yes' = 'yes '" in message
    assert "`labels: strip_case`" in message
    assert "`labels: as_written` keeps them apart" in message


def test_labels_are_merged_or_kept_as_the_entry_says():
    content = table({"a": lambda row: row % 7, "kind": lambda row: WRITTEN[row % 6]})
    merged = look(content, labels="strip_case")
    assert (merged.classes, merged.rows_by_class) == (["no", "yes"], [30, 30])
    assert any("`labels: strip_case` merged" in note for note in merged.notes)
    np.testing.assert_array_equal(arrays_of(merged).y[:6], [1, 1, 1, 0, 0, 0])
    assert len(look(None, labels="as_written").classes) == 6
    assert "labels: is strip_case or as_written" in refused(labels="lower")


def test_labels_of_a_test_part_and_of_folders_are_compared_too():
    Path("test.csv").write_text(GOOD.replace(",p\n", ",P\n"))
    message = refused(GOOD, test_path="test.csv")
    assert "'p' differs from 'P' only in case" in message
    assert look(None, test_path="test.csv", labels="strip_case").classes == ["n", "p"]
    for label in ("cat", "Cat", "dog"):
        Path(f"photos/{label}").mkdir(parents=True)
        for place in range(8):
            Image.new("L", (8, 8), 30 * place).save(f"photos/{label}/{place}.png")
    message = refused(None, "photos/", target=None)
    assert "photos/cat/0.png: 'cat' differs from 'Cat' only in case" in message
    merged = look(None, "photos/", target=None, labels="strip_case")
    assert merged.rows_by_class == [16, 8]


TARGETS = {
    "ages": (lambda row: 18 + row * 5 % 63, True),
    "years": (lambda row: 2001 + row % 15, True),
    "identifiers of classes 0 to 99": (lambda row: row % 100, True),
    "amounts": (lambda row: row * row, True),
    "rare counts": (lambda row: row % 5 if row < 10 else 100 + row % 2, True),
    "ratings from 1 to 10": (lambda row: 1 + row % 10, False),
    "twenty classes from 0": (lambda row: row % 20, False),
    "doses": (lambda row: [10, 20, 50][row % 3], False),
    "two codes": (lambda row: [3, 8][row % 2], False),
    "texts": (lambda row: f"k{row % 40}", False),
}


@pytest.mark.parametrize("case", TARGETS)
def test_numbers_as_target_are_classes_only_if_they_look_like_it(case):
    target, is_refused = TARGETS[case]
    content = table({"a": lambda row: row % 7, "kind": target}, 3000)
    if not is_refused:
        assert len(look(content).classes) == len({target(row) for row in range(3000)})
        return
    message = refused(content)
    assert "look like measurements" in message
    assert "`task: regression`" in message
    if case in ("ages", "years", "identifiers of classes 0 to 99"):
        classes = mended(message, "classes").classes
        assert len(classes) == len({target(row) for row in range(3000)})


def test_folders_of_images_are_classes_whatever_their_names():
    for label in range(12):
        Path(f"photos/{label * 7}").mkdir(parents=True)
        for place in range(6):
            Image.new("L", (8, 8), 30 * place).save(f"photos/{label * 7}/{place}.png")
    assert len(look(None, "photos/", target=None).classes) == 12


def test_an_infinite_target_is_refused():
    content = table({"a": lambda row: row % 7, "kind": lambda row: row % 2})
    message = refused(content.replace("\n5,1\n", "\n5,inf\n", 1))
    assert "target 'kind', row 6 (line 7): infinite or beyond 1e30" in message


def test_decimal_numbers_are_classes_if_the_entry_says_so():
    content = table({"a": lambda row: row % 7, "kind": lambda row: [0.5, 1, 2.5][row % 3]})
    assert "3 different numbers (0.5, 1, …) in 60 rows look like measurements" in refused(content)
    assert look(None, classes=True).classes == ["0.5", "1", "2.5"]


# ------------------------------------------------------------------------------ files

COMMAS = "width;height;kind\n" + "".join(
    f"{row % 9},{row % 4};{row % 7};{'p' if row % 2 else 'n'}\n" for row in range(60)
)


def test_separators_are_named():
    for separator, entry in ((";", "own.csv"), ("\t", "own.csv"), ("|", "own.csv")):
        message = refused(GOOD.replace(",", separator), entry)
        assert "own.csv: line 1: the columns seem to be separated by" in message
        dataset = mended(message, "separator")
        assert dataset.source.separator == separator
        assert dataset.shape == [4]
    message = refused(GOOD, "own.tsv")
    assert mended(message, "separator", "own.tsv").shape == [4]
    # As many commas in the header as in each row.
    message = refused(COMMAS.replace("width", "width, cm"))
    assert "`separator: ;`" in message


def test_a_ragged_table_is_no_other_separator():
    assert "line 6 has 3 values instead of 4" in refused(GOOD.replace("4,4,red,n", "4,4,red"))


def test_decimal_commas_are_named():
    message = refused(COMMAS, separator=";")
    assert "own.csv: column 'width', row 1 (line 2): '0,0' looks like a number with a" in message
    dataset = mended(message, "decimal", separator=";")
    x = arrays_of(dataset).x
    np.testing.assert_allclose(x[:, 0], [row % 9 + row % 4 / 10 for row in range(60)])
    # Only some values have decimals, in a file of few distinct ones.
    message = refused(COMMAS.replace(",0;", ";"), separator=";")
    assert "`decimal: ','`" in message
    # A comma as separator and as decimal mark: quoted.
    quoted = table({"a": lambda row: f'"{row % 9},5"', "kind": lambda row: row % 2})
    assert "`decimal: ','`" in refused(quoted)
    assert arrays_of(mended(refused(quoted), "decimal")).x[3, 0] == 3.5
    assert "decimal: ',' is also the `separator`" in refused(None, decimal=",", separator=",")
    thousands = table({"a": lambda row: f'"1,{row % 9}00"', "kind": lambda row: row % 2})
    assert "if the commas are between thousands, write the numbers without them" in refused(
        thousands
    )
    # A point is no decimal mark where the comma is one.
    message = refused(COMMAS.replace("3,3;", "3.3;", 1), separator=";", decimal=",")
    assert "row 4 (line 5): '3.3' is not a number" in message


def test_decimal_commas_of_a_target_are_named():
    content = table({"a": lambda row: row % 7, "kind": lambda row: f"{row % 3},5"}).replace(
        "a,kind", "a;kind"
    )
    content = re.sub(r"^(\d+),", r"\1;", content, flags=re.MULTILINE)
    message = refused(content, separator=";")
    assert "target 'kind', row 1 (line 2): '0,5' looks like a number with a decimal" in message


ENCODINGS = {
    "latin-1": ("latin-1", "r\xe9d", "latin-1"),
    "cp1252": ("cp1252", "r\u20acd", "cp1252"),
    "UTF-16 with a mark": ("utf-16", "r\u20acd", "utf-16"),
    "UTF-16 without": ("utf-16-le", "r\u20acd", "utf-16-le"),
    "UTF-16 without, big-endian": ("utf-16-be", "r\u20acd", "utf-16-be"),
}


@pytest.mark.parametrize("case", ENCODINGS)
def test_encodings_are_named(case):
    encoding, word, proposed = ENCODINGS[case]
    content = GOOD.replace("red", word)
    message = refused(content.encode(encoding))
    assert f"`encoding: {proposed}`" in message
    if "16" not in encoding:
        assert "own.csv: line 3 is not in utf-8" in message
        assert f"'1,1,{word},p'" in message
    dataset = mended(message, "encoding")
    Path("utf8.csv").write_text(content, encoding="utf-8")
    np.testing.assert_array_equal(arrays_of(dataset).x, arrays_of(look(None, "utf8.csv")).x)
    message = refused(None, encoding=proposed, target="knd")
    assert "there are width, height, colour, kind" in message


def test_other_encodings_are_refused():
    assert "encoding: 'klingon' is no encoding of text" in refused(GOOD, encoding="klingon")
    message = refused(GOOD.replace("red", "r\xe9d"), encoding="ascii")
    assert "line 3 is not in ascii" in message
    # The mark of UTF-8 is no part of the first name.
    assert look(b"\xef\xbb\xbf" + GOOD.encode()).shape == [4]


def test_lines_are_those_of_the_file():
    """Values have line breaks, and there are empty lines."""
    content = GOOD.replace("1,1,red", '1,1,"re\nd"').replace("2,2,red", "\n\n2,2,red", 1)
    message = refused(content.replace("4,4,red", "4,four,red", 1))
    assert "column 'height', row 5 (line 9): 'four'" in message


# ------------------------------------------------------------------------------ columns

IDENTIFIERS = {
    "increasing": lambda row: 1000 + 3 * row,
    "decreasing": lambda row: 5000 - row,
    "shuffled": lambda row: 7 * row % 60,
    "texts": lambda row: f"u{row}",
}


@pytest.mark.parametrize("case", IDENTIFIERS)
def test_identifiers_are_refused_and_can_be_excluded(case):
    columns = {"id": IDENTIFIERS[case], "a": lambda row: row % 7, "kind": lambda row: row % 2}
    message = refused(table(columns))
    assert "own.csv: column 'id' holds" in message
    dataset = mended(message, "exclude")
    assert dataset.shape == [1]
    assert "Columns left out: id." in dataset.notes
    if case != "texts":
        assert mended(message, "numeric").shape == [2]


def test_a_test_part_may_lack_what_is_left_out():
    columns = {"id": lambda row: row, "a": lambda row: row % 7, "kind": lambda row: row % 2}
    Path("test.csv").write_text(table({"a": columns["a"], "kind": columns["kind"]}, 10))
    assert look(table(columns), test_path="test.csv", exclude=["id"]).shape == [1]


def test_measurements_are_no_identifiers():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "salary": rng.choice(np.arange(20_000, 90_000), 60, replace=False),
            "time": np.sort(rng.random(60)),
            "year": np.arange(60) // 6 + 2001,
            "kind": np.arange(60) % 2,
        }
    )
    frame.to_csv("own.csv", index=False)
    assert look(None).shape == [3]


def test_all_identifiers_are_named_at_once():
    columns = {"id": lambda row: row, "name": lambda row: f"n{row}", "a": lambda row: row % 7}
    message = refused(table(columns | {"kind": lambda row: row % 2}), exclude=["a"])
    assert "`exclude: [a, id, name]`" in message


def test_keys_that_contradict_each_other_are_refused():
    for entry, message in (
        ({"exclude": ["kind"]}, "exclude: 'kind' is also named by `target`"),
        ({"exclude": ["width"], "features": ["width"]}, "is also named by `features`"),
        ({"numeric": ["width"], "categorical": ["width"]}, "also named by `categorical`"),
        ({"numeric": ["colour"]}, "column 'colour': numeric: holds texts"),
        ({"exclude": ["widths"]}, "exclude: there is no column 'widths' (did you mean 'width'?)"),
    ):
        assert message in refused(GOOD, **entry)
    message = refused(None, "own.npz", target=None, exclude=["a"])
    assert "exclude: is for table, but 'own.npz' is arrays" in message


# ------------------------------------------------------------------------------ missing values


def test_signs_of_missing_values_are_named_and_their_rows_kept():
    content = GOOD.replace("3,3,blue", "?,-999,?").replace("5,5,red", "?,-999,red")
    message = refused(content)
    assert "column 'width', rows 4, 6 (lines 5, 7): '?' is not a number" in message
    assert "`missing: ['?']`" in message
    dataset = look(None, missing=["?", -999, "none"])
    assert dataset.examples.train == 40
    x = arrays_of(dataset).x
    assert np.isnan(x[[3, 5], :2]).all()
    assert np.isfinite(np.delete(x, [3, 5], axis=0)).all()
    # Of a category, missing is another one: blue, red, (missing).
    assert x[3, 2:].tolist() == [0, 0, 1]
    assert "Missing texts ('colour' 1) are a category of their own." in dataset.notes
    assert any(
        "'?' in 3 cells, '-999' in 2 cells, 'none' in 0 cells. Their rows are kept" in note
        for note in dataset.notes
    )


def test_signs_of_missing_values_count_in_every_kind_of_table():
    frame = pd.DataFrame({"a": np.arange(60) % 7 * 1.0, "kind": np.arange(60) % 2})
    frame.loc[[4, 9], "a"] = -999
    frame.to_parquet("own.parquet")
    x = arrays_of(look(None, "own.parquet", missing=[-999])).x
    assert np.flatnonzero(np.isnan(x[:, 0])).tolist() == [4, 9]
    frame.to_csv("own.csv", index=False)
    message = refused(None, missing=[1], target="kind")
    assert "target 'kind': no class in rows 2, 4, 6, 8, 10 and 25 more (lines 3, 5," in message
