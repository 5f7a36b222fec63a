"""The plan of a run: the studies that run, those that do not, and the inputs of the rules."""

import hashlib
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from bnmatrix.config.own_data import InspectedDataset
from bnmatrix.config.project import Project
from bnmatrix.config.run import CONFIG_FILES
from bnmatrix.datasets.availability import Availability
from bnmatrix.datasets.built_in import Preparation
from bnmatrix.datasets.own.spec import OwnPreparation
from bnmatrix.datasets.raw_files import File
from bnmatrix.datasets.splitting import Split
from bnmatrix.errors import UserError
from bnmatrix.files import as_json
from bnmatrix.plan.blocks import Block, cover, finished_blocks
from bnmatrix.plan.costs import Cost, training_cost, usual_cost, usual_seconds
from bnmatrix.plan.jobs import Job, group, single_job, split_name
from bnmatrix.plan.loading import MIRROR_VARIABLE, load_project
from bnmatrix.plan.preparation import preparation
from bnmatrix.plan.published import read_record
from bnmatrix.plan.search import search
from bnmatrix.plan.variants import left_out_variants, variants
from bnmatrix.plan.versions import training_code
from bnmatrix.training.spec import JobSpec, Variant

NO_TORCH = "PyTorch is not installed: `make torch` adds it"
_MIRRORED = f"{MIRROR_VARIABLE}=<directory or address with copies> snakemake"
#: The largest number of names of jobs in a message.
_JOBS_SHOWN = 20
#: Rules whose input is all studies.
_RULES_OF_ALL_STUDIES = ("all", "combine", "explorer", "overview")


@dataclass(frozen=True)
class Plan:
    """The plan of a run.

    Attributes:
        project: the configuration.
        available: for each data set whose files were searched, whether it is available.
        runs: the folder of finished training jobs to use again; None if there is no such folder,
            because the files are in a storage.
        left_out: studies that do not run for another reason than their data or framework.
    """

    project: Project
    available: Mapping[str, Availability]
    runs: Path | None = None
    left_out: Mapping[str, str] = field(default_factory=dict)
    _variants: dict[str, list[Variant]] = field(default_factory=dict)
    _jobs: dict[str, dict[str, Job]] = field(default_factory=dict)
    _single_jobs: dict[tuple[str, str], Job | None] = field(default_factory=dict)
    _blocks: dict[tuple[str, str], tuple[Block, ...]] = field(default_factory=dict)

    @cached_property
    def not_run(self) -> dict[str, list[str]]:
        """The studies that the user requested and that do not run, by reason."""
        reasons: dict[str, list[str]] = {}
        project = self.project
        for study in project.chosen:
            dataset = project.study(study).dataset
            answer = self.available.get(dataset)
            if self._has_other_data(study):
                reason = f"{project.datasets[dataset].title} is not among the data sets of this run"
                reasons.setdefault(reason, []).append(study)
            elif answer is not None and not answer.available:
                reasons.setdefault(answer.reason, []).append(study)
            elif not project.study(study).frameworks & set(project.frameworks):
                reasons.setdefault(NO_TORCH, []).append(study)
            elif study in self.left_out:
                reasons.setdefault(self.left_out[study], []).append(study)
        for study, reason in project.unavailable.items():
            if project.run.studies == "all" or study in project.run.studies:
                reasons.setdefault(reason, []).append(study)
        return reasons

    def _has_other_data(self, study: str) -> bool:
        """Return whether the key ``datasets`` names data sets, and not that of the study."""
        asked, declared = self.project.run.datasets, study in self.project.studies
        return declared and asked != "all" and self.project.study(study).dataset not in asked

    @cached_property
    def studies(self) -> list[str]:
        """The studies that run."""
        without = {study for studies in self.not_run.values() for study in studies}
        return [study for study in self.project.chosen if study not in without]

    @cached_property
    def matrix(self) -> list[str]:
        """The studies with a page and a place on the overview.

        If the user requested studies by name, all of them have a page.
        """
        named = self.project.run.studies != "all"
        return [s for s in self.studies if named or self.project.study(s).role == "matrix"]

    @cached_property
    def claim_studies(self) -> list[str]:
        """The studies that claims and replications need."""
        return [study for study in self.studies if study in self._needed]

    @cached_property
    def _needed(self) -> set[str]:
        replications = self.project.replications.values()
        return self.project.studies_of_claims | {replication.study for replication in replications}

    @cached_property
    def tuned_studies(self) -> list[str]:
        """The claim studies that tune learning rates."""
        return [
            study
            for study in self.claim_studies
            if any(variant.settings.tuned for variant in self.variants(study))
        ]

    @cached_property
    def plotted_claims(self) -> list[str]:
        """The claims that have a figure."""
        return [
            name
            for name, claim in self.project.claims.items()
            if claim.plot and set(claim.primary.studies) & set(self.studies)
        ]

    @cached_property
    def answers(self) -> bool:
        """Whether a study was asked for that measures effects by batch size, for the overview."""
        analyses = [claim.by_batch_size for claim in self.project.claims.values()]
        return any(set(found.studies) & set(self.studies) for found in analyses if found)

    @cached_property
    def pages(self) -> list[str]:
        """The pages that every page links to."""
        return [
            *("index", "explorer", "theory"),
            *(("claims", "replications") if self.claim_studies else ()),
            *(("variance",) if self.variance_studies else ()),
        ]

    def links_of(self, study: str) -> list[str]:
        """Return the pages that a study's page links to. That of a user's own data stands alone."""
        return [] if self.is_own(self.project.study(study).dataset) else self.pages

    @cached_property
    def variance_studies(self) -> list[str]:
        """The studies in which one source of variance varies alone."""
        return [study for study in self.studies if "varied" in self.project.study(study).axes]

    def has_verdicts(self, study: str) -> bool:
        """Return whether the page of a study shows verdicts, as it does for a user's own data."""
        return study in self.claim_studies and self.is_own(self.project.study(study).dataset)

    def is_own(self, dataset: str) -> bool:
        """Return whether a data set is a user's own."""
        return isinstance(self.project.datasets[dataset], InspectedDataset)

    def variants(self, study: str) -> list[Variant]:
        """Return the variants of a study."""
        if study not in self._variants:
            self._variants[study] = variants(self.project, study)
        return self._variants[study]

    def jobs(self, study: str) -> dict[str, Job]:
        """Return the jobs of a study by name."""
        if study not in self._jobs:
            jobs = group(self.project, study, self.variants(study))
            self._jobs[study] = {job.name: job for job in jobs}
        return self._jobs[study]

    def job(self, study: str, name: str) -> Job:
        """Return a job.

        Raises:
            UserError: the study has no such job. The message lists the jobs.
        """
        if study not in self._jobs:
            if (study, name) not in self._single_jobs:
                self._single_jobs[study, name] = single_job(self.project, study, name)
            if one := self._single_jobs[study, name]:
                return one
        jobs = self.jobs(study)
        if name not in jobs:
            shown = ", ".join(list(jobs)[:_JOBS_SHOWN])
            more = f" and {len(jobs) - _JOBS_SHOWN} more" if len(jobs) > _JOBS_SHOWN else ""
            raise UserError(f"study '{study}' has no job '{name}'; it has {shown}{more}")
        return jobs[name]

    def spec(self, study: str, name: str, block: Block | None = None) -> JobSpec:
        """Return the specification of a job for a block of replicates; None: all of them."""
        spec = self.job(study, name).spec(self.project, block)
        code = training_code(spec.stage, spec.framework, spec.own_files)
        return spec.model_copy(update={"code": code})

    def blocks(self, study: str, name: str) -> tuple[Block, ...]:
        """Return the blocks in which the replicates of a job are trained, finished ones included.

        The answer stays the same during a run, although blocks are trained in the meantime.
        """
        key = study, name
        if key not in self._blocks:
            replicates = self.project.replicates_of(study)
            finished: list[Block] = []
            if self.runs:
                finished = finished_blocks(self.runs / study / name, self.spec(study, name).recipe)
            self._blocks[key] = cover(replicates, finished)
        return self._blocks[key]

    def training_codes(self, study: str) -> dict[str, str]:
        """Return the digests of the code that trains a study, by stage."""
        specs = [self.spec(study, name) for name in self.jobs(study)]
        return {spec.stage: spec.code for spec in specs}

    def cost(self, study: str, name: str, block: Block) -> Cost:
        """Return the cost of a job for a block of replicates."""
        return training_cost(self.project, self.job(study, name), block)

    def cost_of_rule(self, rule: str, studies: Iterable[str]) -> Cost:
        """Return the cost of a job of a rule that trains nothing and reads studies."""
        return usual_cost(rule, sum(len(self.variants(study)) for study in studies))

    def preparation(self, dataset: str, split: str) -> Preparation | OwnPreparation:
        """Return the specification of the preparation of a data set with one validation split.

        Raises:
            UserError: no study uses this data set or split. The message lists the splits.
        """
        splits = self.splits(dataset)
        if split not in splits:
            known = ", ".join(splits) or "none"
            raise UserError(f"data set '{dataset}' has no split '{split}'; studies use {known}")
        return preparation(dataset, self.project.datasets[dataset], splits[split])

    def splits(self, dataset: str) -> dict[str, Split]:
        """Return the validation splits of a data set that studies use, by name."""
        return {
            split_name(variant.settings): variant.settings.validation
            for study in self.project.studies
            if self.project.study(study).dataset == dataset
            for variant in self.variants(study)
        }

    def splits_of_study(self, study: str) -> list[str]:
        """Return the names of the validation splits of a study's variants."""
        return sorted({split_name(variant.settings) for variant in self.variants(study)})

    def downloads(self, dataset: str) -> Sequence[File]:
        """Return the files of a data set to download.

        Raises:
            UserError: there is no such data set, or it has no files to download.
        """
        datasets = self.project.datasets
        if dataset not in datasets or not datasets[dataset].files:
            known = ", ".join(name for name in datasets if datasets[name].files)
            raise UserError(f"data set '{dataset}' has no files to download; these have: {known}")
        return datasets[dataset].files

    def require(self, dataset: str) -> None:
        """Check that a data set is available, or was before a download failed.

        A request that names a study requires its data set, so a failed download is tried again.

        Raises:
            UserError: the data set is not available. The message names the places that were tried.
        """
        answer = self.available.get(dataset)
        if answer is not None and not answer.available and not answer.failed:
            raise UserError(
                f"{answer.reason}.\nConnect to the network and run again, or set a mirror: "
                f"{_MIRRORED} ..."
            )

    @cached_property
    def config(self) -> str:
        """The keys of ``config.yaml`` that commands need, as JSON.

        The mirror is passed through the environment, because it does not affect results.
        """
        return as_json(self.project.run.model_dump(include=CONFIG_FILES))

    def declared(self, studies: Iterable[str]) -> str:
        """Return a digest of the declarations of studies and of their data sets."""
        parts = [part for name in studies for part in self._declarations(name)]
        return _digest(parts)

    def _declarations(self, study: str) -> list[Any]:
        models = (self.project.study(study), self.project.dataset_of(study))
        return [study, *(model.model_dump(mode="json") for model in models)]

    @cached_property
    def declared_claims(self) -> str:
        """A digest of all declarations that affect verdicts and pages of claims."""
        content = self.project.model_dump(mode="json", exclude={"run", "frameworks"})
        return _digest(content)

    def seconds(self, rule: str, wildcards: Mapping[str, str]) -> float:
        """Return the expected time of any job of the workflow, in seconds on one core."""
        if rule == "train":
            block = Block.parse(wildcards["block"])
            return self.cost(wildcards["study"], wildcards["job"], block).seconds
        return usual_seconds(rule)

    def warnings(self, rules: Container[str], studies: Container[str]) -> list[str]:
        """Return messages about what a request concerns and does not run.

        Args:
            rules: the rules that the request involves.
            studies: the studies that the request involves, and that run.
        """
        all_studies = any(rule in rules for rule in _RULES_OF_ALL_STUDIES)
        of_claims = self._needed if "judge" in rules else set()
        left_out = {}
        for reason, names in self.not_run.items():
            concerned = [
                name
                for name in names
                if (all_studies or name in of_claims) and not self._has_other_data(name)
            ]
            if concerned:
                left_out[reason] = concerned
        messages = [self.not_run_message(left_out)] if left_out else []
        for study in self.studies:
            number = left_out_variants(self.project, study) if study in studies else 0
            if number:
                messages.append(f"{number} variants of {study} do not run. {NO_TORCH}")
        return messages

    def not_run_message(self, left_out: Mapping[str, Sequence[str]] | None = None) -> str:
        """Return a message that names studies that do not run, the reasons, and what to do.

        Args:
            left_out: the studies, by reason; if not given, all that do not run.
        """
        reasons = self.not_run if left_out is None else left_out
        lines = [f"  {', '.join(names)}: {reason}" for reason, names in reasons.items()]
        head = f"{sum(map(len, reasons.values()))} of {self.asked} studies do not run:"
        if not self.network_helps:
            return "\n".join([head, *lines])
        tail = "To add them, run `snakemake --cores 4` with a network, or\n"
        return "\n".join([head, *lines, f"{tail}  {_MIRRORED} --cores 4"])

    @property
    def network_helps(self) -> bool:
        """Whether a network or a mirror would add studies."""
        return not all(answer.available for answer in self.available.values())

    @property
    def asked(self) -> int:
        """The number of studies that were asked for."""
        return len(self.studies) + sum(map(len, self.not_run.values()))


def make_plan(config: Mapping[str, Any], look: bool, runs: Path | None = None) -> Plan:
    """Return the plan of a run.

    Args:
        config: the merged ``config.yaml`` and ``--config`` values.
        look: whether to check that data sets are available. The main process does; its jobs do not
            need to.
        runs: the folder of finished training jobs to use again, if it is on this machine.

    Raises:
        UserError: the configuration is wrong, a required data set is not available, or no study
            can run.
    """
    project = load_project(config, check=look)
    if project.run.published:
        record = read_record(Path(project.run.published))
        return Plan(project, record.availability, None, record.left_out(project))
    if not look:
        return Plan(project, {}, runs)
    answers = search(project)
    plan = Plan(project, answers, runs)
    if project.run.require_all or not plan.studies:
        # Nothing can run without the failed downloads, so they are tried again.
        tried = {name: found for name, found in answers.items() if not found.failed}
        plan = Plan(project, tried, runs)
    if plan.not_run and project.run.require_all:
        raise UserError(
            f"require_all is set, but some data is not available.\n{plan.not_run_message()}"
        )
    if not plan.studies:
        raise UserError(f"no study can run.\n{plan.not_run_message()}")
    return plan


def _digest(content: Any) -> str:
    return hashlib.sha256(as_json(content).encode()).hexdigest()[:16]
