"""The command line: each stage of the pipeline is a command, run by a rule or by hand."""

import argparse
import json
import logging
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bnmatrix import logs
from bnmatrix.errors import UserError
from bnmatrix.supervision import supervised

log = logging.getLogger("bnmatrix")

# Each command imports what it needs when it runs: a plot does not wait for TensorFlow.


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return the exit status.

    A command with a log file runs in a child process, so that its end is told even if a signal
    ends it.
    """
    options = _parser().parse_args(arguments)
    if options.log:
        return supervised(lambda: _run(options), options.command, Path(options.log))
    return _run(options)


def _run(options: argparse.Namespace) -> int:
    logs.set_up(options.log)
    try:
        options.run(options)
    except UserError as error:
        log.error("Error: %s", error)
        return 1
    except Exception:
        log.exception("%s failed", options.command)
        return 1
    return 0


def _project(options: argparse.Namespace):
    from bnmatrix.project import load_project

    return load_project(json.loads(options.config) if options.config else None)


def download(options: argparse.Namespace) -> None:
    """Download a data set's files and verify them."""
    from bnmatrix.datasets.availability import check_mirror
    from bnmatrix.datasets.download import download

    project = _project(options)
    check_mirror(project.run.mirror)
    dataset = project.datasets[options.dataset]
    download(dataset, options.raw, options.partial, project.run.mirror)


def prepare(options: argparse.Namespace) -> None:
    """Verify, read and split a data set."""
    from bnmatrix.config import Split
    from bnmatrix.datasets import preparation
    from bnmatrix.datasets.download import verify
    from bnmatrix.datasets.loaders import load

    dataset = _project(options).datasets[options.dataset]
    for file in dataset.files:
        verify(options.raw / file.name, file)
    split = Split.model_validate_json(options.validation)
    prepared = preparation.prepare(dataset, load(dataset, options.raw), split)
    preparation.save(prepared, options.output)
    log.info(
        "%s: %d training, %d validation and %d test examples",
        *(options.output, len(prepared.x_train), len(prepared.x_validation), len(prepared.x_test)),
    )


def train(options: argparse.Namespace) -> None:
    """Train all replicates of a strip: of variants that one job trains."""
    from bnmatrix.training.framework import configured

    spec = json.loads(options.spec)
    framework = configured(_framework(spec), options.threads, options.gpus)

    from bnmatrix.datasets.preparation import load_prepared
    from bnmatrix.packing import save
    from bnmatrix.provenance import git_commit
    from bnmatrix.training.replicates import train_strip

    outcome = train_strip(spec, load_prepared(options.data), framework, options.threads)
    commit = git_commit(Path(__file__).parent)
    save(options.folder, outcome.tables, outcome.machine | {"commit": commit})


def _framework(spec: dict[str, Any]) -> str:
    """Return the framework of a strip's variants: a job has one."""
    (name,) = {variant["settings"]["framework"] for variant in spec["variants"]}
    return name


def aggregate(options: argparse.Namespace) -> None:
    """Put the tables of a study's strips together, in the order of the matrix."""
    from pyarrow import csv as arrow_csv

    from bnmatrix.files import atomic_path, write_json
    from bnmatrix.packing import FILES, load, machine_of, unpack, write_table
    from bnmatrix.provenance import study_provenance
    from bnmatrix.tables import write_csv
    from bnmatrix.variants import split_name, strips, variants

    project = _project(options)
    matrix = variants(project, options.study)
    folders = [
        options.folder / options.study / strip.name for strip in strips(project, options.study)
    ]
    for folder in folders:
        if not (folder / "results.arrow").exists():
            raise UserError(
                f"{folder} has no runs. Was {project.run.studies_file} changed meanwhile? "
                "Run again, to train what it declares now."
            )

    order = [variant.name for variant in matrix]
    for file, names in FILES.items():
        packed = load([folder / f"{file}.arrow" for folder in folders], order)
        for name in names:
            table = unpack(packed, name)
            if name == "runs":
                write_csv(table.to_pandas(), options.runs)
            elif name == "timings":
                with atomic_path(options.results / "timings.csv") as temporary:
                    arrow_csv.write_csv(table, temporary)
            else:
                write_table(table, options.results / f"{name}.parquet")
    splits = sorted({split_name(variant.settings) for variant in matrix})
    provenance = study_provenance(
        options.study,
        project.dataset_of(options.study),
        [options.processed / project.study(options.study).dataset / f"{s}.npz" for s in splits],
        [machine_of(folder / "times.arrow") for folder in folders],
    )
    write_json(options.results / "provenance.json", provenance)


def compare(options: argparse.Namespace) -> None:
    """Summarize a study's variants, and compare each with its baseline."""
    import pandas as pd

    from bnmatrix.statistics.comparisons import compare, summarize
    from bnmatrix.statistics.confusions import best_variant, confusion, most_confused
    from bnmatrix.statistics.frameworks import compare_frameworks
    from bnmatrix.tables import read_runs, write_csv
    from bnmatrix.variants import test_share, variants

    runs, project = read_runs(options.runs), _project(options)
    dataset = project.dataset_of(options.study)
    classes = len(dataset.classes)
    shares = {
        variant.name: share
        for variant in variants(project, options.study)
        if (share := test_share(dataset, variant.settings)) is not None
    }
    summary = summarize(runs, classes, shares)
    write_csv(summary, options.summary)
    write_csv(compare(runs, classes, shares), options.comparisons)
    write_csv(compare_frameworks(runs, classes, dataset.margin, shares), options.frameworks)
    best = [("variant", "==", best_variant(summary, classes))]
    predictions = pd.read_parquet(options.predictions, filters=best)
    write_csv(confusion(predictions, classes), options.confusion)
    write_csv(most_confused(predictions, options.examples), options.confused)


def judge(options: argparse.Namespace) -> None:
    """Judge the claims, and compare replications with what was published."""
    import pyarrow as pa

    from bnmatrix.claims import analyse, judge, replicate
    from bnmatrix.packing import write_table
    from bnmatrix.tables import write_csv

    project = _project(options)
    root, studies = options.results, json.loads(options.studies)
    tables = {study: _arm(project, study, root) for study in studies}
    analyses, pairs = analyse(project, tables, wall_clock=False)
    timed, timed_pairs = analyse(project, tables, wall_clock=True)
    write_csv(judge(project, analyses), root / "reports/claims.csv")
    write_csv(timed, root / "reports/claims-timing.csv")
    write_csv(analyses, root / "data/results/claims/analyses.csv")
    for name, table in (("pairs", pairs), ("pairs-timing", timed_pairs)):
        arrow = pa.Table.from_pandas(table, preserve_index=False)
        write_table(arrow, root / f"data/results/claims/{name}.parquet")
    replications = [replicate(project, tables, wall_clock=clock) for clock in (False, True)]
    write_csv(replications[0], root / "reports/replications.csv")
    write_csv(replications[1], root / "data/results/claims/replications-timing.csv")
    log.info("%d claims, %d analyses, %d pairs", len(project.claims), len(analyses), len(pairs))


def judge_study(options: argparse.Namespace) -> None:
    """Judge the claims on one study alone."""
    from bnmatrix.claims import analyse, judge
    from bnmatrix.tables import write_csv

    project, root = _project(options), options.results
    tables = {options.study: _arm(project, options.study, root)}
    analyses, _ = analyse(project, tables, wall_clock=False)
    write_csv(judge(project, analyses[analyses["study"] == options.study]), options.output)


def _arm(project: Any, study: str, root: Path) -> Any:
    """Return the tables of a study, from the folder that has data/ and reports/."""
    import pandas as pd

    from bnmatrix.statistics.endpoints import Arm
    from bnmatrix.tables import read_runs

    results = root / "data/results" / study
    return Arm(
        runs=read_runs(root / f"reports/{study}.csv"),
        history=pd.read_parquet(results / "history.parquet"),
        measurements=pd.read_parquet(results / "measurements.parquet"),
        timings=read_runs(results / "timings.csv"),
        step_times=pd.read_parquet(results / "step_times.parquet"),
        classes=len(project.dataset_of(study).classes),
    )


def combine(options: argparse.Namespace) -> None:
    """Put the tables of several studies together."""
    from bnmatrix.files import write_json
    from bnmatrix.tables import read_runs, stack, write_csv

    write_csv(stack([read_runs(path) for path in options.tables]), options.runs)
    write_csv(stack([read_runs(path) for path in options.timing_tables]), options.timings)
    studies = [json.loads(path.read_text(encoding="utf-8")) for path in options.provenances]
    write_json(options.provenance, {study.pop("study"): study for study in studies})


def plot(options: argparse.Namespace) -> None:
    """Draw a study's figures."""
    import pandas as pd

    from bnmatrix.datasets.preparation import load_prepared
    from bnmatrix.report.figures import StudyTables, draw_all
    from bnmatrix.tables import read_runs

    project = _project(options)
    study, dataset = project.study(options.study), project.dataset_of(options.study)
    images = None
    if dataset.pictures:
        # The test part is the same in every split.
        pixels = load_prepared(options.prepared[0]).x_test
        images = pixels.reshape(-1, *dataset.shape) / dataset.maximum
    tables = StudyTables(
        runs=read_runs(options.runs),
        history=pd.read_parquet(options.results / "history.parquet"),
        **{
            name: read_runs(options.results / f"{name}.csv")
            for name in ("summary", "comparisons", "confusion", "confused")
        },
        classes=dataset.classes,
        printed=study.source.printed if study.source else [],
        images=images,
    )
    draw_all(options.output, tables)


def plot_time(options: argparse.Namespace) -> None:
    """Draw what training took, which differs from run to run."""
    from bnmatrix.report.drawing import save, set_style
    from bnmatrix.report.figures import time_and_accuracy
    from bnmatrix.tables import read_runs

    set_style()
    drawing = time_and_accuracy(read_runs(options.runs), read_runs(options.timings))
    save(drawing, options.output)


def plot_claims(options: argparse.Namespace) -> None:
    """Draw what was measured for each claim, and how learning rates were tuned."""
    from bnmatrix.report.claim_figures import draw_claims, draw_tuning

    project = _project(options)
    root = options.results
    tables = {study: _arm(project, study, root) for study in json.loads(options.studies)}
    draw_claims(options.output, project, tables)
    draw_tuning(options.output, project, list(tables), root / "data/results")


def claims_page(options: argparse.Namespace) -> None:
    """Render the page of all claims, and that of the replications."""
    from bnmatrix.files import write_text
    from bnmatrix.report.claim_pages import claims_page, latex_scorecard, replications_page
    from bnmatrix.tables import read_runs

    project, studies = _project(options), json.loads(options.studies)
    shared = (project, studies, options.results, options.links)
    write_text(options.output, claims_page(*shared))
    write_text(options.output.with_name("replications.html"), replications_page(*shared))
    claims = read_runs(options.results / "reports/claims.csv")
    write_text(options.output.with_name("claims.tex"), latex_scorecard(claims, project))


def page(options: argparse.Namespace) -> None:
    """Render the page of a study."""
    from bnmatrix.files import write_text
    from bnmatrix.report.pages import latex_table, study_page
    from bnmatrix.tables import read_runs

    project, name = _project(options), options.study
    claims = options.results / f"data/results/{name}/claims.csv" if options.claims else None
    write_text(options.output, study_page(project, name, options.results, options.links, claims))
    summary = read_runs(options.results / f"data/results/{name}/summary.csv")
    write_text(options.output.with_suffix(".tex"), latex_table(summary))


def overview(options: argparse.Namespace) -> None:
    """Render the overview of all studies."""
    from bnmatrix.files import write_text
    from bnmatrix.report.pages import overview_page

    left_out = json.loads(options.left_out)
    studies = json.loads(options.studies)
    claims = options.results / "reports/claims.csv"
    page = overview_page(
        *(_project(options), studies, left_out, options.asked, options.results, options.links),
        claims if options.claims else None,
    )
    write_text(options.output, page)


def explorer(options: argparse.Namespace) -> None:
    """Render the page on which learning curves are chosen and set side by side."""
    from bnmatrix.files import write_text
    from bnmatrix.report.explorer import explorer_page

    studies = json.loads(options.studies)
    page = explorer_page(_project(options), studies, options.results, options.links)
    write_text(options.output, page)


def theory(options: argparse.Namespace) -> None:
    """Render the page that explains batch normalization."""
    from bnmatrix.files import write_text
    from bnmatrix.report.theory import theory_page

    claims = options.results / "reports/claims.csv" if options.claims else None
    write_text(options.output, theory_page(_project(options), claims, options.links))


def agreement(options: argparse.Namespace) -> None:
    """Say how the results here agree with published ones: the same, within intervals, or not."""
    from bnmatrix.statistics.agreement import claims_agreement, runs_agreement
    from bnmatrix.tables import read_runs, write_csv

    for name, compare, keys in (
        ("runs", runs_agreement, ["study", "variant"]),
        ("claims", claims_agreement, ["claim", "dataset"]),
    ):
        paths = [folder / f"{name}.csv" for folder in (options.reports, options.published)]
        for path in paths:
            if not path.is_file():
                raise UserError(f"{path}: there is no such file; run `snakemake --cores 4` first")
        found = compare(*map(read_runs, paths))
        counts = found["agreement"].value_counts()
        print(f"{name}.csv: " + ", ".join(f"{counts[word]} {word}" for word in counts.index))
        for row in found[found["agreement"] == "differs"].to_dict("records"):
            print(
                "  differs: " + ", ".join(f"{key} {row[key]}" for key in row if key != "agreement")
            )
        missing = found[found["agreement"].str.startswith("only")]
        for word, rows in missing.groupby("agreement"):
            names = dict.fromkeys(rows[keys[0]])
            print(f"  {word}: {', '.join(names)}")
        write_csv(found, options.output / f"agreement-{name}.csv")


def costs(options: argparse.Namespace) -> None:
    """Say what the training jobs of each study are expected to take, beside what they took."""
    import pandas as pd

    from bnmatrix.costs import MEASURED, expected, measured

    project = _project(options)
    taken = pd.DataFrame(measured(options.logs, project.chosen), columns=["study", *MEASURED])
    table = pd.DataFrame(expected(project, project.chosen)).merge(taken, on="study", how="left")
    total = table[["jobs", "core_minutes", "measured_core_minutes"]].sum()
    rows = [*table.to_dict("records"), {"study": "all", **total}]
    print("| " + " | ".join(name.replace("_", " ") for name in table.columns) + " |")
    print("|---|" + "--:|" * (len(table.columns) - 1))
    for row in rows:
        values = (row.get(name, "") for name in table.columns[1:])
        cells = (
            "" if value in ("", None) or value != value else f"{value:.0f}" for value in values
        )
        print(f"| {row['study']} | " + " | ".join(cells) + " |")


def schemas(options: argparse.Namespace) -> None:
    """Write the JSON schemas of the files under config/."""
    from bnmatrix.config import schemas
    from bnmatrix.files import write_json

    for name, schema in schemas().items():
        write_json(options.folder / name, schema)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bnmatrix", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")

    def command(run: Callable, *names: str) -> None:
        sub = commands.add_parser(
            run.__name__.replace("_", "-"), help=run.__doc__, description=run.__doc__
        )
        sub.set_defaults(run=run)
        sub.add_argument("--config", help="configuration as JSON; default: config/config.yaml")
        sub.add_argument("--log", help="log file; default: the terminal alone")
        for name in names:
            kinds = {
                "threads": int,
                "gpus": int,
                "asked": int,
                "examples": int,
                "claims": json.loads,
                "links": json.loads,
            } | dict.fromkeys(_TEXT, str)
            many = name in ("tables", "timing-tables", "provenances", "prepared")
            sub.add_argument(
                f"--{name}",
                required=True,
                type=kinds.get(name, Path),
                nargs="+" if many else None,
                help=_HELP.get(name),
            )

    command(download, "dataset", "raw", "partial")
    command(prepare, "dataset", "validation", "raw", "output")
    command(train, "spec", "data", "threads", "gpus", "folder")
    command(aggregate, "study", "folder", "processed", "runs", "results")
    command(
        *(compare, "study", "runs", "predictions", "examples"),
        *("summary", "comparisons", "confusion", "confused", "frameworks"),
    )
    command(judge, "studies", "results")
    command(judge_study, "study", "results", "output")
    command(combine, "tables", "timing-tables", "provenances", "runs", "timings", "provenance")
    command(plot, "study", "runs", "results", "prepared", "output")
    command(plot_time, "runs", "timings", "output")
    command(plot_claims, "studies", "results", "output")
    command(claims_page, "studies", "links", "results", "output")
    command(page, "study", "claims", "links", "results", "output")
    command(overview, "studies", "left-out", "claims", "asked", "links", "results", "output")
    command(explorer, "studies", "links", "results", "output")
    command(theory, "claims", "links", "results", "output")
    command(agreement, "reports", "published", "output")
    command(costs, "logs")
    command(schemas, "folder")
    return parser


_TEXT = ("dataset", "study", "spec", "validation", "studies", "left-out")
_HELP = {
    "raw": "folder of the data set's files",
    "partial": "folder of unfinished transfers",
    "validation": "the validation split, as JSON",
    "spec": "everything that decides the strip's runs, as JSON",
    "data": "the prepared data (.npz)",
    "prepared": "the prepared data of a study (.npz)",
    "threads": "threads for TensorFlow",
    "gpus": "GPUs that the job was given; 0: the processor, whatever else there is",
    "logs": "folder of the training jobs' logs and benchmark files",
    "folder": "folder of the strip's tables; of the runs of all studies; of the schemas",
    "processed": "folder of the prepared data",
    "examples": "number of confused examples to list, at most",
    "links": "pages that every page links to, as JSON",
    "published": "folder of published runs.csv and claims.csv",
    "asked": "number of studies asked for",
    "claims": "true if claims were judged, false if not",
    "results": "folder of reports, figures and tables",
}


if __name__ == "__main__":
    sys.exit(main())
