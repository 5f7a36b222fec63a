"""Checks, before anything runs, that the studies provide what claims and replications need."""

from typing import Any

from bnmatrix.config.claims import DECIDING, Analysis, Claim
from bnmatrix.config.project import Project
from bnmatrix.config.replications import Published
from bnmatrix.config.selections import as_written, typed_value
from bnmatrix.config.studies import Study
from bnmatrix.errors import UserError, suggestion
from bnmatrix.plan.networks import CONVOLUTIONAL, network_of
from bnmatrix.plan.sizes import last_batch, training_examples
from bnmatrix.plan.variants import variants
from bnmatrix.statistics.endpoints.declared import ENDPOINTS
from bnmatrix.statistics.endpoints.registry import AXIS_VALUES
from bnmatrix.statistics.endpoints.values import has_values, several
from bnmatrix.training.measures.catalog import MEASURES
from bnmatrix.training.settings import Settings


def check_claims(project: Project) -> None:
    """Check all claims and all replications against the studies that they name.

    Raises:
        UserError: the first error. The message names the file, the claim, the key and the allowed
            values.
    """
    for name, claim in project.claims.items():
        _check_claim(project, name, claim)
    for name, replication in project.replications.items():
        where = f"{project.run.replications_file}: replications → {name}"
        for figure in replication.figures:
            _check_published(project, replication.study, figure, f"{where}: {figure.what}")


def _check_claim(project: Project, name: str, claim: Claim) -> None:
    """Check that each analysis of a claim is possible, in at most one study per data set."""
    decided_datasets: set[str] = set()
    convolutional_datasets: set[str] = set()
    for role, analysis in [*claim.analyses, *_by_batch_size(claim)]:
        where = f"{project.run.claims_file}: claims → {name}: {role} ({analysis.label})"
        for study in analysis.studies:
            _check_analysis(project, study, analysis, where)
            # Those of own data may keep it: the user decides how to train on own data.
            if analysis not in claim.own:
                check_full_batches(project, study, analysis, where)
        datasets = [project.study(study).dataset for study in analysis.studies]
        # The chart of batch sizes has a line for each kind of network.
        if len(set(datasets)) < len(datasets) and role != "by_batch_size":
            names = ", ".join(analysis.studies)
            raise UserError(f"{where}: studies: give one study per data set, not {names}")
        if analysis not in claim.own:
            _check_kinds(project, role, analysis, where)
        if role == "primary":
            decided_datasets = set(datasets)
        elif role == "convolutional":
            convolutional_datasets = set(datasets)
        elif role == "condition" and not set(datasets) <= decided_datasets:
            raise UserError(
                f"{where}: studies: the primary analysis has no study of "
                f"{', '.join(sorted(set(datasets) - decided_datasets))}"
            )
        elif role == "requirement":
            of_kind = {network_of(project, study) for study in analysis.studies} == {CONVOLUTIONAL}
            needed = convolutional_datasets if of_kind else decided_datasets
            if set(datasets) != needed:
                raise UserError(
                    f"{where}: studies: name one study of each data set of the analysis that "
                    f"decides: {', '.join(sorted(needed))}"
                )
    _check_plot(project, name, claim)


def _by_batch_size(claim: Claim) -> list[tuple[str, Analysis]]:
    return [("by_batch_size", claim.by_batch_size)] if claim.by_batch_size else []


def _check_kinds(project: Project, role: str, analysis: Analysis, where: str) -> None:
    """Check that the analyses that decide have studies of the kind of network that they name."""
    if role not in DECIDING:
        return
    for study in analysis.studies:
        kind = network_of(project, study)
        if (kind == CONVOLUTIONAL) != (role == "convolutional"):
            raise UserError(
                f"{where}: studies: '{study}' trains {kind} networks. Give studies of "
                "convolutional networks in the part `convolutional` of the claim, and all others "
                "in `primary`"
            )


def _check_plot(project: Project, name: str, claim: Claim) -> None:
    """Check that the studies of a claim have the values of axes that the figure shows."""
    if claim.plot is None:
        return
    where = f"{project.run.claims_file}: claims → {name}: plot"
    shown = {axis: v for axis, v in claim.plot.where.items() if axis in Settings.model_fields}
    for study in claim.primary.studies:
        _check_selection(project.study(study), study, shown, where)


def _check_analysis(project: Project, study_name: str, analysis: Analysis, where: str) -> None:
    """Check that an analysis names a study, and only axes, values and measures of the study."""
    study = _study(project, study_name, where)
    datasets = {project.studies[n].dataset for n in analysis.studies if n in project.studies}
    try:
        analysis.margin_on(study.dataset)
    except KeyError:
        raise _lacking("margin", study, study_name, where) from None
    try:
        arguments = analysis.arguments_on(study.dataset, datasets)
    except KeyError as error:
        raise _lacking(error.args[0], study, study_name, where) from None
    for selection in (analysis.treatment, analysis.control, analysis.where):
        _check_selection(study, study_name, selection, where)
    _check_arguments(study, study_name, analysis, arguments, where)


def check_full_batches(project: Project, study_name: str, analysis: Analysis, where: str) -> None:
    """Check that no smaller mini-batch at the end of an epoch decides an analysis of accuracies.

    The statistics of a few examples harm batch normalization, and no other arm. An analysis whose
    arms differ in `last_batch` is about just that.

    Raises:
        UserError: a variant of either arm trains on such a mini-batch.
    """
    about_it = "last_batch" in {**analysis.treatment, **(analysis.control or {})}
    if about_it or not analysis.of_accuracies:
        return
    arms = [
        {key: value for key, value in (analysis.where | arm).items() if key != "part"}
        for arm in (analysis.treatment, analysis.control)
        if arm is not None
    ]
    for variant in variants(project, study_name, every=True):
        if not any(has_values(variant.settings, arm) for arm in arms):
            continue
        examples = training_examples(project.dataset_of(study_name), variant.settings)
        rest = last_batch(variant.settings, examples)
        if rest:
            raise UserError(
                f"{where}: study '{study_name}' ({variant.name}): batch_size: "
                f"{variant.settings.batch_size} does not divide {examples} training examples, and "
                f"each epoch's last mini-batch, of {rest}, would decide about accuracies. Set "
                f"`last_batch: drop` in the settings of the study in {project.run.studies_file}, "
                f"or `training_examples: {examples - rest}`"
            )


def _check_published(project: Project, study_name: str, figure: Published, where: str) -> None:
    """Check a published figure in the same way as an analysis (see :func:`_check_analysis`)."""
    study = _study(project, study_name, where)
    for selection in (figure.treatment, figure.control):
        _check_selection(study, study_name, selection, where)
    _check_arguments(study, study_name, figure, figure.typed_arguments, where)


def _study(project: Project, name: str, where: str) -> Study:
    if name not in project.studies:
        raise UserError(
            f"{where}: unknown study '{name}'{suggestion(name, project.studies)}; "
            f"{project.run.studies_file} declares {', '.join(project.studies)}. To run your own "
            "studies without claims, set claims_file and replications_file to null in config.yaml"
        )
    return project.studies[name]


def _lacking(key: str, study: Study, name: str, where: str) -> UserError:
    return UserError(f"{where}: {key}: no value for data set '{study.dataset}' ({name})")


def _check_selection(study: Study, name: str, selection: dict[str, Any] | None, where: str) -> None:
    for axis, wanted in (selection or {}).items():
        if axis != "part":  # of a measurement
            _check_values(study, name, axis, several(wanted), where)


def _check_arguments(
    study: Study, name: str, item: Analysis | Published, arguments: dict[str, Any], where: str
) -> None:
    """Check that an endpoint has its required arguments, and that the study has what they name."""
    endpoint = ENDPOINTS[item.endpoint]
    for key in arguments:
        if key not in endpoint.arguments:
            raise UserError(
                f"{where}: arguments: {item.endpoint} has no '{key}'"
                f"{suggestion(key, endpoint.arguments)}; "
                f"it takes {', '.join(endpoint.arguments) or 'none'}"
            )
    for key in endpoint.needs:
        if key not in arguments:
            raise UserError(f"{where}: arguments: {item.endpoint} needs '{key}'")
    if endpoint.needs_control and item.control is None:
        raise UserError(f"{where}: control: {item.endpoint} needs a second arm")
    if "axis" in arguments:
        _check_values(study, name, arguments["axis"], [], where)
        for key in AXIS_VALUES:
            for value in several(arguments.get(key)):
                if value is not None:
                    _check_values(study, name, arguments["axis"], [value], where)
    measure = endpoint.measure_of(arguments)
    if measure is not None:
        _check_measure(study, name, measure, arguments.get("step"), where)


def _check_measure(study: Study, name: str, measure: str, step: Any, where: str) -> None:
    """Check that a study takes a measure, and that it does so after ``step`` if one is given."""
    steps = {
        value: at for family, at in study.measures.items() for value in MEASURES[family].yields
    }
    if measure not in steps:
        raise UserError(
            f"{where}: study '{name}' does not measure '{measure}'"
            f"{suggestion(measure, steps)}; it measures {', '.join(steps) or 'nothing'}"
        )
    if step is not None and step not in steps[measure]:
        raise UserError(
            f"{where}: arguments: step: study '{name}' measures '{measure}' after "
            f"{', '.join(map(str, steps[measure]))} steps, not after {step}"
        )


def _check_values(study: Study, name: str, axis: str, wanted: list[Any], where: str) -> None:
    """Check that a study has an axis, and at least one of the wanted values if any are given."""
    if axis not in study.axes:
        raise UserError(
            f"{where}: '{axis}' is not an axis of study '{name}'; it has {', '.join(study.axes)}"
        )
    declared = [value for block in (study.axes, *study.further) for value in block[axis]]
    typed = [typed_value(axis, value) for value in declared]
    if wanted and not any(value in typed for value in wanted):
        raise UserError(
            f"{where}: {axis}: study '{name}' has no {' or '.join(map(as_written, wanted))}; it "
            f"has {', '.join(map(str, declared))}"
        )
