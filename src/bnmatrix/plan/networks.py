"""The kinds of networks that studies train."""

from bnmatrix.config.project import Project
from bnmatrix.plan.variants import variants

#: The kind of a network that declares none.
DENSE = "dense"


def network_of(project: Project, study: str) -> str:
    """Return the kind of a study's networks: the value of the setting ``network``, or dense."""
    settings = variants(project, study, every=True)[0].settings
    return str(getattr(settings, "network", DENSE))


def column_title(dataset: str, network: str) -> str:
    """Return what pages call a data set with a kind of network: dense networks go without saying.

    Args:
        dataset: the title of the data set.
        network: the kind (:func:`network_of`).
    """
    return dataset if network == DENSE else f"{dataset}, {network}"
