# make report: the environment, then the main job.  make test: the environment, then the tests.
# Everything goes into .venv; remove that folder to start over.

CORES ?= $(shell getconf _NPROCESSORS_ONLN)
VENV := .venv
BIN := $(VENV)/bin
PIP_INSTALL := $(BIN)/python -m pip install --disable-pip-version-check --quiet --no-compile
# Byte code is compiled once, at installation: TensorFlow takes twice as long to import without.
unexport PYTHONDONTWRITEBYTECODE

# The first Python that TensorFlow has wheels for and that can make an environment.
define FIND_PYTHON
for python in $(PYTHON) python3 python3.13 python3.12 python3.11; do \
  if "$$python" -c 'import sys, ensurepip; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' \
    >/dev/null 2>&1; then echo "$$python"; exit; fi; \
done
endef

.PHONY: report test lint benchmark scale costs compare cluster torch gpu lock schemas clean help
.DEFAULT_GOAL := help

help: ## show the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 18

report: $(VENV)/ready ## run every study whose data can be had, and write reports/index.html
	@$(BIN)/snakemake --cores $(CORES)

test: $(VENV)/ready-dev ## run the tests (FLAGS="-m 'not slow'" for the fast ones)
	@$(BIN)/python -m pytest $(FLAGS)

cluster: $(VENV)/ready-cluster ## add what profiles/slurm and profiles/kubernetes need

torch: $(VENV)/ready-torch ## add PyTorch, the second framework

gpu: $(VENV)/ready-gpu ## put TensorFlow's build for GPUs (Linux, CUDA) in place of that for processors

lint: $(VENV)/ready-dev ## run the linters: ruff, snakefmt, snakemake --lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile workflow/rules
	$(BIN)/snakemake --lint

scale: $(VENV)/ready-dev ## measure how the workflow grows, from 100 variants to 50 000 (takes half an hour)
	@$(BIN)/python benchmarks/scale.py $(FLAGS)

costs: $(VENV)/ready ## what training jobs are expected to take, beside what they took
	@PYTHONPATH=workflow $(BIN)/python -m bnmatrix costs --logs logs/train

benchmark: $(VENV)/ready ## measure the training loop against Keras's fit and the processor's peak
	@$(BIN)/python benchmarks/training_speed.py

compare: $(VENV)/ready ## compare reports/ with the published run in docs/results/
	@PYTHONPATH=workflow $(BIN)/python -m bnmatrix agreement --reports reports --published docs/results --output reports

lock: $(VENV)/ready-dev ## resolve pyproject.toml anew into requirements*.txt and environment.yml
	@PATH="$(abspath $(BIN)):$$PATH" $(BIN)/python tools/lock.py

schemas: $(VENV)/ready ## write workflow/schemas/ anew after a change to the models in config.py
	@PYTHONPATH=workflow $(BIN)/python -m bnmatrix schemas --folder workflow/schemas

clean: ## remove results and everything else that the pipeline made, but not downloads
	rm -rf data/processed data/runs data/results logs .snakemake
	find reports -mindepth 1 -not -name README.md -delete

$(VENV)/ready: requirements.txt
	$(call INSTALL,requirements.txt)

$(VENV)/ready-dev: requirements-dev.txt $(VENV)/ready
	$(call INSTALL,requirements-dev.txt)

$(VENV)/ready-gpu: requirements-gpu.txt $(VENV)/ready
	@$(BIN)/python -m pip uninstall --quiet --yes tensorflow-cpu
	$(call INSTALL,requirements-gpu.txt)

# PyTorch has several builds of a version (for processors, for each CUDA), with different hashes: the
# version is pinned. Without a GPU it is the build for processors, where pip's package indexes have it
# (it is a tenth of the size); otherwise the build that pip finds.
$(VENV)/ready-torch: requirements-torch.txt $(VENV)/ready
	$(call INSTALL,requirements-torch.txt)
	@torch="$$($(BIN)/python tools/lock.py --torch)"; \
	if ! nvidia-smi >/dev/null 2>&1 && $(PIP_INSTALL) "$$torch+cpu" 2>/dev/null; then \
	  echo "Installed $$torch, the build for processors"; \
	else \
	  echo "Installing $$torch (some GB where it is the build for CUDA)"; $(PIP_INSTALL) "$$torch"; \
	fi
	@$(BIN)/python -m compileall -q -j 0 $(VENV)/lib >/dev/null || true
	@touch $@

$(VENV)/ready-cluster: requirements-cluster.txt $(VENV)/ready
	$(call INSTALL,requirements-cluster.txt)

define INSTALL
@python="$$($(FIND_PYTHON))"; \
if [ -z "$$python" ]; then \
  echo "bnmatrix needs Python 3.11, 3.12 or 3.13 with its venv module (on Debian: apt install python3-venv)." >&2; \
  echo "If it has another name here: make PYTHON=/path/to/python ..." >&2; exit 1; \
fi; \
[ -x $(BIN)/python ] || { echo "Making the environment in $(VENV) with $$python (once)"; "$$python" -m venv $(VENV); }
@echo "Installing $(1) (some 2 GB on disk; takes a minute or two)"
@$(PIP_INSTALL) --require-hashes -r $(1)
@$(BIN)/python -m compileall -q -j 0 $(VENV)/lib >/dev/null || true
@touch $@
endef
