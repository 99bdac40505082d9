# Everything a developer or a new user types. `make help` lists it.
SHELL := /bin/bash
SYSTEM_PYTHON ?= python3
PYTHON := .venv/bin/python
GATES := $(PYTHON) -m tests.tools.gates

.DEFAULT_GOAL := help
.PHONY: help setup lint unit sanity docs-lint build molecule scenario test demo demo-down lab lab-preflight bench

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

# Before `setup`, with the system's Python alone: a machine that cannot run it is left untouched.
lab-preflight:
	@$(SYSTEM_PYTHON) -B -m tests.lab.preflight

demo: lab-preflight ## a real fleet on this machine that pulls through its own mirror, with proof
	@$(MAKE) --no-print-directory setup
	@$(PYTHON) -m tests.lab.demo

demo-down: setup ## take away everything the demo made
	@$(PYTHON) -m tests.lab.demo down

lab: lab-preflight ## build what all fleets share: host images, registry archives, the simulated Hub's content
	@$(MAKE) --no-print-directory setup
	@$(PYTHON) -m tests.lab build

# Not part of `test`: it needs a machine that does nothing else. PART=mirror, engines or registry measures that part alone, and leaves the
# others on the page as they are.
bench: lab-preflight ## measure the mirror beside plain Distribution and plain Nginx, write docs/benchmarks.md
	@$(MAKE) --no-print-directory setup
	@$(PYTHON) -m tests.bench $(PART)
