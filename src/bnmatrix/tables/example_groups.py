"""The groups of test examples that a jackknife leaves out in turn."""

import numpy as np

#: Number of groups of test examples. Each has about the same number of examples. Examples that
#: belong together in the data set, a cluster, are in one group; of fewer clusters, some groups are
#: empty.
GROUPS = 20


def groups_of(positions: int, clusters: np.ndarray, labels: np.ndarray | None = None) -> np.ndarray:
    """Return the group of each test example, int64 below :data:`GROUPS`; shape (positions,).

    Args:
        positions: number of positions; the last ones can be padding, where there are no labels.
        clusters: the cluster of each example; empty if there are none.
        labels: the class of each example, by which each group gets an equal share of each class, as
            far as there are no clusters; None: the classes do not matter.
    """
    if not len(clusters):
        order = np.random.default_rng(0).permutation(positions)
        if labels is None:
            return order % GROUPS
        group = np.empty(positions, np.int64)
        group[order[np.argsort(labels[order], kind="stable")]] = np.arange(positions) % GROUPS
        return group
    names, member = np.unique(clusters, return_inverse=True)
    sizes, place, filled = np.bincount(member), np.zeros(len(names), int), np.zeros(GROUPS, int)
    # The largest first, each into the group that has fewest examples.
    for cluster in np.argsort(-sizes, kind="stable"):
        place[cluster] = np.argmin(filled)
        filled[place[cluster]] += sizes[cluster]
    group = np.zeros(positions, int)
    group[: len(member)] = place[member]
    return group
