# Everything runs in a virtual environment of its own; Python 3.11 and pip are enough.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
export TF_CPP_MIN_LOG_LEVEL ?= 3

.PHONY: install demo test test-slow lint clean

install: $(VENV)/.installed

# Installed again when what is to be installed changes.
$(VENV)/.installed: setup.py constraints.txt
	$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(None if v >= (3, 11) else f"Python 3.11 or newer is needed; this is {sys.version}. Give another one: make PYTHON=...")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

demo: install
	$(BIN)/camtrap demo --out=demo

test: install
	$(BIN)/python -m pytest -m 'not slow' -n 2 --dist=worksteal

test-slow: install
	$(BIN)/python -m pytest -m slow

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright --pythonpath $(BIN)/python

clean:
	rm -rf $(VENV) demo *.egg-info .pytest_cache .ruff_cache
