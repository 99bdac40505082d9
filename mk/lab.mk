# The lab: fleets of system containers on this machine. Included by the top Makefile, which sets PYTHON and has `setup`.

.PHONY: demo demo-down lab

demo: setup ## A real fleet on this machine that pulls through its own mirror, with proof
	@$(PYTHON) -m tests.lab.demo

demo-down: setup ## Take away everything the demo made
	@$(PYTHON) -m tests.lab.demo down

lab: setup ## Build what all fleets share: host images, registry archives, the simulated Hub's content
	@$(PYTHON) -m tests.lab build
