# The commands of this project. People, CI and the README use the same ones.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help run test lint fmt bench bench-limits clean lock

help: ## List these commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 20

run: $(VENV)/.run ## Set up what is missing and start everything (ARGS="--port 8080")
	@exec $(BIN)/swapgate up $(ARGS)

test: $(VENV)/.dev lint ## Lint, types, import contracts and all tests (ARGS="-k name")
	$(BIN)/python -m pytest -n auto --dist worksteal $(ARGS)

lint: $(VENV)/.dev ## Ruff, mypy, import contracts, dependencies
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/deptry .

fmt: $(VENV)/.dev ## Format the code and mend what ruff can mend
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: bench-limits ## Run the benchmarks

bench-limits: $(VENV)/.dev ## Compare bare Granian, a BlackSheep echo and our signed quote (needs wrk)
	$(BIN)/python -m bench.limits $(ARGS)

lock: $(VENV)/.dev ## Lock the dependencies anew: versions and hashes, no addresses
	$(BIN)/uv pip compile pyproject.toml $(LOCK) -o requirements.lock
	$(BIN)/uv pip compile pyproject.toml --extra dev $(LOCK) -o requirements-dev.lock

LOCK := --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --upgrade -q

clean: ## Remove the virtual environment and caches (never a data directory)
	rm -rf $(VENV) .build .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed, this is " + sys.version.split()[0]) if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: $(VENV)/bin/python requirements.lock pyproject.toml
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.run requirements-dev.lock
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements-dev.lock
	@touch $@
