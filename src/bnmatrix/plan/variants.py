"""The variants of a study: the product of its axes, and their names."""

import itertools
import re
from collections.abc import Sequence

from bnmatrix.config.project import Project
from bnmatrix.config.run import RESERVED_NAMES
from bnmatrix.config.validation import validated
from bnmatrix.errors import UserError
from bnmatrix.models import FILE_NAME
from bnmatrix.plan.sizes import check_sizes
from bnmatrix.training.settings import Settings
from bnmatrix.training.spec import Variant

#: Separators as in Snakemake's Paramspace: ``normalization~batch,batch_size~32``.
PAIR, _NEXT = "~", ","


def variants(project: Project, study_name: str, every: bool = False) -> list[Variant]:
    """Return the variants of a study, in the order of its axes.

    Variants whose framework is not installed are left out, unless ``every`` is set. Combinations
    that differ only in a setting without effect, such as the momentum of a network without batch
    normalization, are one variant.

    Raises:
        UserError: a value is not allowed, or a batch is larger than the training data. The message
            names the study, the key and the value.
    """
    study = project.study(study_name)
    where = f"{project.run.studies_file}: studies → {study_name}"
    if not re.match(FILE_NAME, study_name) or study_name in RESERVED_NAMES:
        raise UserError(
            f"{where}: a file in reports/ gets this name: use letters, digits, '.', '_' "
            f"and '-', begin with a letter or digit, and use none of {', '.join(RESERVED_NAMES)}"
        )
    axes = tuple(study.axes)
    cells: dict[str, Settings] = {}
    blocks = [study.axes, *({axis: block[axis] for axis in axes} for block in study.further)]
    for values in itertools.chain(*(itertools.product(*block.values()) for block in blocks)):
        chosen = dict(zip(axes, values, strict=True))
        cell = ", ".join(f"{axis}: {value}" for axis, value in chosen.items())
        settings = validated(Settings, {**study.settings, **chosen}, f"{where} ({cell})")
        check_sizes(project, study_name, settings, f"{where} ({cell})")
        if every or settings.framework in project.frameworks:
            settings = settings.canonical()
            name = variant_name(settings, axes)
            if cells.setdefault(name, settings) != settings:
                raise UserError(
                    f"{where}: two different variants would have the name '{name}'; choose values "
                    "whose names differ"
                )
    return [
        Variant.model_construct(
            name=name, settings=settings, baseline=_baseline(settings, axes, cells)
        )
        for name, settings in cells.items()
    ]


def left_out_variants(project: Project, study_name: str) -> int:
    """Return the number of variants of a study that are left out for lack of their framework."""
    if project.study(study_name).frameworks <= set(project.frameworks):
        return 0
    every = variants(project, study_name, every=True)
    return sum(variant.settings.framework not in project.frameworks for variant in every)


def variant_name(settings: Settings, axes: Sequence[str], between: str = _NEXT) -> str:
    """Return a readable name with the values of the axes, which can be part of a path."""
    labels = ((axis, settings.label(axis)) for axis in axes)
    return between.join(f"{axis}{PAIR}{label}" for axis, label in labels if label is not None)


def _baseline(settings: Settings, axes: Sequence[str], cells: dict[str, Settings]) -> str | None:
    if settings.normalization == "none":
        return None
    other = settings.model_copy(update={"normalization": "none"})
    name = variant_name(other.canonical(), axes)
    return name if name in cells else None
