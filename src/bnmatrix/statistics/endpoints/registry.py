"""Decorators that declare functions as endpoints, and the registry :data:`ENDPOINTS`."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bnmatrix.statistics.endpoints.values import Arm, Pairs, paired
from bnmatrix.statistics.units import UNITS

if TYPE_CHECKING:
    import pandas as pd

#: Parameters of endpoints that hold one value, or a list of values, of the axis ``axis``.
AXIS_VALUES = ("at", "reference", "over")

#: Parameters that are arms. All other parameters are arguments, given in ``config/claims.yaml``.
_ARMS = ("arm", "treatment", "control")


@dataclass(frozen=True)
class Endpoint:
    """A quantity by which claims are judged. A call returns the values of two arms.

    Attributes:
        name: name in the configuration.
        unit: unit of differences (see :mod:`bnmatrix.statistics.units`).
        label: description for pages, with arguments in braces.
        needs: required arguments.
        takes: optional arguments, with their defaults.
        needs_control: whether a second arm is required.
        measure: the measure that the endpoint always uses; None if there is none.
    """

    name: str
    unit: str
    label: str
    needs: tuple[str, ...]
    takes: Mapping[str, Any]
    needs_control: bool
    measure: str | None
    _pairs: Callable[..., Pairs]

    def __call__(self, treatment: Arm, control: Arm | None, **arguments: Any) -> Pairs:
        """Return the values of the endpoint. Without a second arm, they are paired with zero."""
        return self._pairs(treatment, control, **arguments)

    @property
    def arguments(self) -> tuple[str, ...]:
        """All arguments, the required ones first."""
        return (*self.needs, *self.takes)

    def measure_of(self, arguments: Mapping[str, Any]) -> str | None:
        """Return the measure that the endpoint uses: a fixed one, the argument ``measure`` or None.

        Args:
            arguments: the arguments that the configuration gives.
        """
        return self.measure or arguments.get("measure")

    def describe(self, arguments: Mapping[str, Any]) -> str:
        """Return the label with the values of arguments, in which spaces replace underscores."""
        values = {**self.takes, **arguments}
        return self.label.format_map({name: _words(value) for name, value in values.items()})


ENDPOINTS: dict[str, Endpoint] = {}


def of_each_arm(
    unit: str, label: str, measure: str | None = None
) -> Callable[[Callable[..., pd.Series]], Endpoint]:
    """Register a function of one arm (``arm``) that returns one value per replicate.

    All further parameters of the function are arguments of the endpoint. A parameter ``measure``
    takes a measure of the study. A function that always uses the same measure has no such
    parameter; the decorator names the measure.
    """

    def register(function: Callable[..., pd.Series]) -> Endpoint:
        def pairs(treatment: Arm, control: Arm | None, **arguments: Any) -> Pairs:
            second = None if control is None else function(control, **arguments)
            return paired(function(treatment, **arguments), second)

        return _registered(function, pairs, unit, label, False, measure)

    return register


def of_both_arms(
    unit: str, label: str, *, needs_control: bool
) -> Callable[[Callable[..., Pairs]], Endpoint]:
    """Register a function of both arms (``treatment``, ``control``) that returns pairs.

    All further parameters of the function are arguments of the endpoint. Unless ``needs_control``
    is set, ``control`` is None in claims that compare one arm with zero.
    """

    def register(function: Callable[..., Pairs]) -> Endpoint:
        return _registered(function, function, unit, label, needs_control, None)

    return register


def _registered(
    function: Callable[..., object],
    pairs: Callable[..., Pairs],
    unit: str,
    label: str,
    needs_control: bool,
    measure: str | None,
) -> Endpoint:
    """Add an endpoint to :data:`ENDPOINTS` and return it.

    Raises:
        ValueError: another endpoint has this name, or the unit does not exist.
    """
    name = function.__name__
    if name in ENDPOINTS:
        raise ValueError(f"two endpoints are named {name}")
    if unit not in UNITS:
        raise ValueError(f"{name}: no unit '{unit}'; there are {', '.join(UNITS)}")
    parameters = [p for p in inspect.signature(function).parameters.values() if p.name not in _ARMS]
    ENDPOINTS[name] = Endpoint(
        name=name,
        unit=unit,
        label=label,
        needs=tuple(p.name for p in parameters if p.default is p.empty),
        takes={p.name: p.default for p in parameters if p.default is not p.empty},
        needs_control=needs_control,
        measure=measure,
        _pairs=pairs,
    )
    return ENDPOINTS[name]


def _words(value: Any) -> str:
    return value.replace("_", " ") if isinstance(value, str) else str(value)
