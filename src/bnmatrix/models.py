"""The base of all declared models: strictness, types of values, and names from a list."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from bnmatrix.errors import suggestion

#: Pattern of the names of studies and data sets, which become file names. Letters and digits of any
#: alphabet are allowed.
FILE_NAME = r"^[^\W_][\w.-]*$"


def one_of(names: Iterable[str]) -> BeforeValidator:
    """Validate that a value is one of ``names``. The error message lists the names."""
    names = tuple(names)

    def check(value: Any) -> Any:
        if value not in names:
            raise ValueError(f"must be one of {', '.join(names)}{suggestion(value, names)}")
        return value

    return BeforeValidator(check, json_schema_input_type=Literal[names])


Count = Annotated[int, Field(strict=True, ge=1)]


Seed = Annotated[int, Field(strict=True, ge=0, lt=2**32)]


# Not strict, because YAML reads 1e-3 (without a dot) as text.
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]


AtLeastOne = Annotated[float, Field(ge=1, allow_inf_nan=False)]


Fraction = Annotated[float, Field(gt=0, lt=1)]


BelowOne = Annotated[float, Field(ge=0, lt=1)]


class Model(BaseModel):
    """A frozen model that refuses unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


M = TypeVar("M", bound=Model)


def name_or(names: Iterable[str], model: type[Model], written: str) -> BeforeValidator:
    """Validate that a value is one of ``names`` or a mapping for ``model``.

    ``written`` shows such a mapping in the error message.
    """
    names = tuple(names)

    def check(value: Any) -> Any:
        if isinstance(value, Mapping):
            return model.model_validate(value)
        if not isinstance(value, model) and value not in names:
            raise ValueError(
                f"must be one of {', '.join(names)}, or {written}{suggestion(value, names)}"
            )
        return value

    return BeforeValidator(check, json_schema_input_type=Literal[names] | model)
