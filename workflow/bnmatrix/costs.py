"""What a training job needs: memory and time, estimated from its data and networks.

Clusters end jobs that take more than they asked for, so that what is asked for is well above what
was measured (``python -m bnmatrix costs --logs logs/train`` sets both side by side).
"""

import csv
import itertools
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bnmatrix.config import Dataset, Project, Split, Tuning
from bnmatrix.variants import Strip, parts, strips

# Fitted to the jobs of a full run on one core of a virtual AMD EPYC (Zen 5) at full load.
_START_SECONDS = 6.0
_COMPILE_SECONDS = 2.0  # a program: a network at a batch size, trained, evaluated
_COMPILE_LAYER_SECONDS = 0.4
_STEP_SECONDS = 20e-6
_TORCH_START_SECONDS, _TORCH_STEP_SECONDS, _TORCH_MB = 2.0, 150e-6, 400
_FLOPS = 8e10
_MEASURE_SECONDS = 0.3  # a run that is measured on the way
# A variant whose steps are timed in turn, in our loop and in ``fit``, which is slower.
_TIMED_STEPS = 3400
_TIMED_STEP_SECONDS = 2e-3

_BASE_MB = 1300  # TensorFlow, Keras and some compiled programs; and Snakemake around the job
_MEASURING_MB = 800  # further programs, and copies of weights and gradients
#: Copies of the data that a job holds at once, as 32-bit numbers.
_COPIES = 2

#: What :func:`measured` says of a study.
MEASURED = ("measured_core_minutes", "measured_longest_minutes", "measured_mb")

#: Asked for, over what is expected: other processors, busy nodes, slow file systems.
_SAFETY = 4
#: No job asks for less time, in minutes: a shared file system can take that long to start Python.
_LEAST_MINUTES = 5

#: Seconds below which a job is not worth a queue entry of its own.
_SHORT_SECONDS = 120


@dataclass(frozen=True)
class Cost:
    """What a job is expected to take, and asks for.

    Attributes:
        seconds: expected, on one core.
        mem_mb: asked for, in MB.
        minutes: asked for.
    """

    seconds: float
    mem_mb: int

    @property
    def minutes(self) -> int:
        """Minutes to ask for."""
        return max(_LEAST_MINUTES, math.ceil(self.seconds * _SAFETY / 60))

    @property
    def short(self) -> bool:
        """Whether it should share a queue entry with others."""
        return self.seconds < _SHORT_SECONDS


def training_cost(project: Project, strip: Strip) -> Cost:
    """Return what the job that trains a strip takes."""
    study, dataset = project.study(strip.study), project.dataset_of(strip.study)
    replicates = project.replicates_of(strip.study)
    seconds = _START_SECONDS
    for variant in strip.variants:
        settings = variant.settings
        seconds += _COMPILE_SECONDS + _COMPILE_LAYER_SECONDS * len(settings["hidden_layers"])
        runs = replicates + (_tuning_runs(study.tuning) if settings["tuned"] else 0)
        torch = settings["framework"] == "torch"
        seconds += runs * _run_seconds(dataset, settings) + torch * _TORCH_START_SECONDS
        seconds += _MEASURE_SECONDS * replicates * bool(study.measures)
        if "step_time" in study.measures:
            flop = 6 * _weights(dataset, settings) * settings["batch_size"]
            seconds += _TIMED_STEPS * (_TIMED_STEP_SECONDS + 2 * flop / _FLOPS)
    values = dataset.features * (dataset.examples.train + dataset.examples.test)
    torch = any(variant.settings["framework"] == "torch" for variant in strip.variants)
    mem_mb = (
        _BASE_MB
        + torch * _TORCH_MB
        + _COPIES * 4 * values / 1e6
        + (_MEASURING_MB if study.measures else 0)
    )
    return Cost(seconds, math.ceil(mem_mb / 100) * 100)


def _tuning_runs(tuning: Tuning) -> int:
    """Return the runs that choose a learning rate, the grid widened by half of what it may be."""
    return (len(tuning.rates) + tuning.widen // 2) * tuning.replicates


def _run_seconds(dataset: Dataset, settings: dict[str, Any]) -> float:
    """Return the seconds of one run: 6 FLOP a weight and example trained on, 2 a scored one."""
    examples, validation = parts(dataset, Split(**settings["validation"]), settings["folds"])
    examples = settings["training_examples"] or examples
    batch = settings["batch_size"]
    steps = settings["steps"] or settings["epochs"] * math.ceil(examples / batch)
    evaluations = settings["epochs"] or steps / settings["evaluate_every"]
    weights = _weights(dataset, settings)
    flop = 6 * weights * batch * steps + 2 * weights * evaluations * 2 * validation
    step = _STEP_SECONDS if settings["framework"] == "keras" else _TORCH_STEP_SECONDS
    return steps * step * (1 + len(settings["hidden_layers"])) + flop / _FLOPS


def _weights(dataset: Dataset, settings: dict[str, Any]) -> int:
    widths = [dataset.features, *settings["hidden_layers"], len(dataset.classes)]
    return sum(a * b for a, b in itertools.pairwise(widths))


def expected(project: Project, studies: Iterable[str]) -> list[dict[str, Any]]:
    """Return a row a study: its jobs, and what they are expected to take and ask for."""
    rows = []
    for study in studies:
        costs = [training_cost(project, strip) for strip in strips(project, study)]
        rows.append(
            {
                "study": study,
                "jobs": len(costs),
                "core_minutes": sum(cost.seconds for cost in costs) / 60,
                "longest_minutes": max(cost.seconds for cost in costs) / 60,
                "asked_minutes": max(cost.minutes for cost in costs),
                "asked_mb": max(cost.mem_mb for cost in costs),
            }
        )
    return rows


def measured(logs: Path, studies: Iterable[str]) -> list[dict[str, Any]]:
    """Return a row a study with what its jobs took, from Snakemake's benchmark files.

    Args:
        logs: the folder of the training jobs' logs.
        studies: whose jobs.
    """
    rows = []
    for study in studies:
        files = sorted((logs / study).glob("*.benchmark.tsv"))
        taken = [_benchmark(file) for file in files]
        if taken:
            rows.append(
                {
                    "study": study,
                    "measured_core_minutes": sum(seconds for seconds, _ in taken) / 60,
                    "measured_longest_minutes": max(seconds for seconds, _ in taken) / 60,
                    "measured_mb": max(mem_mb for _, mem_mb in taken),
                }
            )
    return rows


def _benchmark(file: Path) -> tuple[float, float]:
    """Return seconds and the peak of memory in MB; a job too short to be watched has none."""
    with file.open(encoding="utf-8", newline="") as lines:
        row = next(csv.DictReader(lines, delimiter="\t"))
    return float(row["s"]), float(row["max_rss"]) if row["max_rss"] not in ("-", "NA") else 0.0
