# `make demo` and `make test` do everything, from a bare clone: they create .venv from requirements.lock.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
# Hundreds of commands that the tests start would each compile the library again.
unexport PYTHONDONTWRITEBYTECODE
READY := .venv/.ready

.PHONY: help demo test lint types unit laws package floors coinstall uv lock format clean

help:
	@echo "make demo     watch a cascade of two recorded models solve real tasks (no key, no network)"
	@echo "make test     lint, strict types, import rules, tests, examples"
	@echo "make laws     large, random and statistical tests: intervals cover, promises are kept, nothing is lost"
	@echo "make package  build wheel and sdist, try the wheel in a clean environment, count what it brings"
	@echo "make floors   the tests that touch other packages, with the lowest versions allowed"
	@echo "make coinstall  resolve the package beside its users' other packages; writes docs/install.md"
	@echo "make lock     refresh requirements.lock"

$(READY): requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "cascade needs Python 3.11 or newer: none found. Set PYTHON=/path/to/python3.11" >&2; exit 2; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .
	@touch $(READY)

demo: $(READY)
	$(BIN)/cascade demo

test: lint types unit

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY)
	$(BIN)/mypy -p cascade -p tests

laws: $(READY)
	$(BIN)/python -m pytest -n 2 --dist worksteal -m laws

unit: $(READY)
	$(BIN)/python -m pytest -n 2 --dist worksteal

package: $(READY)
	$(BIN)/python tests/package_check.py

uv: $(READY)
	$(BIN)/python -m pip install --quiet uv

floors: uv
	$(BIN)/python tests/floors.py

coinstall: uv
	$(BIN)/python tests/coinstall.py

lock: uv
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
		--no-emit-index-url --no-emit-find-links --extra dev pyproject.toml --output-file requirements.lock

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf .venv dist build .mypy_cache .ruff_cache .pytest_cache
