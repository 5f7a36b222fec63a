#!/usr/bin/env bash
# Snakemake runs this script after it has created the conda environment of the rules. The script installs
# the package of the main process, which sets BNMATRIX_REQUIREMENT.
set -euo pipefail
python -m pip install --no-deps --no-build-isolation "${BNMATRIX_REQUIREMENT:?is set by the workflow}"
