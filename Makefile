# The commands of this project; `make help` lists them. Each target sets up what it needs.
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

##@ Start
help: ## list these commands
	@awk -F':.*## ' '/^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: .venv/ready ## create .venv with everything that the other targets need

.venv/ready: requirements.txt requirements-dev.txt requirements-dev.lock setup.sh tests/node/package-lock.json
	@PYTHON=$(PYTHON) bash setup.sh

demo: setup ## deploy v1.0.0 and v1.1.0 to the sandbox, then a broken v1.2.0 that is rolled back (KEEP=1 leaves it up, BACKEND=render uses Render)
	@$(BIN)/python -m sandbox.demo

##@ Test
# Three workers for two cores: a scenario also waits, for builds, restarts and intervals.
test: setup ## run the tests: unit, contract, integration, whole deploys (and name those that test-long runs)
	$(BIN)/pytest -n 3 --dist loadfile --no-loadscope-reorder

test-long: setup ## run the long tests: more cases, points and shops of what `make test` tries
	RUNBOOK_LONG=1 $(BIN)/pytest -n 3 --dist loadfile --no-loadscope-reorder -m long

test-unit: setup ## run the unit tests (a few minutes on two cores)
	$(BIN)/pytest -n 2 --dist loadfile tests/unit

lint: setup ## ruff, mypy, ansible-lint (production profile), antsibull-docs, changelog
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/ansible-lint --offline --profile production
	$(BIN)/antsibull-docs lint-collection-docs --plugin-docs --skip-rstcheck .
	$(BIN)/antsibull-changelog lint

sanity: setup ## ansible-test sanity and galaxy-importer
	@bash tests/sanity/run.sh

matrix: setup ## sanity, unit tests and the tests of modules on each ansible-core from 2.18 to 2.21 (CORES="2.18" for one)
	@CORES="$(CORES)" bash tests/matrix.sh

soak: setup ## 20 deploys at once, secrets, random walks and kills at every point, each of both for MINUTES=60 (docs/reliability.md)
	MINUTES=$(or $(MINUTES),60) $(BIN)/pytest -q -s molecule/test_soak.py -k "deploys_at_once or soak_of_secrets or random_soak or kill_matrix"

bench: setup ## measure the figures that the README and docs state (tests/bench)
	$(BIN)/pytest -q -s tests/bench

##@ Other
docs: variables ## build the site into docs/build: guides, playbooks, modules, roles and filters
	@bash docs/build.sh

site: docs ## build the site, and test its pages in a browser at phone and desktop width
	$(BIN)/pytest -q tests/site

variables: setup ## write docs/inventory.md and the playbooks' argument specs from the roles'
	@$(BIN)/python docs/variables.py

changelog: setup ## write CHANGELOG.rst for the version in galaxy.yml from the fragments
	$(BIN)/antsibull-changelog release --refresh --reload-plugins

release: setup ## build the artefact of the last commit into dist, and check it: version, changelog, reproducible, galaxy-importer, installed
	@$(BIN)/python -m tests.release

lock: setup ## write the lock files from requirements.txt, requirements-dev.txt and the sandbox's packages
	@bash tests/lock.sh

structure: setup ## print the numbers of the packages: files, longest files, circles of imports
	@$(BIN)/python -m tests.structure

clean: ## stop the sandboxes, delete everything that was built or installed
	@if [ -x $(BIN)/python ]; then for name in $$(ls .sandbox 2>/dev/null | grep -v '^cache$$'); do $(BIN)/python -m sandbox clean --name $$name || true; done; fi
	rm -rf .venv .sandbox .cache .pytest_cache .mypy_cache .ruff_cache .ansible docs/build

.PHONY: help setup demo test test-long test-unit lint sanity matrix soak bench docs site changelog variables lock structure release clean
