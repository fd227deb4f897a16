# make quickstart: set up, train on the starter corpus, predict.   make test: set up, run the tests.   make check: all checks.

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip install --disable-pip-version-check

# A stamp says what is installed, so that a second run does not install again. A new dependency or a new entry point
# changes pyproject.toml, which makes the stamps old.
RUN_STAMP := $(VENV)/.nlu-kit-run
DEV_STAMP := $(VENV)/.nlu-kit-dev
INPUTS    := pyproject.toml constraints.txt

.PHONY: quickstart test lint format types docs check setup clean

quickstart: $(RUN_STAMP)  ## train pipeline.json on the starter corpus, then predict
	$(BIN)/nlu-kit train pipeline.json
	$(BIN)/nlu-kit predict "book a table in Paris"

test: $(DEV_STAMP)  ## set up and run the tests
	$(BIN)/python -m pytest -n logical --maxprocesses 4 --dist loadfile

lint: $(DEV_STAMP)  ## ruff: mistakes and formatting
	$(BIN)/ruff check
	$(BIN)/ruff format --check

format: $(DEV_STAMP)  ## let ruff mend what it can
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

types: $(DEV_STAMP)  ## mypy --strict on nlu_kit, the bundled plugins and the examples
	$(BIN)/mypy
	for example in docs/examples/nlu-kit-*; do \
		MYPYPATH=.:plugins:$$example $(BIN)/mypy --explicit-package-bases $$example || exit 1; \
	done

docs: $(DEV_STAMP)  ## build the site into docs/_build/html; a warning is an error
	$(BIN)/python -m sphinx -W --keep-going -q docs docs/_build/html

check: lint types docs test  ## all of the above

setup: $(DEV_STAMP)  ## an environment to work in

clean:  ## remove what was built, but no run
	rm -rf docs/_build docs/reference dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

# Python compiles what it imports. Compiling all that is installed, most of it never used, took as long as installing it.
$(RUN_STAMP): $(INPUTS) | $(BIN)/python
	$(PIP) --no-compile -c constraints.txt -e ".[train]"
	@touch $@

$(DEV_STAMP): $(INPUTS) | $(BIN)/python
	$(PIP) -c constraints.txt -e ".[dev]"
	@touch $@ $(RUN_STAMP)
