"""Which classes and which examples a variant confuses, from its runs' predictions."""

import pandas as pd

CONFUSION_COLUMNS = ["variant", "label", "predicted", "share", "per_run"]
CONFUSED_COLUMNS = ["variant", "example", "label", "predicted", "share_wrong", "probability"]


def best_variant(summary: pd.DataFrame, classes: int) -> str | None:
    """Return the variant with the highest mean validation accuracy; None if no run completed.

    Diverged runs count at chance; of variants with equal accuracy, the one with the lowest
    validation loss. Test accuracy is not used: the best one would be best partly by chance.

    Args:
        summary: one row per variant (:func:`bnmatrix.statistics.comparisons.summarize`).
        classes: number of classes, for chance.
    """
    completed = summary[summary["validation_accuracy_mean"].notna()]
    if completed.empty:
        return None
    diverged = completed["diverged"] / completed["test_accuracy_n"]
    score = completed["validation_accuracy_mean"] * (1 - diverged) + diverged / classes
    # Means of the same counts may differ in their last bit.
    ranked = completed.assign(score=score.round(9)).sort_values(
        ["score", "validation_loss_mean"], ascending=[False, True], kind="stable"
    )
    return str(ranked["variant"].iloc[0])


def confusion(predictions: pd.DataFrame, classes: int) -> pd.DataFrame:
    """Return one row per pair of true and predicted class, for one variant.

    ``share`` is the share of the true class's examples that are predicted as the other, a mean over
    runs; ``per_run`` is their mean number per run. Classes without examples have NaN shares.

    Args:
        predictions: :data:`bnmatrix.tables.schema.PREDICTION_COLUMNS` of one variant.
        classes: number of classes.
    """
    if predictions.empty:
        return pd.DataFrame(columns=CONFUSION_COLUMNS)
    runs = predictions["replicate"].nunique()
    numbers = range(classes)
    table = pd.crosstab(predictions["label"], predictions["predicted"])
    per_run = table.reindex(index=numbers, columns=numbers, fill_value=0) / runs
    long = per_run.reset_index().melt("label", var_name="predicted", value_name="per_run")
    long = long.sort_values(["label", "predicted"], ignore_index=True)
    every = long.groupby("label")["per_run"].transform("sum")
    long = long.assign(share=long["per_run"] / every, variant=predictions["variant"].iloc[0])
    return long[CONFUSION_COLUMNS]


def most_confused(predictions: pd.DataFrame, count: int) -> pd.DataFrame:
    """Return the test examples that most runs of a variant get wrong, the worst first.

    ``predicted`` is the most frequent wrong class, ``share_wrong`` the share of runs that are
    wrong, ``probability`` the mean probability that wrong runs give their answer.

    Args:
        predictions: :data:`bnmatrix.tables.schema.PREDICTION_COLUMNS` of one variant.
        count: number of examples at most.
    """
    wrong = predictions[predictions["predicted"] != predictions["label"]]
    if wrong.empty:
        return pd.DataFrame(columns=CONFUSED_COLUMNS)
    runs = predictions["replicate"].nunique()
    rows = wrong.groupby("example").agg(
        variant=("variant", "first"),
        label=("label", "first"),
        predicted=("predicted", lambda values: values.mode().iloc[0]),
        share_wrong=("replicate", lambda values: len(values) / runs),
        probability=("probability", "mean"),
    )
    worst = rows.sort_values(["share_wrong", "probability"], ascending=False, kind="stable")
    return worst.head(count).reset_index()[CONFUSED_COLUMNS]
