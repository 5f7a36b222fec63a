"""What makes a user's own data doubtful without being an error, in sentences for people."""

from collections.abc import Iterable, Iterator
from hashlib import blake2b

import numpy as np

from bnmatrix.datasets.own.columns import Column, identifier
from bnmatrix.datasets.own.labels import Labelled
from bnmatrix.datasets.own.rows import some, yaml_line

#: Fewest times that a number such as -999 occurs, and its distance from all others in their ranges,
#: if it looks like a sign for missing values.
_LEAST_OFTEN, _APART = 2, 5.0
_NINES = (99.0, 999.0, 9999.0, 99999.0, 999999.0)

#: Balanced accuracy of one column alone from which it seems to give the class away.
_GIVES_AWAY = 0.98
#: Examples on which columns are tried, and the folds of their cross-validation.
_TRIED, _FOLDS = 5_000, 5

#: Spearman's correlation from which a column seems to give the target of a regression away, and the
#: fewest examples for it.
_TIED, _FEWEST = 0.99, 10

#: Rows of an array that are looked at first.
_LOOKED_AT = 1_000

#: Pairs of equal examples that a message names.
_PAIRS = 3


def placeholder(column: Column, values: np.ndarray) -> str:
    """Return a doubt about a number such as -999 that may stand for missing values, or nothing.

    Args:
        column: the column.
        values: its values, as :meth:`Column.parsed` returns them.
    """
    if values.dtype == object:
        return ""
    for sign in (s * nines for nines in _NINES for s in (-1, 1)):
        rows = np.flatnonzero(values == sign)
        others = values[~np.isnan(values) & (values != sign)]
        if len(rows) < _LEAST_OFTEN or not len(others):
            continue
        distance = max(others.min() - sign, sign - others.max())
        if distance > _APART * max(np.ptp(others), 1.0):
            key = yaml_line("missing", (*column.source.missing, int(sign)))
            return (
                f"{column.at(list(rows))}: {sign:g} is far from all other values; if it means "
                f"that the value is missing, add {key} to the entry."
            )
    return ""


def identifiers(x: np.ndarray, at: str) -> list[str]:
    """Return a doubt about features of an array that look like identifiers, if there are any.

    Args:
        x: the examples, examples × features.
        at: how a message about them begins.
    """
    # Most arrays have hundreds of features, and a look at a few rows rules nearly all of them out.
    few = np.sort(x[:_LOOKED_AT], axis=0)
    whole = (few == np.floor(few)).all(axis=0) & (np.diff(few, axis=0) > 0).all(axis=0)
    return [
        f"{at}: feature {number} (from 0) holds {reason}. That looks like an identifier, from "
        "which nothing can be learnt about other examples; if it is one, save the array without it."
        for number in np.flatnonzero(whole)
        if (reason := identifier(x[:, number]))
    ]


def spellings(column: Column, values: np.ndarray) -> str:
    """Return a doubt about categories that differ only in case or in spaces, or nothing.

    Args:
        column: the column.
        values: its values, as :meth:`Column.parsed` returns them.
    """
    if values.dtype != object:
        return ""
    written: dict[str, dict[str, int]] = {}
    for place, text in enumerate(values):
        if text is not None:
            written.setdefault(text.strip().casefold(), {}).setdefault(text, place)
    several = [places for places in written.values() if len(places) > 1]
    if not several:
        return ""
    shown = some([" = ".join(f"'{text}'" for text in sorted(places)) for places in several])
    last = max(several[0].values())
    return (
        f"{column.at([last])}: categories differ only in case or in spaces around them ({shown}), "
        "and are taken for different ones. Write them alike."
    )


def duplicates(parts: list[Labelled], tested: list[np.ndarray]) -> list[str]:
    """Return a doubt about examples that are equal in all features, or nothing.

    Args:
        parts: the data, and its test part if it has one.
        tested: for each part, whether each of its examples is tested (bool).
    """
    digests = [_digest(example) for part in parts for example in part.x]
    labels = [label for part in parts for label in part.labels]
    is_test = np.concatenate(tested)
    first: dict[bytes, int] = {}
    copies = [
        place for place, digest in enumerate(digests) if first.setdefault(digest, place) != place
    ]
    if not copies:
        return []
    classes: dict[bytes, set[str]] = {}
    for digest, label in zip(digests, labels, strict=True):
        classes.setdefault(digest, set()).add(label)
    outside = {digest for digest, test in zip(digests, is_test, strict=True) if not test}
    shared = sum(digests[place] in outside for place in np.flatnonzero(is_test))
    contradictory = sum(len(classes[digest]) > 1 for digest in digests)
    pairs = [
        f"{_named(parts, place)} and {_named(parts, first[digests[place]])}"
        for place in copies[:_PAIRS]
    ]
    more = f"; and {len(copies) - _PAIRS} more" if len(copies) > _PAIRS else ""
    return [
        f"{parts[0].rows.path}: {len(copies)} of {len(digests)} examples equal an earlier one in "
        f"all features ({'; '.join(pairs)}{more}). Of a test part of {int(is_test.sum())}, "
        f"{shared} equal one outside of it, which rewards memory. {contradictory} examples equal "
        f"one of another {'class' if parts[0].targets is None else 'target'}. Examples of few "
        "possible values are equal by chance; copies should be removed, or kept in one part by a "
        "column that `group` names."
    ]


def _named(parts: list[Labelled], place: int) -> str:
    """Return the name of an example, of which places count through all parts."""
    train, within = parts[0].rows, len(parts[0].labels)
    if place < within:
        return train.text([place + 1])
    test = parts[1].rows
    elsewhere = f"{test.path}: " if test.path != train.path else "test part: "
    return f"{elsewhere}{test.text([place - within + 1])}"


def _digest(example: np.ndarray) -> bytes:
    # Zero has two signs, of which adding zero leaves one.
    values = example if example.dtype == np.uint8 else example + 0.0
    return blake2b(values.tobytes(), digest_size=16).digest()


def giveaways(data: Labelled, y: np.ndarray) -> list[str]:
    """Return a doubt about each column that alone tells the class of nearly all examples.

    A small decision tree of scikit-learn is cross-validated on each column alone, with equal weight
    of all classes.

    Args:
        data: the data.
        y: the label of each example, from 0.
    """
    if data.maximum is not None:
        return []
    chosen = np.random.default_rng(0).permutation(len(y))[:_TRIED]
    if len(chosen) < 2 * len(np.unique(y)):
        # Too many classes to learn them from so many examples.
        return []
    found: dict[str, float] = {}
    for name, values in _columns(data):
        score = _alone(values[chosen], y[chosen])
        if score >= _GIVES_AWAY:
            found[name] = score
    if not found:
        return []
    shown = some([f"'{name}' ({score * 100:.1f} %)" for name, score in found.items()])
    return [
        f"{data.rows.path}: alone, column {shown} tells the class of nearly all examples (in "
        f"brackets: balanced accuracy of a small tree). If it is known only after the class, "
        f"{_leave_out(data, found)}."
    ]


def _columns(data: Labelled) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the name and the features of each column, examples × features."""
    x = data.x.reshape(len(data.x), -1)
    start = 0
    for name, width in data.columns or ((str(n), 1) for n in range(1, x.shape[1] + 1)):
        yield name, x[:, start : start + width]
        start += width


def _leave_out(data: Labelled, names: Iterable[str]) -> str:
    """Return how to leave columns out, as advice."""
    if not data.columns:
        return "leave it out of the file"
    return f"add {yaml_line('exclude', (*data.rows.source.exclude, *names))} to the entry"


def tied(data: Labelled) -> list[str]:
    """Return a doubt about each column of numbers that orders examples as the target does.

    Of such a column, Spearman's correlation with the target is close to 1 or −1.

    Args:
        data: the data of a regression.
    """
    from scipy.stats import spearmanr

    if data.maximum is not None or data.targets is None:
        return []
    found: dict[str, float] = {}
    for name, features in _columns(data):
        values, known = features[:, 0], ~np.isnan(features[:, 0])
        if features.shape[1] > 1 or known.sum() < _FEWEST or not np.ptp(values[known]):
            continue
        found[name] = float(spearmanr(values[known], data.targets[known]).statistic)
    close = {name: value for name, value in found.items() if abs(value) >= _TIED}
    if not close:
        return []
    shown = some([f"'{name}' ({value:.3f})" for name, value in close.items()])
    return [
        f"{data.rows.path}: column {shown} orders nearly all examples as the target does (in "
        "brackets: Spearman's correlation). If it is known only after the target, "
        f"{_leave_out(data, close)}."
    ]


def _alone(x: np.ndarray, y: np.ndarray) -> float:
    """Return the balanced accuracy of a small tree, cross-validated (of one half: if that is low).

    Args:
        x: the features of one column, examples × features, NaN for missing.
        y: the labels.
    """
    from sklearn.model_selection import KFold, cross_val_predict
    from sklearn.tree import DecisionTreeClassifier

    tree = DecisionTreeClassifier(
        max_leaf_nodes=max(8, 2 * len(np.unique(y))), class_weight="balanced", random_state=0
    )
    half = len(y) // 2
    tree.fit(x[:half], y[:half])
    if _recall(y[half:], tree.predict(x[half:])) < 1 - 2 * (1 - _GIVES_AWAY):
        return 0.0
    folds = KFold(_FOLDS, shuffle=True, random_state=0)
    return _recall(y, cross_val_predict(tree, x, y, cv=folds))


def _recall(y: np.ndarray, predicted: np.ndarray) -> float:
    """Return the mean over classes of the share of their examples that are predicted."""
    return float(np.mean([np.mean(predicted[y == label] == label) for label in np.unique(y)]))
