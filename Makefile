# Everything here needs python3, make and the Python package index; `make image` says what else it needs.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= python3
HOST ?= 127.0.0.1
PORT ?= 8000
MINUTES ?= 30
SEED ?= 0
BASE ?= HEAD
DATA ?= ../shared/data
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
MADE := $(VENV)/.made
RUNTIME := $(VENV)/.runtime-installed
COMPLETE := $(VENV)/.all-installed
# Folders and files of tests that start processes, or take long.
SLOW := check cli heavy killed model openapi rolling stats \
  events/test_filters.py feed/test_exactly_once.py subscriptions/test_crowd.py subscriptions/test_durability.py \
  subscriptions/test_outage.py subscriptions/test_pull_routes.py subscriptions/test_push.py subscriptions/test_sparse.py \
  clients test_condition_is_one_file.py test_datasets_page.py test_examples.py test_grafana.py test_hostile.py test_killed.py \
  test_kind_is_one_file.py test_proxy.py test_server.py
# Of a hundred lines of app/, so many run in the fast tests at least.
FLOOR := 90
TYPED := app tests migrations benchmarks container clients/python openapi/cut_outlines.py

# HOST and PORT go to `run` as options. As environment they would reach tests and the program unasked.
unexport HOST PORT PYTHON
# Tests start processes, which load the program from its bytecode in a fraction of the time.
unexport PYTHONDONTWRITEBYTECODE
# A variable named on make's own command line is exported whatever is said above, so the flags go too.
unexport MAKEFLAGS MAKEOVERRIDES

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: install
install: $(COMPLETE) ## Install everything for development into .venv

.PHONY: run
run: $(RUNTIME) ## Serve the sample data at http://HOST:PORT (127.0.0.1:8000)
	@exec $(BIN)/sitrep demo --host '$(HOST)' --port '$(PORT)'

.PHONY: test
test: $(COMPLETE) ## Run the tests, on SQLite and a PostgreSQL of their own (ARGS="-k name")
	@tests/install-system-packages
	@unset $${!SITREP_@} && $(BIN)/python -m pytest --numprocesses auto --dist worksteal $(ARGS)

.PHONY: test-fast
test-fast: $(COMPLETE) ## Run the tests that need neither PostgreSQL nor a process of their own (ARGS="-k name")
	@unset $${!SITREP_@} && $(BIN)/python -m pytest --numprocesses auto --dist worksteal -k 'not postgresql' \
	  --ignore-glob='tests/dashboard/*' $(addprefix --ignore=tests/,$(SLOW)) $(ARGS)

.PHONY: dashboard
dashboard: $(COMPLETE) ## Try every page of the dashboard in a browser, whole (ARGS="-k map")
	@tests/install-system-packages
	@unset $${!SITREP_@} && $(BIN)/python -m pytest --numprocesses auto --dist worksteal --dashboard tests/dashboard $(ARGS)

.PHONY: coverage
coverage: $(COMPLETE) ## Tell which lines of app/ the fast tests leave out, and fail below the floor
	@$(MAKE) --no-print-directory test-fast ARGS='--cov app --cov-report term-missing:skip-covered --cov-fail-under $(FLOOR) $(ARGS)'

.PHONY: walk
walk: $(COMPLETE) ## Print the files that one request of each sort enters, in order (ARGS=--write: into docs/architecture.md)
	@unset $${!SITREP_@} && PYTHONPATH=.:tests $(BIN)/python tests/walks.py $(ARGS)

.PHONY: datasets
datasets: $(COMPLETE) ## Print what can be imported, with all columns (ARGS=--write: into docs/datasets.md)
	@unset $${!SITREP_@} && PYTHONPATH=.:tests $(BIN)/python tests/datasets_page.py $(ARGS)

.PHONY: reference
reference: $(COMPLETE) ## Print the reference pages made from the code (ARGS=--write: into docs/reference)
	@unset $${!SITREP_@} && PYTHONPATH=.:tests $(BIN)/python tests/reference_pages.py $(ARGS)

.PHONY: docs
docs: $(COMPLETE) ## Build the site of docs/ into site/
	@$(BIN)/zensical build --strict --clean

.PHONY: soak
soak: $(COMPLETE) ## Hold every way of reading to the model for MINUTES=30, on both databases (SEED=n: that run again)
	@unset $${!SITREP_@} && $(BIN)/python -m pytest tests/model --numprocesses 2 -rP --soak '$(MINUTES)' --seed '$(SEED)'

.PHONY: nightly
nightly: $(COMPLETE) ## Test rolling updates, new indexes, checks and killed imports for long
	@unset $${!SITREP_@} && ROLLING_ROUNDS=20 CHECKED_EVENTS=10000 IMPORT_ROWS=50000 IMPORT_KILLS=20 SCALE_STARTS=1000 SCALE_CHANGES=3000 EVOLUTION_EVENTS=10000 \
	  $(BIN)/python -m pytest tests/rolling tests/check tests/imports/test_run.py tests/scale tests/heavy/test_documents_evolve.py $(ARGS)

.PHONY: check-data
check-data: $(COMPLETE) ## Compare totals of real files with those of the events they become (DATA=folder)
	@unset $${!SITREP_@} && PYTHONPATH=. $(BIN)/python tests/datasets/check_data.py '$(DATA)'

.PHONY: check
check: $(COMPLETE) ## Check format, lint, types, dependencies, and that the site of docs/ builds
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy $(TYPED)
	$(BIN)/deptry app
	$(BIN)/deptry clients/python/sitrep_client --config clients/python/pyproject.toml
	$(BIN)/zensical build --strict --clean
	$(BIN)/hadolint Dockerfile

.PHONY: bench
bench: $(COMPLETE) ## Measure every path beside its ceiling, the plain way and peers (QUICK=1: in 3 minutes)
	@unset $${!SITREP_@} && $(BIN)/python -m benchmarks $(ARGS)

.PHONY: lint-api
lint-api: ## Lint openapi/openapi.json with Redocly and Spectral (needs npm)
	@openapi/lint

.PHONY: api-changes
api-changes: $(COMPLETE) ## Tell what openapi/openapi.json breaks for clients made from that of BASE=HEAD, a commit
	@git show '$(BASE):openapi/openapi.json' | $(BIN)/python tests/api_changes.py /dev/stdin openapi/openapi.json

.PHONY: clients
clients: $(COMPLETE) ## Build both clients and those of four generators, type-check and try them, and others' (needs npm)
	@unset $${!SITREP_@} && clients/check

.PHONY: models
models: $(COMPLETE) ## Write the types of the Python client anew from openapi/openapi.json
	@$(BIN)/python clients/python/generate_models.py

.PHONY: image
image: $(COMPLETE) ## Build the container image and try it (docs/container.md)
	$(BIN)/hadolint Dockerfile
	@container/image

.PHONY: lock
lock: $(COMPLETE) ## Write the lock files anew from pyproject.toml (ARGS=--upgrade)
	@$(COMPILE) pyproject.toml --extra mcp --output-file requirements.lock
	@$(COMPILE) --group build --output-file requirements-build.lock
	@$(COMPILE) pyproject.toml --group build --group dev --constraint requirements.lock --output-file requirements-dev.lock
	@for folder in clients/generators benchmarks/peers; do \
	  $(COMPILE) $$folder/requirements.in --output-file $$folder/requirements.lock; done
	@! grep -n -e '://' -e '--index' requirements*.lock clients/generators/requirements.lock benchmarks/peers/requirements.lock || { echo 'A lock file names an index.' >&2; exit 1; }

COMPILE = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate $(ARGS)

# A changed lock file makes the venv anew, so that nothing it no longer names stays behind.
$(MADE): requirements.lock requirements-build.lock requirements-dev.lock
	@$(PYTHON) -m venv --clear $(VENV)
	@touch $@

$(RUNTIME): $(MADE) pyproject.toml
	@echo 'Installing requirements.lock into $(VENV) ...'
	@$(PIP) install --require-hashes -r requirements.lock -r requirements-build.lock
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(COMPLETE): $(RUNTIME)
	@echo 'Installing requirements-dev.lock into $(VENV) ...'
	@$(PIP) install --require-hashes -r requirements-dev.lock
	@touch $@
