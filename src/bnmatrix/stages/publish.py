"""Make the pages of a published run from its tables, without training."""

import json
import shutil
import sys
from pathlib import Path

from bnmatrix.errors import UserError
from bnmatrix.files import write_text
from bnmatrix.plan.engine import snakemake, workflow_options
from bnmatrix.plan.published import RECORD, read_record
from bnmatrix.stages.pack import COMPRESSED, PROVENANCE, RUNS_TABLE
from bnmatrix.tables.csv import decompress

#: The rules that analyse and draw. Without the others, the tables that they write are inputs.
RULES = (
    *("all", "compare", "combine", "variance", "judge", "judge_study"),
    *("plot", "plot_time", "plot_claims", "plot_tuning"),
    *("page", "claims_page", "variance_page", "overview", "explorer", "theory"),
)


def run(*, published: Path, output: Path, cores: int) -> None:
    """Make all pages of a published run.

    Args:
        published: the folder of published results, as ``bnmatrix pack`` writes it.
        output: the folder for ``reports/`` and tables. Pages that were made there earlier are
            removed.
        cores: number of cores.

    Raises:
        SystemExit: Snakemake fails; with its exit status.
        UserError: the folder has no published results, or ``output`` has other files.
    """
    record = read_record(published / RECORD)
    if output.exists() and not (output / RECORD).exists():
        raise UserError(f"{output}: is not a folder of published pages; choose another --output")
    shutil.rmtree(output, ignore_errors=True)
    for study in record.studies:
        _unpack(published / study, study, output)
    shutil.copyfile(published / RECORD, output / RECORD)
    config = json.dumps(record.config | {"published": RECORD}, indent=2)
    write_text(output / "config/config.yaml", f"{config}\n")
    options = [*workflow_options(), "--directory", str(output), "--cores", str(cores)]
    status = snakemake([*options, "--allowed-rules", *RULES, "--", "all"])
    if status:
        sys.exit(status)


def _unpack(packed: Path, study: str, output: Path) -> None:
    """Copy the tables of a study to the places that rules expect."""
    results = output / "data/results" / study
    results.mkdir(parents=True)
    if not (packed / PROVENANCE).exists():
        raise UserError(f"{packed}: the tables of the study are not there, but {RECORD} names it")
    for path in packed.iterdir():
        name = path.name.removesuffix(COMPRESSED)
        target = output / f"reports/{study}.csv" if name == RUNS_TABLE else results / name
        if path.suffix == COMPRESSED:
            decompress(path, target)
        else:
            shutil.copyfile(path, target)
