"""How a study was run: the values of its axes and settings in words, and its declaration."""

from collections.abc import Sequence
from dataclasses import dataclass

import yaml

from bnmatrix.config.studies import Study
from bnmatrix.report.labels import setting_name, value_text
from bnmatrix.training.settings import Settings
from bnmatrix.training.spec import Variant


@dataclass(frozen=True)
class Fact:
    """A setting of a study in words.

    Attributes:
        name: what the page calls the setting.
        text: its value, or its values.
        reason: why it is so, if nobody set it; else "".
    """

    name: str
    text: str
    reason: str = ""


def axis_facts(study: Study, matrix: Sequence[Variant]) -> list[Fact]:
    """Return the values of each axis, where they apply."""
    facts = []
    for axis in study.axes:
        values = dict.fromkeys(variant.settings.value(axis) for variant in matrix)
        texts = [value_text(value) for value in values if value is not None]
        facts.append(Fact(setting_name(axis), ", ".join(texts), study.reasons.get(axis, "")))
    return facts


def setting_facts(study: Study, matrix: Sequence[Variant]) -> list[Fact]:
    """Return the settings that all variants share."""
    # Of the last variant, since it has a normalization, to which more settings apply.
    settings = matrix[-1].settings
    facts = []
    for name in Settings.model_fields:
        value = settings.value(name)
        if name in study.axes or (value is None and name != "training_examples"):
            continue
        text = "all" if value is None else value_text(value)
        facts.append(Fact(name.replace("_", " "), text, study.reasons.get(name, "")))
    return facts


def declaration(study: Study) -> str:
    """Return a study's entry of the configuration, as far as it is not default."""
    content = study.model_dump(exclude_defaults=True, exclude={"source"}, mode="json")
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=88).strip()
