"""Typed models of everything under ``config/``, and the errors that a user reads.

The JSON schemas in ``workflow/schemas/`` are generated from these models
(``python -m bnmatrix schemas``), for editors and readers.
"""

import difflib
import itertools
import math
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic.json_schema import SkipJsonSchema

from bnmatrix import registry
from bnmatrix.errors import UserError

#: Files in ``reports/`` whose names a study must leave free.
RESERVED_NAMES = (
    "index",
    "runs",
    "timings",
    "claims",
    "claims-timing",
    "replications",
    "provenance",
    "agreement-runs",
    "agreement-claims",
    "theory",
    "explorer",
    "README",
)

#: Names of studies and data sets become names of files: letters and digits of any alphabet.
FILE_NAME = r"^[^\W_][\w.-]*$"


def _one_of(names: Iterable[str]) -> BeforeValidator:
    """Validate that a value is one of ``names``, and say which there are when it is not."""
    names = tuple(names)

    def check(value: Any) -> Any:
        if value not in names:
            raise ValueError(f"must be one of {', '.join(names)}{suggestion(value, names)}")
        return value

    return BeforeValidator(check, json_schema_input_type=Literal[names])


Count = Annotated[int, Field(strict=True, ge=1)]
Seed = Annotated[int, Field(strict=True, ge=0, lt=2**32)]
# Not strict: YAML reads 1e-3 (no dot) as text, and what is meant is plain.
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Fraction = Annotated[float, Field(gt=0, lt=1)]
BelowOne = Annotated[float, Field(ge=0, lt=1)]


class Model(BaseModel):
    """A frozen model that refuses keys that it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


M = TypeVar("M", bound=Model)

# --------------------------------------------------------------------------- data sets


class File(Model):
    """A file to download."""

    name: str
    """File name, in the mirror and on the hosts."""
    size: Count | None = None
    """Bytes, if known: a file of another size is refused before it is transferred."""
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    """SHA-256 in hexadecimal; nothing is opened before it holds."""
    hosts: list[str] = []
    """Public addresses of the folder that it is in, tried in this order."""


class Archive(File):
    """A .tar.gz that holds a data set's files."""

    members: str
    """Folder of the files inside the archive, and of extracted files in a mirror."""


class Split(Model):
    """A part of the examples, set apart."""

    fraction: Fraction | None = None
    """Share of the examples that is set apart (rounded up); or give `examples`."""
    examples: Count | None = None
    """Number of examples that is set apart."""
    take: Literal["random", "stratified", "last"] = "random"
    """`random`: as scikit-learn's `train_test_split` with this seed; `stratified`: the same, with
    equal shares of each class; `last`: the last ones, as Keras's `validation_split`."""
    seed: Seed = 42
    """Seed of a random split (one of the split itself: replicates all see the same)."""

    @model_validator(mode="after")
    def _one_size(self) -> Self:
        if (self.fraction is None) == (self.examples is None):
            raise ValueError("give the size as either `fraction` or `examples`")
        return self

    def sizes(self, examples: int) -> tuple[int, int]:
        """Return how many of ``examples`` stay, and how many are set apart."""
        apart = self.examples or math.ceil(round(examples * self.fraction, 6))
        return examples - apart, apart


class Examples(Model):
    """How many examples a data set has."""

    train: Count
    """Examples to train and validate on (all of them, where there is no test part of its own)."""
    test: Annotated[int, Field(strict=True, ge=0)] = 0
    """Examples in the data set's own test part; 0 if it has none (then set `test_split`)."""


class Dataset(Model):
    """A data set: where its files are to be had, and what is in them."""

    title: str
    """Name for people."""
    loader: Literal["idx", "cifar10_binary", "sklearn_iris", "sklearn_digits"]
    """Function of `bnmatrix.datasets.loaders` that reads it."""
    folder: str | None = None
    """Its folder in a mirror; none for a data set that a package ships."""
    files: list[File] = []
    """What the loader reads; none for a data set that a package ships."""
    archive: Archive | None = None
    """An archive that holds the files, where the hosts have only that."""
    examples: Examples
    """Numbers of examples (checked against the data)."""
    shape: list[Count]
    """Shape of one example."""
    classes: list[str]
    """Names of the classes, by label."""
    maximum: Positive | None = None
    """Largest value of a pixel, by which `input_scaling: unit` divides; none if not pixels."""
    test_split: Split | None = None
    """How the test part is set apart, where the data set has none of its own."""
    homepage: str | None = None
    """Where it is described."""
    margin: Fraction = 0.01
    """Differences in accuracy up to this make no practical difference on it, as a fraction."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if bool(self.files) != bool(self.folder):
            raise ValueError("`files` and `folder` go together: give both, or neither")
        if (self.examples.test == 0) != (self.test_split is not None):
            raise ValueError("give either `examples.test` above 0 or a `test_split`")
        return self

    @property
    def downloaded(self) -> bool:
        """Whether it has to be downloaded (rather than coming with a package)."""
        return bool(self.files)

    @property
    def features(self) -> int:
        """Number of features of one example, flattened."""
        return math.prod(self.shape)

    @property
    def pictures(self) -> bool:
        """Whether an example can be shown as a picture: gray, or red, green and blue."""
        shape = self.shape
        return bool(self.maximum) and (len(shape) == 2 or (len(shape) == 3 and shape[2] == 3))

    def train_and_test(self) -> tuple[int, int]:
        """Return the number of examples to train and validate on, and to test on."""
        if self.test_split is None:
            return self.examples.train, self.examples.test
        return self.test_split.sizes(self.examples.train)


#: Kind of one's own data → the suffixes of its files; a folder holds images.
OWN_KINDS = {
    "table": (".csv", ".csv.gz", ".tsv", ".tsv.gz", ".parquet"),
    "arrays": (".npz", ".npy"),
    "images": (".zip",),
}

#: Keys of one's own data that only one kind has a use for.
_KEYS_OF_KINDS = {
    "table": ("target", "features", "categorical", "group", "separator"),
    "arrays": ("labels",),
    "images": ("image_size", "image_mode", "most_unreadable"),
}


class OwnDataset(Model):
    """A data set of one's own: a CSV or Parquet file, NumPy arrays, or images in a folder a class.

    Its numbers of examples, classes and features are found by looking into it.
    """

    path: str | None = None
    """The file, or the folder of images; or give `url`."""
    url: str | None = None
    """Address of the file (of images: a .zip of their folders); needs `sha256`."""
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None = None
    """The file's SHA-256 in hexadecimal; nothing is opened before it holds."""
    test_path: str | None = None
    """A file or folder like `path` with a test part of its own; if not given, `test_fraction` is
    set apart."""
    title: str | None = None
    """Name for people; if not given, the data set's."""
    homepage: str | None = None
    """Where it is described."""
    target: str | None = None
    """Column of a table with the classes."""
    features: Annotated[list[str], Field(min_length=1)] | None = None
    """Columns of a table to learn from; if not given, all but `target` and `group`."""
    categorical: list[str] = []
    """Columns of numbers that stand for categories. Columns of text do so by themselves."""
    group: str | None = None
    """Column of a table whose values must not be in two parts (patients, sessions)."""
    separator: Annotated[str, Field(min_length=1, max_length=1)] | None = None
    """What stands between the columns of a CSV file; if not given, a comma (.tsv: a tab)."""
    labels: str | None = None
    """The .npy file with the classes, where `path` is a .npy file."""
    image_size: Annotated[list[Count], Field(min_length=2, max_length=2)] = [32, 32]
    """Height and width that images are resized to."""
    image_mode: Literal["color", "gray"] = "color"
    """Whether images keep their colours."""
    most_unreadable: BelowOne = 0.01
    """Share of images that may be unreadable; more are an error."""
    test_fraction: Fraction = 0.2
    """Share of the examples that is set apart for the test, with equal shares of each class."""
    seed: Seed = 42
    """Seed of that split."""
    margin: Fraction = 0.01
    """Differences in accuracy up to this make no practical difference, as a fraction."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.path is None) == (self.url is None):
            raise ValueError("give where it is as either `path` or `url`")
        if self.url is not None and not self.url.startswith(("http://", "https://")):
            raise ValueError(f"url: must start with http:// or https:// (it is '{self.url}')")
        if self.url is not None and self.sha256 is None:
            raise ValueError("url: needs `sha256`, the file's SHA-256 in hexadecimal (sha256sum)")
        if self.url is not None and self.test_path is not None:
            raise ValueError("test_path: goes with `path`, not with `url`")
        kind = self.kind
        for other, keys in _KEYS_OF_KINDS.items():
            for key in keys if other != kind else ():
                if key in self.model_fields_set:
                    raise ValueError(f"{key}: is for {other}, and '{self.place}' is {kind}")
        if kind == "table" and self.target is None:
            raise ValueError("target: which column holds the classes?")
        if self.place.endswith(".npy") and self.labels is None:
            raise ValueError("labels: which .npy file holds the classes?")
        if self.labels is not None and self.test_path is not None:
            raise ValueError("test_path: for .npy files, put both parts into one .npz file instead")
        if kind == "images" and self.sha256 is not None and not self.place.endswith(".zip"):
            raise ValueError("sha256: a folder has none; leave it out")
        return self

    @property
    def place(self) -> str:
        """The path or address."""
        return self.path or self.url

    @property
    def kind(self) -> str:
        """``table``, ``arrays`` or ``images``."""
        name = self.place.lower()
        for kind, suffixes in OWN_KINDS.items():
            if name.endswith(suffixes):
                return kind
        folder = name.endswith("/") or "." not in name.rpartition("/")[2]
        if self.url is None and folder:
            return "images"
        known = ", ".join(suffix for suffixes in OWN_KINDS.values() for suffix in suffixes)
        raise ValueError(
            f"'{self.place}': cannot tell what this is; it should end in one of {known}, or be a "
            "folder of images (with a '/' at the end)"
        )


class InspectedDataset(Dataset):
    """A data set of one's own, with what was found in it."""

    loader: Literal["own"] = "own"
    own: OwnDataset
    """Its entry."""
    fingerprint: str
    """SHA-256 of its content."""
    notes: list[str] = []
    """What was made of it, in sentences."""
    rows_by_class: list[int]
    """Examples of each class, the test part included."""
    grouped: bool = False
    """Whether examples come in groups that must not be divided."""
    sizes: list[int] | None = None
    """Examples to train and validate on, and to test on, where groups decide it."""

    def train_and_test(self) -> tuple[int, int]:
        """Return the number of examples to train and validate on, and to test on."""
        return (self.sizes[0], self.sizes[1]) if self.sizes else super().train_and_test()


# --------------------------------------------------------------------------- studies


class NormalInitializer(Model):
    """Initial weights from a normal distribution of mean 0."""

    normal: Positive
    """Its standard deviation."""


class ShiftedScaling(Model):
    """Features in [0, 1], minus a mean, divided by a deviation (torchvision's `Normalize`)."""

    mean: float
    """What is subtracted."""
    deviation: Positive
    """What is divided by."""


def _name_or(names: tuple[str, ...], model: type[Model], written: str) -> BeforeValidator:
    """Validate that a value is one of ``names`` or a mapping for ``model``, written so."""

    def check(value: Any) -> Any:
        if isinstance(value, Mapping):
            return model.model_validate(value)
        if not isinstance(value, model) and value not in names:
            raise ValueError(
                f"must be one of {', '.join(names)}, or {written}{suggestion(value, names)}"
            )
        return value

    return BeforeValidator(check, json_schema_input_type=Literal[names] | model)


class Settings(Model):
    """Everything that decides how one network is trained; every key may be an axis of a study."""

    framework: Annotated[str, _one_of(registry.FRAMEWORKS)] = "keras"
    """Framework that trains it; `torch` needs PyTorch (`make torch`)."""
    conventions: Annotated[str, _one_of(registry.FRAMEWORKS)] = "keras"
    """Whose defaults hold in PyTorch, where the two differ: `torch` sets its own initial weights,
    momentum and ε of batch normalization, moving variance and ε of Adam."""
    loss: Annotated[str, _one_of(registry.LOSSES)] = "cross_entropy"
    """What is minimized; `softmax_twice` applies the softmax twice, which is a mistake."""
    normalization: Annotated[str, _one_of(registry.NORMALIZATIONS)] = "none"
    """Normalization of each hidden layer."""
    batch_size: Count = 32
    """Examples in a mini-batch."""
    hidden_layers: list[Count] = [64, 64]
    """Units of each hidden layer."""
    activation: Annotated[str, _one_of(registry.ACTIVATIONS)] = "relu"
    """Activation function of the hidden layers."""
    placement: Literal["before", "after"] = "before"
    """Normalization before or after the activation function."""
    normalization_momentum: BelowOne = 0.99
    """Momentum of the moving averages: the share of the old value that is kept at a step."""
    normalization_epsilon: Positive = 1e-3
    """ε, added to the variance under the root."""
    normalization_groups: Count = 8
    """Groups of group normalization; they divide the units of each hidden layer."""
    dropout: BelowOne = 0.0
    """Share of activations dropped in each hidden layer."""
    dropout_order: Literal["after", "before"] = "after"
    """Dropout `after` the normalization and the activation, or `before` both."""
    initializer: Annotated[
        str | NormalInitializer,
        _name_or(registry.INITIALIZERS, NormalInitializer, "{normal: standard deviation}"),
    ] = "glorot_uniform"
    """Initial weights: a Keras initializer, or `{normal: standard deviation}`."""
    biases: bool = True
    """Whether dense layers have biases."""
    optimizer: Annotated[str, _one_of(registry.OPTIMIZERS)] = "adam"
    """Optimizer, with Keras's defaults (`momentum` is SGD with momentum 0.9)."""
    learning_rate: Positive = 1e-3
    """Learning rate; not used where it is tuned."""
    tuned: bool = False
    """Whether the learning rate is tuned, for each variant by itself, as the study's `tuning`
    says."""
    input_scaling: Annotated[
        str | ShiftedScaling,
        _name_or(registry.INPUT_SCALINGS, ShiftedScaling, "{mean: …, deviation: …}"),
    ] = "unit"
    """`raw`; `unit`: into [0, 1]; `standardized`: each feature to mean 0 and variance 1;
    `centered`: each feature to mean 0. Fitted on the training examples alone. Or `{mean: 0.1307,
    deviation: 0.3081}`: into [0, 1], minus a mean, divided by a deviation."""
    training_examples: Count | None = None
    """Train on only so many of the training part; all if not given."""
    training_take: Literal["random", "first"] = "random"
    """Which these are: the first in a fixed random order, or the first as they come."""
    validation: Split = Split(fraction=0.2)
    """The part of the training data that is set apart for validation."""
    folds: Annotated[int, Field(strict=True, ge=2)] | None = None
    """Repeated stratified cross-validation with so many folds: replicate *k* is tested on one fold
    of all examples, the next one on the next. If not given, on the data set's own test part."""
    minibatches: Annotated[str, _one_of(registry.MINIBATCHES)] = "shuffled"
    """`shuffled`: epochs in a new random order, the last, smaller mini-batch included;
    `with_replacement`: each mini-batch drawn anew."""
    epochs: Count | None = None
    """Length in epochs, evaluated after each; or give `steps`."""
    steps: Count | None = None
    """Length in steps (one mini-batch each); needs `evaluate_every`."""
    evaluate_every: Count | None = None
    """Steps between evaluations, when the length is given in steps."""

    @model_validator(mode="after")
    def _framework(self) -> Self:
        if self.conventions != "keras" and self.framework == "keras":
            raise ValueError("conventions: Keras has its own; `torch` goes with `framework: torch`")
        for setting, known in registry.TORCH_KNOWS.items():
            value = getattr(self, setting)
            if self.framework == "torch" and value not in known:
                raise ValueError(
                    f"{setting}: with `framework: torch`, one of {', '.join(known)} (not {value})"
                )
        return self

    @model_validator(mode="after")
    def _length(self) -> Self:
        if (self.epochs is None) == (self.steps is None):
            raise ValueError("give the length of training as either `epochs` or `steps`")
        if (self.steps is None) != (self.evaluate_every is None):
            raise ValueError("`steps` and `evaluate_every` go together")
        if self.steps is not None and self.evaluate_every > self.steps:
            raise ValueError(
                f"`evaluate_every` ({self.evaluate_every}) is more than `steps` ({self.steps})"
            )
        return self


class Tuning(Model):
    """How the learning rate of a tuned variant is chosen: on validation data, with seeds of its
    own, from the same rates for every variant."""

    rates: Annotated[list[Positive], Field(min_length=3)] = [
        *(0.001, 0.00316, 0.01, 0.0316, 0.1, 0.316, 1.0)
    ]
    """Learning rates to try, ascending in equal ratios."""
    replicates: Count = 3
    """Times that each is tried."""
    objective: Literal["final", "average"] = "final"
    """Largest validation accuracy: at the end of training, or averaged over its evaluations (for
    studies of speed)."""
    widen: Annotated[int, Field(strict=True, ge=0)] = 4
    """How many rates may be added at an end of the grid while the best one lies there."""

    @model_validator(mode="after")
    def _geometric(self) -> Self:
        ratios = [high / low for low, high in itertools.pairwise(self.rates)]
        if min(ratios) < 1.1 or max(ratios) / min(ratios) > 1.02:
            raise ValueError(
                "`rates` must ascend in equal ratios of at least 1.1, such as 0.01, 0.1, 1"
            )
        return self


class Printed(Model):
    """A figure that a source printed."""

    normalization: Annotated[str, _one_of(registry.NORMALIZATIONS)]
    """The normalization it was printed for."""
    batch_size: Count
    """The batch size it was printed for."""
    test_accuracy: Fraction
    """The accuracy, as a fraction."""
    note: str = ""
    """What the figure rests on."""


class Source(Model):
    """The document whose experiment a study repeats, and what that document got wrong."""

    title: str
    """What the document is."""
    protocol: str
    """What it did."""
    printed: list[Printed] = []
    """Test accuracies that it printed."""
    errors: list[str] = []
    """What it got wrong, and what this study does instead."""


class Study(Model):
    """A question, a data set, settings held fixed, and the axes that are crossed."""

    title: str
    """Name for people."""
    question: str
    """What is asked."""
    dataset: str
    """A data set of `datasets.yaml`."""
    settings: dict[str, Any] = {}
    """Settings that all variants share; what is not given has its default."""
    reasons: dict[str, str] = {}
    """Why settings and axes are as they are, for people."""
    axes: dict[str, list[Any]]
    """Settings that vary, each with its values; `normalization` and `batch_size` among them."""
    role: Literal["matrix", "experiment"] = "matrix"
    """`matrix`: has a page, and a place on the overview; `experiment`: serves claims and
    replications, and its page is made when it is asked for."""
    replicates: Count = 5
    """Times that each variant is trained, from different seeds."""
    seed: Seed = 0
    """Seed from which all replicates' seeds come."""
    source: Source | None = None
    """The document whose experiment it repeats."""
    further: list[dict[str, list[Any]]] = []
    """Further cells, beside the product of `axes`: each entry is a product of its own, of values
    for the same axes."""
    tuning: Tuning = Tuning()
    """How the learning rate of tuned variants is chosen."""
    measures: dict[
        Annotated[str, _one_of(registry.MEASURES)],
        list[Annotated[int, Field(strict=True, ge=0)] | Literal["last"]],
    ] = {}
    """What is measured besides accuracies, and after which steps (`last` is the end)."""
    together: list[str] = list(registry.UNCOMPILED)
    """Axes whose values one job trains, one after another. A value of any other axis has a job of
    its own, which costs a start of TensorFlow; for small data, name more of them here."""

    predictions: bool | None = None
    """Whether to keep what each run predicts for each test example, for the confusion matrix;
    by default where `role` is `matrix`. Cross-validated studies keep none: each replicate has a
    test part of its own."""

    @property
    def frameworks(self) -> set[str]:
        """Frameworks that its variants are trained in."""
        if "framework" not in self.axes:
            return {self.settings.get("framework", Settings.model_fields["framework"].default)}
        return {value for block in (self.axes, *self.further) for value in block["framework"]}

    @property
    def keeps_predictions(self) -> bool:
        """Whether each run's predictions are kept."""
        return self.role == "matrix" if self.predictions is None else self.predictions

    @model_validator(mode="after")
    def _known_axes(self) -> Self:
        known = tuple(Settings.model_fields)
        for part, keys in (("settings", self.settings), ("axes", self.axes)):
            for key in keys:
                if key not in known:
                    raise ValueError(
                        f"{part}: unknown setting '{key}'{suggestion(key, known)}; "
                        f"there are {', '.join(known)}"
                    )
        for axis in ("normalization", "batch_size"):
            if axis not in self.axes:
                raise ValueError(f"axes: '{axis}' must be an axis of every study")
        for axis, values in self.axes.items():
            if axis in self.settings:
                raise ValueError(f"'{axis}' is both a setting and an axis: keep one")
            if not values:
                raise ValueError(f"axes: '{axis}' has no values")
        for block in self.further:
            if set(block) != set(self.axes) or not all(block.values()):
                raise ValueError(f"further: give values for the same axes: {', '.join(self.axes)}")
        for axis in self.together:
            if axis not in known:
                raise ValueError(f"together: unknown setting '{axis}'{suggestion(axis, known)}")
        for axis, reason in (
            ("validation", "one validation part"),
            # Triton, which PyTorch's build for CUDA brings, crashes in TensorFlow's process.
            ("framework", "one framework"),
        ):
            if axis in self.together:
                raise ValueError(f"together: a job has {reason}; leave '{axis}' out")
        return self


# --------------------------------------------------------------------------- claims

Selection = dict[str, Any]


class Analysis(Model):
    """A comparison that is decided on before it is made: one endpoint, one contrast."""

    label: str
    """Under which circumstances, in words that end "It holds …"."""
    studies: list[str]
    """Studies that it is made in, one a data set."""
    endpoint: Annotated[str, _one_of(registry.ENDPOINTS)]
    """What is compared: a function of `bnmatrix.statistics.endpoints`."""
    arguments: dict[str, Any] = {}
    """The endpoint's arguments; a mapping from data sets to values gives each its own."""
    treatment: Selection = {"normalization": "batch"}
    """Values of axes that select the first arm; several cells are averaged over."""
    control: Selection | None = {"normalization": "none"}
    """Values of axes that select the second arm; null compares the first with zero."""
    where: Selection = {}
    """Values of axes that select both."""
    direction: Literal["greater", "less", "different", "equal"]
    """What the claim says of the first arm's endpoint, compared with the second's."""
    margin: Positive | dict[str, Positive]
    """Differences up to this, either way, make no practical difference; a mapping gives each data
    set its own. In the endpoint's unit: fractions for accuracies, logarithms for factors."""
    unit: Annotated[str, _one_of(registry.UNITS)] | None = None
    """How differences are written; if not given, as is the endpoint's."""
    wall_clock: bool = False
    """Whether it rests on time taken, which no two runs share; judged and written apart."""

    def margin_on(self, dataset: str) -> float:
        """Return the margin for a data set."""
        return self.margin[dataset] if isinstance(self.margin, dict) else self.margin

    def arguments_on(self, dataset: str) -> dict[str, Any]:
        """Return the endpoint's arguments for a data set."""
        return {
            name: value[dataset] if isinstance(value, dict) else value
            for name, value in self.arguments.items()
        }


class Plot(Model):
    """The figure of a claim: values over one axis or over time, a colour an arm."""

    table: Literal["runs", "history", "measurements"]
    """The table of the study that is drawn."""
    x: str
    """Column on the horizontal axis."""
    y: str
    """Column on the vertical axis."""
    where: Selection = {}
    """Rows that are drawn."""
    hue: str = "normalization"
    """Column that colours tell apart."""
    panels: str | list[str] | None = None
    """Column, or columns, with a panel for each of their values."""
    scale: Literal["linear", "log", "log2"] = "linear"
    """Scale of the horizontal axis."""
    y_scale: Literal["linear", "log"] = "linear"
    """Scale of the vertical axis."""


class Claim(Model):
    """A claim about batch normalization, and how it is tested."""

    title: str
    """The claim in a few words."""
    wording: str
    """The claim as the sources state it."""
    question: str
    """What is asked, and how it is answered."""
    reason: str
    """Why this endpoint, contrast and margin."""
    literature: str
    """What has been found, by whom."""
    primary: Analysis
    """The analysis that decides."""
    conditions: list[Analysis] = []
    """Further analyses that decide whether the claim holds under conditions alone. What they do
    not give, they have from `primary`."""
    exploratory: list[Analysis] = []
    """Analyses that are shown and decide nothing. What they do not give is from `primary`."""
    own_data: dict[str, Any] | None = None
    """The analysis of a study of one's own data; what it does not give is from `primary`, and its
    margin is the data set's. Batch sizes are `smallest`, `middle` and `largest`."""
    plot: Plot | None = None
    """A figure of what was measured."""
    own: SkipJsonSchema[list[Analysis]] = []  # from own_data, by defaults.own_claims

    @model_validator(mode="before")
    @classmethod
    def _inherit(cls, data: Any) -> Any:
        if not isinstance(data, Mapping) or not isinstance(data.get("primary"), Mapping):
            return data
        parts = {
            key: [
                {**data["primary"], **item} if isinstance(item, Mapping) else item for item in part
            ]
            for key in ("conditions", "exploratory")
            if isinstance(part := data.get(key, []), list)
        }
        return {**data, **parts}

    @model_validator(mode="after")
    def _decided_by_one_a_data_set(self) -> Self:
        for role, analysis in self.analyses:
            if analysis.wall_clock and role != "exploratory":
                raise ValueError(
                    f"{role}: wall_clock: no two runs take the same time, so it decides nothing; "
                    "make it exploratory"
                )
        return self

    @property
    def analyses(self) -> list[tuple[str, Analysis]]:
        """All analyses, each with its role."""
        return [
            ("primary", self.primary),
            *(("condition", item) for item in self.conditions),
            *(("exploratory", item) for item in self.exploratory),
            *(("primary", item) for item in self.own),
        ]


class Published(Model):
    """A published figure, and how ours is computed."""

    what: str
    """What the figure is."""
    value: float
    """The published figure, in the endpoint's unit: fractions for accuracies."""
    sd: Positive | None = None
    """Standard deviation over executions, if published."""
    executions: Count | None = None
    """Number of executions, if published."""
    tolerance: Annotated[float, Field(ge=0)] = 0.0
    """Differences up to this count as agreement, whatever the intervals say."""
    endpoint: Annotated[str, _one_of(registry.ENDPOINTS)] = "final"
    """Function of `bnmatrix.statistics.endpoints`."""
    arguments: dict[str, Any] = {}
    """The endpoint's arguments."""
    treatment: Selection
    """Values of axes that select the runs."""
    control: Selection | None = None
    """Values of axes that select runs to subtract, pair by pair."""
    wall_clock: bool = False
    """Whether it rests on time taken."""


class Replication(Model):
    """A published experiment, run again."""

    title: str
    """What it is."""
    reference: str
    """Where it was published."""
    study: str
    """The study that repeats it."""
    protocol: str
    """What was done there, and where the study differs."""
    figures: list[Published]
    """What was found."""


# --------------------------------------------------------------------------- what to run


class RunConfig(Model):
    """What to run (`config.yaml` and `--config`)."""

    studies: Literal["all"] | list[str] = "all"
    """`all`, or the names of studies."""
    replicates: Count | None = None
    """Replicates of each variant; if not given, each study's own number."""
    mirror: str | None = None
    """A directory or address with copies of the data sets, tried before the public hosts; if not
    given, the environment variable BNMATRIX_MIRROR."""
    require_all: bool = False
    """Whether a study whose data cannot be had is an error, instead of being left out."""
    container: str | None = None
    """An image made from the Dockerfile, such as `docker://registry.example.org/bnmatrix:0.1.0`;
    jobs run in it with `--sdm apptainer`."""
    datasets_file: str = "config/datasets.yaml"
    """Where the data sets are declared."""
    studies_file: str = "config/studies.yaml"
    """Where the studies are declared."""
    claims_file: str | None = "config/claims.yaml"
    """Where the claims are declared; null for none (with a `studies_file` of one's own, say)."""
    replications_file: str | None = "config/replications.yaml"
    """Where published experiments that studies repeat are declared; null for none."""


class Project(Model):
    """The whole configuration, cross-checked."""

    run: RunConfig
    datasets: dict[str, Dataset]
    studies: dict[str, Study]
    claims: dict[str, Claim] = {}
    replications: dict[str, Replication] = {}
    unavailable: dict[str, str] = {}
    """Studies of one's own data that cannot be had, and why."""
    frameworks: tuple[str, ...] = tuple(registry.FRAMEWORKS)
    """Frameworks that are installed; variants of others are left out."""

    @property
    def chosen(self) -> list[str]:
        """Names of the studies to run, in the order of their declaration."""
        if self.run.studies == "all":
            return list(self.studies)
        return [name for name in self.studies if name in self.run.studies]

    def study(self, name: str) -> Study:
        """Return a study by name.

        Raises:
            UserError: there is none of that name; lists those that there are.
        """
        if name in self.unavailable:
            raise UserError(self.unavailable[name])
        if name not in self.studies:
            raise UserError(
                f"unknown study '{name}'{suggestion(name, self.studies)}; "
                f"{self.run.studies_file} declares {', '.join(self.studies)}"
            )
        return self.studies[name]

    def dataset_of(self, study: str) -> Dataset:
        """Return the data set of a study."""
        return self.datasets[self.study(study).dataset]

    def replicates_of(self, study: str) -> int:
        """Return how many times each variant of a study is trained."""
        return self.run.replicates or self.study(study).replicates


# --------------------------------------------------------------------------- errors


def validated(model: type[M], data: Any, where: str) -> M:
    """Validate ``data``; ``where`` opens the error's message.

    Raises:
        UserError: a line for each thing that is wrong: where, the key, the value, what is allowed.
    """
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise UserError(
            "\n".join(_explain(item, model, where) for item in error.errors())
        ) from None


def _explain(item: Mapping[str, Any], model: type[Model], where: str) -> str:
    """Turn one of pydantic's findings into a line with place, value and what is allowed."""
    path = [str(part) for part in item["loc"]]
    message = item["msg"].removeprefix("Value error, ")
    if item["type"] == "extra_forbidden":
        known = _fields(model, item["loc"][:-1])
        message = f"unknown key{suggestion(path[-1], known)}; there are {', '.join(known)}"
        return f"{where}: {' → '.join(path)}: {message}"
    place = f"{where}: {' → '.join(path)}" if path else where
    value = "" if item["type"] == "missing" or not path else f" (it is {item['input']!r})"
    return f"{place}: {message}{value}"


def _fields(model: type[BaseModel], path: Iterable[Any]) -> list[str]:
    """Return the keys that the model at ``path`` inside ``model`` knows."""
    for part in path:
        if part not in model.model_fields:
            continue
        for candidate in _models_in(model.model_fields[part].annotation):
            model = candidate
    return list(model.model_fields)


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in getattr(annotation, "__args__", ()) for model in _models_in(part)]


def suggestion(value: Any, names: Iterable[str]) -> str:
    """Return ' (did you mean …?)' for the closest of ``names``, or nothing."""
    close = difflib.get_close_matches(str(value), list(names), n=1)
    return f" (did you mean '{close[0]}'?)" if close else ""


def schemas() -> dict[str, dict[str, Any]]:
    """Return the JSON schemas of the files under ``config/``, by file name."""

    def of(model: type[Model], key: str | None = None) -> dict[str, Any]:
        schema = model.model_json_schema(mode="validation")
        if key is not None:
            definitions = schema.pop("$defs", {})
            definitions[model.__name__] = schema
            schema = {
                "$defs": definitions,
                "type": "object",
                "additionalProperties": False,
                "required": [key],
                "properties": {
                    key: {
                        "type": "object",
                        "additionalProperties": {"$ref": f"#/$defs/{model.__name__}"},
                    }
                },
            }
        return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}

    studies = of(Study, "studies")
    settings = Settings.model_json_schema(mode="validation")
    studies["$defs"] |= settings.pop("$defs", {})
    properties = studies["$defs"]["Study"]["properties"]
    properties["settings"] = {
        "type": "object",
        "additionalProperties": False,
        "description": properties["settings"]["description"],
        "properties": settings["properties"],
    }
    values = {
        name: {"type": "array", "minItems": 1, "items": value}
        for name, value in settings["properties"].items()
    }
    properties["further"]["items"] = {
        "type": "object",
        "additionalProperties": False,
        "properties": values,
    }
    properties["axes"] = {
        "type": "object",
        "additionalProperties": False,
        "description": properties["axes"]["description"],
        "required": ["normalization", "batch_size"],
        "properties": values,
    }
    datasets = of(Dataset, "datasets")
    own = OwnDataset.model_json_schema(mode="validation")
    datasets["$defs"] |= own.pop("$defs", {}) | {"OwnDataset": own}
    entry = {"anyOf": [{"$ref": "#/$defs/Dataset"}, {"$ref": "#/$defs/OwnDataset"}]}
    datasets["properties"]["datasets"]["additionalProperties"] = entry
    # Studies of one's own data have defaults for all keys.
    studies["$defs"]["Study"].pop("required")
    properties["axes"].pop("required")
    entry = {"anyOf": [{"$ref": "#/$defs/Study"}, {"type": "null"}]}
    studies["properties"]["studies"]["additionalProperties"] = entry
    claims = of(Claim, "claims")
    # What these do not give, they have from the primary analysis.
    further = {**claims["$defs"]["Analysis"], "required": ["label"]}
    claims["$defs"]["FurtherAnalysis"] = further
    for role in ("conditions", "exploratory"):
        claims["$defs"]["Claim"]["properties"][role]["items"] = {"$ref": "#/$defs/FurtherAnalysis"}
    return {
        "config.schema.json": of(RunConfig),
        "datasets.schema.json": datasets,
        "studies.schema.json": studies,
        "claims.schema.json": claims,
        "replications.schema.json": of(Replication, "replications"),
    }
