"""Compare the results of this run with published results."""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd

from bnmatrix.errors import UserError
from bnmatrix.plan.published import RECORD, read_record
from bnmatrix.stages.pack import COMPRESSED, RUNS_TABLE
from bnmatrix.statistics.agreement import claims_agreement, runs_agreement
from bnmatrix.tables.csv import decompress, read_runs, stack, write_csv

_Compare = Callable[[pd.DataFrame, pd.DataFrame], pd.DataFrame]


def run(*, reports: Path, published: Path, output: Path) -> None:
    """Print and write how this run agrees with published results.

    Rows are identical, agree within intervals, or differ.

    Args:
        reports: the folder of ``runs.csv`` and ``claims.csv``.
        published: the folder of the published tables: of a packed run, or with the same files.
        output: the folder for ``agreement-runs.csv`` and ``agreement-claims.csv``.
    """
    _agree("runs", runs_agreement, "study", reports, published, output)
    _agree("claims", claims_agreement, "claim", reports, published, output)


def _agree(
    name: str, compare: _Compare, key: str, reports: Path, published: Path, output: Path
) -> None:
    agreement = compare(_table(reports, name), _table(published, name))
    counts = agreement["agreement"].value_counts()
    print(f"{name}.csv: " + ", ".join(f"{counts[word]} {word}" for word in counts.index))
    for row in agreement[agreement["agreement"] == "differs"].to_dict("records"):
        print("  differs: " + ", ".join(f"{k} {row[k]}" for k in row if k != "agreement"))
    one_sided = agreement[agreement["agreement"].str.startswith("only")]
    for word, rows in one_sided.groupby("agreement"):
        print(f"  {word}: {', '.join(dict.fromkeys(rows[key]))}")
    write_csv(agreement, output / f"agreement-{name}.csv")


def _table(folder: Path, name: str) -> pd.DataFrame:
    """Return a table of a run; a packed run has one of runs for each study.

    Raises:
        UserError: there is no such table.
    """
    path = folder / f"{name}.csv"
    if name == "runs" and (folder / RECORD).exists():
        studies = read_record(folder / RECORD).studies
        with TemporaryDirectory() as unpacked:
            paths = {study: Path(unpacked) / f"{study}.csv" for study in studies}
            for study, target in paths.items():
                decompress(folder / study / f"{RUNS_TABLE}{COMPRESSED}", target)
            return stack([read_runs(target) for target in paths.values()])
    if not path.is_file():
        raise UserError(f"{path}: there is no such file; run `snakemake --cores 4` first")
    return read_runs(path)
