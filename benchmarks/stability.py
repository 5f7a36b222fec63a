"""Run the embedded claims with other seeds, and compare verdicts and effects.

python benchmarks/stability.py --seeds 1 2 3
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

from bnmatrix.statistics.stability import (
    differences,
    expected_agreement,
    largest_change_of_width,
    summary,
    variance_of_ratios,
)
from bnmatrix.statistics.verdicts import KEYS
from bnmatrix.tables.csv import read_runs, write_csv

ROOT = Path(__file__).resolve().parent.parent

#: The data sets that need no download.
EMBEDDED = "[digits,iris]"


def claims(seed: int, folder: Path, cores: int) -> Path:
    """Run the claims with a seed; return the table of verdicts."""
    place = folder / f"seed-{seed}"
    place.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile")]
    command += ["--directory", str(place), "--cores", str(cores)]
    command += ["--config", f"seed={seed}", f"datasets={EMBEDDED}", "--", "reports/claims.csv"]
    subprocess.run(command, cwd=ROOT, check=True)
    return place / "reports/claims.csv"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3])
    parser.add_argument("--folder", type=Path, default=ROOT / "data/stability")
    parser.add_argument("--cores", type=int, default=os.cpu_count())
    options = parser.parse_args()
    if len(set(options.seeds)) < 2:
        sys.exit("--seeds: give at least two different seeds")
    tables = {
        f"seed {seed}": read_runs(claims(seed, options.folder.absolute(), options.cores))
        for seed in options.seeds
    }
    table = differences(tables)
    write_csv(table, options.folder / "stability.csv")
    verdicts = {name: found.set_index(KEYS)["verdict"] for name, found in tables.items()}
    for key in next(iter(verdicts.values())).index:
        said = [found[key] for found in verdicts.values()]
        if set(said) != {"not measured"}:
            mark = " " if len(set(said)) == 1 else "*"
            print(f"{mark} {key[0]} ({key[1]}, {key[2]}): {' | '.join(said)}")
    found = summary(table)
    print(
        f"{found.same} of {found.compared} comparisons of verdicts are the same, {found.opposite} "
        f"opposite. Of {found.effects} standardized differences of effects, the mean square is "
        f"{found.mean_square:.2f} (1 is right; {found.replicate_mean_square:.2f} by the part over "
        f"replicates alone), and {found.beyond} are beyond 1.96."
    )
    shares = {pairs: expected_agreement(tables, pairs) for pairs in (1, 4, 16, 64)}
    print(
        "Expected share of equal verdicts, without conditions, if the mean effects were the true "
        "ones: "
        + ", ".join(f"{share:.0%} with {pairs} times the pairs" for pairs, share in shares.items())
    )
    analyses = {
        f"seed {seed}": read_runs(options.folder / f"seed-{seed}/data/results/claims/analyses.csv")
        for seed in options.seeds
    }
    every, rest = variance_of_ratios(analyses)
    print(
        "The width of an interval changes by a factor of up to "
        f"{largest_change_of_width(tables):.1f}. "
        f"The logarithms of the ratios of blocks have a variance of {every:.2f} beyond chance, "
        f"{rest:.2f} without the analysis with the largest ratios."
    )
    print(f"Written: {options.folder / 'stability.csv'}")


if __name__ == "__main__":
    main()
