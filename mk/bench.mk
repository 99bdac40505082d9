# Measures, and writes docs/benchmarks.md. Not part of `make test`: it needs a machine that does nothing else.
# PART=mirror, engines or registry measures that part alone, and leaves the others on the page as they are.

.PHONY: bench

bench: lab-preflight ## measure the mirror beside plain Distribution and plain Nginx, write docs/benchmarks.md
	@$(MAKE) --no-print-directory setup
	@$(PYTHON) -m tests.bench $(PART)
