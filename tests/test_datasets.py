"""Loading, splitting and scaling, on genuine data."""

import gzip

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from bnmatrix.cli import main
from bnmatrix.config.datasets import DeclaredDataset
from bnmatrix.config.validation import validated
from bnmatrix.datasets.data import load_prepared, save
from bnmatrix.datasets.download import download
from bnmatrix.datasets.loaders import LOADERS
from bnmatrix.datasets.preparation import prepare
from bnmatrix.datasets.scaling import fit_scaling
from bnmatrix.datasets.splitting import Split, split
from bnmatrix.errors import UserError
from bnmatrix.files import as_json
from bnmatrix.plan.preparation import preparation


@pytest.fixture(scope="module")
def raw(mirror, project, tmp_path_factory):
    folder = tmp_path_factory.mktemp("raw")
    for name in ("mnist", "cifar10"):
        download(project.datasets[name], folder / name, folder / "partial", str(mirror))
    return folder


def read(dataset, raw):
    return LOADERS[dataset.loader](raw)


def prepared_from(name, dataset, raw, validation):
    return prepare(preparation(name, dataset, validation), read(dataset, raw))


def test_mnist(raw, project):
    arrays = read(project.datasets["mnist"], raw / "mnist")
    assert arrays.x.shape == (60000, 784)
    assert arrays.x.dtype == np.uint8
    # Counts by digit, as published.
    counts = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert np.bincount(arrays.y).tolist() == counts
    assert np.bincount(arrays.y_test).tolist() == [
        *(980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009)
    ]
    # The well-known mean and standard deviation of MNIST.
    assert arrays.x.mean() / 255 == pytest.approx(0.1307, abs=5e-5)
    assert arrays.x.std() / 255 == pytest.approx(0.3081, abs=5e-5)


def test_cifar10(raw, project):
    arrays = read(project.datasets["cifar10"], raw / "cifar10")
    assert arrays.x.shape == (50000, 3072)
    assert np.bincount(arrays.y).tolist() == [5000] * 10
    assert np.bincount(arrays.y_test).tolist() == [1000] * 10
    # Height, width, channel: channel means as published (red, green, blue).
    means = arrays.x.reshape(-1, 3).mean(axis=0) / 255
    assert means == pytest.approx([0.4914, 0.4822, 0.4465], abs=5e-5)
    # A pixel is similar to the pixel below it. If rows were mistaken for planes, it would not be.
    images = arrays.x[:500].reshape(-1, 32, 32, 3).astype(float)
    assert np.abs(np.diff(images, axis=1)).mean() < 20


def test_a_file_of_another_kind_is_refused(raw, project, tmp_path):
    for path in (raw / "mnist").iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    labels = gzip.compress(bytes([0, 0, 8, 3]) + bytes(12))
    (tmp_path / "t10k-labels-idx1-ubyte.gz").write_bytes(labels)
    with pytest.raises(UserError, match=r"t10k-labels-idx1-ubyte\.gz: not an idx file of 1-dim"):
        read(project.datasets["mnist"], tmp_path)


def test_data_must_be_as_declared(project, tmp_path):
    wrong = project.datasets["iris"].model_copy(update={"classes": ["setosa", "versicolor"]})
    with pytest.raises(UserError, match=r"number of classes: the data has 3, .* says 2"):
        prepared_from("iris", wrong, tmp_path, Split(fraction=0.2))


def test_the_message_about_an_unknown_loader_lists_the_loaders(project):
    entry = project.datasets["iris"].model_dump() | {"loader": "sklearn_irs"}
    with pytest.raises(UserError, match=r"must be one of .*did you mean 'sklearn_iris'\?"):
        validated(DeclaredDataset, entry, "config/datasets.yaml: datasets → iris")


def test_the_command_prepares_by_a_specification_alone(project, tmp_path, monkeypatch):
    """The command reads no configuration, so that an edited description does not run it again."""
    monkeypatch.chdir(tmp_path)
    iris, validation = project.datasets["iris"], Split(fraction=0.1, take="last")
    spec = preparation("iris", iris, validation)
    described = iris.model_copy(update={"title": "Flowers", "margin": 0.2, "homepage": "x"})
    assert preparation("iris", described, validation) == spec
    text = as_json(spec.model_dump(mode="json"))
    assert main(["prepare", "--spec", text, "--raw", ".", "--output", "there.npz"]) == 0
    save(prepared_from("iris", iris, tmp_path, validation), tmp_path / "here.npz")
    assert (tmp_path / "there.npz").read_bytes() == (tmp_path / "here.npz").read_bytes()


def test_iris_is_split_as_in_the_source(project, tmp_path):
    """The test rows are those of train_test_split(random_state=42); validation is the last 10 %."""
    dataset = project.datasets["iris"]
    prepared = prepared_from("iris", dataset, tmp_path, Split(fraction=0.1, take="last"))
    x, y = load_iris(return_X_y=True)
    x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=0.2, random_state=42)
    np.testing.assert_array_equal(prepared.x_test, x_test)
    np.testing.assert_array_equal(prepared.y_test, y_test)
    np.testing.assert_array_equal(prepared.x_train, x_train[:108])
    np.testing.assert_array_equal(prepared.x_validation, x_train[108:])
    np.testing.assert_array_equal(prepared.y_validation, y_train[108:])


def test_mnist_is_split_as_in_the_source(raw, project, tmp_path):
    mnist = project.datasets["mnist"]
    arrays = read(mnist, raw / "mnist")
    prepared = prepare(preparation("mnist", mnist, Split(fraction=0.2, seed=42)), arrays)
    x_train, x_validation = train_test_split(arrays.x, test_size=0.2, random_state=42)
    np.testing.assert_array_equal(prepared.x_train, x_train)
    np.testing.assert_array_equal(prepared.x_validation, x_validation)
    save(prepared, tmp_path / "a.npz")
    save(prepared, tmp_path / "b.npz")
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    again = load_prepared(tmp_path / "a.npz")
    np.testing.assert_array_equal(again.x_validation, prepared.x_validation)
    assert (again.classes, again.maximum) == (10, 255.0)


def test_splits_are_disjoint_and_complete():
    for part in (
        Split(fraction=0.2),
        Split(fraction=0.3, take="last"),
        Split(examples=7, seed=1),
        Split(fraction=0.2, take="stratified"),
    ):
        stay, apart = split(np.arange(101) % 3, part)
        assert sorted([*stay, *apart]) == list(range(101))
        assert len(apart) == part.sizes(101)[1]


def test_scalings():
    rng = np.random.default_rng(0)
    x = rng.normal(5, 3, (10_000, 4))
    x[:, 3] = 2.0  # a constant feature
    np.testing.assert_allclose(fit_scaling("raw", x, 0).apply(x), x, rtol=1e-6)
    np.testing.assert_allclose(
        fit_scaling("standardized", x, 0).apply(x), StandardScaler().fit_transform(x), atol=1e-6
    )
    centered = fit_scaling("centered", x, 0).apply(x)
    np.testing.assert_allclose(centered, x - x.mean(axis=0), atol=1e-5)
    unit = fit_scaling("unit", x, 0).apply(x)
    assert unit[:, :3].min(axis=0) == pytest.approx([0, 0, 0], abs=1e-6)
    assert unit[:, :3].max(axis=0) == pytest.approx([1, 1, 1], abs=1e-6)
    pixels = rng.integers(0, 200, (50, 3)).astype(np.uint8)
    np.testing.assert_allclose(fit_scaling("unit", pixels, 255).apply(pixels), pixels / 255)
