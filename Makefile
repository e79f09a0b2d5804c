# make demo and make test do all the set-up on a fresh machine; everything else builds on the same environment.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
CHALLENGE ?= photoz
# What is installed is pinned by constraints.txt; users of the package get the ranges of pyproject.toml.
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: demo test lint accept bench clean

$(VENV)/.base: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(INSTALL) -e ".[torch,hdf5,sep]"
	touch $@

$(VENV)/.dev: $(VENV)/.base
	$(INSTALL) -e ".[torch,hdf5,sep,cluster,dev]"
	touch $@

demo: $(VENV)/.base ## every challenge once, tiny: generate, baselines, scores, board, reveal
	rm -rf demo
	$(BIN)/blindsky demo --out demo

test: $(VENV)/.dev ## the test suite
	$(BIN)/python -m pytest -q

lint: $(VENV)/.dev ## style, types, floors, spelling
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/codespell

accept: $(VENV)/.dev ## physics of the skies beside published numbers -> build/accept.json
	$(BIN)/python -m tests.acceptance --challenge $(CHALLENGE)

bench: $(VENV)/.dev ## speed and memory as ratios to peers -> build/bench.json
	$(BIN)/python -m tests.benchmarks --challenge $(CHALLENGE)

clean:
	rm -rf build dist demo .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
