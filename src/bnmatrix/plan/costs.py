"""Estimates of the memory and time of training jobs, from their data and networks.

Clusters end jobs that exceed their requests. Therefore the requests are above the measured costs
(``bnmatrix costs --logs logs/train`` prints both), and attempts after a failure request more.
"""

import csv
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bnmatrix.config.datasets import Dataset
from bnmatrix.config.project import Project
from bnmatrix.plan.blocks import Block
from bnmatrix.plan.jobs import Job, jobs
from bnmatrix.plan.minutes import USUAL, Minutes, TimePolicy
from bnmatrix.plan.sizes import multiplications, network_sizes, parts, training_examples
from bnmatrix.training.minibatches import total_steps
from bnmatrix.training.networks import little_to_compute
from bnmatrix.training.settings import Settings
from bnmatrix.training.spec import Tuning

# Fitted to the jobs of a complete run on one core of a virtual AMD EPYC (Zen 5) at full load.
_START_SECONDS = 6.0
_COMPILE_SECONDS = 2.0  # per program: a network at one batch size, with training and evaluation
_COMPILE_LAYER_SECONDS = 0.4
_STEP_SECONDS = 20e-6
_TORCH_START_SECONDS, _TORCH_STEP_SECONDS, _TORCH_MB = 2.0, 150e-6, 400
_FLOPS = 8e10
_GRAPH_STEP_SECONDS, _CONVOLUTION_FLOPS = 60e-6, 6e10
_SMALL_CONVOLUTION_FLOPS = 3e10
_ACTIVATION_COPIES = 8
_EVALUATED_AT_ONCE = 100
_MEASURE_SECONDS = 0.3  # per run with measures
# For each variant of which the measure ``step_time`` times steps, in the training loop of this
# package and in the slower ``fit`` of Keras.
_TIMED_STEPS = 3400
_TIMED_STEP_SECONDS = 2e-3

_BASE_MB = 1300  # TensorFlow, Keras, some compiled programs, and the Snakemake process of the job
_MEASURING_MB = 800  # further programs, and copies of weights and gradients
#: Number of copies of the data that a job holds at the same time, as 32-bit numbers.
_COPIES = 2

#: Columns of the measured costs of a study (see :func:`measured`).
MEASURED = ("measured_core_minutes", "measured_longest_minutes", "measured_mb")

#: Usual seconds of jobs that train nothing: the longest, and all others.
_USUAL_SECONDS = {
    **{"all": 0.0, "default": 0.0, "download": 20.0},
    **{"plot": 8.0, "plot_claims": 20.0, "plot_tuning": 40.0},
}
_OTHER_SECONDS = 4.0
#: Requested memory (MB) of jobs that train nothing and read small studies, and of all others.
_USUAL_MB = {"page": 500, "overview": 500, "theory": 500, "judge": 2000, "plot_claims": 2000}
_OTHER_MB = 1000
#: What each variant of its studies adds to a job that trains nothing (docs/scaling.md).
_VARIANT_SECONDS, _VARIANT_MB = 0.015, 0.12

#: Seconds until the Snakemake of a queue entry has started a job.
ENTRY_SECONDS = 5.0

#: Jobs that are expected to take fewer seconds share a queue entry.
SHORT_SECONDS = 120


@dataclass(frozen=True)
class Cost:
    """The expected time of a job, and the resources that it requests.

    Attributes:
        seconds: expected time on one core, in seconds.
        mem_mb: requested memory, in MB.
    """

    seconds: float
    mem_mb: int

    def minutes(self, attempt: int = 1, policy: TimePolicy = USUAL) -> Minutes:
        """Return the time that an attempt requests on a cluster."""
        return policy.request(self.seconds + ENTRY_SECONDS, attempt)

    @property
    def short(self) -> bool:
        """Whether the job should share a queue entry with other jobs."""
        return self.seconds < SHORT_SECONDS


def training_cost(project: Project, job: Job, block: Block | None = None) -> Cost:
    """Return the cost of a training job.

    Args:
        project: the configuration.
        job: the job.
        block: the replicates that it trains; if None, all of them.
    """
    study, dataset = project.study(job.study), project.dataset_of(job.study)
    block = block or Block(1, project.replicates_of(job.study))
    # The first block times steps for all blocks.
    replicates, first = block.size, block.first == 1
    seconds = _START_SECONDS
    for variant in job.variants:
        settings = variant.settings
        hidden = len(network_sizes(dataset, settings)) - 1
        seconds += _COMPILE_SECONDS + _COMPILE_LAYER_SECONDS * hidden
        runs = replicates + _tuning_runs(study.tuning, settings, block)
        # Each replicate is pre-trained once.
        runs += replicates * (settings.pretraining != "none")
        torch = settings.framework == "torch"
        seconds += runs * _run_seconds(dataset, settings) + torch * _TORCH_START_SECONDS
        seconds += _MEASURE_SECONDS * replicates * bool(study.measures)
        if first and "step_time" in study.measures:
            flop = 6 * multiplications(dataset, settings) * settings.batch_size
            _, per_second = _speed(dataset, settings)
            seconds += _TIMED_STEPS * (_TIMED_STEP_SECONDS + 2 * flop / per_second)
    values = dataset.features * (dataset.examples.train + dataset.examples.test)
    torch = any(variant.settings.framework == "torch" for variant in job.variants)
    mem_mb = (
        _BASE_MB
        + torch * _TORCH_MB
        + _COPIES * 4 * values / 1e6
        + (_MEASURING_MB if study.measures else 0)
        + max(_activations_mb(dataset, variant.settings) for variant in job.variants)
    )
    return Cost(seconds, math.ceil(mem_mb / 100) * 100)


def usual_seconds(rule: str) -> float:
    """Return the usual time of a job of a rule that trains nothing, in seconds on one core."""
    return _USUAL_SECONDS.get(rule, _OTHER_SECONDS)


def usual_cost(rule: str, variants: int) -> Cost:
    """Return the cost of a job that trains nothing and reads ``variants`` variants of studies."""
    mem_mb = _USUAL_MB.get(rule, _OTHER_MB) + round(variants * _VARIANT_MB / 100) * 100
    return Cost(usual_seconds(rule) + variants * _VARIANT_SECONDS, mem_mb)


def _tuning_runs(tuning: Tuning, settings: Settings, block: Block) -> int:
    """Return the number of tuning runs, if each search moves once and two neighbours drop out."""
    if not settings.tuned:
        return 0
    searches = 1 + (tuning.block(block.last) - tuning.block(block.first)) // tuning.shared_by
    if settings.varied not in ("all", "tuning"):
        searches = 1
    coarse, race = (min(runs, tuning.replicates) for runs in (tuning.coarse, tuning.race))
    fine = 2 * tuning.replicates + 2 * race
    return searches * (coarse * (len(tuning.rates) + 1) // 2 + fine)


def _run_seconds(dataset: Dataset, settings: Settings) -> float:
    """Return the seconds of one run.

    A multiplication of the forward pass costs 6 FLOP per training example and 2 FLOP per evaluated
    example. Each step also has a constant cost per layer.
    """
    _, validation = parts(dataset, settings.validation, settings.folds)
    examples = training_examples(dataset, settings)
    batch = settings.batch_size
    steps = total_steps(settings, examples)
    evaluations = settings.epochs or steps / (settings.evaluate_every or steps)
    passes = 6 * batch * steps + 2 * evaluations * 2 * validation
    flop = multiplications(dataset, settings) * passes
    layer_seconds, per_second = _speed(dataset, settings)
    layers = len(network_sizes(dataset, settings))
    return steps * layer_seconds * layers + flop / per_second


def _speed(dataset: Dataset, settings: Settings) -> tuple[float, float]:
    """Return the seconds of a layer in each step, and the floating-point operations per second."""
    if settings.network == "dense":
        return _STEP_SECONDS if settings.framework == "keras" else _TORCH_STEP_SECONDS, _FLOPS
    if little_to_compute(network_sizes(dataset, settings), settings.batch_size):
        return _STEP_SECONDS, _SMALL_CONVOLUTION_FLOPS
    return _GRAPH_STEP_SECONDS, _CONVOLUTION_FLOPS


def _activations_mb(dataset: Dataset, settings: Settings) -> float:
    """Return the memory of the activations of a mini-batch and of their gradients, in MB."""
    if settings.network == "dense":
        return 0.0
    sizes = network_sizes(dataset, settings)
    outputs = sum(size.outputs for size in sizes)
    # What the kernels see at all positions, which small networks copy.
    seen = sum(size.multiplications // size.units for size in sizes)
    batch = max(settings.batch_size, _EVALUATED_AT_ONCE)
    return 4 * batch * (_ACTIVATION_COPIES * outputs + 2 * seen) / 1e6


def expected(project: Project, studies: Iterable[str]) -> list[dict[str, Any]]:
    """Return one row per study: the number of jobs, and their expected and requested costs."""
    rows = []
    for study in studies:
        costs = [training_cost(project, job) for job in jobs(project, study)]
        rows.append(
            {
                "study": study,
                "jobs": len(costs),
                "core_minutes": sum(cost.seconds for cost in costs) / 60,
                "longest_minutes": max(cost.seconds for cost in costs) / 60,
                "asked_minutes": max(cost.minutes() for cost in costs),
                "asked_mb": max(cost.mem_mb for cost in costs),
            }
        )
    return rows


def measured(logs: Path, studies: Iterable[str]) -> list[dict[str, Any]]:
    """Return one row per study with the costs of its jobs, from Snakemake's benchmark files.

    Args:
        logs: the folder of the training jobs' logs.
        studies: names of the studies.
    """
    rows = []
    for study in studies:
        files = sorted((logs / study).glob("*/*.benchmark.tsv"))
        benchmarks = [_benchmark(file) for file in files]
        if benchmarks:
            rows.append(
                {
                    "study": study,
                    "measured_core_minutes": sum(seconds for seconds, _ in benchmarks) / 60,
                    "measured_longest_minutes": max(seconds for seconds, _ in benchmarks) / 60,
                    "measured_mb": max(mem_mb for _, mem_mb in benchmarks),
                }
            )
    return rows


def _benchmark(file: Path) -> tuple[float, float]:
    """Return the seconds and the peak memory in MB; 0 MB if the job was too short to measure."""
    with file.open(encoding="utf-8", newline="") as lines:
        row = next(csv.DictReader(lines, delimiter="\t"))
    return float(row["s"]), float(row["max_rss"]) if row["max_rss"] not in ("-", "NA") else 0.0
