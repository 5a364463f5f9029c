# Every target sets up what it needs the first time: a .venv, and the pinned packages of its extra.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
NETWORKS ?= alexnet vgg16 googlenet resnet50 mobilenet_v2 densenet121
PAGE ?= report/index.html
PROGRESS ?= proven.jsonl

# one thread a process: the tests and the benchmarks use the cores themselves
export OMP_NUM_THREADS ?= 1

.PHONY: help report test test-all lint format catalogue examples bench clean

help:
	@echo 'make report     a page about $(NETWORKS), and their comparison (NETWORKS=... for others)'
	@echo 'make test       the tests'
	@echo 'make test-all   the slow ones as well'
	@echo 'make lint       ruff and mypy'
	@echo 'make catalogue  count every network of the zoo anew; with RESULTS=FOLDER of timm'"'"'s published results the proven ones too'
	@echo 'make examples   run the commands that the README shows anew, and write docs/commands.md, docs/api.md'
	@echo 'make bench      convatlas beside its peers'

report: $(VENV)/.run
	@mkdir -p $(dir $(PAGE))
	@$(BIN)/convatlas report $(NETWORKS) --output $(PAGE)
	@$(BIN)/convatlas compare $(NETWORKS)

test: $(VENV)/.test
	$(BIN)/pytest -n 2 --dist worksteal -q

test-all: $(VENV)/.test
	$(BIN)/pytest -n 2 --dist worksteal -q -m ''

lint: $(VENV)/.lint
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

format: $(VENV)/.lint
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

catalogue: $(VENV)/.test
	$(BIN)/python -m convatlas.catalogue
	$(if $(RESULTS),$(BIN)/python -m convatlas.catalogue.trace_proven $(RESULTS) $(PROGRESS))

examples: $(VENV)/.run
	$(BIN)/python docs/readme_examples.py
	$(BIN)/python docs/make_commands.py
	$(BIN)/python docs/make_api.py

bench: $(VENV)/.bench
	@for file in benchmarks/*.py; do echo "== $$file"; $(BIN)/python $$file || exit 1; done

clean:
	rm -rf $(VENV) report .pytest_cache .ruff_cache .mypy_cache .hypothesis

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo 'convatlas needs Python 3.11 or newer; say which one: make PYTHON=python3.12 ...' >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

# the pins are constraints: each extra installs only what it needs of them
INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check -c requirements.txt

$(VENV)/.run: pyproject.toml requirements.txt | $(BIN)/python
	$(INSTALL) -e '.[charts]'
	@touch $@

$(VENV)/.test: pyproject.toml requirements.txt | $(BIN)/python
	$(INSTALL) -e '.[test]'
	@touch $@ $(VENV)/.run

$(VENV)/.lint: pyproject.toml requirements.txt | $(BIN)/python
	$(INSTALL) -e '.[dev]'
	@touch $@ $(VENV)/.test $(VENV)/.run

$(VENV)/.bench: pyproject.toml requirements.txt requirements-bench.txt | $(BIN)/python
	$(INSTALL) -c requirements-bench.txt -e '.[test,peers]'
	@touch $@ $(VENV)/.test $(VENV)/.run
