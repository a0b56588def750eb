# provision-py. "make help" lists what can be done.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.ONESHELL:
.DELETE_ON_ERROR:

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

# What the virtual environment itself needs, what the demo needs on top, and what the whole suite needs on top.
APT_VENV := python3 python3-venv
APT_DEMO := mariadb-server mariadb-client nginx php-cli php-fpm php-mysql php-xml php-gd php-mbstring php-curl rsync
APT_TEST := apache2 libapache2-mod-php composer git unzip openssh-server openssh-client sudo iproute2 haproxy libnginx-mod-stream curl

.PHONY: help
help: ## This list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

.PHONY: apt
apt: ## Install the Debian packages that tests and demo need, as far as they are missing
	@.ci/packages $(APT_VENV) $(APT_DEMO) $(APT_TEST)

.PHONY: venv
venv: $(READY) ## Make .venv with the locked dependencies and this project

$(READY): requirements-dev.lock pyproject.toml
	@.ci/packages $(APT_VENV)
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed: make PYTHON=python3.11")'
	[ -x $(BIN)/pip ] || $(PYTHON) -m venv $(VENV)
	export PIP_DISABLE_PIP_VERSION_CHECK=1
	$(BIN)/pip install --quiet --require-hashes --requirement requirements-dev.lock
	$(BIN)/pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

.PHONY: test
test: apt $(READY) ## Run the tests; ARGS="tests/unit -x" for less, ARGS="-m slow" for slow ones
	@$(BIN)/pytest $(ARGS)

.PHONY: lint
lint: $(READY) ## Style, types and layers
	@$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

.PHONY: bench
bench: apt $(READY) ## Measure: ratios from one run; ARGS="start queue" for some of it
	@$(BIN)/python tests/bench/run.py $(ARGS)

.PHONY: demo
demo: export DRUPAL := $(DRUPAL)
demo: $(READY) ## Run a hostmaster's queue on private servers; DRUPAL=/path/to/code for a real code base
	@.ci/packages $(APT_DEMO)
	$(BIN)/python -u -m provision_py.sandbox.demo $${DRUPAL:+--drupal="$$DRUPAL"}

.PHONY: demo-down
demo-down: ## Stop the demo and remove every trace of it
	@[ -e .sandbox ] || [ -L .sandbox ] || { echo "There is no demo."; exit 0; }
	python=$(BIN)/python
	[ -x $$python ] || python="$(PYTHON)"  # .venv may be gone
	$$python -m provision_py.sandbox.takedown

.PHONY: lock
lock: $(READY) ## Resolve the dependencies anew and write both lock files
	@$(BIN)/pip install --quiet 'uv<1'
	lock="$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url"
	lock="$$lock --no-emit-find-links --custom-compile-command make\ lock --upgrade pyproject.toml"
	eval "$$lock" --output-file requirements.lock
	eval "$$lock" --extra dev --output-file requirements-dev.lock

.PHONY: clean
clean: demo-down ## Remove the demo, .venv and everything that tools have written
	rm -rf $(VENV) dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
