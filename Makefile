# `make report` sets up the environment and runs the main job; `make test` sets it up and runs the tests.
# The environment is in .venv; remove that folder to start over.

CORES ?= $(shell getconf _NPROCESSORS_ONLN)
VENV ?= .venv
BIN := $(VENV)/bin
# Each process of the tests takes a gigabyte. Tests of a module share a process and what is compiled.
PYTEST = $(BIN)/python -m pytest --cov -n $(CORES) --maxprocesses 8 --dist loadscope --no-loadscope-reorder
PIP_INSTALL := $(BIN)/python -m pip install --disable-pip-version-check --quiet --no-compile
# Let Python keep byte code: without it, TensorFlow takes twice as long to import.
unexport PYTHONDONTWRITEBYTECODE

# Find the first Python for which TensorFlow has wheels and that can create an environment.
define FIND_PYTHON
for python in $(PYTHON) python3 python3.13 python3.12 python3.11; do \
  if "$$python" -c 'import sys, ensurepip; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' \
    >/dev/null 2>&1; then echo "$$python"; exit; fi; \
done
endef

.PHONY: report test test-all test-python compare-python find-python lint benchmark scale stability coverage costs compare results publish crate cluster archive torch gpu lock schemas clean help
.DEFAULT_GOAL := help

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 20

report: $(VENV)/ready ## run every study whose data is available, and write reports/index.html
	@$(BIN)/bnmatrix report --cores $(CORES)

test: $(VENV)/ready-dev ## test every module and one small run, in 4 minutes (FLAGS="-k name" for some)
	@$(PYTEST) -m "not slow" $(FLAGS)

test-all: $(VENV)/ready-dev ## run all tests: also browsers, Slurm, S3, simulations, genuine data
	@$(PYTEST) --cov-fail-under=90 $(FLAGS)

# Find the Python that PYTHON names, on PATH or among pyenv's, and name its environment, as .venv-3.13.
define OTHER
for python in $(PYTHON) "$$HOME"/.pyenv/versions/*/bin/$(notdir $(PYTHON)); do \
  version="$$("$$python" -c 'import sys, ensurepip; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)" \
    && break; \
done; \
if [ -z "$(PYTHON)" ] || [ -z "$$version" ]; then \
  echo "No such Python: '$(PYTHON)' (an example: make $@ PYTHON=python3.13)" >&2; exit 1; \
fi; \
other=".venv-$$version"
endef

test-python: ## run `make test` under another Python (PYTHON=python3.13), in its own environment
	@$(OTHER); $(MAKE) test VENV="$$other" PYTHON="$$python"

compare-python: $(VENV)/ready ## run Iris under another Python too, and compare the tables byte for byte
	@$(OTHER); $(MAKE) "$$other/ready" VENV="$$other" PYTHON="$$python"; \
	$(BIN)/python tools/compare_pythons.py "$$other/bin/python"

find-python:
	@$(OTHER); echo "$$python"

cluster: $(VENV)/ready-cluster ## add the plugins for clusters (docs/cluster.md)

archive: $(VENV)/ready-cluster ## pack the environment into one file for nodes of a cluster (docs/cluster.md)
	@packages="$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')"; \
	tar --create --file $(VENV)/packages.tar.part --directory "$$packages" . && \
	mv $(VENV)/packages.tar.part $(VENV)/packages.tar
	@du -h $(VENV)/packages.tar

torch: $(VENV)/ready-torch ## add PyTorch as the second framework

gpu: $(VENV)/ready-gpu ## replace TensorFlow's CPU build by its GPU build (Linux, CUDA)

lint: $(VENV)/ready-dev ## run the linters: ruff, mypy, snakefmt, snakemake --lint, codespell, jactionlint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/snakemake --lint
	git ls-files -z | xargs -0 $(BIN)/codespell
	$(BIN)/jactionlint

scale: $(VENV)/ready-dev ## measure the workflow with 100 to 50 000 variants (takes half an hour)
	@$(BIN)/python benchmarks/scale.py $(FLAGS)

costs: $(VENV)/ready ## print the expected and the measured time and memory of training jobs
	@$(BIN)/bnmatrix costs --logs logs/train

benchmark: $(VENV)/ready ## compare the training loop with Keras's fit and the peak of the processor
	@$(BIN)/python benchmarks/training_speed.py
	@$(BIN)/python benchmarks/convolution_speed.py

stability: $(VENV)/ready ## judge the embedded claims with four seeds, and compare verdicts and effects
	@$(BIN)/python benchmarks/stability.py $(FLAGS)

coverage: $(VENV)/ready ## count how often the intervals of claims hold the effect, on digits (some minutes)
	@$(BIN)/python benchmarks/coverage.py $(FLAGS)

compare: $(VENV)/ready ## compare reports/ with the published run in docs/results/
	@$(BIN)/bnmatrix agreement --reports reports --published docs/results --output reports

# The folder in which the run was made.
RUN = .
PUBLISH = $(BIN)/bnmatrix publish --published docs/results --output published --cores $(CORES)

results: $(VENV)/ready ## pack the finished run of the folder RUN into docs/results/, and update README.md and docs/evidence.md
	@cd $(RUN) && $(abspath $(BIN))/bnmatrix pack --published $(abspath docs/results)
	@$(PUBLISH)
	@$(BIN)/python tools/results.py

publish: $(VENV)/ready ## make all pages of docs/results/ in published/reports/, without training
	@$(PUBLISH)

crate: publish ## pack docs/results/, its pages and the workflow as an RO-Crate (docs/publishing.md)
	@$(BIN)/bnmatrix crate --published docs/results --reports published/reports --output bnmatrix-crate

lock: $(VENV)/ready-dev ## resolve pyproject.toml into requirements*.txt and environment.yml again
	@PATH="$(abspath $(BIN)):$$PATH" $(BIN)/python tools/lock.py

schemas: $(VENV)/ready ## write workflow/schemas/ again after a change to the typed models
	@$(BIN)/bnmatrix schemas --folder workflow/schemas

clean: ## remove runs, results, logs and reports, but not downloads
	rm -rf data/processed data/runs data/results logs .snakemake published bnmatrix-crate
	find reports -mindepth 1 -not -name README.md -delete

$(VENV)/ready: requirements.txt requirements-uv.txt
	$(call INSTALL,requirements.txt)

$(VENV)/ready-dev: requirements-dev.txt $(VENV)/ready
	$(call INSTALL,requirements-dev.txt)

$(VENV)/ready-gpu: requirements-gpu.txt $(VENV)/ready
	@$(BIN)/python -m pip uninstall --quiet --yes tensorflow-cpu
	$(call INSTALL,requirements-gpu.txt)

# PyTorch has several builds of each version (for CPUs and for each CUDA version) with different hashes.
# Therefore only the version is pinned. Without a GPU, install the CPU build if pip's package indexes have
# it (a tenth of the size); otherwise install the build that pip finds.
$(VENV)/ready-torch: requirements-torch.txt $(VENV)/ready
	$(call INSTALL,requirements-torch.txt)
	@torch="$$($(BIN)/python tools/lock.py --torch)"; \
	if ! nvidia-smi >/dev/null 2>&1 && $(PIP_INSTALL) "$$torch+cpu" 2>/dev/null; then \
	  echo "Installed the CPU build of $$torch"; \
	else \
	  echo "Installing $$torch (the CUDA build takes some GB)"; $(PIP_INSTALL) "$$torch"; \
	fi
	@$(BIN)/python tools/compile_imports.py
	@touch $@

$(VENV)/ready-cluster: requirements-cluster.txt $(VENV)/ready
	$(call INSTALL,requirements-cluster.txt)

# After `make gpu`, the other targets leave TensorFlow's GPU build alone: its CPU build has the same files.
LOCK = $(if $(wildcard $(VENV)/ready-gpu),$(VENV)/$(1),$(1))

# uv installs the same files as pip in a tenth of the time. It does not read pip's settings, so that the
# address of the package index is handed over. If uv cannot install, pip does, and the output says so.
define INSTALL
@python="$$($(FIND_PYTHON))"; \
if [ -z "$$python" ]; then \
  echo "bnmatrix needs Python 3.11, 3.12 or 3.13 with its venv module (on Debian: apt install python3-venv)." >&2; \
  echo "If it has another name on this machine: make PYTHON=/path/to/python ..." >&2; exit 1; \
fi; \
[ -x $(BIN)/python ] || { echo "Creating the environment in $(VENV) with $$python (once)"; "$$python" -m venv $(VENV); }
@echo "Installing $(1) (about 2 GB on disk)"
@[ ! -e $(VENV)/ready-gpu ] || sed '/^tensorflow-cpu==/,/[^\\]$$/d' $(1) > $(VENV)/$(1)
@[ -x $(BIN)/uv ] || $(PIP_INSTALL) --require-hashes -r requirements-uv.txt || true
@index="$$($(BIN)/python -m pip config get global.index-url 2>/dev/null)"; \
[ -z "$$index" ] || export UV_DEFAULT_INDEX="$${UV_DEFAULT_INDEX:-$$index}"; \
VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --no-config --quiet --require-hashes -r $(LOCK) || { \
  echo "uv could not install $(1); pip installs it now"; $(PIP_INSTALL) --require-hashes -r $(LOCK); }
@$(PIP_INSTALL) --no-deps --no-build-isolation --editable .
@$(BIN)/python tools/compile_imports.py
@touch $@
endef
