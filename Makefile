# What is typed most, and nothing clever: each target makes the virtual environment first if it has to.
# scripts/setup says what it installs, and is done at once when there is nothing to do. `make help` reads this file.

.PHONY: help demo test live fuzz docs generated deb rpm clean

help: ## show this
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1|\2/p' Makefile | awk -F'|' '{ printf "%-16s %s\n", $$1, $$2 }'
	@printf '%-16s %s\n' 'tox' 'every check by name: tox list'

demo: ## run a real guest from its document to its end (QEMU; installed by apt when missing)
	@scripts/setup qemu
	@.venv/bin/polyvisor demo

test: ## the tests that need no hypervisor
	@scripts/setup
	@.venv/bin/python -m pytest -m 'not live' -n auto --dist loadfile

live: ## the tests that drive real hypervisors (QEMU; installed by apt when missing)
	@scripts/setup qemu guest examples vmware
	@guests/linux/build.py
	@tests/live/esx/vcsim/build.py
	@.venv/bin/python -m pytest -m live

docs: ## the site, into build/site; warnings are errors
	@scripts/setup
	@NO_MKDOCS_2_WARNING=1 .venv/bin/python -m mkdocs build --clean --quiet
	@echo build/site/index.html

deb: ## the Debian packages, into build/deb: built, judged and tried in a clean system (Debian, root)
	@python3 packaging/deb.py

rpm: ## the RPM packages, into build/rpm (needs rpmbuild, hatchling and installer)
	@python3 packaging/rpm.py

fuzz: ## any bytes as any document, for ten minutes (CPython 3.11 to 3.13)
	@scripts/setup
	@.venv/bin/python -m pip install --quiet atheris
	@.venv/bin/python fuzz/documents.py

generated: ## write again what is generated from declarations: schemas, reference pages, pictures
	@scripts/setup
	@.venv/bin/python scripts/generated.py

clean: ## remove .venv, build and the caches
	rm -rf .venv .tox build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
