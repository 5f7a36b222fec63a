"""A user's own data: reading, refusals and messages."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from own_data import GOOD, arrays_of, look, prepared
from PIL import Image
from sklearn.datasets import load_iris, load_wine

from bnmatrix.datasets.scaling import fit_scaling
from bnmatrix.datasets.splitting import Split
from bnmatrix.errors import UserError


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


# ------------------------------------------------------------------------------ tables


def test_a_table_is_read_without_options():
    x, y = load_iris(return_X_y=True)
    frame = pd.DataFrame(x, columns=list("abcd")).assign(kind=y)
    for name in ("own.csv", "own.tsv", "own.csv.gz", "own.parquet"):
        if name.endswith("parquet"):
            frame.to_parquet(name)
        else:
            frame.to_csv(name, index=False, sep="\t" if "tsv" in name else ",")
        dataset = look(None, name)
        arrays = arrays_of(dataset)
        np.testing.assert_array_equal(arrays.x, x)
        np.testing.assert_array_equal(arrays.y, y)
        assert (dataset.shape, dataset.classes) == ([4], ["0", "1", "2"])
        assert (dataset.examples.train, dataset.rows_by_class) == (150, [50, 50, 50])


def test_categories_become_indicators_and_missing_ones_a_category():
    content = GOOD.replace("1,1,red", "1,1,").replace("2,2,red", ",2,red", 1)
    x = arrays_of(look(content)).x
    assert x.shape == (40, 5)
    # width, height, and colour: blue, red, missing
    np.testing.assert_array_equal(x[0], [0, 0, 1, 0, 0])
    np.testing.assert_array_equal(x[1], [1, 1, 0, 0, 1])
    assert np.isnan(x[2, 0])
    assert x[2, 1:].tolist() == [2, 0, 1, 0]


def test_numbers_can_be_categories_and_columns_can_be_chosen():
    dataset = look(features=["height"], categorical=["height"])
    assert arrays_of(dataset).x.sum(axis=1).tolist() == [1] * 40
    assert dataset.shape == [7]
    assert arrays_of(look(features=["height", "width"])).x[3].tolist() == [3, 3]


def test_missing_numbers_are_filled_in_from_the_training_part_alone():
    rng = np.random.default_rng(0)
    x = rng.normal(5, 2, (100, 2))
    x[rng.random((100, 2)) < 0.2] = np.nan
    train, test = x[:50], x[50:] + 1000
    train[:, 1] += 7
    for kind in ("raw", "unit", "standardized", "centered"):
        scaling = fit_scaling(kind, train, 0)
        medians = np.nanmedian(train, axis=0)
        filled = np.where(np.isnan(test), medians, test)
        np.testing.assert_allclose(scaling.apply(test), scaling.apply(filled))
        assert np.isfinite(scaling.apply(test)).all()
    standardized = fit_scaling("standardized", train, 0).apply(train)
    np.testing.assert_allclose(standardized.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(standardized.std(axis=0), 1, atol=1e-6)


def test_splits_have_equal_shares_of_each_class_and_follow_the_seed():
    frame = load_wine(as_frame=True).frame
    frame.to_csv("own.csv", index=False)
    parts = {}
    for seed in (1, 1, 2):
        dataset = look(None, target="target", seed=seed)
        made = prepared(dataset, Split(fraction=0.2, take="stratified", seed=seed))
        shares = [np.bincount(y) / len(y) for y in (made.y_train, made.y_validation, made.y_test)]
        for share in shares:
            np.testing.assert_allclose(share, np.bincount(frame["target"]) / 178, atol=0.03)
        rows = np.concatenate([made.x_train, made.x_validation, made.x_test])
        assert sorted(map(tuple, rows)) == sorted(map(tuple, frame.drop(columns="target").values))
        parts.setdefault(seed, []).append(made.x_test)
    np.testing.assert_array_equal(*parts[1])
    assert not np.array_equal(parts[1][0], parts[2][0])


def test_groups_are_never_in_two_parts():
    rng = np.random.default_rng(0)
    patients = rng.integers(0, 40, 400)
    frame = pd.DataFrame({"value": patients, "noise": rng.random(400)})
    frame = frame.assign(patient=[f"p{p}" for p in patients], kind=patients % 2)
    frame.to_csv("own.csv", index=False)
    dataset = look(None, group="patient")
    assert dataset.shape == [2]
    made = prepared(dataset)
    parts = [set(x[:, 0]) for x in (made.x_train, made.x_validation, made.x_test)]
    assert not parts[0] & parts[1] | parts[0] & parts[2] | parts[1] & parts[2]
    assert sum(map(len, parts)) == len(set(patients))
    pairs = set(zip(made.x_test[:, 0], made.groups_test, strict=True))
    assert len(pairs) == len(parts[2]) == len(set(made.groups_test)), "training knows the groups"
    assert 60 <= len(made.x_test) <= 100
    assert 45 <= len(made.x_validation) <= 85


def test_a_separate_test_part():
    Path("test.csv").write_text(GOOD.replace("blue", "green"))
    dataset = look(test_path="test.csv")
    arrays = arrays_of(dataset)
    assert (dataset.examples.train, dataset.examples.test) == (40, 40)
    # Categories of either: blue, green, red.
    assert arrays.x.shape[1] == arrays.x_test.shape[1] == 5
    assert dataset.test_split is None


def test_groups_of_arrays_are_kept_together_too():
    rng = np.random.default_rng(0)
    groups = np.arange(300) // 5
    x, y = np.c_[groups, rng.random(300)], groups % 2
    np.savez("own.npz", x=x, y=y, groups=groups)
    dataset = look(None, "own.npz", target=None, test_fraction=0.4)
    assert dataset.grouped
    made = prepared(dataset, Split(fraction=0.1, take="stratified"))
    parts = [set(x[:, 0]) for x in (made.x_train, made.x_validation, made.x_test)]
    assert not parts[0] & parts[1] | parts[0] & parts[2] | parts[1] & parts[2]
    # The requested number, as far as groups allow.
    assert len(made.x_test) == pytest.approx(120, abs=10)
    assert len(made.x_validation) == pytest.approx(18, abs=5)
    assert dataset.train_and_test() == (300 - len(made.x_test), len(made.x_test))


def test_groups_in_both_of_two_files_are_refused():
    frame = pd.DataFrame(
        {"a": np.arange(60) % 50, "patient": np.arange(60) // 5, "kind": np.arange(60) % 2}
    )
    frame.to_csv("own.csv", index=False)
    frame.assign(patient=frame["patient"] + 8).to_csv("test.csv", index=False)
    with pytest.raises(UserError, match="group 'patient': 10, 11, 8, 9 are in the test part and"):
        look(None, group="patient", test_path="test.csv")


def test_the_index_column_of_pandas_is_not_a_feature():
    frame = pd.DataFrame({"a": np.random.default_rng(0).random(60), "kind": np.arange(60) % 2})
    frame.sort_values("kind").to_parquet("own.parquet")
    assert look(None, "own.parquet").shape == [1]
    frame.to_csv("own.csv")
    with pytest.raises(UserError, match="has a column without a name"):
        look(None)


def test_numbers_stored_as_text_are_numbers():
    frame = pd.DataFrame({"a": [str(i % 30) for i in range(40)], "kind": np.arange(40) % 2})
    frame.to_parquet("own.parquet")
    np.testing.assert_array_equal(arrays_of(look(None, "own.parquet")).x[:, 0], np.arange(40) % 30)


def test_names_in_any_alphabet():
    content = GOOD.replace("colour", "色").replace("kind", "вид").replace(",p\n", ",猫 <b>$x$\n")
    assert look(content, target="вид").classes == ["n", "猫 <b>$x$"]


REFUSED = {
    "an empty file": ("", {}, "own.csv: the file is empty"),
    "a header alone": ("a,kind\n", {}, "own.csv: has a header and no rows"),
    "a row too short": (
        GOOD.replace("4,4,red,n", "4,4,red"),
        {},
        "line 6 has 3 values instead of 4: '4,4,red'",
    ),
    "a row too long": (
        GOOD.replace("4,4,red,n", "4,4,red,n,1"),
        {},
        "line 6 has 5 values instead of 4",
    ),
    "no such column": (
        GOOD,
        {"target": "knd"},
        "target: there is no column 'knd' (did you mean 'kind'?); there are width, height",
    ),
    "two columns of a name": (
        GOOD.replace("height", "width"),
        {},
        "several columns of the same name: width",
    ),
    "a row without a class": (
        GOOD.replace("5,5,red,p", "5,5,red,"),
        {},
        "target 'kind': no class in row 6 (line 7); fill it in",
    ),
    "one class": (
        GOOD.replace(",n\n", ",p\n"),
        {},
        "kind: all 40 examples are of one class, 'p'",
    ),
    "a class with one row": (
        GOOD + "1,1,red,q\n",
        {},
        "for training, validation and test: 'q' has 1 (row 41 (line 42))",
    ),
    "text among numbers": (
        GOOD.replace("4,4,red", "4,four,red"),
        {},
        "column 'height', row 5 (line 6): 'four' is not a number. Correct it or leave the cell",
    ),
    "an infinity": (
        GOOD.replace("4,4,red", "4,inf,red"),
        {},
        "column 'height', row 5 (line 6): infinite or beyond 1e30",
    ),
    "an empty column": (
        "a,b,kind\n" + "".join(f"{row % 9},,{row % 2}\n" for row in range(40)),
        {},
        "column 'b': is empty; leave it out with `exclude: [b]`",
    ),
    "names": (
        "name,kind\n" + "".join(f"name {row % 79},{row % 2}\n" for row in range(80)),
        {},
        "column 'name' holds 79 different texts in 80 rows. That looks like names or identifiers",
    ),
    "dates": (
        "day,kind\n" + "".join(f"2020-01-{row % 28 + 1:02d},{row % 2}\n" for row in range(80)),
        {},
        "column 'day': holds date32[day], neither numbers nor categories",
    ),
    "measurements as a target": (
        "a,kind\n" + "".join(f"{row % 9},{row * 137}\n" for row in range(80)),
        {},
        "80 different numbers (0, 137, …) in 80 rows look like measurements.",
    ),
    "too few rows for the classes": (
        "a,kind\n" + "".join(f"{row % 5},{row % 8}\n" for row in range(24)),
        {},
        "24 examples of 8 classes are too few",
    ),
    "too few groups": (GOOD, {"group": "colour"}, "group 'colour' has 2 values"),
    "no such file": (GOOD, {"path": "owm.csv"}, "owm.csv: there is no such file or folder"),
    "a file of no known kind": (
        GOOD,
        {"path": "own.xls"},
        "'own.xls': cannot tell what kind of data this is",
    ),
    "a checksum that does not hold": (
        GOOD,
        {"sha256": "0" * 64},
        "its SHA-256 is",
    ),
    "an address without a checksum": (
        GOOD,
        {"path": None, "url": "https://example.org/own.csv"},
        "url: needs `sha256`",
    ),
    "a key of another kind": (GOOD, {"image_size": [8, 8]}, "image_size: is for images"),
    "no target": (GOOD, {"target": None}, "target: give the column that holds the classes"),
    "an unknown key": (GOOD, {"targt": "kind"}, "unknown key (did you mean 'target'?)"),
    "no Parquet file": (GOOD, {"path": "own.parquet"}, "own.parquet: not a Parquet file"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_bad_tables_are_refused_by_file_column_and_row(case):
    content, entry, message = REFUSED[case]
    if case == "no Parquet file":
        Path("own.parquet").write_text(GOOD)
    with pytest.raises(UserError) as error:
        look(content, **entry)
    assert message in str(error.value)


def test_a_test_part_with_other_classes_is_refused():
    Path("test.csv").write_text(GOOD.replace(",p\n", ",q\n"))
    with pytest.raises(UserError, match=r"test\.csv: has classes that own\.csv has not: q"):
        look(test_path="test.csv")
    Path("test.csv").write_text(GOOD.replace(",p\n", ",n\n"))
    with pytest.raises(UserError, match=r"test\.csv: lacks classes that own\.csv has: p"):
        look(test_path="test.csv")


# ------------------------------------------------------------------------------ arrays


def test_arrays():
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (60, 4, 5), dtype=np.uint8)
    y = np.array(["cat", "dog", "owl"])[np.arange(60) % 3]
    np.savez("own.npz", x=pixels, y=y, x_test=pixels[:30], y_test=y[:30])
    dataset = look(None, "own.npz", target=None)
    arrays = arrays_of(dataset)
    assert (dataset.shape, dataset.maximum, dataset.classes) == ([4, 5], 255, ["cat", "dog", "owl"])
    assert arrays.x.dtype == np.uint8
    np.testing.assert_array_equal(arrays.x, pixels.reshape(60, 20))
    np.testing.assert_array_equal(arrays.y_test, np.arange(30) % 3)

    values = rng.random((60, 7)).astype(np.float32)
    values[3, 4] = np.nan
    np.save("x.npy", values)
    np.save("y.npy", np.arange(60) % 2)
    dataset = look(None, "x.npy", target=None, labels="y.npy")
    np.testing.assert_array_equal(arrays_of(dataset).x, values)
    assert dataset.maximum is None


def test_bad_arrays_are_refused():
    x, y = np.zeros((40, 3)), np.arange(40) % 2
    bad = x.copy()
    bad[7, 1] = np.inf
    for arrays, message in (
        ({"a": x}, "has no array 'x'; it has a. Save it as np.savez"),
        ({"x": x, "y": y[:9]}, "x: 40 examples, and y has 9"),
        ({"x": x, "y": np.eye(2)[y]}, "of one-hot rows, save y.argmax"),
        ({"x": x[:, 0], "y": y}, "x: has shape \\(40,\\)"),
        ({"x": bad, "y": y}, "infinite or beyond 1e30 in example 7"),
        ({"x": x, "y": np.array([{}] * 40)}, "it holds Python objects"),
        ({"x": x.astype(str), "y": y}, "holds <U32, not numbers"),
        ({"x": x, "y": y * 0}, "all 40 examples are of one class"),
        ({"x": x, "y": y, "x_test": x}, "has one of x_test and y_test"),
        ({"x": x, "y": y, "X_test": x}, "has an array 'X_test', which means nothing here"),
        ({"x": x, "y": y[:, None]}, "save y.ravel"),
    ):
        np.savez("own.npz", **arrays)
        with pytest.raises(UserError, match=message):
            look(None, "own.npz", target=None)
    Path("own.npz").write_bytes(b"PK nothing")
    with pytest.raises(UserError, match="cannot be read as NumPy arrays"):
        look(None, "own.npz", target=None)


def test_data_larger_than_memory_is_refused_before_reading():
    # A file of holes: 4 TB to read, nothing on disk.
    header = np.lib.format.open_memmap("x.npy", "w+", "<f4", (10_000_000, 100_000))
    del header
    np.save("y.npy", np.arange(40) % 2)
    with pytest.raises(UserError, match=r"would take about \d+\.\d GB of memory, and .* are free"):
        look(None, "x.npy", target=None, labels="y.npy")


# ------------------------------------------------------------------------------ images


def pictures(folder, classes=("cat", "dog"), number=6):
    rng = np.random.default_rng(0)
    for label in classes:
        (Path(folder) / label).mkdir(parents=True)
        for place in range(number):
            pixels = rng.integers(0, 256, (20, 30, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(f"{folder}/{label}/{place}.png")


def test_a_folder_of_images(folder):
    pictures("photos")
    Path("photos/.DS_Store").write_bytes(b"x")
    dataset = look(None, "photos/", target=None, image_size=[10, 12], test_fraction=0.4)
    arrays = arrays_of(dataset)
    assert (dataset.shape, dataset.classes, dataset.maximum) == ([10, 12, 3], ["cat", "dog"], 255)
    assert np.bincount(arrays.y).tolist() == [6, 6]
    first = Image.open("photos/cat/0.png").resize((12, 10), Image.Resampling.BILINEAR)
    np.testing.assert_array_equal(arrays.x[0].reshape(10, 12, 3), np.asarray(first))
    gray = look(None, "photos/", target=None, image_mode="gray", test_fraction=0.4)
    assert gray.shape == [32, 32]

    with zipfile.ZipFile("photos.zip", "w") as archive:
        for path in sorted(folder.glob("photos/*/*.png")):
            archive.write(path, path.relative_to(folder))
    zipped = look(None, "photos.zip", target=None, image_size=[10, 12], test_fraction=0.4)
    np.testing.assert_array_equal(arrays_of(zipped).x, arrays.x)
    assert zipped.classes == dataset.classes


def test_images_that_cannot_be_read_are_named_counted_and_refused_above_a_share():
    pictures("photos", number=40)
    Path("photos/cat/0.png").write_bytes(b"no picture")
    cut = Path("photos/dog/3.png")
    cut.write_bytes(cut.read_bytes()[:200])
    with pytest.raises(UserError) as error:
        look(None, "photos/", target=None)
    assert "2 of 80 files cannot be read as images: photos/cat/0.png, photos/dog/3.png" in str(
        error.value
    )
    dataset = look(None, "photos/", target=None, most_unreadable=0.05)
    assert dataset.rows_by_class == [39, 39]
    assert "2 of 80 files cannot be read" in dataset.notes[1]


def test_sixteen_bits_keep_their_shades():
    for label in ("a", "b"):
        Path(f"photos/{label}").mkdir(parents=True)
        for place in range(6):
            shades = np.linspace(0, 65535, 1024).astype(np.uint16).reshape(32, 32)
            Image.fromarray(shades).save(f"photos/{label}/{place}.png")
    x = arrays_of(look(None, "photos/", target=None, image_mode="gray", test_fraction=0.4)).x
    np.testing.assert_allclose(x[0], np.linspace(0, 255, 1024), atol=1.1)


def test_folders_without_classes_or_with_others_are_refused():
    Path("photos").mkdir()
    with pytest.raises(UserError, match="there are no images in it; they should be in one folder"):
        look(None, "photos/", target=None)
    Image.new("RGB", (4, 4)).save("photos/1.png")
    with pytest.raises(UserError, match="holds files and no folders"):
        look(None, "photos/", target=None)
    pictures("train")
    pictures("test", classes=("cat", "fox"))
    with pytest.raises(UserError, match="test: has classes that train has not: fox"):
        look(None, "train/", target=None, test_path="test/")
    pictures("pets/train")
    pictures("pets/test")
    with pytest.raises(UserError, match="holds folders alone, where the images of a class were"):
        look(None, "pets/", target=None)


def test_zip_members_stay_inside():
    """Nothing is extracted, so that names of members cannot reach other folders."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("../../outside/cat/1.png", b"x")
    with pytest.raises(UserError):
        look(content.getvalue(), "own.zip", target=None)
    assert not Path("../../outside").exists()
