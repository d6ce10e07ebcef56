# Two commands, and nothing clever: each makes the virtual environment first if it has to.
# scripts/setup says what it installs, and is done at once when there is nothing to do.

.PHONY: help demo test clean

help:
	@echo 'make demo    run a real guest from its document to its end (QEMU; installed by apt when missing)'
	@echo 'make test    the tests that need no hypervisor'
	@echo 'make clean   remove .venv, build and the caches'
	@echo 'tox          every check by name: tox list'

demo:
	@scripts/setup qemu
	@.venv/bin/polyvisor demo

test:
	@scripts/setup
	@.venv/bin/python -m pytest -m 'not live'

clean:
	rm -rf .venv .tox build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
