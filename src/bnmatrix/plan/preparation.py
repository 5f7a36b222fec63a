"""Specifications of preparations, from the data sets of the configuration."""

from bnmatrix.config.datasets import Dataset, DeclaredDataset
from bnmatrix.config.own_data import InspectedDataset
from bnmatrix.datasets.built_in import Preparation
from bnmatrix.datasets.own.spec import OwnPreparation
from bnmatrix.datasets.raw_files import CheckedFile
from bnmatrix.datasets.splitting import Split


def preparation(name: str, dataset: Dataset, validation: Split) -> Preparation | OwnPreparation:
    """Return the specification of the preparation of a data set.

    Args:
        name: name of the data set.
        dataset: the data set.
        validation: how the validation part is split off.

    Raises:
        TypeError: the data set has neither a loader nor files of a user's own.
    """
    files = tuple(
        CheckedFile(name=file.name, size=file.size, sha256=file.sha256) for file in dataset.files
    )
    if isinstance(dataset, DeclaredDataset):
        return Preparation(
            dataset=name,
            files=files,
            examples=dataset.examples,
            shape=tuple(dataset.shape),
            classes=dataset.outputs,
            maximum=dataset.maximum,
            test_split=dataset.test_split,
            validation=validation,
            loader=dataset.loader,
        )
    if isinstance(dataset, InspectedDataset):
        return OwnPreparation(
            dataset=name,
            files=files,
            examples=dataset.examples,
            shape=tuple(dataset.shape),
            classes=dataset.outputs,
            maximum=dataset.maximum,
            test_split=dataset.test_split,
            validation=validation,
            source=dataset.source,
            class_names=tuple(dataset.classes),
            fingerprint=dataset.fingerprint,
        )
    raise TypeError(f"data set '{name}' has neither a loader nor files of a user's own")
