"""Rows of tables as templates take them."""

from typing import Any

import pandas as pd

from bnmatrix.report.labels import VariantLabels, with_labels

#: A row of a table, by column; templates read it.
Record = dict[str, Any]

#: Variants of a study in the tables of a page, at most; its CSV file has them all.
MOST_VARIANTS = 1_000


def records(
    table: pd.DataFrame, labels: VariantLabels, without: tuple[str, ...] = ()
) -> list[Record]:
    """Return the rows of a table with the names of arm and cell, the rows of a cell together.

    Args:
        table: a table with a column ``variant``.
        labels: the labels of the study's variants.
        without: axes that the names of cells do not mention.
    """
    if table.empty:
        return []
    labelled = with_labels(table, labels, without)
    place = {cell: place for place, cell in enumerate(dict.fromkeys(labelled["cell"]))}
    ordered = labelled.sort_values("cell", key=lambda cell: cell.map(place), kind="stable")
    return list(ordered.to_dict("records"))
