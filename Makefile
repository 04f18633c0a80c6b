# make run: train, evaluate and talk in a minute and a half.   make test: everything.   make test-fast: the quick half.
# JOBS=8: so many processes of tests.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
JOBS ?= 2
.PHONY: run test test-fast lint clean

run: $(VENV)/installed
	$(BIN)/python run.py

# A file's tests stay in one process, for what they share; conftest.py has the longest files begin first.
SIDE_BY_SIDE := -n $(JOBS) --dist loadfile --no-loadscope-reorder

test: $(VENV)/installed
	$(BIN)/python -m pytest $(SIDE_BY_SIDE)

test-fast: $(VENV)/installed
	$(BIN)/python -m pytest -m "not slow" $(SIDE_BY_SIDE)

lint: $(VENV)/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

$(VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt torch
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev]"
	touch $@

clean:
	rm -rf $(VENV) outputs multirun
