"""How many test examples of each class a variant recognizes."""

import numpy as np
import pandas as pd

#: One row per variant and class. ``tested`` is the number of test examples of the class in a run, a
#: mean over runs; ``recall`` is the share of them that is recognized, a mean over the runs that
#: completed and tested the class; NaN if none did.
RECALL_COLUMNS = ["variant", "label", "tested", "recall", "runs"]


def recalls(correctness: pd.DataFrame) -> pd.DataFrame:
    """Return the recall of each class in each variant (:data:`RECALL_COLUMNS`).

    Args:
        correctness: see :data:`bnmatrix.tables.schema.CORRECTNESS_COLUMNS`.
    """
    completed = correctness[correctness["class_tested"].map(len) > 0]
    tables = []
    for variant, runs in completed.groupby("variant", sort=False):
        tested, correct = (
            np.stack([np.frombuffer(row, "<i4") for row in runs[name]]).astype(np.float64)
            for name in ("class_tested", "class_correct")
        )
        share = pd.DataFrame(np.divide(correct, tested, where=tested > 0, out=correct * np.nan))
        tables.append(
            pd.DataFrame(
                {
                    "variant": variant,
                    "label": range(tested.shape[1]),
                    "tested": tested.mean(axis=0),
                    "recall": share.mean(),
                    "runs": len(runs),
                }
            )
        )
    if not tables:
        return pd.DataFrame(columns=RECALL_COLUMNS)
    return pd.concat(tables, ignore_index=True)[RECALL_COLUMNS]
