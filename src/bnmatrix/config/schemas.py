"""The JSON schemas in ``workflow/schemas/``, for editors and readers."""

from typing import Any

from bnmatrix.config.claims import Claim
from bnmatrix.config.datasets import DeclaredDataset
from bnmatrix.config.own_data import OwnDataset
from bnmatrix.config.replications import Replication
from bnmatrix.config.run import RunConfig
from bnmatrix.config.studies import Study
from bnmatrix.models import Model
from bnmatrix.training.settings import Settings

Schema = dict[str, Any]


def schemas() -> dict[str, Schema]:
    """Return the JSON schemas of the files under ``config/``, by file name."""
    return {
        "config.schema.json": _file(RunConfig.model_json_schema(mode="validation")),
        "datasets.schema.json": _datasets(),
        "studies.schema.json": _studies(),
        "claims.schema.json": _claims(),
        "replications.schema.json": _entries(Replication, "replications"),
    }


def _file(schema: Schema) -> Schema:
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _entries(model: type[Model], key: str) -> Schema:
    """Return the schema of a file with one key, which holds entries by name."""
    schema = model.model_json_schema(mode="validation")
    definitions = schema.pop("$defs", {}) | {model.__name__: schema}
    entries = _object({}) | {"additionalProperties": {"$ref": f"#/$defs/{model.__name__}"}}
    return _file({"$defs": definitions, **_object({key: entries}), "required": [key]})


def _object(properties: Schema) -> Schema:
    """Return the schema of a mapping with these keys, or with any keys if none are given."""
    keys = {"properties": properties} if properties else {}
    return {"type": "object", "additionalProperties": False, **keys}


def _datasets() -> Schema:
    """Return the schema of ``datasets.yaml``: declared data sets and a user's own."""
    datasets = _entries(DeclaredDataset, "datasets")
    own_dataset = OwnDataset.model_json_schema(mode="validation")
    datasets["$defs"] |= own_dataset.pop("$defs", {}) | {"OwnDataset": own_dataset}
    either = [{"$ref": "#/$defs/DeclaredDataset"}, {"$ref": "#/$defs/OwnDataset"}]
    datasets["properties"]["datasets"]["additionalProperties"] = {"anyOf": either}
    return datasets


def _studies() -> Schema:
    """Return the schema of ``studies.yaml``: settings, and axes with lists of their values."""
    studies = _entries(Study, "studies")
    settings = Settings.model_json_schema(mode="validation")
    studies["$defs"] |= settings.pop("$defs", {})
    study = studies["$defs"]["Study"]
    # A study of a user's own data has a default for every key.
    study.pop("required")
    values = {
        name: {"type": "array", "minItems": 1, "items": value}
        for name, value in settings["properties"].items()
    }
    for key, properties in (("settings", settings["properties"]), ("axes", values)):
        description = {"description": study["properties"][key]["description"]}
        study["properties"][key] = _object(properties) | description
    study["properties"]["further"]["items"] = _object(values)
    either = [{"$ref": "#/$defs/Study"}, {"type": "null"}]
    studies["properties"]["studies"]["additionalProperties"] = {"anyOf": either}
    return studies


def _claims() -> Schema:
    """Return the schema of ``claims.yaml``, in which further analyses need only a label.

    They inherit all other keys from the primary analysis.
    """
    claims = _entries(Claim, "claims")
    definitions = claims["$defs"]
    definitions["FurtherAnalysis"] = {**definitions["Analysis"], "required": ["label"]}
    for role in ("conditions", "requires", "exploratory"):
        items = {"$ref": "#/$defs/FurtherAnalysis"}
        definitions["Claim"]["properties"][role]["items"] = items
    definitions["Claim"]["properties"]["by_batch_size"]["anyOf"][0] = items
    return claims
