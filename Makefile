# `make` lists the targets. Everything is installed below .venv, from hashed lock files.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Each with a PostgreSQL of its own, some with a browser.
TEST_PROCESSES ?= 2
FRONTEND := frontend/node_modules/.package-lock.json
DOCS_SOURCES := $(shell find docs -type f) zensical.toml
CLIENT := clients/python
CLIENT_SOURCES := $(shell find $(CLIENT)/src -name '*.py') $(CLIENT)/pyproject.toml $(CLIENT)/README.md
FRONTEND_SOURCES := $(shell find frontend/tracker frontend/web -name node_modules -prune -o -name dist -prune -o -type f -print)
HAS_NODE := $(shell node -e 'process.exit(process.versions.node.split(".")[0] < 20 ? 1 : 0)' 2>/dev/null && echo yes)
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

.DEFAULT_GOAL := help
.PHONY: help run install upgrade test test-frontend lint format frontend frontend-if-node python-client docs docs-quietly reference event-types bench bench-ingest bench-read bench-indexes bench-identity bench-versions bench-export bench-retention bench-erase bench-pii bench-hostile bench-tracker bench-dashboard bench-predict bench-workers bench-soak lock clean

help: ## List the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(VENV)/run.stamp frontend-if-node python-client docs-quietly ## Start the service (embedded PostgreSQL, or DATABASE_URL); PORT, default 8000
	@$(BIN)/activity-events serve

install: $(BIN)/python ## Install the service for an own PostgreSQL (DATABASE_URL), with its frontend
	@$(PIP) install --require-hashes --no-deps -r requirements/docs.lock
	@$(PIP) install --require-hashes --no-deps -r requirements/service.lock
	$(if $(HAS_NODE),@$(MAKE) --no-print-directory frontend,@rm -rf app/static; echo "Node.js 20 or later is not installed: the service has no dashboard and no /tracker.js.")
	@$(call client-wheel)
	@$(BIN)/zensical build > /dev/null
	@rm -rf build $(VENV)/*.stamp
	@$(PIP) install --no-deps --no-build-isolation --force-reinstall app/static/clients/activity_events-*.whl
	@$(PIP) install --no-deps --no-build-isolation --force-reinstall .

upgrade: ## Fetch the newest version and install it; then restart the service
	git pull --ff-only
	@$(MAKE) --no-print-directory install

test: $(VENV)/dev.stamp lint frontend-if-node python-client docs test-frontend ## Lint, types and every test, on a real PostgreSQL and a real browser
	$(BIN)/python -m pytest --numprocesses $(TEST_PROCESSES) --dist loadfile || $(BIN)/python -m tools.try_again

test-frontend: $(if $(HAS_NODE),$(FRONTEND)) ## Lint, types and tests of the JavaScript
	$(if $(HAS_NODE),cd frontend && npm run --silent lint && npm run --silent test,@echo "LEFT OUT: the JavaScript's lint and tests, as Node.js 20 or later is not installed.")

frontend: app/static/.built ## Build what the service gives to browsers; needs Node.js 20 or later

frontend-if-node:
	$(if $(HAS_NODE),@$(MAKE) --no-print-directory --silent frontend || echo "The frontend was not built; the API runs without the dashboard and /tracker.js.",@echo "Node.js 20 or later is not installed: the API runs without the dashboard and /tracker.js. Then: make frontend")

python-client: app/static/clients/.python-built ## Build the Python client's package, which the service serves at /clients/

docs: app/static/docs/.built ## Build the documentation's site, which the service serves at /docs/

docs-quietly:
	@$(MAKE) --no-print-directory --silent docs || echo "The documentation was not built; /docs has the API reference alone."

reference: $(VENV)/run.stamp ## Write the pages of docs/ that are generated from the code
	$(BIN)/python -m tools.reference

event-types: $(VENV)/run.stamp ## Write the known event types into the tracker
	$(BIN)/python -m app.schemas.event_types > frontend/tracker/src/event-types.ts

lint: $(VENV)/dev.stamp ## ruff, mypy (strict), and the Dockerfile
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy --python-version 3.10 $(CLIENT)/src
	$(BIN)/hadolint Dockerfile

format: $(VENV)/dev.stamp $(if $(HAS_NODE),$(FRONTEND)) ## Put the code into its format
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .
	$(if $(HAS_NODE),cd frontend && npm run --silent format)

bench: bench-indexes bench-identity bench-ingest bench-read bench-export bench-retention bench-erase bench-pii bench-hostile bench-tracker bench-dashboard bench-predict bench-workers ## Measure what the documentation and the decision records claim

bench-ingest: $(VENV)/dev.stamp ## What an event costs on its way in, beside a bare COPY
	$(BIN)/python -m benchmarks.ingest $(ARGS)

bench-read: $(VENV)/dev.stamp ## How fast questions are answered, at ten million events
	$(BIN)/python -m benchmarks.read $(ARGS)

bench-indexes: $(VENV)/dev.stamp ## What each index costs and gives
	$(BIN)/python -m benchmarks.indexes $(ARGS)

bench-identity: $(VENV)/dev.stamp ## What it costs that an id is one event, beside other ways to have it
	$(BIN)/python -m benchmarks.identity $(ARGS)

bench-versions: $(VENV)/dev.stamp ## What an event costs in this version and in that of BEFORE=DIR, in turn
	$(BIN)/python -m benchmarks.versions $(BEFORE) $(ARGS)

bench-export: $(VENV)/dev.stamp ## What an export costs, and how flat its memory is
	$(BIN)/python -m benchmarks.export $(ARGS)

bench-retention: $(VENV)/dev.stamp ## How long a month's removal takes, and what ingest feels of it
	$(BIN)/python -m benchmarks.retention $(ARGS)

bench-erase: $(VENV)/dev.stamp ## A user of a million events is erased under load
	$(BIN)/python -m benchmarks.erase $(ARGS)

bench-pii: $(VENV)/dev.stamp ## How well personal data is found, and what that costs a clean event
	$(BIN)/python -m benchmarks.pii $(ARGS)

bench-hostile: $(VENV)/dev.stamp ## What hostile callers cost everybody else: waiting, and memory
	$(BIN)/python -m benchmarks.hostile $(ARGS)

bench-tracker: $(VENV)/dev.stamp frontend ## The tracker: size, cost, the fault matrix, a week
	$(BIN)/python -m benchmarks.tracker $(ARGS)

bench-dashboard: $(VENV)/dev.stamp frontend ## The dashboard in a browser: its first load, its clicks, its bytes
	$(BIN)/python -m benchmarks.dashboard $(ARGS)

bench-predict: $(VENV)/dev.stamp ## How well the next event is predicted, beside simpler models and scikit-learn's
	$(BIN)/python -m benchmarks.predict $(ARGS)

bench-workers: $(VENV)/dev.stamp ## What more processes bring
	$(BIN)/python -m benchmarks.workers $(ARGS)

bench-soak: $(VENV)/dev.stamp ## Half an hour of load, readers, clean-ups, erasures, and two kill -9
	$(BIN)/python -m benchmarks.soak $(ARGS)

lock: $(VENV)/dev.stamp ## Bring requirements/*.lock up to date with pyproject.toml
	$(call compile,service,build,ai,otel)
	$(call compile,run,build,ai,otel,embedded)
	$(call compile,dev,build,ai,otel,embedded,dev)
	$(BIN)/uv pip compile $(COMPILE_OPTIONS) --group docs --constraint requirements/dev.lock --output-file requirements/docs.lock
	$(if $(HAS_NODE),for folder in frontend tests/packages/projects/*; do (cd $$folder && npm update --package-lock-only --silent); done)

clean: ## Remove everything that was made, but the data in .data
	rm -rf $(VENV) build $(CLIENT)/build dist .cache app/static frontend/node_modules frontend/*/node_modules frontend/*/dist *.egg-info $(CLIENT)/src/*.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A wheel that was built before may have files which are no longer there.
client-wheel = rm -rf $(CLIENT)/build app/static/clients/activity_events-*.whl \
	&& $(PIP) wheel --no-deps --no-build-isolation --wheel-dir app/static/clients ./$(CLIENT) \
	&& rm -rf $(CLIENT)/build

# The client's own requirements are among the service's.
COMPILE_OPTIONS = --no-emit-package activity-events --quiet --upgrade --universal --python-version 3.11 \
	--generate-hashes --no-emit-index-url --no-header --no-annotate
compile = $(BIN)/uv pip compile $(COMPILE_OPTIONS) \
	$(if $(2),--extra $(2)) $(if $(3),--extra $(3)) $(if $(4),--extra $(4)) $(if $(5),--extra $(5)) $(if $(6),--extra $(6)) \
	--output-file requirements/$(1).lock pyproject.toml

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed: make PYTHON=python3.12")'
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "venv failed; on Debian: apt-get install python3-venv"; exit 1; }

$(FRONTEND): frontend/package.json frontend/package-lock.json frontend/tracker/package.json frontend/web/package.json
	@echo "Installing the frontend's packages ..."
	@cd frontend && npm ci --silent
	@touch $@

app/static/.built: $(FRONTEND) $(FRONTEND_SOURCES)
	@cd frontend && npm run --silent build
	@touch $@

app/static/clients/.python-built: $(VENV)/run.stamp $(CLIENT_SOURCES)
	@$(call client-wheel)
	@touch $@

app/static/docs/.built: $(VENV)/docs.stamp $(DOCS_SOURCES)
	@$(BIN)/zensical build > /dev/null
	@touch $@

$(VENV)/docs.stamp: $(VENV)/run.stamp requirements/docs.lock
	@echo "Installing the documentation's generator ..."
	@$(PIP) install --require-hashes --no-deps -r requirements/docs.lock
	@touch $@

$(VENV)/run.stamp: $(BIN)/python requirements/run.lock pyproject.toml $(CLIENT)/pyproject.toml
	@echo "Installing into $(VENV) ..."
	@$(PIP) install --require-hashes --no-deps -r requirements/run.lock
	@$(PIP) install --no-deps --no-build-isolation --editable ./$(CLIENT)
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/dev.stamp: $(VENV)/docs.stamp requirements/dev.lock
	@echo "Installing the tools for tests ..."
	@$(PIP) install --require-hashes --no-deps -r requirements/dev.lock
	@touch $@
