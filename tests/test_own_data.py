"""Data of one's own: what is read, what is refused and how it is said, and the way to its page."""

import hashlib
import io
import os
import subprocess
import sys
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from conftest import ROOT
from PIL import Image
from sklearn.datasets import load_iris, load_wine

from bnmatrix.config import OwnDataset, Split, validated
from bnmatrix.datasets.inspection import INSPECTED_VARIABLE, for_jobs, inspected
from bnmatrix.datasets.loaders import load
from bnmatrix.datasets.preparation import load_prepared, prepare, save
from bnmatrix.datasets.scaling import fit_scaling
from bnmatrix.errors import UserError
from bnmatrix.project import load_project

GOOD = "width,height,colour,kind\n" + "".join(
    f"{row},{row % 7},{'red' if row % 3 else 'blue'},{'p' if row % 2 else 'n'}\n"
    for row in range(40)
)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def look(content=GOOD, name="own.csv", **entry):
    """Write a file and look into it, as reading the configuration does."""
    if content is not None:
        Path(name).write_bytes(content if isinstance(content, bytes) else content.encode())
    keys = {"path": name, "target": "kind"} | entry
    keys = {key: value for key, value in keys.items() if value is not None}
    return inspected("own", validated(OwnDataset, keys, "datasets → own"), Path("data"))


def arrays_of(dataset):
    return load(dataset, Path("data/raw/own"))


# ------------------------------------------------------------------------------ tables


def test_a_table_is_read_as_it_stands():
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
        made = prepare(
            dataset, arrays_of(dataset), Split(fraction=0.2, take="stratified", seed=seed)
        )
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
    made = prepare(dataset, arrays_of(dataset), Split(fraction=0.2, take="stratified"))
    parts = [set(x[:, 0]) for x in (made.x_train, made.x_validation, made.x_test)]
    assert not parts[0] & parts[1] | parts[0] & parts[2] | parts[1] & parts[2]
    assert sum(map(len, parts)) == len(set(patients))
    assert 60 <= len(made.x_test) <= 100
    assert 45 <= len(made.x_validation) <= 85


def test_a_test_part_of_its_own():
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
    made = prepare(dataset, arrays_of(dataset), Split(fraction=0.1, take="stratified"))
    parts = [set(x[:, 0]) for x in (made.x_train, made.x_validation, made.x_test)]
    assert not parts[0] & parts[1] | parts[0] & parts[2] | parts[1] & parts[2]
    # As many as were asked for, as far as groups allow.
    assert len(made.x_test) == pytest.approx(120, abs=10)
    assert len(made.x_validation) == pytest.approx(18, abs=5)
    assert dataset.train_and_test() == (300 - len(made.x_test), len(made.x_test))


def test_groups_in_both_of_two_files_are_refused():
    frame = pd.DataFrame({"a": range(60), "patient": np.arange(60) // 5, "kind": np.arange(60) % 2})
    frame.to_csv("own.csv", index=False)
    frame.assign(patient=frame["patient"] + 8).to_csv("test.csv", index=False)
    with pytest.raises(UserError, match="group 'patient': 10, 11, 8, 9 are in the test part and"):
        look(None, group="patient", test_path="test.csv")


def test_what_pandas_writes_of_its_index_is_no_feature():
    frame = pd.DataFrame({"a": np.random.default_rng(0).random(60), "kind": np.arange(60) % 2})
    frame.sort_values("kind").to_parquet("own.parquet")
    assert look(None, "own.parquet").shape == [1]
    frame.to_csv("own.csv")
    with pytest.raises(UserError, match="has a column without a name"):
        look(None)


def test_numbers_stored_as_text_are_numbers():
    frame = pd.DataFrame({"a": [str(i) for i in range(40)], "kind": np.arange(40) % 2})
    frame.to_parquet("own.parquet")
    np.testing.assert_array_equal(arrays_of(look(None, "own.parquet")).x[:, 0], range(40))


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
    "another separator": (GOOD.replace(",", ";"), {}, "set `separator`"),
    "two columns of a name": (
        GOOD.replace("height", "width"),
        {},
        "several columns of the same name: width",
    ),
    "a row without a class": (
        GOOD.replace("5,5,red,p", "5,5,red,"),
        {},
        "target 'kind': no class in row 6; fill it in",
    ),
    "one class": (
        GOOD.replace(",n\n", ",p\n"),
        {},
        "kind: all 40 examples are of one class, 'p'",
    ),
    "a class with one row": (
        GOOD + "1,1,red,q\n",
        {},
        "each class needs 3 examples, for training, validation and test: 'q' has 1",
    ),
    "text among numbers": (
        GOOD.replace("4,4,red", "4,four,red"),
        {},
        "column 'height', row 5: 'four' is not a number. Correct it or leave the cell empty; if",
    ),
    "an infinity": (
        GOOD.replace("4,4,red", "4,inf,red"),
        {},
        "column 'height': infinite or beyond 1e30 in row 5",
    ),
    "an empty column": (
        "a,b,kind\n" + "".join(f"{row},,{row % 2}\n" for row in range(40)),
        {},
        "column 'b': is empty; leave it out",
    ),
    "identifiers": (
        "name,kind\n" + "".join(f"name {row},{row % 2}\n" for row in range(80)),
        {},
        "column 'name': 80 different texts in 80 rows look like names or identifiers",
    ),
    "dates": (
        "day,kind\n" + "".join(f"2020-01-{row % 28 + 1:02d},{row % 2}\n" for row in range(80)),
        {},
        "column 'day': holds date32[day], neither numbers nor categories",
    ),
    "measurements as a target": (
        "a,kind\n" + "".join(f"{row},{row * 1.37}\n" for row in range(80)),
        {},
        "80 different numbers (0, 1.37, …) in 80 rows look like measurements, and predicting them "
        "is regression, which bnmatrix does not do",
    ),
    "counts as a target": (
        "a,kind\n" + "".join(f"{row},{row * row}\n" for row in range(80)),
        {},
        "is regression, which bnmatrix does not do",
    ),
    "another encoding": (
        GOOD.replace("red", "r\xe9d").encode("latin1"),
        {},
        "column 'colour': holds bytes that are not UTF-8",
    ),
    "too few rows for the classes": (
        "a,kind\n" + "".join(f"{row},{row % 8}\n" for row in range(24)),
        {},
        "24 examples of 8 classes are too few",
    ),
    "too few groups": (GOOD, {"group": "colour"}, "group 'colour' has 2 values"),
    "no such file": (GOOD, {"path": "owm.csv"}, "owm.csv: there is no such file or folder"),
    "a file of no known kind": (GOOD, {"path": "own.xls"}, "'own.xls': cannot tell what this is"),
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
    "no target": (GOOD, {"target": None}, "target: which column holds the classes?"),
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


def test_what_does_not_fit_in_memory_is_refused_before_it_is_read():
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


# ------------------------------------------------------------------------------ looking once


def test_what_was_found_is_remembered_until_the_file_changes(monkeypatch):
    first = look()
    code = (
        "import sys; from pathlib import Path; from bnmatrix.config import OwnDataset;"
        "from bnmatrix.datasets.inspection import inspected;"
        "found = inspected('own', OwnDataset(path='own.csv', target='kind'), Path('data'));"
        "print(found.examples.train, {'numpy', 'pandas', 'pyarrow'} & set(sys.modules))"
    )
    again = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": str(ROOT / "workflow")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert again.stdout == "40 set()\n"
    changed = look(GOOD + "1,2,red,p\n")
    assert changed.examples.train == 41
    assert changed.fingerprint != first.fingerprint
    # A job elsewhere, where the file is not.
    monkeypatch.setenv(INSPECTED_VARIABLE, for_jobs({"own": changed}))
    Path("own.csv").unlink()
    assert look(None) == changed


def test_prepared_data_is_the_same_each_time():
    dataset = look(GOOD.replace("3,3,blue", "3,,blue"))
    for name in ("a.npz", "b.npz"):
        split = Split(fraction=0.2, take="stratified")
        save(prepare(dataset, arrays_of(dataset), split), Path(name))
    assert Path("a.npz").read_bytes() == Path("b.npz").read_bytes()
    assert np.isnan(load_prepared(Path("a.npz")).x_train).sum() <= 1


# ------------------------------------------------------------------------------ studies


def configure(folder, dataset, study=None, content=GOOD):
    """Return a project that has the packaged configuration, and a study of one's own."""
    config = folder / "config"
    config.mkdir(exist_ok=True)
    for path in (ROOT / "config").glob("*.yaml"):
        text = path.read_text(encoding="utf-8")
        own = {"datasets.yaml": {"own": dataset}, "studies.yaml": {"own": study}}.get(path.name)
        text += (
            yaml.safe_dump(own, sort_keys=False).replace("\n", "\n  ").join(["\n  ", ""])
            if own
            else ""
        )
        (config / path.name).write_text(text, encoding="utf-8")
    if content:
        Path("own.csv").write_text(content, encoding="utf-8")
    return load_project(root=folder)


def rows(number, classes=2):
    return "a,b,kind\n" + "".join(f"{i},{i % 7},{i % classes}\n" for i in range(number))


def test_a_study_needs_only_its_name(folder):
    project = configure(folder, {"path": "own.csv", "target": "kind"}, None, rows(300))
    study = project.study("own")
    assert study.dataset == "own"
    assert study.axes == {"normalization": ["none", "batch"], "batch_size": [4, 8, 16, 32]}
    assert study.settings["folds"] == 5
    assert study.settings["tuned"] is True
    assert study.reasons.keys() >= {"hidden_layers", "batch_size", "epochs", "tuned", "folds"}
    # What a claim has for one's own data is judged on it, and others are not.
    judged = [name for name, claim in project.claims.items() if claim.own]
    assert {"generalization", "small-batch", "train-inference"} <= set(judged)
    own = project.claims["generalization"].own[0]
    assert (own.studies, own.margin) == (["own"], 0.01)
    small = project.claims["small-batch"].own[0]
    assert small.arguments == {"axis": "batch_size", "at": 4, "reference": 32}


def test_defaults_follow_size_and_shape(folder):
    few = configure(folder, {"path": "own.csv", "target": "kind"}, None, rows(300)).study("own")
    many = configure(folder, {"path": "own.csv", "target": "kind"}, None, rows(40_000)).study("own")
    assert max(many.axes["batch_size"]) > max(few.axes["batch_size"])
    assert many.settings["epochs"] < few.settings["epochs"]
    assert many.settings["hidden_layers"] == [256, 128]
    assert "folds" not in many.settings
    assert "tuned" not in many.settings
    assert many.replicates < few.replicates


def test_what_is_said_of_a_study_goes_before_defaults(folder):
    entry = {
        "title": "Mine",
        "settings": {"steps": 30, "evaluate_every": 10, "learning_rate": 0.01, "folds": None},
        "axes": {"batch_size": [5], "activation": ["relu", "tanh"]},
        "replicates": 3,
    }
    project = configure(folder, {"path": "own.csv", "target": "kind"}, entry, rows(300))
    study = project.study("own")
    assert study.title == "Mine"
    assert list(study.axes) == ["normalization", "batch_size", "activation"]
    assert study.axes["batch_size"] == [5]
    assert study.replicates == 3
    assert not {"epochs", "tuned"} & set(study.settings)
    assert not {"epochs", "tuned", "folds", "batch_size"} & set(study.reasons)


def test_errors_name_the_entry(folder):
    with pytest.raises(UserError) as error:
        configure(folder, {"path": "own.csv", "target": "knd"})
    assert str(error.value).startswith("config/datasets.yaml: datasets → own: own.csv: target:")
    with pytest.raises(UserError, match="is split by groups, and cannot be cross-validated"):
        configure(
            folder,
            {"path": "own.csv", "target": "kind", "group": "a"},
            {"settings": {"folds": 5}},
            rows(300),
        )
    with pytest.raises(UserError, match="batch_size: 900 is more than the 192 training examples"):
        configure(
            folder,
            {"path": "own.csv", "target": "kind"},
            {"axes": {"batch_size": [900]}},
            rows(300),
        )


def test_what_is_wrong_with_an_entry_is_said(folder):
    dataset = {"path": "own.csv", "target": "kind"}
    for study, message in (
        ({"settings": "abc"}, "own: settings: Input should be a valid dictionary"),
        ({"axes": ["batch_size"]}, "own: axes: Input should be a valid dictionary"),
        ({"axes": {"batch_size": [16, "32"]}}, "batch_size.*valid integer"),
        ({"dataset": ["own"]}, "dataset"),
        ({"settings": {"folds": 400}}, "folds: 400 is more than the 150 examples"),
        ({"settings": {"folds": 200}}, "folds: 200 is more than the 150 examples"),
    ):
        with pytest.raises(UserError, match=message):
            configure(folder, dataset, study, rows(300))
    configure(folder, dataset, {"axes": None, "settings": None}, rows(300))
    configure(folder, dataset, None, rows(300))
    studies = folder / "config/studies.yaml"
    text = studies.read_text(encoding="utf-8")
    studies.write_text(text.replace("\n  own:", "\n  onw:"), encoding="utf-8")
    with pytest.raises(UserError, match="there is no data set 'onw' \\(did you mean 'own'\\?\\)"):
        load_project(root=folder)
    studies.write_text(f"{text}\n  iris-64-32:\n    dataset: own\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"'iris-64-32' stands in line .* and again in line"):
        load_project(root=folder)


def test_data_that_no_chosen_study_needs_is_not_looked_into(folder, monkeypatch):
    configure(folder, {"path": "own.csv", "target": "kind"}, None, rows(300))
    Path("own.csv").unlink()
    project = load_project({"studies": ["iris-64-32"]}, root=folder)
    assert project.chosen == ["iris-64-32"]
    with pytest.raises(UserError, match="not looked into, since no study of it is among"):
        project.study("own")
    # Nor in jobs, which are not told what was chosen.
    monkeypatch.setenv(INSPECTED_VARIABLE, for_jobs(project.datasets))
    assert "own" in load_project({}, root=folder).unavailable


def test_own_data_can_be_trained_in_pytorch_and_measured_otherwise(folder):
    dataset = {"path": "own.csv", "target": "kind"}
    project = configure(folder, dataset, {"settings": {"framework": "torch"}}, rows(300))
    assert project.study("own").measures == {}
    assert not project.claims["train-inference"].own
    assert project.claims["generalization"].own
    # Of further axes, claims are judged at the first value, where it applies.
    both = {"axes": {"framework": ["keras", "torch"], "placement": ["after", "before"]}}
    claims = configure(folder, dataset, both, rows(300)).claims
    where = {"framework": ["keras", None], "placement": ["after", None]}
    assert claims["regularization"].own[0].where == where
    project = configure(folder, dataset, {"measures": {"gradients": [0]}}, rows(300))
    assert not project.claims["order"].own


def test_an_address_that_cannot_be_had_leaves_the_study_out(folder, monkeypatch):
    content = rows(300).encode()
    entry = {
        "url": "http://127.0.0.1:9/own.csv",
        "sha256": hashlib.sha256(content).hexdigest(),
        "target": "kind",
    }
    project = configure(folder, entry)
    assert "own" not in project.studies
    assert "own cannot be had" in project.unavailable["own"]
    with pytest.raises(UserError, match="own cannot be had"):
        project.study("own")
    # A mirror has it.
    (folder / "mirror/own").mkdir(parents=True)
    (folder / "mirror/own/own.csv").write_bytes(content)
    monkeypatch.setenv("BNMATRIX_MIRROR", str(folder / "mirror"))
    assert configure(folder, entry).datasets["own"].examples.train == 300


def test_an_address_is_downloaded_and_verified_once(folder):
    """From a server on loopback: without a declared size, and refused when it is another file."""
    asked = []
    content = rows(300).encode()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    entry = {
        "url": f"http://127.0.0.1:{server.server_port}/data/own.csv",
        "sha256": hashlib.sha256(content).hexdigest(),
        "target": "kind",
    }
    try:
        project = configure(folder, entry)
        assert project.datasets["own"].examples.train == 300
        assert (folder / "data/raw/own/own.csv").read_bytes() == content
        assert configure(folder, entry).datasets == project.datasets
        assert asked == ["/data/own.csv"]
        wrong = configure(folder, entry | {"sha256": "0" * 64})
        assert "own" not in wrong.studies
        assert "its SHA-256 is" in wrong.unavailable["own"]
    finally:
        server.shutdown()


def test_zip_members_stay_inside():
    """Nothing is extracted, so that no name can lead anywhere."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("../../outside/cat/1.png", b"x")
    with pytest.raises(UserError):
        look(content.getvalue(), "own.zip", target=None)
    assert not Path("../../outside").exists()
