# The commands of this project; `make help` lists them. `make demo` and `make test` set up all that they need.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
export PATH := $(CURDIR)/.venv/bin:$(PATH)
# Ansible gives Python its modules over a pipe, which an unbuffered Python reads byte by byte: a tenth of a second and more for each task.
unexport PYTHONUNBUFFERED PYTHONDONTWRITEBYTECODE
export ANSIBLE_CONFIG := $(CURDIR)/ansible.cfg
export ANSIBLE_COLLECTIONS_PATH := $(CURDIR)/.ansible/collections

help: ## list these commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "make %-9s %s\n", $$1, $$2}'

setup: .venv/ready ## make the virtual environment .venv with all that the rest needs

.venv/ready: requirements.txt requirements-dev.txt setup.sh
	@PYTHON=$(PYTHON) bash setup.sh

demo: setup ## release v1.0.0 and v1.1.0 on the sandbox, watch a broken v1.2.0 being put back (KEEP=1 leaves it up, BACKEND=render runs it there)
	@$(BIN)/python -m sandbox.demo

test: setup ## run every test: unit, contract, integration, whole deploys
	$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder

lint: setup ## ruff, mypy, ansible-lint (production profile), antsibull-docs, changelog
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/ansible-lint --offline --profile production
	$(BIN)/antsibull-docs lint-collection-docs --plugin-docs --skip-rstcheck .
	$(BIN)/antsibull-changelog lint

sanity: setup ## ansible-test sanity and galaxy-importer, on a copy outside of git
	@bash tests/sanity/run.sh

bench: setup ## measure what the README states (tests/bench)
	$(BIN)/pytest -q -s tests/bench

docs: setup ## build the modules' documentation into docs/build
	@bash docs/build.sh

clean: ## stop the sandboxes, remove what was built and installed
	@if [ -x $(BIN)/python ]; then for name in $$(ls .sandbox 2>/dev/null | grep -v '^cache$$'); do $(BIN)/python -m sandbox clean --name $$name || true; done; fi
	rm -rf .venv .sandbox .cache .pytest_cache .mypy_cache .ruff_cache .ansible docs/build

.PHONY: help setup demo test lint sanity bench docs clean
