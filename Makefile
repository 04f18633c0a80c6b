# make run: train, evaluate and talk in a minute and a half.   make test: everything.   make test-fast: the quick half.
# JOBS=8: so many processes of tests.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
JOBS ?= 2
.PHONY: run test test-fast lint clean

run: $(VENV)/installed
	$(BIN)/python run.py

test: test-fast
	$(BIN)/python -m pytest -m slow -n $(JOBS)

test-fast: $(VENV)/installed
	$(BIN)/python -m pytest -m "not slow" -n $(JOBS)

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
