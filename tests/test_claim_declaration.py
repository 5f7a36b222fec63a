"""The declarations of claims and replications, and their errors."""

import copy
import shutil

import pytest
import yaml
from conftest import ROOT

from bnmatrix.errors import UserError
from bnmatrix.plan.claim_checks import check_full_batches
from bnmatrix.plan.loading import load_project
from bnmatrix.tables.schema import HISTORY_COLUMNS, RUN_COLUMNS


def test_the_declared_claims(project):
    assert project.claims
    for name, entry in project.claims.items():
        assert not entry.primary.wall_clock, f"{name}: its verdict would change from run to run"


def declared(project):
    for name, entry in project.claims.items():
        for _, analysis in entry.analyses:
            datasets = [project.study(study).dataset for study in analysis.studies]
            for study, dataset in zip(analysis.studies, datasets, strict=True):
                where = f"{name} ({analysis.label}, {study})"
                yield where, analysis, analysis.arguments_on(dataset, datasets)
    for name, replication in project.replications.items():
        for figure in replication.figures:
            yield f"{name} ({figure.what})", figure, figure.typed_arguments


def test_declared_columns_are_in_the_tables(project):
    for where, _, arguments in declared(project):
        if "column" in arguments:
            columns = {"generalization_gap", *RUN_COLUMNS, *HISTORY_COLUMNS}
            assert arguments["column"] in columns, where


def test_wall_clock_endpoints_are_marked(project):
    for where, item, _ in declared(project):
        assert item.wall_clock == (item.endpoint in ("seconds_to", "step_time")), where


def test_every_data_set_of_a_condition_has_a_primary_analysis(project):
    """Each analysis has one study per data set, and conditions only use the primary's data sets."""
    for name, entry in project.claims.items():
        primary = [project.study(study).dataset for study in entry.primary.studies]
        for role, analysis in entry.analyses:
            datasets = [project.study(study).dataset for study in analysis.studies]
            assert len(set(datasets)) == len(datasets), name
            if role in ("primary", "condition"):
                assert set(datasets) <= set(primary), name


def test_labels_of_a_claims_analyses_are_unique(project):
    for name, entry in project.claims.items():
        labels = [(role, item.label, item.endpoint) for role, item in entry.analyses]
        assert len(set(labels)) == len(labels), name


@pytest.fixture
def folder(tmp_path):
    shutil.copytree(ROOT / "config", tmp_path / "config")
    return tmp_path


def edit(folder, change, file="claims.yaml"):
    path = folder / "config" / file
    # A deep copy per entry, because YAML's anchors share objects.
    content = yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader)
    key = next(iter(content))
    content = {key: {name: copy.deepcopy(entry) for name, entry in content[key].items()}}
    change(content[key])
    text = yaml.dump(content, Dumper=yaml.CSafeDumper, sort_keys=False)
    path.write_text(text, encoding="utf-8")


def primary(claims, name="convergence"):
    return claims[name]["primary"]


PRIMARY = (
    "config/claims.yaml: claims → convergence: primary (in dense "
    "networks, when each arm's learning rate is tuned)"
)

ERRORS = {
    "unknown study": (
        lambda c: primary(c)["studies"].append("digits-convergenc"),
        [
            *(PRIMARY, "unknown study 'digits-convergenc'", "did you mean 'digits-convergence'?"),
            "config/studies.yaml declares mnist-64-64, ",
        ],
    ),
    "unknown endpoint": (
        lambda c: primary(c).update(endpoint="step_to"),
        [
            "config/claims.yaml: claims → convergence: primary → endpoint: must be one of final, ",
            *("did you mean 'steps_to'?", "it is 'step_to'"),
        ],
    ),
    "unknown direction": (
        lambda c: primary(c).update(direction="more"),
        [
            "convergence: primary → direction",
            "'greater', 'less', 'different', 'equal' or 'at most'",
        ],
    ),
    "a precondition without a study of each data set": (
        lambda c: c["dropout"]["requires"][0].update(studies=["digits-dropout"]),
        [
            "dropout: requirement (dropout raises test accuracy without BN): studies: name one",
            "of each data set of the analysis that decides: digits, mnist",
        ],
    ),
    "a precondition and an analysis of own data": (
        lambda c: c["dropout"].update(own_data={"label": "here"}),
        ["claims → dropout", "requires: a claim with `own_data` cannot have preconditions"],
    ),
    "a fact of time": (
        lambda c: c["overhead"]["exploratory"][1].update(fact=True),
        ["claims → overhead", "fact: wall-clock time varies and is no fact"],
    ),
    "unknown key": (
        lambda c: primary(c).update(margins=1),
        [
            "convergence: primary → margins: unknown key (did you mean 'margin'?)",
            "the keys are label",
        ],
    ),
    "unknown key of a condition": (
        lambda c: c["convergence"]["conditions"][0].update(treatmant={}),
        ["convergence: conditions → 0 → treatmant", "did you mean 'treatment'?"],
    ),
    "unknown key of a claim": (
        lambda c: c["convergence"].update(conditons=[]),
        ["claims → convergence: conditons", "did you mean 'conditions'?"],
    ),
    "no margin": (
        lambda c: primary(c).pop("margin"),
        ["convergence: primary → margin: Field required"],
    ),
    "a margin of nothing": (
        lambda c: primary(c).update(margin=0),
        ["convergence: primary → margin", "greater than 0", "it is 0"],
    ),
    "an axis that the study has not": (
        lambda c: primary(c)["treatment"].update(dropout=0.5),
        [
            f"{PRIMARY}: 'dropout' is not an axis of study 'digits-convergence'; "
            "it has normalization, batch_size"
        ],
    ),
    "an axis of `where` that the study has not": (
        lambda c: primary(c).update(where={"activation": "relu"}),
        [f"{PRIMARY}: 'activation' is not an axis of study 'digits-convergence'"],
    ),
    "a value that the study has not": (
        lambda c: primary(c)["control"].update(normalization="layer"),
        [f"{PRIMARY}: normalization: study 'digits-convergence' has no layer; it has none, batch"],
    ),
    "values that the study has not": (
        lambda c: primary(c)["control"].update(normalization=["layer", "group"]),
        [f"{PRIMARY}: normalization: study 'digits-convergence' has no layer or group; it "],
    ),
    "a margin that a data set has not": (
        lambda c: primary(c, "deep").update(margin={"digits": 0.01}),
        [
            "config/claims.yaml: claims → deep: primary (with 20 ReLU layers): margin: no value "
            "for data set 'mnist' (mnist-depth)"
        ],
    ),
    "an argument that a data set has not": (
        lambda c: primary(c)["arguments"].update(target={"digits": 0.9, "cifar10": 0.35}),
        [f"{PRIMARY}: target: no value for data set 'mnist' (mnist-convergence)"],
    ),
    "a figure of a value that the study has not": (
        lambda c: c["gradients"]["plot"]["where"].update(hidden_layers="64-64"),
        [
            "config/claims.yaml: claims → gradients: plot: hidden_layers: study 'digits-depth' has "
            "no 64-64; it has ["
        ],
    ),
    "an error of a condition": (
        lambda c: c["convergence"]["conditions"][0].update(treatment={"tuned": "maybe"}),
        ["convergence: condition (at a shared learning rate of 0.01): tuned: ", "has no maybe"],
    ),
    "an error of an exploratory analysis": (
        lambda c: c["high-lr"]["exploratory"][0].update(studies=["mnist-rate"]),
        ["high-lr: exploratory (at the best rate without BN", "did you mean 'mnist-rates'?"],
    ),
}


@pytest.mark.parametrize("case", ERRORS)
def test_errors_name_file_claim_and_what_is_allowed(folder, case):
    change, expected = ERRORS[case]
    edit(folder, change)
    with pytest.raises(UserError) as error:
        load_project(root=folder)
    for part in expected:
        assert part in str(error.value)


def test_errors_of_replications(folder):
    figure = {"what": "accuracy", "value": 1, "treatment": {}}

    def change(**changes):
        shutil.copy(ROOT / "config/replications.yaml", folder / "config/replications.yaml")
        edit(folder, lambda r: r["garbin"].update(changes), "replications.yaml")
        with pytest.raises(UserError) as error:
            load_project(root=folder)
        return str(error.value)

    start = "config/replications.yaml: replications → garbin: "
    assert change(study="mnist-garbn").startswith(
        f"{start}parameters without BN: unknown study 'mnist-garbn' (did you mean 'mnist-garbin'?)"
    )
    assert change(figures=[figure | {"treatment": {"dropout": 0}}]).startswith(
        f"{start}accuracy: 'dropout' is not an axis of study 'mnist-garbin'"
    )
    assert change(figures=[figure | {"endpoint": "finally"}]).startswith(
        f"{start}figures → 0 → endpoint: must be one of final"
    )


@pytest.mark.parametrize("file", ["claims", "replications"])
def test_the_schema_accepts_what_is_declared_and_refuses_what_is_not(file):
    jsonschema = pytest.importorskip("jsonschema")
    path = ROOT / f"workflow/schemas/{file}.schema.json"
    schema = yaml.safe_load(path.read_text(encoding="utf-8"))
    content = yaml.safe_load((ROOT / f"config/{file}.yaml").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(content, schema)
    next(iter(content[file].values()))["titel"] = "?"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(content, schema)


@pytest.mark.parametrize(
    ("claim_name", "change", "expected"),
    [
        ("convergence", {"arguments": {"targt": 0.9}}, "steps_to has no 'targt' (did you mean"),
        ("convergence", {"arguments": {}}, "steps_to needs 'target'"),
        ("regularization", {"control": None}, "gap_at_matched_loss needs a second arm"),
        ("high-lr", {"arguments": {"axis": "dropout", "within": 0.1}}, "'dropout' is not an axis"),
        (
            "small-batch",
            {"arguments": {"axis": "batch_size", "at": 3, "reference": 64}},
            "batch_size: study 'digits-batches' has no 3",
        ),
        (
            "init-robust",
            {
                "endpoint": "gain_along",
                "arguments": {
                    "axis": "initializer",
                    "at": {"normal": 7},
                    "reference": {"normal": 0.001},
                },
            },
            "initializer: study 'digits-inits' has no {'normal': 7.0}; it has {'normal': 0.001}, ",
        ),
        ("order", {"arguments": {"measure": "order_diference"}}, "does not measure"),
        ("gradients", {"arguments": {"step": 7}}, "after 0, 200 steps, not after 7"),
        ("overhead", {"wall_clock": True}, "wall-clock time differs from run to run"),
        ("high-lr", {"studies": ["digits-rates", "digits-rates"]}, "one study per data set"),
    ],
)
def test_impossible_analyses_are_refused_before_training(folder, claim_name, change, expected):
    edit(folder, lambda c: primary(c, claim_name).update(change))
    with pytest.raises(UserError) as error:
        load_project(root=folder)
    assert expected in str(error.value)
    assert claim_name in str(error.value)


def keep_last(folder, study):
    """Let a study train on 500 examples and keep the last, smaller mini-batch of each epoch."""
    changes = {"last_batch": "keep", "training_examples": 500}
    edit(folder, lambda s: s[study]["settings"].update(changes), "studies.yaml")


def test_a_short_last_mini_batch_decides_no_claim_of_accuracy(folder):
    keep_last(folder, "digits-dropout")
    with pytest.raises(UserError) as error:
        load_project(root=folder)
    assert str(error.value).startswith(
        "config/claims.yaml: claims → dropout: primary (in dense networks, with dropout after the "
        "activation): study 'digits-dropout' (normalization~none,batch_size~32,"
    )
    assert (
        "batch_size: 32 does not divide 500 training examples, and each "
        "epoch's last mini-batch, of 20, would decide about accuracies. Set `last_batch: drop` in "
        "the settings of the study in config/studies.yaml, or `training_examples: 480`"
    ) in str(error.value)


def test_a_short_last_mini_batch_may_be_what_a_claim_is_about():
    """The arms of ``last-batch`` differ in it; they are not mistaken for others."""
    project = load_project(root=ROOT)
    claim = project.claims["last-batch"]
    assert claim.primary.treatment["last_batch"] == "keep"
    other = claim.primary.model_copy(update={"treatment": {"normalization": "batch"}})
    other = other.model_copy(update={"control": {"normalization": "batch"}})
    with pytest.raises(UserError, match="does not divide 481 training examples"):
        check_full_batches(project, "digits-remainders", other, "x")


def test_a_short_last_mini_batch_may_be_in_studies_of_other_claims(folder):
    """Numbers of steps, and the source studies, which no claim names."""
    keep_last(folder, "digits-convergence")
    project = load_project(root=folder)
    assert project.study("mnist-64-64").settings.get("last_batch", "keep") == "keep"


def test_only_the_variants_of_an_analysis_need_full_mini_batches(folder):
    """48 does not divide 512 examples, and 16 does."""

    def analysed(**where):
        shutil.copy(ROOT / "config/claims.yaml", folder / "config/claims.yaml")
        final = {"endpoint": "final", "arguments": {}, "where": where}
        edit(folder, lambda c: primary(c, "small-batch").update(final))
        load_project(root=folder)

    batches = {"normalization": ["layer"], "batch_size": [48], "tuned": [True]}
    edit(folder, lambda s: s["digits-batches"]["further"].append(batches), "studies.yaml")
    keep = {"last_batch": "keep"}
    edit(folder, lambda s: s["digits-batches"]["settings"].update(keep), "studies.yaml")
    analysed(batch_size=[16, 64])
    layer = {"treatment": {"normalization": "layer", "batch_size": [2, 48]}}
    edit(folder, lambda c: primary(c, "small-batch").update(layer))
    with pytest.raises(UserError, match="batch_size: 48 does not divide 512 training examples"):
        load_project(root=folder)


def test_a_value_of_an_axis_may_be_a_mapping(folder):
    """`normal` is an initializer, because no data set of the analysis has this name."""
    ends = {"at": {"normal": 0.1}, "reference": {"normal": 0.01}}
    changes = {"endpoint": "gain_along", "arguments": {"axis": "initializer", **ends}}
    edit(folder, lambda c: primary(c, "init-robust").update(changes))
    project = load_project(root=folder)
    found = project.claims["init-robust"].primary.arguments_on("digits", ["digits", "mnist"])
    assert (found["at"].normal, found["reference"].normal) == (0.1, 0.01)
