"""Count how often the intervals of claims hold the effect, in one long experiment on digits.

python benchmarks/coverage.py --replicates 300

The experiment is that of the claim `generalization` on digits, with more replicates and with
blocks of four. The effect is the mean over all of its pairs. Random sets of blocks stand for
studies of 12, 16 and 20 pairs; their intervals are those that the claim would have. These are
about other images, too, while all sets have the same 1 797: intervals "of these images" have no
such part. With `--analyses`, the table of analyses of a finished run (data/results/claims/), blocks
are moderated as in that run.
"""

import argparse
import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from bnmatrix.claims.analyses import family_sizes, usual_ratios
from bnmatrix.claims.arms import read_arms
from bnmatrix.claims.effects import Measured, copies_without_groups, measure
from bnmatrix.files import write_text
from bnmatrix.plan.loading import load_project
from bnmatrix.statistics.coverage import sets_of_blocks, tally
from bnmatrix.statistics.endpoints.values import several
from bnmatrix.statistics.uncertainty import ALPHA
from bnmatrix.statistics.verdicts import tail
from bnmatrix.tables.csv import read_runs, write_csv

ROOT = Path(__file__).resolve().parent.parent

CLAIM, DATASET = "generalization", "digits"

#: Pairs of a study, and how many of them share a tuned learning rate.
PAIRS, SHARED_BY = (12, 16, 20), 4

#: Random sets of blocks for each number of pairs.
SETS = 4000


def long_experiment(replicates: int, folder: Path, cores: int) -> tuple[Measured, float]:
    """Train the experiment in a folder; return its pairs, and the level of the claim's ends."""
    project = load_project(None, ROOT)
    analysis = project.claims[CLAIM].primary
    study = next(name for name in analysis.studies if project.study(name).dataset == DATASET)
    declared = project.study(study)
    # Both arms have the same values of all other axes.
    arm = {**analysis.where, **analysis.treatment, "normalization": ["none", "batch"]}
    axes = {
        axis: [value for value in values if value in several(arm.get(axis, values))]
        for axis, values in declared.axes.items()
    }
    tuning = declared.tuning.model_copy(update={"shared_by": SHARED_BY})
    changed = declared.model_copy(update={"axes": axes, "tuning": tuning})
    entry = changed.model_dump(mode="json", exclude_unset=True) | {
        "tuning": tuning.model_dump(mode="json", exclude_defaults=True)
    }
    write_text(folder / "studies.yaml", yaml.safe_dump({"studies": {study: entry}}))
    config = {"replicates": replicates, "studies_file": "studies.yaml"}
    config |= {"claims_file": None, "replications_file": None}
    write_text(folder / "config/config.yaml", yaml.safe_dump(config))
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile")]
    command += ["--directory", str(folder), "--cores", str(cores), "--", f"reports/{study}.csv"]
    subprocess.run(command, cwd=ROOT, check=True)
    trained = load_project(None, folder)
    runs = read_arms(trained, [study], folder)[study]
    analysis = analysis.model_copy(update={"studies": [study]})
    found = measure(trained, study, analysis, runs, copies_without_groups(runs), study)
    return found, tail(analysis.direction, family_sizes(project)[DATASET, "sources"])


def only(found: Measured, replicates: pd.Index) -> Measured:
    """Return the pairs of some replicates."""
    parts = {name: getattr(found, name) for name in ("differences", "blocks", "without")}
    chosen = {name: None if part is None else part.loc[replicates] for name, part in parts.items()}
    return dataclasses.replace(found, **chosen)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replicates", type=int, default=300)
    parser.add_argument("--analyses", type=Path)
    parser.add_argument("--folder", type=Path, default=ROOT / "data/coverage")
    parser.add_argument("--cores", type=int, default=os.cpu_count())
    options = parser.parse_args()
    folder = options.folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    found, level = long_experiment(options.replicates, folder, options.cores)
    assert found.blocks is not None
    if options.analyses is not None:
        usual = usual_ratios(read_runs(options.analyses))[DATASET]
        print(f"Blocks are moderated towards a ratio of {usual.ratio:.2f}.")
        found = dataclasses.replace(found, usual=usual)
    every = found.effect(ALPHA / 2)
    rows = []
    for pairs in PAIRS:
        rng = np.random.default_rng(pairs)
        sets = list(sets_of_blocks(found.blocks, pairs // SHARED_BY, SETS, rng))
        for name, pool, end in (
            ("95 %", found, ALPHA / 2),
            ("95 %, these images", dataclasses.replace(found, without=None), ALPHA / 2),
            ("of claims", found, level),
        ):
            effects = [only(pool, replicates).effect(end) for replicates in sets]
            rows.append({"pairs": pairs, "interval": name} | tally(effects, every.effect))
    table = pd.DataFrame(rows)
    write_csv(table, folder / "coverage.csv")
    print(
        f"{every.pairs} pairs: effect {100 * every.effect:+.2f} points, standard deviation "
        f"{100 * every.sd:.2f}. Each end of an interval of claims fails with {100 * level:.2f} %."
    )
    print(table.round(4).to_string(index=False))
    print(f"Written: {folder / 'coverage.csv'}")


if __name__ == "__main__":
    main()
