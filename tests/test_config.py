"""Valid files under config/, and the messages about invalid ones."""

import copy
import json
import re
import shutil

import pytest
import yaml
from conftest import ROOT

from bnmatrix.config.schemas import schemas
from bnmatrix.datasets.scaling import ShiftedScaling
from bnmatrix.datasets.splitting import Split
from bnmatrix.errors import UserError
from bnmatrix.plan.jobs import jobs
from bnmatrix.plan.loading import load_project
from bnmatrix.plan.variants import variants
from bnmatrix.training.normalizations import NORMALIZATION_SETTINGS
from bnmatrix.training.settings import Settings
from bnmatrix.training.spec import JobSpec, Tuning


@pytest.fixture
def folder(tmp_path):
    """The shipped data sets and studies; without claims, which would limit what tests change."""
    shutil.copytree(ROOT / "config", tmp_path / "config")
    for key in ("claims", "replications"):
        (tmp_path / f"config/{key}.yaml").write_text(f"{key}: {{}}\n", encoding="utf-8")
    return tmp_path


def edit(folder, change, file="studies.yaml"):
    path = folder / "config" / file
    content = yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader)
    change(content)
    text = yaml.dump(content, Dumper=yaml.CSafeDumper, sort_keys=False)
    path.write_text(text, encoding="utf-8")


def study(content, name="iris-64-32"):
    return content["studies"][name]


ERRORS = {
    "unknown setting": (
        lambda c: study(c)["settings"].update(learning_rat=0.1),
        ["studies.yaml", "iris-64-32", "learning_rat", "did you mean 'learning_rate'?"],
    ),
    "unknown axis": (
        lambda c: study(c)["axes"].update(batchsize=[1]),
        ["iris-64-32", "batchsize", "did you mean 'batch_size'?"],
    ),
    "unknown key": (
        lambda c: study(c).update(replicate=3),
        ["iris-64-32", "replicate", "did you mean 'replicates'?"],
    ),
    "unknown data set": (
        lambda c: study(c).update(dataset="irs"),
        ["iris-64-32", "dataset", "'irs'", "did you mean 'iris'?", "mnist, cifar10, iris, digits"],
    ),
    "unknown normalization": (
        lambda c: study(c)["axes"].update(normalization=["none", "bach"]),
        [
            "iris-64-32",
            "normalization",
            "'bach'",
            "none, batch, renorm, layer",
            "did you mean 'batch'?",
        ],
    ),
    "batch larger than the training set": (
        lambda c: study(c)["axes"].update(batch_size=[8, 109]),
        ["iris-64-32", "batch_size: 109 is more than the 108 training examples", "at most 108"],
    ),
    "batch larger than a training subset": (
        lambda c: study(c)["settings"].update(training_examples=50),
        ["batch_size: 96 is more than the 50 training examples"],
    ),
    "batch of nothing": (
        lambda c: study(c)["axes"].update(batch_size=[0]),
        ["iris-64-32", "batch_size", "greater than or equal to 1", "it is 0"],
    ),
    "half an example": (
        lambda c: study(c)["axes"].update(batch_size=[32.5]),
        ["iris-64-32", "batch_size", "valid integer", "it is 32.5"],
    ),
    "a batch size in words": (
        lambda c: study(c)["axes"].update(batch_size=["32"]),
        ["batch_size", "valid integer", "it is '32'"],
    ),
    "more examples than there are": (
        lambda c: study(c)["settings"].update(training_examples=109),
        ["training_examples: 109 is more than the 108", "Iris"],
    ),
    "missing axis": (
        lambda c: study(c)["axes"].pop("normalization"),
        ["'normalization' must be an axis of every study"],
    ),
    "empty axis": (lambda c: study(c)["axes"].update(dropout=[]), ["'dropout' has no values"]),
    "setting and axis": (
        lambda c: study(c)["axes"].update(epochs=[1, 2]),
        ["'epochs' is both a setting and an axis"],
    ),
    "no length": (
        lambda c: study(c)["settings"].pop("epochs"),
        ["either `epochs` or `steps`"],
    ),
    "two lengths": (
        lambda c: study(c)["settings"].update(steps=10, evaluate_every=5),
        ["either `epochs` or `steps`"],
    ),
    "steps alone": (
        lambda c: [study(c)["settings"].pop("epochs"), study(c)["settings"].update(steps=10)],
        ["give both `steps` and `evaluate_every`, or neither"],
    ),
    "rate of zero": (
        lambda c: study(c)["settings"].update(learning_rate=0),
        ["learning_rate", "greater than 0", "it is 0"],
    ),
    "infinite rate": (
        lambda c: study(c)["settings"].update(learning_rate=float("inf")),
        ["learning_rate", "finite"],
    ),
    "a split without a size": (
        lambda c: study(c)["settings"].update(validation={"take": "last"}),
        ["validation", "either `fraction` or `examples`"],
    ),
    "a split of everything": (
        lambda c: study(c)["settings"].update(validation={"examples": 120}),
        ["validation: 120 examples are all that Iris has"],
    ),
    "bad initializer": (
        lambda c: study(c)["settings"].update(initializer="he_norml"),
        ["initializer", "did you mean 'he_normal'?", "{normal: standard deviation}"],
    ),
    "no spread": (
        lambda c: study(c)["settings"].update(initializer={"normal": 0}),
        ["initializer", "normal", "greater than 0"],
    ),
    "name with a slash": (
        lambda c: c["studies"].update({"a/b": study(c)}),
        ["studies → a/b", "use letters, digits"],
    ),
    "name that is taken": (
        lambda c: c["studies"].update({"index": study(c)}),
        ["studies → index", "none of index, runs"],
    ),
    "groups that do not divide the units": (
        lambda c: study(c)["axes"].update(
            normalization=["none", "group"], normalization_groups=[24]
        ),
        [
            *("studies.yaml", "iris-64-32", "normalization: group", "normalization_groups"),
            "24 groups do not divide hidden layers of 64, 32 units",
        ],
    ),
    "more groups than units": (
        lambda c: [
            study(c)["axes"].update(normalization=["group"]),
            study(c)["settings"].update(normalization_groups=64),
        ],
        ["normalization_groups: 64 groups do not divide hidden layers of 64, 32 units"],
    ),
    "no groups": (
        lambda c: study(c)["settings"].update(normalization_groups=0),
        ["normalization_groups", "greater than or equal to 1", "it is 0"],
    ),
    "one fold": (
        lambda c: study(c)["settings"].update(folds=1),
        ["iris-64-32", "folds", "greater than or equal to 2", "it is 1"],
    ),
    "batch larger than what folds leave": (
        # 150 − 50 examples, minus a tenth for validation.
        lambda c: study(c)["settings"].update(folds=3),
        ["batch_size: 96 is more than the 90 training examples"],
    ),
    "unknown order of dropout": (
        lambda c: study(c)["settings"].update(dropout_order="between"),
        ["dropout_order", "'after' or 'before'", "it is 'between'"],
    ),
    "unknown choice of training examples": (
        lambda c: study(c)["settings"].update(training_take="last"),
        ["training_take", "'random' or 'first'", "it is 'last'"],
    ),
    "two rates to tune": (
        lambda c: study(c).update(tuning={"rates": [0.1, 1]}),
        ["iris-64-32", "tuning → rates", "at least 3"],
    ),
    "rates in unequal ratios": (
        lambda c: study(c).update(tuning={"rates": [0.01, 0.1, 0.5]}),
        ["iris-64-32", "tuning", "`rates` must ascend in equal ratios", "0.01, 0.1, 1"],
    ),
    "descending rates": (
        lambda c: study(c).update(tuning={"rates": [1, 0.1, 0.01]}),
        ["tuning", "`rates` must ascend in equal ratios"],
    ),
    "a rate of zero to tune": (
        lambda c: study(c).update(tuning={"rates": [0, 0.1, 1]}),
        ["tuning → rates → 0", "greater than 0", "it is 0"],
    ),
    "unknown objective": (
        lambda c: study(c).update(tuning={"objective": "best"}),
        ["tuning → objective", "'final', 'average' or 'loss'", "it is 'best'"],
    ),
    "unknown key of tuning": (
        lambda c: study(c).update(tuning={"rate": [0.1, 1, 10]}),
        ["tuning → rate", "did you mean 'rates'?"],
    ),
    "unknown measure": (
        lambda c: study(c).update(measures={"gradient": [0]}),
        ["iris-64-32", "measures", "gradient", "did you mean 'gradients'?", "covariate_shift"],
    ),
    "unknown time of a measure": (
        lambda c: study(c).update(measures={"gradients": ["first"]}),
        ["iris-64-32", "measures → gradients → 0", "'last'", "it is 'first'"],
    ),
    "a measure before the start": (
        lambda c: study(c).update(measures={"gradients": [-1]}),
        ["measures → gradients → 0", "greater than or equal to 0", "it is -1"],
    ),
    "further cells of other axes": (
        lambda c: study(c).update(further=[{"normalization": ["batch"], "dropout": [0.5]}]),
        ["iris-64-32", "further: each entry needs values for the axes normalization, batch_size"],
    ),
    "further cells of nothing": (
        lambda c: study(c).update(further=[{"normalization": ["batch"], "batch_size": []}]),
        ["further: each entry needs values for the axes"],
    ),
    "a bad value in further cells": (
        lambda c: study(c).update(further=[{"normalization": ["batch"], "batch_size": [109]}]),
        ["batch_size: 109 is more than the 108 training examples"],
    ),
    "unknown axis to keep together": (
        lambda c: study(c).update(together=["batchsize"]),
        ["together: unknown setting 'batchsize'", "did you mean 'batch_size'?"],
    ),
    "top-level key": (lambda c: c.update(study={}), ["studies.yaml", "unknown key 'study'"]),
}


@pytest.mark.parametrize("case", ERRORS)
def test_errors_name_key_value_and_what_is_allowed(folder, case):
    change, expected = ERRORS[case]
    edit(folder, change)
    with pytest.raises(UserError) as error:
        load_project(root=folder)
    for part in expected:
        assert part in str(error.value)


def test_run_configuration_errors(folder, monkeypatch):
    for config, expected in [
        ({"studys": "all"}, "did you mean 'studies'?"),
        ({"studies": ["iris-64-23"]}, "did you mean 'iris-64-32'?"),
        ({"replicates": 0}, "replicates"),
        ({"replicates": "many"}, "valid integer"),
    ]:
        with pytest.raises(UserError, match=expected.replace("?", r"\?")):
            load_project(config, root=folder)
    with pytest.raises(UserError, match=r"nowhere\.yaml: there is no such file"):
        load_project({"studies_file": "nowhere.yaml"}, root=folder)
    (folder / "config/studies.yaml").write_text("studies: [", encoding="utf-8")
    with pytest.raises(UserError, match=r"studies\.yaml: not valid YAML"):
        load_project(root=folder)
    monkeypatch.setenv("BNMATRIX_MIRROR", "/from/environment")
    project = load_project({"studies_file": str(ROOT / "config/studies.yaml")}, root=folder)
    assert project.run.mirror == "/from/environment"


def test_studies_given_as_one_text(folder):
    chosen = load_project({"studies": "digits-64-64, iris-64-32"}, root=folder).chosen
    assert chosen == ["iris-64-32", "digits-64-64"]


def test_the_declared_matrix(project):
    """Every study crosses normalization with batch sizes, as in the experiments of the sources."""
    sizes = {
        "mnist-64-64": [16, 32, 64, 128, 256],
        "mnist-256-128": [32, 64, 128],
        "mnist-128-dropout": [32, 128, 512],
        "cifar10-512-256-128": [32, 64, 128],
        "iris-64-32": [8, 16, 32, 96],
        "digits-64-64": [16, 32, 64, 128, 256],
    }
    for name, expected in sizes.items():
        cells = [
            (v.settings.normalization, v.settings.batch_size)
            for v in variants(project, name)
            if v.settings.framework == "keras"
        ]
        assert cells == [(n, b) for n in ("none", "batch") for b in expected]
        assert project.replicates_of(name) == (10 if name == "mnist-256-128" else 5)


def test_the_second_source_runs_in_both_frameworks_and_with_its_mistake(project):
    both = project.model_copy(update={"frameworks": ("keras", "torch")})
    cells = [v.settings for v in variants(both, "mnist-256-128")]
    ours = [s for s in cells if s.value("conventions") != "torch"]
    pairs = {(s.value("framework"), s.value("normalization"), s.value("batch_size")) for s in ours}
    assert len(pairs) == len(ours) == 2 * 2 * 3
    source = [s for s in cells if s.value("conventions") == "torch"]
    assert {(s.value("loss"), s.value("normalization")) for s in source} == {
        (loss, n) for loss in ("cross_entropy", "softmax_twice") for n in ("none", "batch")
    }
    for s in source:
        assert s.value("input_scaling") == ShiftedScaling(mean=0.1307, deviation=0.3081)
        assert (s.value("batch_size"), s.value("optimizer"), s.value("learning_rate")) == (
            64,
            "adam",
            0.001,
        )


def test_any_setting_can_be_an_axis(folder):
    """Values of every type give distinct, readable names that can be part of a path."""
    axes = {
        "training_examples": [60, 100],
        "input_scaling": ["raw", "unit", "standardized", "centered", {"mean": 1, "deviation": 2}],
        "hidden_layers": [[8], [8, 4], []],
        "activation": ["relu", "tanh"],
        "initializer": ["he_normal", {"normal": 0.05}],
        "biases": [True, False],
        "placement": ["before", "after"],
        "dropout": [0, 0.5],
        "tuned": [False, True],
        "folds": [2, 5],
        "training_take": ["random", "first"],
        "optimizer": ["sgd", "momentum", "rmsprop", "adam"],
        "learning_rate": ["1e-3", 0.1],
        "minibatches": ["shuffled", "with_replacement"],
        "last_batch": ["keep", "drop"],
        "schedule": ["constant", "cosine"],
        "validation": [
            {"fraction": 0.2, "take": "last"},
            {"fraction": 0.2, "take": "random", "seed": 1},
        ],
        "normalization_momentum": [0.9, 0.99],
        "normalization_epsilon": [0.001, 1e-5],
        "epochs": [1, 2],
    }
    for axis, values in axes.items():

        def change(content, axis=axis, values=values):
            study(content)["axes"] = {
                "normalization": ["none", "batch"],
                "batch_size": [8],
                axis: values,
            }
            study(content)["settings"] = {
                k: v for k, v in study(content)["settings"].items() if k != axis
            }

        shutil.copy(ROOT / "config/studies.yaml", folder / "config/studies.yaml")
        edit(folder, change)
        project = load_project(root=folder)
        found = variants(project, "iris-64-32")
        names = [variant.name for variant in found]
        assert len(set(names)) == len(names)
        assert not any(set(name) & set(" /\\'\"$&*?[]{}()<>|;:") for name in names), names
        only_with = axis in ("placement", "normalization_momentum", "normalization_epsilon")
        assert len(found) == (1 + len(values) if only_with else 2 * len(values))
        for variant in found:
            if variant.settings.normalization == "batch":
                base = next(v for v in found if v.name == variant.baseline)
                assert base.settings.normalization == "none"
                same = set(Settings.model_fields) - {"normalization", *NORMALIZATION_SETTINGS}
                assert all(base.settings.value(k) == variant.settings.value(k) for k in same)
        found = jobs(project, "iris-64-32")
        assert sorted(v.name for job in found for v in job.variants) == sorted(names)
        for job in found:
            assert JobSpec.model_validate_json(job.spec(project).model_dump_json()) == job.spec(
                project
            )


def changed(folder, change):
    """Return the project with a changed study of Iris."""
    edit(folder, lambda content: change(study(content)))
    return load_project(root=folder)


def test_further_cells(folder):
    """They follow the product, in the order of the axes; duplicates are dropped."""

    def change(iris):
        iris["axes"] = {"normalization": ["none", "batch"], "batch_size": [8, 16]}
        iris["further"] = [
            {"batch_size": [32, 16], "normalization": ["layer", "batch"]},
            {"normalization": ["none"], "batch_size": [32]},
        ]

    found = variants(changed(folder, change), "iris-64-32")
    assert [(v.settings.normalization, v.settings.batch_size) for v in found] == [
        *(("none", 8), ("none", 16), ("batch", 8), ("batch", 16)),
        *(("layer", 32), ("layer", 16), ("batch", 32), ("none", 32)),
    ]
    baselines = {v.name: v.baseline for v in found}
    assert baselines["normalization~layer,batch_size~32"] == "normalization~none,batch_size~32"
    assert baselines["normalization~batch,batch_size~32"] == "normalization~none,batch_size~32"
    assert baselines["normalization~none,batch_size~32"] is None


def test_groups_only_affect_group_normalization(folder):
    """Other normalizations allow layers that groups do not divide, and have no number of groups."""

    def change(iris):
        iris["settings"]["hidden_layers"] = [9, 3]
        iris["axes"] = {
            **{"normalization": ["none", "batch", "layer"], "batch_size": [8]},
            "normalization_groups": [8],
        }
        iris["further"] = [
            {"normalization": ["group"], "batch_size": [8], "normalization_groups": [1, 3]}
        ]

    found = variants(changed(folder, change), "iris-64-32")
    assert [v.settings.value("normalization_groups") for v in found] == [None, None, None, 1, 3]
    assert [v.settings.value("normalization_momentum") for v in found] == [
        None,
        0.99,
        None,
        None,
        None,
    ]
    assert {v.baseline for v in found[1:]} == {found[0].name}


def test_the_order_of_dropout_is_a_setting_of_normalized_networks_with_dropout(folder):
    def change(iris):
        iris["axes"] = {
            **{"normalization": ["none", "batch"], "batch_size": [8], "dropout": [0, 0.5]},
            "dropout_order": ["after", "before"],
        }

    found = variants(changed(folder, change), "iris-64-32")
    assert [
        (v.settings.normalization, v.settings.dropout, v.settings.value("dropout_order"))
        for v in found
    ] == [
        *(("none", 0, None), ("none", 0.5, None), ("batch", 0, None)),
        *(("batch", 0.5, "after"), ("batch", 0.5, "before")),
    ]
    assert found[3].baseline == found[4].baseline == found[1].name


def test_a_tuned_variant_has_no_declared_learning_rate(folder):
    def change(iris):
        del iris["settings"]["learning_rate"]
        iris["axes"] |= {"batch_size": [8], "learning_rate": [0.1, 0.01], "tuned": [False, True]}

    project = changed(folder, change)
    rates = [v.settings.value("learning_rate") for v in variants(project, "iris-64-32")]
    assert rates == [0.1, None, 0.01] * 2
    specs = [job.spec(project) for job in jobs(project, "iris-64-32")]
    assert [spec.tuning for spec in specs] == [Tuning()] * 2
    # Variants that are not tuned have the same folds as the others, also in jobs of their own.
    edit(folder, lambda content: study(content).update(together=["learning_rate"]))
    apart = load_project(root=folder)
    assert [job.spec(apart).tuning for job in jobs(apart, "iris-64-32")] == [Tuning()] * 4
    assert {job.spec(apart).tuning for job in jobs(apart, "digits-rates")} == {None}


def test_variants_of_one_program_share_a_job(folder):
    """Each value of another axis has a separate job, unless `together` names the axis."""

    def change(iris):
        del iris["settings"]["learning_rate"]
        iris["axes"] |= {
            **{"batch_size": [8, 16], "learning_rate": [0.1, 0.01]},
            "initializer": ["he_normal", {"normal": 0.05}],
        }

    project = changed(folder, change)
    found = jobs(project, "iris-64-32")
    assert [job.name for job in found] == [
        *("normalization~none__batch_size~8", "normalization~none__batch_size~16"),
        *("normalization~batch__batch_size~8", "normalization~batch__batch_size~16"),
    ]
    assert [len(job.variants) for job in found] == [4] * 4
    every = variants(project, "iris-64-32")
    assert sorted(v.name for job in found for v in job.variants) == sorted(v.name for v in every)
    spec = found[2].spec(project)
    assert [v.name for v in spec.variants] == [v.name for v in found[2].variants]
    assert {v.settings.value("learning_rate") for v in spec.variants} == {0.1, 0.01}
    assert {v.settings.batch_size for v in spec.variants} == {8}
    assert spec.tuning is None

    for together, names in [
        ([], [v.name.replace(",", "__") for v in every]),
        (["learning_rate", "initializer", "batch_size"], ["normalization~none"]),
        (["learning_rate", "initializer", "batch_size", "normalization"], ["all"]),
    ]:
        edit(folder, lambda content, names=together: study(content).update(together=names))
        found = [job.name for job in jobs(load_project(root=folder), "iris-64-32")]
        assert found[: len(names)] == names


def test_measures_reach_the_job(folder):
    measures = {"gradients": [0, 10, "last"], "step_time": ["last"]}
    project = changed(folder, lambda iris: iris.update(measures=measures))
    for job in jobs(project, "iris-64-32"):
        assert job.spec(project).measures == {name: tuple(at) for name, at in measures.items()}


def test_variants_of_one_job_share_their_data(folder):
    """A job reads one file of prepared data, so that each validation split has a separate job."""

    def change(iris):
        del iris["settings"]["validation"]
        iris["axes"] |= {"validation": [{"fraction": 0.1, "take": "last"}, {"fraction": 0.2}]}
        iris["together"] = ["batch_size", "validation"]
        iris["axes"]["batch_size"] = [8]

    try:
        project = changed(folder, change)
    except UserError as error:
        assert "validation" in str(error)
        return
    for job in jobs(project, "iris-64-32"):
        splits = [v.settings.validation for v in job.variants]
        assert all(split == splits[0] for split in splits)


def test_the_example_in_the_documentation(folder):
    text = (ROOT / "config/README.md").read_text(encoding="utf-8")
    example = text.split("## A study\n")[1].split("```yaml\n")[1].split("```")[0]
    (folder / "config/studies.yaml").write_text(example, encoding="utf-8")
    project = load_project({"claims_file": None, "replications_file": None}, root=folder)
    assert len(variants(project, "digits-deep")) == 8


def test_the_documentation_names_every_setting_with_its_default():
    text = (ROOT / "config/README.md").read_text(encoding="utf-8")
    rows = [line.split("|") for line in text.splitlines() if line.startswith("| `")]
    documented = {
        name: row[3].strip(" `") for row in rows for name in re.findall(r"`(\w+)`", row[1])
    }
    for name, field in Settings.model_fields.items():
        assert name in documented, name
        if isinstance(field.default, str | int | float) and not isinstance(field.default, bool):
            assert str(field.default) in (documented[name], documented[name] + ".0"), name


def test_split_sizes_equal_those_of_scikit_learn_and_keras():
    assert Split(fraction=0.2).sizes(60000) == (48000, 12000)
    assert Split(fraction=0.2).sizes(150) == (120, 30)
    assert Split(fraction=0.1, take="last").sizes(120) == (108, 12)
    assert Split(fraction=0.2).sizes(1797) == (1437, 360)
    assert Split(examples=10000).sizes(60000) == (50000, 10000)


def test_schemas_match_the_models():
    """Run `make schemas` after a change to the models."""
    for name, schema in schemas().items():
        written = json.loads((ROOT / "workflow/schemas" / name).read_text(encoding="utf-8"))
        assert written == schema, name


def test_schemas_accept_what_is_declared_and_refuse_what_is_not():
    jsonschema = pytest.importorskip("jsonschema")
    for file in ("config", "datasets", "studies"):
        content = yaml.safe_load((ROOT / f"config/{file}.yaml").read_text(encoding="utf-8"))
        schema = schemas()[f"{file}.schema.json"]
        jsonschema.Draft202012Validator.check_schema(schema)
        jsonschema.validate(content, schema)
        if file == "studies":
            wrong = copy.deepcopy(content)
            study(wrong)["axes"]["batch_size"] = [0]
            with pytest.raises(jsonschema.ValidationError):
                jsonschema.validate(wrong, schema)
