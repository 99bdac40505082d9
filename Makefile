# Everything a developer or a new user types. `make help` lists it.
SHELL := /bin/bash
SYSTEM_PYTHON ?= python3
PYTHON := .venv/bin/python
GATES := $(PYTHON) -m tests.tools.gates

.DEFAULT_GOAL := help
.PHONY: help setup lint unit sanity docs-lint build molecule scenario test

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## make .venv with everything that is needed (again only when the requirements change)
	@$(SYSTEM_PYTHON) tests/tools/bootstrap.py

lint: setup ## yamllint, ansible-lint, ruff, mypy
	@$(GATES) lint

unit: setup ## unit tests
	@$(GATES) unit

sanity: setup ## ansible-test sanity
	@$(GATES) sanity

docs-lint: setup ## documentation of the plugins and roles, changelog
	@$(GATES) docs-lint

build: setup ## build the collection, install it elsewhere and run a playbook from there
	@$(GATES) build

molecule: setup ## scenarios on real engines; one of them with SCENARIO=name
	@$(GATES) lab $(if $(SCENARIO),molecule-$(SCENARIO),molecule)

scenario: setup ## one action on one scenario: DO=converge, verify or destroy, SCENARIO=name
	@$(PYTHON) -m tests.tools.scenario $(DO) $(SCENARIO)

test: setup ## every gate, as the CI runs them
	@$(GATES) all

-include mk/lab.mk mk/bench.mk
