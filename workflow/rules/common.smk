"""What the rules share: the configuration, what data can be had, and paths. Holds no rules."""

import hashlib
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.logging import logger

SOURCE = Path(os.path.relpath(Path(workflow.basedir) / "workflow"))
sys.path.insert(0, str(SOURCE.resolve()))

# Jobs find the package, and the Python that runs this, also where no environment is active.
for variable, folder in (("PYTHONPATH", SOURCE.resolve()), ("PATH", Path(sys.executable).parent)):
    before = filter(None, os.getenv(variable, "").split(os.pathsep))
    os.environ[variable] = os.pathsep.join([str(folder), *before])

from bnmatrix.config import RESERVED_NAMES, InspectedDataset
from bnmatrix.costs import training_cost
from bnmatrix.datasets.availability import availability, check_mirror
from bnmatrix.datasets.inspection import INSPECTED_VARIABLE, for_jobs
from bnmatrix.errors import UserError
from bnmatrix.project import MIRROR_VARIABLE, load_project
from bnmatrix.variants import as_json, left_out_variants, split_name, strips, variants


def each_attempt(amount):
    """A resource of which a second attempt asks for twice as much."""
    return lambda wildcards, attempt: attempt * amount


def stop(error):
    """End with a message for the user, without a traceback."""
    sys.exit(f"Error: {error}")


def digest(content):
    """A short digest of bytes, for params that make something anew when they change."""
    return hashlib.sha256(content).hexdigest()[:16]


def code(*names):
    """A digest of source files of the package: a change to them makes what they make anew."""
    found = [p for name in names for p in sorted((SOURCE / "bnmatrix").glob(name))]
    paths = [path for path in found if path.is_file()]
    return digest(b"\0".join(p.read_bytes() for p in paths))


try:
    PROJECT = load_project(config)
    if workflow.is_main_process:
        check_mirror(PROJECT.run.mirror)
except UserError as error:
    stop(error)

# Jobs are told what is in data of one's own: they may run where it is not.
os.environ[INSPECTED_VARIABLE] = for_jobs(PROJECT.datasets)

if PROJECT.run.mirror:
    os.environ.update({MIRROR_VARIABLE: PROJECT.run.mirror})

# What commands need of the configuration, for their --config; the mirror reaches them through the
# environment, since where a file comes from is no reason to make anything anew.
CONFIG_FILES = {"datasets_file", "studies_file", "claims_file", "replications_file"}
CONFIG = as_json(PROJECT.run.model_dump(include=CONFIG_FILES))


@cache
def dataset_availability(name):
    """Whether a data set can be had. Jobs on other machines need not ask: the main process did."""
    return availability(PROJECT.datasets[name], PROJECT.run.mirror, Path("data/raw") / name)


NO_TORCH = "PyTorch is not installed: `make torch` adds it"


def left_out():
    """The studies that were asked for and whose data cannot be had, by reason."""
    found = {}
    if workflow.is_main_process:
        with ThreadPoolExecutor() as pool:
            list(pool.map(dataset_availability, {PROJECT.study(s).dataset for s in PROJECT.chosen}))
        for study in PROJECT.chosen:
            answer = dataset_availability(PROJECT.study(study).dataset)
            if not answer.available:
                found.setdefault(answer.reason, []).append(study)
        for study in PROJECT.chosen:
            if not PROJECT.study(study).frameworks & set(PROJECT.frameworks):
                found.setdefault(NO_TORCH, []).append(study)
        for study, reason in PROJECT.unavailable.items():
            if PROJECT.run.studies == "all" or study in PROJECT.run.studies:
                found.setdefault(reason, []).append(study)
    return [{"reason": reason, "studies": studies} for reason, studies in found.items()]


LEFT_OUT = left_out()
STUDIES = [s for s in PROJECT.chosen if not any(s in item["studies"] for item in LEFT_OUT)]

ASKED = len(STUDIES) + sum(len(item["studies"]) for item in LEFT_OUT)

# Studies with a page and a place on the overview (asked for by name, all of them), and those that
# claims and replications rest on.
MATRIX = [s for s in STUDIES if PROJECT.run.studies != "all" or PROJECT.study(s).role == "matrix"]
NEEDED = {
    study
    for claim in PROJECT.claims.values()
    for _, analysis in claim.analyses
    for study in analysis.studies
} | {replication.study for replication in PROJECT.replications.values()}
CLAIM_STUDIES = [s for s in STUDIES if s in NEEDED]
PLOTTED_CLAIMS = [
    name
    for name, claim in PROJECT.claims.items()
    if claim.plot and set(claim.primary.studies) & set(STUDIES)
]

OWN_DATASETS = [n for n, d in PROJECT.datasets.items() if isinstance(d, InspectedDataset)]
# Their pages show verdicts, too.
OWN_STUDIES = [s for s in STUDIES if s in NEEDED and PROJECT.study(s).dataset in OWN_DATASETS]


def own_verdicts(wildcards):
    """The verdicts on a study of one's own data."""
    own = wildcards.study in OWN_STUDIES
    return f"data/results/{wildcards.study}/claims.csv" if own else []


# What makes verdicts anew when it changes.
CLAIMS_DECLARED = digest(
    PROJECT.model_dump_json(include={"claims", "replications"}).encode(),
)

TO_ADD = f"{MIRROR_VARIABLE}=<directory or address with copies> snakemake --cores 4"


def left_out_message():
    lines = [f"  {', '.join(item['studies'])}: {item['reason']}" for item in LEFT_OUT]
    return (
        f"Left out, for want of data: {ASKED - len(STUDIES)} of {ASKED} studies\n"
        + "\n".join(lines)
        + f"\nTo add them, run `snakemake --cores 4` with a network, or\n  {TO_ADD}"
    )


if LEFT_OUT and PROJECT.run.require_all:
    stop(f"require_all is set, and some data cannot be had.\n{left_out_message()}")
if not STUDIES:
    stop(f"there is no study to run.\n{left_out_message()}")


def warn_of_what_is_left_out():
    if LEFT_OUT:
        logger.warning(left_out_message())
    for study in STUDIES:
        number = left_out_variants(PROJECT, study)
        if number:
            logger.warning(f"Left out: {number} variants of {study}. {NO_TORCH}")


if workflow.is_main_process:
    warn_of_what_is_left_out()


def announce_success():
    warn_of_what_is_left_out()
    # The pages that were asked for by name; otherwise the overview.
    asked = [Path(word) for word in sys.argv[1:] if word.endswith(".html")]
    for page in asked or [Path("reports/index.html")]:
        if page.exists():
            logger.info(f"Report: {page.resolve()}")


def announce_failure():
    logger.error(
        "Something failed: its log is named above. What succeeded is kept; run again to go on."
    )


def declared(dataset, *keys):
    """What a data set's entry says under ``keys``; a change to it makes the data anew."""
    words = {"own": {"title", "homepage", "margin"}}  # which are for the page
    return as_json(PROJECT.datasets[dataset].model_dump(include=set(keys), exclude=words))


def checksums(wildcards):
    """The checksums of a data set's files; whether they came from here or there is no matter."""
    return as_json({file.name: file.sha256 for file in PROJECT.datasets[wildcards.dataset].files})


def raw_files(wildcards):
    """The verified files of a data set, where it is one to download.

    Raises an error that says where they were looked for when they cannot be had.
    """
    if (
        wildcards.dataset not in PROJECT.datasets
        or not PROJECT.datasets[wildcards.dataset].downloaded
    ):
        return []
    if workflow.is_main_process:
        answer = dataset_availability(wildcards.dataset)
        if not answer.available:
            stop(
                f"{answer.reason}.\nConnect to the network and run again, or give a mirror: "
                f"{MIRROR_VARIABLE}=<directory or address with copies> snakemake ..."
            )
    return [local(f"data/raw/{wildcards.dataset}/SHA256SUMS")]


def reading_code(wildcards):
    """A digest of the code that reads data of one's own; built-in data is read by loaders."""
    own = ("own", "labelled", "tables", "arrays", "images")
    is_own = wildcards.dataset in OWN_DATASETS
    return code(*(f"datasets/{name}.py" for name in own)) if is_own else ""


@cache
def variants_of(study):
    """The variants of a study, by name."""
    try:
        return {variant.name: variant for variant in variants(PROJECT, study)}
    except UserError as error:
        stop(error)


@cache
def strips_of(study):
    """The jobs of a study, by name."""
    variants_of(study)  # with its error, if there is one
    return {strip.name: strip for strip in strips(PROJECT, study)}


def strip_of(wildcards):
    """The variants that a job trains."""
    found = strips_of(wildcards.study)
    if wildcards.strip not in found:
        stop(
            f"study '{wildcards.study}' has no variants '{wildcards.strip}'; it has {', '.join(found)}"
        )
    return found[wildcards.strip]


@cache
def cost_of(study, strip):
    return training_cost(PROJECT, strips_of(study)[strip])


def training_cost_of(wildcards):
    """What a training job takes; a retry asks for that much more."""
    return cost_of(wildcards.study, strip_of(wildcards).name)


def training_group(wildcards):
    """The group of jobs that are too short for a queue entry each; None for others."""
    return "training" if training_cost_of(wildcards).short else None


def further_code(wildcards):
    """A digest of the code that a job needs beside what all need: its framework's."""
    framework = strip_of(wildcards).variants[0].settings["framework"]
    return code(f"training/{framework}/*.py")


def prepared_data(wildcards):
    """The prepared data of a strip."""
    split = split_name(strip_of(wildcards).variants[0].settings)
    return f"data/processed/{PROJECT.study(wildcards.study).dataset}/{split}.npz"


@cache
def validation_splits(dataset):
    """The validation splits that studies make of a data set, by name."""
    return {
        split_name(variant.settings): variant.settings["validation"]
        for study in PROJECT.studies
        if PROJECT.study(study).dataset == dataset
        for variant in variants_of(study).values()
    }


TUNED_STUDIES = [
    study
    for study in CLAIM_STUDIES
    if any(variant.settings["tuned"] for variant in variants_of(study).values())
]


def tables_of(studies):
    """The tables of studies that claims are judged by, beside their runs."""
    names = ("history.parquet", "measurements.parquet", "timings.csv", "step_times.parquet")
    names += ("tuning.parquet",)
    return [f"data/results/{study}/{name}" for study in studies for name in names]


def runs_of(name):
    """An input function: file ``name`` of each job of a study."""

    def paths(wildcards):
        return [
            f"data/runs/{wildcards.study}/{strip}/{name}" for strip in strips_of(wildcards.study)
        ]

    return paths


def data_of(wildcards):
    """The prepared data of all variants of a study."""
    dataset = PROJECT.study(wildcards.study).dataset
    splits = {split_name(variant.settings) for variant in variants_of(wildcards.study).values()}
    return [f"data/processed/{dataset}/{split}.npz" for split in sorted(splits)]


wildcard_constraints:
    dataset="[^/]+",
    split="[^/]+",
    study=rf"(?!(?:{'|'.join(RESERVED_NAMES)})\.)[^/]+",
    strip="[^/]+",


# Each of a study's figures, with the name that Snakemake's own report gives it.
FIGURES = {
    "differences": "paired differences",
    "accuracy": "accuracy against batch size",
    "learning-curves": "learning curves",
    "gap": "generalization gap",
    "confusion": "confusion matrix",
    "confused": "most confused examples",
}


def figure(study, name, content, caption=None):
    """A figure that Snakemake's own report shows."""
    return report(
        f"reports/figures/{study}/{name}.svg",
        caption=f"../report/{caption or name}.rst",
        category=study,
        labels={"content": content},
    )
