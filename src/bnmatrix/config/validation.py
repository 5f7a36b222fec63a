"""Conversion of pydantic's errors to messages for users."""

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from bnmatrix.errors import UserError, suggestion
from bnmatrix.models import M, Model


def validated(model: type[M], data: Any, where: str) -> M:
    """Validate ``data``. The error message begins with ``where``.

    Raises:
        UserError: the data is not valid. The message has one line per error, with the place, the
            key, the value and the allowed values.
    """
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise UserError(
            "\n".join(_explain(item, model, where) for item in error.errors())
        ) from None


def _explain(item: Mapping[str, Any], model: type[Model], where: str) -> str:
    """Return one of pydantic's errors as a line with the place, the value and what is allowed."""
    path = [str(part) for part in item["loc"]]
    message = item["msg"].removeprefix("Value error, ")
    if item["type"] == "extra_forbidden":
        known = _fields(model, item["loc"][:-1])
        message = f"unknown key{suggestion(path[-1], known)}; the keys are {', '.join(known)}"
        return f"{where}: {' → '.join(path)}: {message}"
    place = f"{where}: {' → '.join(path)}" if path else where
    value = "" if item["type"] == "missing" or not path else f" (it is {item['input']!r})"
    return f"{place}: {message}{value}"


def _fields(model: type[BaseModel], path: Iterable[Any]) -> list[str]:
    """Return the keys of the model at ``path`` inside ``model``."""
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
