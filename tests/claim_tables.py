"""A project of two studies and tables of its runs, for tests of claims and replications."""

import numpy as np
import pytest
from study_tables import arm_of

from bnmatrix.config.claims import Claim
from bnmatrix.config.datasets import Dataset
from bnmatrix.config.project import Project
from bnmatrix.config.replications import Replication
from bnmatrix.config.run import RunConfig
from bnmatrix.config.studies import Study
from bnmatrix.config.validation import validated

REPLICATES = 8
#: Differences between replicates, with sum zero.
NOISE = np.linspace(-0.01, 0.01, REPLICATES)

DATASET = {
    "homepage": "https://example.org",
    **{"examples": {"train": 1000}, "test_split": {"fraction": 0.2}, "shape": [4]},
    "classes": ["x", "y"],
}
STUDY = {
    **{"title": "S", "question": "?", "settings": {"epochs": 1, "training_examples": 100}},
    "axes": {"normalization": ["none", "batch"], "batch_size": [8, 32]},
}


def close(expected):
    return pytest.approx(expected, abs=1e-12)


def claim(**changes):
    """Return a claim that BN is better at batch size 32, with studies of two data sets."""
    texts = dict.fromkeys(("wording", "question", "reason", "literature"), "…")
    return {
        **({"title": "BN is better"} | texts),
        "primary": {
            **{"label": "at batch size 32", "studies": ["study-a", "study-b"]},
            **{"endpoint": "final", "where": {"batch_size": 32}},
            **{"direction": "greater", "margin": {"a": 0.01, "b": 0.02}},
        },
    } | changes


def project_of(claims, **replications):
    """Return a project with data sets a and b (titles A and B) and one study of each."""
    return Project(
        run=RunConfig(),
        datasets={name: Dataset(title=name.upper(), **DATASET) for name in "ab"},
        studies={f"study-{name}": Study(dataset=name, **STUDY) for name in "ab"},
        claims={name: validated(Claim, entry, name) for name, entry in claims.items()},
        replications={
            name: validated(Replication, entry, name) for name, entry in replications.items()
        },
    )


def study_arm(gains):
    """Return the runs of a study; ``gains`` are the effects of BN at each batch size."""
    rows, times = [], []
    for batch_size, gain in gains.items():
        for normalization in ("none", "batch"):
            for number, noise in enumerate(NOISE, start=1):
                key = {
                    **{"normalization": normalization, "batch_size": batch_size},
                    **{"replicate": number, "variant": f"{normalization}-{batch_size}"},
                }
                better = gain + noise if normalization == "batch" else 0.0
                rows.append(key | {"test_accuracy": 0.7 + better})
                times.append(key | {"part": "loop", "value": 2.0 ** (better + 1)})
    return arm_of(rows, classes=2, step_times=times)


AT_8 = {"label": "at batch size 8", "where": {"batch_size": 8}}
TIMED = {
    **{"label": "a step", "endpoint": "step_time", "arguments": {"part": "loop"}},
    **{"wall_clock": True, "margin": 0.1},
}
#: The factor of the variance that allows for outcomes that eight pairs do not show.
UNSEEN = 2 - REPLICATES / 20
#: The 97.5 % quantile of Student's t with 7 degrees of freedom.
T = 2.36462425
