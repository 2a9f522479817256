# Each target works on a fresh clone on a machine that has only Python 3.11 or newer.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed

.PHONY: demo test test-slow test-grib compare lint bench clean

demo: $(STAMP)  ## forecast the real radar sequence that ships, into demo_output/
	$(BIN)/keras-wx demo

test: $(STAMP)  ## the fast tests
	WANDB_MODE=offline $(BIN)/python -m pytest -n auto --dist worksteal

test-slow: $(STAMP)  ## the slow tests
	WANDB_MODE=offline $(BIN)/python -m pytest -m slow -n auto --dist worksteal

# In a process of their own: ecCodes and pyproj, which pysteps brings, each carry a PROJ library, and
# a process that has loaded both crashes when it ends.
test-grib: $(STAMP)  ## the tests that need ecCodes
	$(BIN)/python -m pip install --quiet -e ".[grib]"
	$(BIN)/python -m pytest tests/data/sources/test_mrms.py

compare: $(STAMP)  ## installs pysteps, the peer that some tests compare with; needs a C compiler
	$(BIN)/python -m pip install --quiet -e ".[compare]"

lint: $(STAMP)  ## style and import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

bench: $(STAMP)  ## measures against the peers, writes benchmarks/RESULTS.md
	$(BIN)/python -m pip install --quiet -e ".[bench,compare]"
	for script in benchmarks/bench_*.py; do $(BIN)/python $$script || exit 1; done

$(STAMP): setup.py pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "keras_wx needs Python 3.11 or newer; found: $$($(PYTHON) --version)." \
		       "Choose another with make PYTHON=python3.12 ..."; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet -e ".[test]"
	touch $@

clean:
	rm -rf $(VENV) build dist *.egg-info demo_output
