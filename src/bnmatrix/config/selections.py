"""Values of axes in the configuration of claims, converted to the types of the settings."""

from collections.abc import Collection, Mapping
from functools import cache
from typing import Annotated, Any, get_type_hints

from pydantic import AfterValidator, TypeAdapter, ValidationError

from bnmatrix.models import Model
from bnmatrix.statistics.endpoints.registry import AXIS_VALUES
from bnmatrix.training.settings import Settings


@cache
def _types() -> dict[str, TypeAdapter[Any]]:
    """Return the type of each setting, with the constraints."""
    hints = get_type_hints(Settings, include_extras=True)
    return {name: TypeAdapter(hints[name]) for name in Settings.model_fields}


def typed_value(axis: str, value: Any) -> Any:
    """Return a value of an axis with the type of the setting.

    None stands for a setting without effect, and stays None. A value that the setting does not
    allow also stays unchanged: the later check against the study lists the values of the axis.
    """
    if value is None or axis not in _types():
        return value
    try:
        return _types()[axis].validate_python(value)
    except ValidationError:
        return value


def _typed_selection(selection: dict[str, Any]) -> dict[str, Any]:
    """Return a selection with typed values; a list holds several values."""
    return {
        axis: [typed_value(axis, item) for item in value]
        if isinstance(value, list)
        else typed_value(axis, value)
        for axis, value in selection.items()
    }


#: Values of axes, or of ``part`` of a measurement, that select runs. A list selects several values.
Selection = Annotated[dict[str, Any], AfterValidator(_typed_selection)]


def arguments_on(
    arguments: Mapping[str, Any], dataset: str, datasets: Collection[str]
) -> dict[str, Any]:
    """Return an endpoint's arguments for one data set, in which values of an axis are typed.

    An argument can be a mapping from data sets to values. A value of an axis can itself be a
    mapping (``at: {normal: 0.1}``); such an argument is a mapping from data sets only if its keys
    include a data set of the analysis.

    Args:
        arguments: the arguments as declared.
        dataset: name of the data set.
        datasets: names of all data sets of the analysis.

    Raises:
        KeyError: a mapping from data sets has no value for this data set. The exception holds the
            name of the argument.
    """
    chosen = {}
    for name, value in arguments.items():
        on_axis = "axis" in arguments and name in AXIS_VALUES
        if isinstance(value, Mapping) and (not on_axis or set(datasets) & set(value)):
            if dataset not in value:
                raise KeyError(name)
            value = value[dataset]
        if on_axis:
            axis = arguments["axis"]
            value = (
                [typed_value(axis, item) for item in value]
                if isinstance(value, list)
                else typed_value(axis, value)
            )
        chosen[name] = value
    return chosen


def as_written(value: Any) -> str:
    """Return a value of an axis as the configuration writes it."""
    if isinstance(value, tuple):
        return str(list(value))
    return str(value.model_dump(exclude_defaults=True) if isinstance(value, Model) else value)
