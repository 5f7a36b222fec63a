"""What a user may write under config/, and what they read when it is wrong."""

import copy
import json
import re
import shutil

import pytest
import yaml
from conftest import ROOT

from bnmatrix.config import Settings, Split, schemas
from bnmatrix.errors import UserError
from bnmatrix.project import load_project
from bnmatrix.variants import as_json, variants


@pytest.fixture
def folder(tmp_path):
    shutil.copytree(ROOT / "config", tmp_path / "config")
    return tmp_path


def edit(folder, change, file="studies.yaml"):
    path = folder / "config" / file
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    change(content)
    path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")


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
        ["iris-64-32", "normalization", "'bach'", "none, batch, layer", "did you mean 'batch'?"],
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
        ["`steps` and `evaluate_every` go together"],
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


def test_studies_given_in_one_word(folder):
    chosen = load_project({"studies": "digits-64-64, iris-64-32"}, root=folder).chosen
    assert chosen == ["iris-64-32", "digits-64-64"]


def test_the_declared_matrix(project):
    """Every study crosses normalization with its batch sizes, as the sources' experiments do."""
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
            (v.settings["normalization"], v.settings["batch_size"]) for v in variants(project, name)
        ]
        assert cells == [(n, b) for n in ("none", "batch") for b in expected]
        assert project.replicates_of(name) == 5


def test_any_setting_can_be_an_axis(folder):
    """Values of every kind make names that are distinct, readable and fit for a path."""
    axes = {
        "training_examples": [60, 100],
        "input_scaling": ["raw", "unit", "standardized", "centered"],
        "hidden_layers": [[8], [8, 4], []],
        "activation": ["relu", "tanh"],
        "initializer": ["he_normal", {"normal": 0.05}],
        "biases": [True, False],
        "placement": ["before", "after"],
        "dropout": [0, 0.5],
        "optimizer": ["sgd", "momentum", "rmsprop", "adam"],
        "learning_rate": ["1e-3", 0.1],
        "minibatches": ["shuffled", "with_replacement"],
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
            if variant.settings["normalization"] == "batch":
                base = next(v for v in found if v.name == variant.baseline)
                assert base.settings["normalization"] == "none"
                same = set(variant.settings) - {
                    *(
                        "normalization",
                        "normalization_momentum",
                        "normalization_epsilon",
                        "placement",
                    )
                }
                assert all(base.settings[key] == variant.settings[key] for key in same)
            assert json.loads(as_json(variant.spec(project))) == variant.spec(project)


def test_the_example_in_the_documentation(folder):
    text = (ROOT / "config/README.md").read_text(encoding="utf-8")
    example = text.split("```yaml\n")[1].split("```")[0]
    (folder / "config/studies.yaml").write_text(example, encoding="utf-8")
    assert len(variants(load_project(root=folder), "digits-deep")) == 8


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


def test_split_sizes_are_scikit_learns_and_keras():
    assert Split(fraction=0.2).sizes(60000) == (48000, 12000)
    assert Split(fraction=0.2).sizes(150) == (120, 30)
    assert Split(fraction=0.1, take="last").sizes(120) == (108, 12)
    assert Split(fraction=0.2).sizes(1797) == (1437, 360)
    assert Split(examples=10000).sizes(60000) == (50000, 10000)


def test_schemas_are_those_of_the_models():
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
