"""A small table, and functions that read and configure it, for tests of a user's own data."""

from pathlib import Path

import yaml
from conftest import ROOT

from bnmatrix.config.own_data import InspectedDataset
from bnmatrix.config.project import Project
from bnmatrix.config.run import RunConfig
from bnmatrix.datasets.data import Arrays, Prepared
from bnmatrix.datasets.own.reading import read_own
from bnmatrix.datasets.preparation import prepare
from bnmatrix.datasets.splitting import Split
from bnmatrix.errors import UserError
from bnmatrix.plan.dataset_loading import load_datasets
from bnmatrix.plan.loading import load_project
from bnmatrix.plan.preparation import preparation

GOOD = "width,height,colour,kind\n" + "".join(
    f"{row % 39},{row % 7},{'red' if row % 3 else 'blue'},{'p' if row % 2 else 'n'}\n"
    for row in range(40)
)

STRATIFIED = Split(fraction=0.2, take="stratified")


def look(content: str | bytes | None = GOOD, name: str = "own.csv", **entry) -> InspectedDataset:
    """Write a file, and load it as data set ``own`` in the same way as the configuration."""
    if content is not None:
        Path(name).write_bytes(content if isinstance(content, bytes) else content.encode())
    keys = {"path": name, "target": "kind"} | entry
    keys = {key: value for key, value in keys.items() if value is not None}
    datasets = load_datasets(RunConfig(), {"own": keys}, {"own": None}, Path())
    if "own" in datasets.missing:
        raise UserError(datasets.missing["own"])
    return datasets.available["own"]


def arrays_of(dataset: InspectedDataset) -> Arrays:
    """Read a data set in the same way as its preparation."""
    return read_own(preparation("own", dataset, STRATIFIED), Path("data/raw/own"))


def prepared(dataset: InspectedDataset, validation: Split = STRATIFIED) -> Prepared:
    """Read and split a data set."""
    return prepare(preparation("own", dataset, validation), arrays_of(dataset))


def configure(folder: Path, dataset, study=None, content: str | None = GOOD) -> Project:
    """Return a project with the declared configuration and a study of a user's own data."""
    config = folder / "config"
    config.mkdir(exist_ok=True)
    entries = {"datasets.yaml": {"own": dataset}, "studies.yaml": {"own": study}}
    for path in (ROOT / "config").glob("*.yaml"):
        text = path.read_text(encoding="utf-8")
        if path.name in entries:
            entry = yaml.safe_dump(entries[path.name], sort_keys=False)
            text += entry.replace("\n", "\n  ").join(["\n  ", ""])
        (config / path.name).write_text(text, encoding="utf-8")
    if content:
        Path("own.csv").write_text(content, encoding="utf-8")
    return load_project(root=folder)


def rows(number: int, classes: int = 2) -> str:
    """Return a table of numbers with ``count`` rows."""
    return "a,b,kind\n" + "".join(f"{i}.5,{i % 7},{i % classes}\n" for i in range(number))
