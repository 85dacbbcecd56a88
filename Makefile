# `make` lists the targets. Everything is installed below .venv, from hashed lock files.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

.DEFAULT_GOAL := help
.PHONY: help run test lint format bench bench-ingest bench-indexes bench-export bench-retention bench-erase bench-pii lock clean

help: ## List the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(VENV)/run.stamp ## Start the service (embedded PostgreSQL, or DATABASE_URL); PORT, default 8000
	@$(BIN)/activity-events serve

test: $(VENV)/dev.stamp lint ## Lint, types and every test, on a real PostgreSQL
	$(BIN)/python -m pytest

lint: $(VENV)/dev.stamp ## ruff, mypy (strict), and the Dockerfile
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/hadolint Dockerfile

format: $(VENV)/dev.stamp ## Put the code into its format
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

bench: bench-indexes bench-ingest bench-export bench-retention bench-erase bench-pii ## Measure what the README and the decision records claim

bench-ingest: $(VENV)/dev.stamp ## What an event costs on its way in, beside a bare COPY
	$(BIN)/python -m benchmarks.ingest $(ARGS)

bench-indexes: $(VENV)/dev.stamp ## What each index costs and gives
	$(BIN)/python -m benchmarks.indexes $(ARGS)

bench-export: $(VENV)/dev.stamp ## What an export costs, and how flat its memory is
	$(BIN)/python -m benchmarks.export $(ARGS)

bench-retention: $(VENV)/dev.stamp ## How long a month's removal takes, and what ingest feels of it
	$(BIN)/python -m benchmarks.retention $(ARGS)

bench-erase: $(VENV)/dev.stamp ## A user of a million events is erased under load
	$(BIN)/python -m benchmarks.erase $(ARGS)

bench-pii: $(VENV)/dev.stamp ## How well personal data is found, and what that costs a clean event
	$(BIN)/python -m benchmarks.pii $(ARGS)

lock: $(VENV)/dev.stamp ## Bring requirements/*.lock up to date with pyproject.toml
	$(call compile,service,build)
	$(call compile,run,build,embedded)
	$(call compile,dev,build,embedded,dev)

clean: ## Remove everything that was made, but the data in .data
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

compile = $(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 \
	--generate-hashes --no-emit-index-url --no-header --no-annotate \
	$(if $(2),--extra $(2)) $(if $(3),--extra $(3)) $(if $(4),--extra $(4)) \
	--output-file requirements/$(1).lock pyproject.toml

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed: make PYTHON=python3.12")'
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "venv failed; on Debian: apt-get install python3-venv"; exit 1; }

$(VENV)/run.stamp: $(BIN)/python requirements/run.lock pyproject.toml
	@echo "Installing into $(VENV) ..."
	@$(PIP) install --require-hashes --no-deps -r requirements/run.lock
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/dev.stamp: $(VENV)/run.stamp requirements/dev.lock
	@echo "Installing the tools for tests ..."
	@$(PIP) install --require-hashes --no-deps -r requirements/dev.lock
	@touch $@
