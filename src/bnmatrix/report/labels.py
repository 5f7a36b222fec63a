"""What figures and pages call the variants of a study, and the colours of arms.

An *arm* is a normalization with the settings that only a normalization has. A *cell* is a
combination of values of all other axes: arms are compared within a cell.
"""

import itertools
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Any

import pandas as pd

from bnmatrix.config.project import Project
from bnmatrix.datasets.scaling import ShiftedScaling
from bnmatrix.errors import UserError
from bnmatrix.plan.variants import variants
from bnmatrix.training.normalizations import NORMALIZATION_SETTINGS, NORMALIZATIONS
from bnmatrix.training.pretraining import Pretraining
from bnmatrix.training.settings import label
from bnmatrix.training.spec import Variant

#: Colour-blind safe (Okabe & Ito), darkened for contrast on white; an arm has one colour on all
#: pages.
COLOURS = {"none": "#B85C00", "batch": "#0067A5", "layer": "#00795B"}
SPARE_COLOURS = ("#A3478B", "#5B5B5B", "#8A6D00", "#3D8FC9", "#7A3E9D", "#B02A30")

#: Values that the name of a cell words in its own way; "" for what everyone expects.
_PHRASES: dict[tuple[str, str], str] = {
    ("framework", "keras"): "Keras",
    ("framework", "torch"): "PyTorch",
    ("conventions", "keras"): "",
    ("conventions", "torch"): "its own conventions",
    ("loss", "cross_entropy"): "",
    ("loss", "softmax_twice"): "softmax twice",
}


def setting_name(setting: str) -> str:
    """Return a setting's name for people."""
    return setting.removeprefix("normalization_").replace("_", " ")


def value_text(value: Any) -> str:
    """Return the value of a setting for people.

    Numbers are as short as possible; layers of one width are "20 × 64".
    """
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, Pretraining):
        return value.source.replace("_", " ")
    if isinstance(value, ShiftedScaling):
        return f"(x − {value.mean:g}) / {value.deviation:g}"
    if isinstance(value, tuple) and len(value) > 2 and len(set(value)) == 1:
        return f"{len(value)} × {value[0]}"
    return str(label(value))


@dataclass(frozen=True)
class VariantLabel:
    """What figures and pages call a variant.

    Attributes:
        variant: the variant, with its typed settings.
        axes: the study's axes, in the order of its tables.
    """

    variant: Variant
    axes: tuple[str, ...]

    def value(self, axis: str) -> Any:
        """Return the value of an axis with its type; None where the axis does not apply."""
        return self.variant.settings.value(axis)

    def text(self, axis: str, missing: str) -> str:
        """Return the value of an axis for people, or ``missing`` where the axis does not apply."""
        value = self.value(axis)
        return missing if value is None else value_text(value)

    @property
    def normalization(self) -> str:
        """The normalization, a key of :data:`bnmatrix.training.normalizations.NORMALIZATIONS`."""
        return self.variant.settings.normalization

    @property
    def arm(self) -> str:
        """The name of the arm, such as "batch normalization, placement after"."""
        settings = [
            f"{setting_name(axis)} {value_text(self.value(axis))}"
            for axis in self.axes
            if axis in NORMALIZATION_SETTINGS and self.value(axis) is not None
        ]
        return ", ".join([NORMALIZATIONS[self.normalization].label, *settings])

    def cell(self, without: Collection[str] = ()) -> str:
        """Return the name of the cell, such as "batch size 32, learning rate 0.1".

        Args:
            without: axes that the name does not mention.
        """
        phrases = [
            self._phrase(axis)
            for axis in cell_axes(self.axes)
            if axis not in without and self.value(axis) is not None
        ]
        return ", ".join(phrase for phrase in phrases if phrase)

    def short_cell(self) -> str:
        """Return the name of the cell with the batch size as a bare number."""
        parts = [value_text(self.value("batch_size")), self.cell(without=("batch_size",))]
        return ", ".join(part for part in parts if part)

    def _phrase(self, axis: str) -> str:
        value = self.value(axis)
        words = _PHRASES.get((axis, value)) if isinstance(value, str) else None
        return f"{setting_name(axis)} {value_text(value)}" if words is None else words


def cell_axes(axes: Iterable[str]) -> tuple[str, ...]:
    """Return the axes that make up a cell."""
    return tuple(
        axis for axis in axes if axis != "normalization" and axis not in NORMALIZATION_SETTINGS
    )


class VariantLabels:
    """The labels of all variants of a study; tables join them on their column ``variant``.

    Attributes:
        axes: the axes in the order of tables: normalization and batch size first.
    """

    def __init__(self, variants: Iterable[Variant], axes: Iterable[str]) -> None:
        """Label variants.

        Args:
            variants: all variants that the study's tables may hold.
            axes: the study's axes.
        """
        self.axes = tuple(dict.fromkeys(["normalization", "batch_size", *axes]))
        self._labels = {variant.name: VariantLabel(variant, self.axes) for variant in variants}

    def __getitem__(self, name: str) -> VariantLabel:
        """Return the label of a variant.

        Raises:
            UserError: the study declares no such variant.
        """
        if name not in self._labels:
            raise UserError(f"the study does not declare the variant '{name}'; run the study again")
        return self._labels[name]

    def column(self, table: pd.DataFrame, function: Callable[[VariantLabel], Any]) -> pd.Series:
        """Return a property of the variant of each row of a table, as objects.

        Args:
            table: a table with a column ``variant``.
            function: returns the property of one variant.
        """
        values = {name: function(self[name]) for name in table["variant"].unique()}
        return pd.Series(
            [values[name] for name in table["variant"]], index=table.index, dtype=object
        )


def with_labels(
    table: pd.DataFrame, labels: VariantLabels, without: Collection[str] = ()
) -> pd.DataFrame:
    """Return a table with the columns ``arm``, ``cell`` and ``normalization``.

    Args:
        table: a table with a column ``variant``.
        labels: the labels of its variants.
        without: axes that the names of cells do not mention.
    """
    return table.assign(
        normalization=labels.column(table, lambda variant: variant.normalization),
        arm=labels.column(table, lambda variant: variant.arm),
        cell=labels.column(table, lambda variant: variant.cell(without)),
    )


def arm_colours(table: pd.DataFrame) -> dict[str, str]:
    """Return the colour of each arm of a table made by :func:`with_labels`."""
    colours: dict[str, str] = {}
    spare = itertools.cycle(SPARE_COLOURS)
    arms = table[["arm", "normalization"]].drop_duplicates()
    for arm, normalization in arms.itertuples(index=False):
        usual = COLOURS.get(normalization)
        colours[arm] = usual if usual and usual not in colours.values() else next(spare)
    return colours


def study_labels(project: Project, study: str) -> VariantLabels:
    """Return the labels of a study's variants, those of frameworks that are not installed too."""
    return VariantLabels(variants(project, study, every=True), project.study(study).axes)
