# `make demo` and `make test` do everything on a fresh machine: environment, installation, work.
# With another Python: `make clean`, then `make test PYTHON=python3.13`.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
OLDEST := build/oldest
STAMP := $(VENV)/.installed
MODULES := src tests benchmarks docs/conf.py docs/figures.py docs/generated

.PHONY: help demo install test test-slow test-crash test-dvc test-wheel test-extras test-oldest bench docs \
	docs-figures lint format clean

help:
	@echo "make demo          install, then train the digits recipe to a finished run folder (a minute or two)"
	@echo "make test          install, then lint, type check, import rules and the fast tests"
	@echo "make test-slow     the tests that take minutes: Fashion-MNIST, torch.compile"
	@echo "make test-crash    the proof that nothing is lost: kills, power cuts, full disks; a quarter of an hour"
	@echo "make test-wheel    builds the package and works with it, installed alone, without the checkout; ten minutes"
	@echo "make test-extras   installs each extra by itself and runs its tests; a quarter of an hour, 2 GB for a while"
	@echo "make test-oldest   the fast tests with the oldest versions that are allowed; 6 GB in build/oldest"
	@echo "make test-dvc      projects whose data DVC keeps; installs DVC into an environment of its own, build/dvc"
	@echo "make bench         the figures of benchmarks/README.md, against peers that it installs; an hour on an idle machine"
	@echo "make docs          the documentation as pages in docs/_build/html; warnings are errors"
	@echo "make docs-figures  the pictures of the README and the tutorial"
	@echo "make lint          ruff, mypy --strict, import-linter"
	@echo "make format        ruff format and its automatic mends"
	@echo "make clean         remove the environment and what tools leave behind; runs/ stays"

install: $(STAMP)

$(STAMP): pyproject.toml requirements.txt requirements-data.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "epochal needs Python 3.11 or newer: make PYTHON=python3.11")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -r requirements.txt
	$(BIN)/python -m pip install --quiet --no-deps -r requirements-data.txt
	$(BIN)/python -m pip install --quiet --no-deps --editable .
	touch $@

demo: install
	$(BIN)/epochal train digits --again

test: lint
	$(BIN)/python -m pytest -n 2 --dist worksteal

test-slow: install
	$(BIN)/python -m pytest -m slow

test-crash: install
	$(BIN)/python -m pytest -m crash -n 2 --dist worksteal
	$(BIN)/python tests/crash/mutation.py

test-wheel: install
	$(BIN)/python -m pytest -m wheel

test-extras: install
	$(BIN)/python -m pytest -m extras -rP

test-oldest: install
	test -x $(OLDEST)/bin/python || $(PYTHON) -m venv $(OLDEST)
	$(BIN)/python tests/shipping/oldest.py > $(OLDEST)/requirements.txt
	$(OLDEST)/bin/python -m pip install --quiet -r $(OLDEST)/requirements.txt
	$(OLDEST)/bin/python -m pip install --quiet --no-deps -r requirements-data.txt
	$(OLDEST)/bin/python -m pip install --quiet --no-deps --editable .
	$(OLDEST)/bin/python -m pytest -n 2 --dist worksteal -W default::DeprecationWarning

# DVC requires packages of other licences than ours, so it is no dependency; it is only called
test-dvc: install
	test -x build/dvc/bin/dvc || { $(PYTHON) -m venv build/dvc && build/dvc/bin/python -m pip install --quiet dvc; }
	PATH="$(CURDIR)/$(BIN):$(CURDIR)/build/dvc/bin:$$PATH" $(BIN)/python -m pytest -m 'slow or not slow' tests/acceptance/test_dvc.py

bench: install
	$(BIN)/python -m pip install --quiet -e '.[bench]'
	$(BIN)/python -m benchmarks.fashion_mnist
	$(BIN)/python -m benchmarks.step_overhead
	$(BIN)/python -m benchmarks.photos
	$(BIN)/python -m benchmarks.startup
	$(BIN)/python -m benchmarks.evaluation
	$(BIN)/python -m benchmarks.augmentation
	$(BIN)/python -m benchmarks.checkpointing
	$(BIN)/python -m benchmarks.manifest
	$(BIN)/python -m benchmarks.scaling

docs: install
	$(BIN)/python -m sphinx -E -W --keep-going -q -b html docs docs/_build/html
	@echo "docs/_build/html/index.html"

docs-figures: install
	$(BIN)/python docs/figures.py

lint: install
	$(BIN)/ruff check $(MODULES)
	$(BIN)/ruff format --check $(MODULES)
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

format: install
	$(BIN)/ruff check --fix $(MODULES)
	$(BIN)/ruff format $(MODULES)

clean:
	rm -rf $(VENV) build dist docs/_build .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
