# The lab: fleets of system containers on this machine. The top Makefile sets SYSTEM_PYTHON and PYTHON and has `setup`.

.PHONY: demo demo-down lab lab-preflight

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
