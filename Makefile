# Two commands: `make study` runs the whole way, `make test` checks everything. Both make .venv first.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
PROFILE ?= quick
CORES ?= $(shell nproc 2>/dev/null || echo 2)
BIN := .venv/bin
PACKAGES := study trained bio analysis

.PHONY: study test test-slow verify lint types imports unit tiny clean help

help:
	@echo "make study [PROFILE=quick|full]   train, transplant, simulate, compare, draw"
	@echo "make test                         format, lint, types, imports, tests, a tiny whole pipeline"
	@echo "make test-slow                    the checks that need a C++ build or minutes"
	@echo "make verify                       every committed checkpoint: Brian2 against torch, spike by spike"
	@echo "make clean                        remove .venv and results; fetched data and runs of your own stay"

study: .venv/installed
	@$(BIN)/python -m study run --profile $(PROFILE) --cores $(CORES)

test: lint types imports unit tiny

lint: .venv/installed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: .venv/installed
	$(BIN)/mypy $(PACKAGES)

imports: .venv/installed
	cd / && "$(CURDIR)/$(BIN)/python" -c "import study, trained, bio, analysis"

unit: .venv/installed
	$(BIN)/python -m pytest -n 2 -m "not slow"

test-slow: .venv/installed
	$(BIN)/python -m pytest -m slow --timeout 3600

# Over a hundred million neuron-steps: two to three minutes of CPU time.
verify: .venv/installed
	$(BIN)/python -m trained export $$(find trained/checkpoints -name model.safetensors | xargs -n1 dirname | sort)
	$(BIN)/python -m bio verify trained/checkpoints --stimuli-count 256 --out docs/results/verify_all.txt

# The whole pipeline on next to nothing, from scratch each time.
tiny: .venv/installed
	rm -rf cache/tiny
	$(BIN)/python -m study run --profile tiny --root cache/tiny --cores $(CORES)

# The versions in constraints.txt were installed together and exercised.
.venv/installed: pyproject.toml constraints.txt
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || { \
	  echo "Python 3.11 is needed (constraints.txt holds its versions), but $(PYTHON) is $$("$(PYTHON)" -V); make PYTHON=/path/to/python3.11"; \
	  exit 1; }
	test -x $(BIN)/python || "$(PYTHON)" -m venv .venv
	PIP_DISABLE_PIP_VERSION_CHECK=1 $(BIN)/python -m pip install --progress-bar off -q -c constraints.txt -e '.[workflow,test,dev]'
	touch $@

clean:
	rm -rf .venv cache/tiny results .snakemake .pytest_cache .mypy_cache .ruff_cache .hypothesis
