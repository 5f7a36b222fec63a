"""Count what the best variant of a study confuses, and take the pictures of its worst errors."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from bnmatrix.config.datasets import Dataset
from bnmatrix.datasets.data import load_prepared
from bnmatrix.files import atomic_path
from bnmatrix.plan.loading import load_project
from bnmatrix.statistics.confusions import best_variant, confusion, most_confused
from bnmatrix.tables.csv import read_runs, write_csv

#: Maximum number of confused test examples in the list.
EXAMPLES = 18


def run(study: str, *, config: str | None, results: Path, prepared: Sequence[Path]) -> None:
    """Write the confusions of the best variant, and pictures of the most confused examples.

    Args:
        study: name of the study.
        config: the configuration as JSON; if None, ``config/config.yaml`` is read.
        results: the folder of the study's tables, to read and to write. ``pictures.npy`` gets
            the pixels of the examples in ``confused.csv``: examples × height × width (× 3), from 0
            to the data set's maximum; nothing if the data are no images.
        prepared: the study's prepared data (.npz).
    """
    dataset = load_project(config).dataset_of(study)
    classes = dataset.outputs
    best = [("variant", "==", best_variant(read_runs(results / "summary.csv"), classes))]
    predictions = pd.read_parquet(results / "predictions.parquet", filters=best)
    confused = most_confused(predictions, EXAMPLES)
    write_csv(confusion(predictions, classes), results / "confusion.csv")
    write_csv(confused, results / "confused.csv")
    with atomic_path(results / "pictures.npy") as temporary:
        np.save(temporary, _pictures(dataset, confused["example"], prepared))


def _pictures(
    dataset: Dataset, examples: pd.Series, prepared: Sequence[Path]
) -> npt.NDArray[np.generic]:
    """Return the pixels of test examples, which are the same in every split."""
    if not dataset.pictures:
        return np.zeros(0)
    pixels = load_prepared(prepared[0]).x_test[examples.to_numpy(int)]
    pictures: npt.NDArray[np.generic] = pixels.reshape(-1, *dataset.shape)
    return pictures
