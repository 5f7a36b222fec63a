"""Pack the tables of a finished run, from which `make publish` makes its pages without training."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from bnmatrix.config.run import CONFIG_FILES, RunConfig
from bnmatrix.config.yaml_files import read_yaml
from bnmatrix.errors import UserError
from bnmatrix.files import write_json
from bnmatrix.installed import DEFAULTS
from bnmatrix.plan.blocks import finished_blocks
from bnmatrix.plan.loading import load_project
from bnmatrix.plan.plan import NO_TORCH, Plan, make_plan
from bnmatrix.plan.published import RECORD, Record
from bnmatrix.plan.variants import left_out_variants
from bnmatrix.stages import aggregate, compare, confuse
from bnmatrix.tables.csv import compress
from bnmatrix.tables.provenance import dirty_commits

RUNS, PROCESSED, RESULTS = Path("data/runs"), Path("data/processed"), Path("data/results")

#: Tables of a study that pages need, and that need the runs; others are computed from these.
TABLES = (
    *("history.parquet", "tuning.parquet", "measurements.parquet", "correctness.parquet"),
    "step_times.parquet",
)
#: What the page of a study needs of predictions and of the test images.
CONFUSIONS = ("confusion.csv", "confused.csv", "pictures.npy")
PROVENANCE = "provenance.json"
#: Tables that are compressed to a tenth of their size.
RUNS_TABLE, TIMINGS = "runs.csv", "timings.csv"
COMPRESSED = ".zst"


def run(*, config: str | None, published: Path) -> None:
    """Pack the run of the present folder. The same run gives the same bytes.

    Args:
        config: the configuration as JSON; if None, ``config/config.yaml`` is read.
        published: the folder of published results. A run that was packed there earlier is replaced;
            its ``README.md`` stays.

    Raises:
        UserError: a study of the run is not finished, was made by other code or declarations or by
            code that no commit has, or is of a user's own data; the message names the studies. Or
            the folder has other files.
    """
    plan = _plan(config)
    _check_finished(plan)
    studies = {study: _tables(plan, study) for study in plan.studies}
    record = Record.of(plan.project, dict(plan.available), plan.studies)
    _check_declared(record, plan)
    _clear(published)
    for study, files in studies.items():
        for name, path in files.items():
            _pack(path, published / study / name)
    write_json(published / RECORD, record.model_dump(mode="json"))
    size = sum(path.stat().st_size for path in published.rglob("*") if path.is_file())
    print(f"{published}: {len(studies)} studies, {size / 1e6:.1f} MB")


def _plan(config: str | None) -> Plan:
    """Return the plan of the run, if it can be published."""
    file = Path("config/config.yaml")
    keys = json.loads(config) if config else read_yaml(file) if file.exists() else {}
    plan = make_plan(keys, look=True, runs=RUNS)
    own = [study for study in plan.studies if plan.is_own(plan.project.study(study).dataset)]
    if own:
        raise UserError(
            f"{', '.join(own)}: the pages of a user's own data need the data, which is not "
            "published. Leave these studies out with the key `studies`"
        )
    for key in CONFIG_FILES:
        if getattr(plan.project.run, key) not in (None, RunConfig.model_fields[key].default):
            raise UserError(f"{key}: only the declarations of the package can be published")
    return plan


def _check_finished(plan: Plan) -> None:
    """Check that every job of every study was trained by the present code and declarations.

    Raises:
        UserError: some were not.
    """
    problems: dict[str, list[str]] = {}
    for study in plan.studies:
        for job in plan.jobs(study):
            folder = RUNS / study / job
            finished = finished_blocks(folder, plan.spec(study, job).recipe)
            if not all(block in finished for block in plan.blocks(study, job)):
                other = any(folder.glob("*/results.arrow")) and not finished
                reason = "of other code, libraries or declarations" if other else "not finished"
                problems.setdefault(reason, []).append(study)
    _refuse(problems)


def _check_declared(record: Record, plan: Plan) -> None:
    """Check that the run is of the declarations of this package, which its pages will use.

    Raises:
        UserError: studies differ.
    """
    with TemporaryDirectory() as elsewhere:
        packaged = load_project({"mirror": plan.project.run.mirror}, Path(elsewhere), check=False)
    changed = record.changed(packaged)
    if changed:
        _refuse({f"not as {DEFAULTS.resolve()} declares them": changed})


def _clear(published: Path) -> None:
    """Remove an earlier run, but no file of another kind.

    Raises:
        UserError: the folder has files and no earlier run.
    """
    published.mkdir(parents=True, exist_ok=True)
    old = [path for path in published.iterdir() if path.name != "README.md"]
    if old and not any((published / name).exists() for name in (RECORD, PROVENANCE)):
        raise UserError(f"{published}: has other files; choose another folder for --published")
    for path in old:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def _refuse(problems: Mapping[str, list[str]]) -> None:
    if problems:
        lines = [f"  {why}: {', '.join(dict.fromkeys(names))}" for why, names in problems.items()]
        raise UserError(
            "the run in this folder cannot be published:\n"
            + "\n".join(lines)
            + "\nRun `snakemake --cores 4` again, in a checkout without local changes"
        )


def _tables(plan: Plan, study: str) -> dict[str, Path]:
    """Return the tables of a study by their packed names.

    Raises:
        UserError: they are not there, are not those of the runs, or no commit has their code.
    """
    paths = {RUNS_TABLE: Path(f"reports/{study}.csv")}
    names = (*TABLES, *(CONFUSIONS if study in plan.matrix else ()), TIMINGS, PROVENANCE)
    paths |= {name: RESULTS / study / name for name in names}
    missing = [str(path) for path in paths.values() if not path.exists()]
    if missing:
        _refuse({f"not finished, without {', '.join(missing)}": [study]})
    dirty = dirty_commits(paths[PROVENANCE])
    if dirty:
        _refuse({f"made by code that no commit has ({', '.join(dirty)})": [study]})
    with TemporaryDirectory() as folder:
        again = _made_again(plan, study, Path(folder))
        for name, path in paths.items():
            if name != PROVENANCE and path.read_bytes() != again[name].read_bytes():
                hint = f" ({NO_TORCH})" if left_out_variants(plan.project, study) else ""
                _refuse({f"{path} is not what {RUNS} gives{hint}": [study]})
    return paths


def _made_again(plan: Plan, study: str, folder: Path) -> dict[str, Path]:
    """Make the tables of a study from its runs; return them by their packed names."""
    config, runs, results = plan.config, folder / "runs.csv", folder / "results"
    aggregate.run(
        study,
        config=config,
        replicates=plan.project.replicates_of(study),
        codes=plan.training_codes(study),
        folder=RUNS,
        processed=PROCESSED,
        runs=runs,
        results=results,
    )
    if study in plan.matrix:
        dataset = plan.project.study(study).dataset
        prepared = [PROCESSED / dataset / f"{name}.npz" for name in plan.splits_of_study(study)]
        compare.run(study, config=config, runs=runs, results=results)
        confuse.run(study, config=config, results=results, prepared=prepared)
    return {RUNS_TABLE: runs} | {path.name: path for path in results.iterdir()}


def _pack(source: Path, target: Path) -> None:
    """Copy a table, and compress it if it is one of the large ones."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.name in (RUNS_TABLE, TIMINGS):
        compress(source, target.with_name(target.name + COMPRESSED))
    else:
        shutil.copyfile(source, target)
