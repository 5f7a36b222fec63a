"""Loading of data sets: declared ones are validated, and a user's own are also inspected."""

import re
from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bnmatrix.config.datasets import Dataset, DeclaredDataset
from bnmatrix.config.own_data import InspectedDataset, OwnDataset
from bnmatrix.config.run import RunConfig
from bnmatrix.config.validation import validated
from bnmatrix.datasets.own.cache import inspected, inspected_by_main_process
from bnmatrix.datasets.own.source import OwnSource
from bnmatrix.datasets.own.spec import Inspection
from bnmatrix.errors import UserError
from bnmatrix.models import FILE_NAME
from bnmatrix.plan.own_metric import primary_metric


@dataclass(frozen=True)
class Datasets:
    """The data sets of a configuration.

    Attributes:
        available: the data sets that studies can use, by name.
        missing: for each of a user's own data sets that no study can use, the reason.
    """

    available: dict[str, Dataset] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        """Names of all data sets."""
        return [*self.available, *self.missing]


def dataset_of(study: str, entry: object, names: Container[str]) -> str | None:
    """Return the data set of a study: the one that the entry names, or the one with the same name.

    Args:
        study: name of the study.
        entry: the entry of the study in the configuration, not yet validated.
        names: names of all data sets.

    Returns:
        The name, which may be unknown; None if there is none.
    """
    named = entry.get("dataset") if isinstance(entry, Mapping) else None
    if named is not None:
        return named if isinstance(named, str) else None
    return study if study in names else None


def load_datasets(
    run: RunConfig, entries: Mapping[str, Any], studies: Mapping[str, Any], root: Path
) -> Datasets:
    """Validate data sets, and inspect those of a user's own that the chosen studies use.

    A data set of a user's own is among the missing ones if its files are not there, cannot be read,
    or hold nothing that a classifier can learn from.

    Args:
        run: the content of ``config.yaml``.
        entries: entries of data sets, by name.
        studies: entries of studies, by name.
        root: the directory that holds the folder ``data``.

    Raises:
        UserError: an entry is wrong.
    """
    used = {
        dataset_of(name, entry, entries)
        for name, entry in studies.items()
        if run.studies == "all" or name in run.studies
    }
    in_job = inspected_by_main_process()
    if in_job is not None:
        # A job may run where the files are missing, and uses the inspections of the main process.
        used &= set(in_job)
    datasets = Datasets()
    for name, entry in entries.items():
        where = f"{run.datasets_file}: datasets → {name}"
        if not re.match(FILE_NAME, name):
            raise UserError(
                f"{where}: a folder gets this name: use letters, digits, '.', '_' and '-', and "
                "begin with a letter or digit"
            )
        if isinstance(entry, Mapping) and "loader" in entry:
            datasets.available[name] = validated(DeclaredDataset, entry, where)
            continue
        if isinstance(entry, Mapping) and not {"path", "url"} & set(entry):
            raise UserError(f"{where}: give `loader`, or `path` or `url` for data of your own")
        declared = validated(OwnDataset, entry, where)
        if name not in used:
            datasets.missing[name] = (
                f"{where}: not inspected, because no study in `studies` of config.yaml uses it"
            )
            continue
        try:
            asked = run.studies != "all"
            inspection = inspected(name, _source(declared), root / "data", run.mirror, again=asked)
        except UserError as error:
            # A file that is missing or broken stops its own studies and no others.
            datasets.missing[name] = f"{where}: {error}"
        else:
            datasets.available[name] = _inspected_dataset(name, declared, inspection, where)
    return datasets


def _source(declared: OwnDataset) -> OwnSource:
    """Return the fields that decide what is read, without the descriptions for pages."""
    return OwnSource.model_validate(declared.model_dump(include=set(OwnSource.model_fields)))


def _inspected_dataset(
    name: str, declared: OwnDataset, inspection: Inspection, where: str
) -> InspectedDataset:
    """Return a user's own data set, from its declaration and the result of the inspection."""
    source, chosen = _source(declared), primary_metric(declared, inspection, where)
    return InspectedDataset(
        title=declared.title or name,
        folder=name if source.files else None,
        files=source.files,
        examples=inspection.examples,
        shape=inspection.shape,
        classes=inspection.classes,
        target=inspection.target,
        maximum=inspection.maximum,
        test_split=inspection.test_split,
        homepage=declared.homepage,
        primary=chosen.metric.name,
        margin=chosen.margin,
        reasons=chosen.reasons,
        source=source,
        fingerprint=inspection.fingerprint,
        notes=inspection.notes,
        doubts=inspection.doubts,
        rows_by_class=inspection.rows_by_class,
        test_rows_by_class=inspection.test_rows_by_class,
        grouped=inspection.grouped,
        sizes=inspection.sizes,
    )
