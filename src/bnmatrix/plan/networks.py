"""The kinds of networks that studies train."""

from typing import TYPE_CHECKING

from bnmatrix.config.project import Project
from bnmatrix.plan.variants import variants
from bnmatrix.training.networks import kind_of

if TYPE_CHECKING:
    import pandas as pd

#: The kinds that go without saying, and that claims are judged on apart.
DENSE, CONVOLUTIONAL = "dense", "convolutional"


def network_of(project: Project, study: str) -> str:
    """Return the kind of a study's networks: dense, convolutional or own."""
    return kind_of(variants(project, study, every=True)[0].settings.network)


def column_title(dataset: str, network: str) -> str:
    """Return what pages call a data set with a kind of network: dense networks go without saying.

    Names have no comma: sentences enumerate them.

    Args:
        dataset: the title of the data set.
        network: the kind (:func:`network_of`).
    """
    words = {DENSE: "", CONVOLUTIONAL: " with convolutions"}
    return dataset + words.get(network, f" with {network} networks")


def deciding(project: Project, rows: "pd.DataFrame", network: str) -> "pd.DataFrame":
    """Return the rows of analyses that decide about a claim on a data set and kind of network.

    The analysis of convolutional networks decides about these, and is a condition for all others.
    Preconditions are those of studies of the same kind.

    Args:
        project: the configuration.
        rows: the rows of a claim and a data set that are not exploratory.
        network: the kind.

    Returns:
        The rows, with the roles primary, condition and requirement.
    """
    convolutional = rows["role"] == CONVOLUTIONAL
    required = rows["role"] == "requirement"
    of_kind = rows["study"].map(lambda s: network_of(project, s) == CONVOLUTIONAL).astype(bool)
    # A study of a user's own data can have a convolutional network in its primary analysis.
    if network == CONVOLUTIONAL and convolutional.any():
        chosen, role = rows[convolutional | (required & of_kind)], "primary"
    else:
        chosen, role = rows[~(required & of_kind)], "condition"
    return chosen.assign(role=chosen["role"].replace({CONVOLUTIONAL: role}))
