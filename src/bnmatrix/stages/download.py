"""Download a data set's files and verify them."""

from pathlib import Path

from bnmatrix.datasets.download import download
from bnmatrix.datasets.places import check_mirror
from bnmatrix.plan.loading import load_project


def run(dataset: str, *, config: str | None, raw: Path, partial: Path) -> None:
    """Download a data set's files into ``raw``, and verify them.

    Args:
        dataset: name of the data set.
        config: the configuration as JSON; if None, ``config/config.yaml`` is read.
        raw: the folder for the files.
        partial: the folder for unfinished transfers.
    """
    # The configuration decides which hosts are tried. The checksums decide what is accepted.
    project = load_project(config)
    check_mirror(project.run.mirror)
    download(project.datasets[dataset], raw, partial, project.run.mirror)
