"""Combine the tables of a study's jobs, in the order of the variants."""

from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

from bnmatrix.config.datasets import Dataset
from bnmatrix.config.own_data import InspectedDataset
from bnmatrix.errors import UserError
from bnmatrix.files import write_json
from bnmatrix.plan.blocks import cover, finished_blocks
from bnmatrix.plan.jobs import jobs, split_name
from bnmatrix.plan.loading import load_project
from bnmatrix.plan.variants import variants
from bnmatrix.tables.csv import write_arrow_csv, write_csv
from bnmatrix.tables.job_files import FILES, load, machine_of, unpack, write_table
from bnmatrix.tables.provenance import study_provenance


def run(
    study: str,
    *,
    config: str | None,
    replicates: int,
    codes: Mapping[str, str],
    folder: Path,
    processed: Path,
    runs: Path,
    results: Path,
) -> None:
    """Write the tables of a study from the tables of its jobs.

    Args:
        study: name of the study.
        config: the configuration as JSON; if None, ``config/config.yaml`` is read.
        replicates: number of replicates of each variant.
        codes: digests of the code that trained the study, by stage.
        folder: the folder of the runs of all studies.
        processed: the folder of the prepared data.
        runs: the table of runs to write (CSV).
        results: the folder for all other tables.
    """
    project = load_project(config)
    matrix = variants(project, study)
    folders = []
    for job in jobs(project, study):
        place, spec = folder / study / job.name, job.spec(project)
        recipe = spec.model_copy(update={"code": codes.get(spec.stage, "")}).recipe
        blocks = cover(replicates, finished_blocks(place, recipe))
        folders += [place / str(block) for block in blocks]
    for path in folders:
        if not (path / "results.arrow").exists():
            raise UserError(
                f"{path} has no runs. Was {project.run.studies_file} changed during the run? "
                "Run again to train what the file declares now."
            )

    order = [variant.name for variant in matrix]
    for file, names in FILES.items():
        packed = load([path / f"{file}.arrow" for path in folders], order)
        for name in names:
            table = unpack(packed, name, replicates)
            if name == "runs":
                write_csv(table.to_pandas(), runs)
            elif name == "timings":
                write_arrow_csv(table, results / "timings.csv")
            else:
                write_table(table, results / f"{name}.parquet")
    splits = sorted({split_name(variant.settings) for variant in matrix})
    provenance = study_provenance(
        study,
        _source(project.dataset_of(study)),
        [processed / project.study(study).dataset / f"{split}.npz" for split in splits],
        [machine_of(path / "times.arrow") for path in folders],
    )
    write_json(results / "provenance.json", provenance)


def _source(dataset: Dataset) -> dict[str, str] | str:
    if isinstance(dataset, InspectedDataset):
        return {dataset.source.place: dataset.fingerprint}
    files = {file.name: file.sha256 for file in dataset.files}
    return files or f"scikit-learn {version('scikit-learn')}"
