# `make dev` and `make test` work on a machine that has Python 3.11 or newer and make: all else goes into .venv.

SHELL := /bin/bash
.DEFAULT_GOAL := help

# The first Python on the path that is new enough; `make dev PYTHON=/path/to/python` chooses another.
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11 python; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check
INSTALLED := $(VENV)/installed
EMULATOR := .venv-emulator/installed
PYTEST_ARGS ?=
BENCH_ARGS ?=

.PHONY: help
help: ## what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 12

.PHONY: dev
dev: $(INSTALLED) ## start the local stand-ins and Dagster on them (Ctrl-C stops all of it)
	@$(BIN)/truth-forge-sync dev

.PHONY: test
test: $(INSTALLED) ## run the tests (PYTEST_ARGS="-k walk" for some of them)
	@$(BIN)/python -m pytest $(PYTEST_ARGS)

.PHONY: mutations
mutations: $(INSTALLED) ## break each law in the code, one at a time, and see its tests fail (half an hour)
	@$(BIN)/python -m truth_forge_sync_tests.mutations

.PHONY: soak
soak: $(INSTALLED) ## let dev run under constant edits and outages, and see that it holds out (twenty minutes)
	@$(BIN)/python -m truth_forge_sync_tests.soak

.PHONY: crashes
crashes: $(INSTALLED) ## kill -9 its processes, and see it come back by itself (five minutes)
	@$(BIN)/python -m truth_forge_sync_tests.crashes

.PHONY: matrix
matrix: $(INSTALLED) ## write docs/conformance.md anew: which system passes which case
	@$(BIN)/python -m truth_forge_sync_tests.conformance.matrix

.PHONY: nightly
nightly: export NOISE_RUNS ?= 2000
nightly: export MODEL_RUNS ?= 500
nightly: export DIFFERENTIAL_RUNS ?= 5
nightly: $(INSTALLED) ## thousands of new random worlds, histories and weeks (hours)
	@$(BIN)/python -m pytest truth_forge_sync_tests/sync/test_machine.py truth_forge_sync_tests/sync/test_model.py truth_forge_sync_tests/hub/test_two_engines.py $(PYTEST_ARGS)

.PHONY: bench
bench: $(INSTALLED) ## measure, and compare with targets and peers (hours; BENCH_ARGS="imports idle-cycle" for some of it)
	@$(BIN)/python -m benchmarks $(BENCH_ARGS)

.PHONY: lint
lint: $(INSTALLED) ## check style, format and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

.PHONY: format
format: $(INSTALLED) ## bring the code into its format
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format .

.PHONY: install
install: $(INSTALLED) ## install into .venv, and nothing else

.PHONY: init
init: $(INSTALLED) ## create what the configured systems lack
	@$(BIN)/truth-forge-sync init

.PHONY: emulator
emulator: $(EMULATOR) ## install the BigQuery emulator, for the tests that want it (750 MB)

.PHONY: lock
lock: $(INSTALLED) ## choose the versions of requirements.lock anew (needs uv)
	@uv pip compile pyproject.toml --quiet --upgrade --all-extras --universal --python-version 3.11 \
		--no-header --no-emit-index-url --no-emit-find-links --annotation-style line --output-file requirements.lock

.PHONY: clean
clean: ## remove what was installed and cached; contacts and settings stay
	rm -rf $(VENV) .venv-bench .venv-emulator build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find benchmarks truth_forge_sync truth_forge_sync_tests -name __pycache__ -type d -prune -exec rm -rf {} +

$(INSTALLED): requirements.lock pyproject.toml
	@if [ -z "$(PYTHON)" ]; then \
		echo "Python 3.11 or newer is needed; found: $$(python3 --version 2>&1 || echo none)." >&2; \
		echo "Install one, or say where it is: make $(MAKECMDGOALS) PYTHON=/path/to/python3.11" >&2; \
		exit 1; \
	fi
	@echo "Installing into $(VENV) with $$($(PYTHON) --version) (a minute or two, once)"
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) install --requirement requirements.lock
	@$(PIP) install --no-deps --editable .
	@touch $@

$(EMULATOR): requirements-emulator.txt $(INSTALLED)
	@echo "Installing the BigQuery emulator into .venv-emulator"
	@$(BIN)/python -m truth_forge_sync_tests.emulator > /dev/null
