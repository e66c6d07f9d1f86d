# make help lists what there is. Needs Python 3.11 to 3.14, git and make; everything else is fetched into this folder.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
UV     := $(shell command -v uv 2>/dev/null || echo .tools/uv/bin/uv)
JOBS   ?= 2

export VIRTUAL_ENV := $(CURDIR)/$(VENV)
export MPLBACKEND  := Agg

.PHONY: help setup test check format man lock demo bench-preprocess bench-evaluate clean

help:            ## this list
	@sed -n 's/^\([a-z-]*\): .*## /\1\t/p' Makefile | expand -t 18

.tools/uv/bin/uv:
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --root-user-action ignore --target .tools/uv uv

# The stamp is newer than the lock once what the lock names, and medcli itself, are installed.
$(VENV)/.stamp: requirements.lock pyproject.toml $(if $(filter .tools/%,$(UV)),$(UV))
	test -x $(BIN)/python || $(UV) venv --quiet --no-python-downloads --python $(PYTHON) $(VENV)
	$(UV) pip sync --quiet --require-hashes requirements.lock
	$(UV) pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

setup: $(VENV)/.stamp    ## make .venv with medcli in it

test: setup      ## run the tests
	$(BIN)/pytest -n $(JOBS) --dist loadgroup

check: setup     ## lint, types, man pages, tests: run before every commit
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/pytest -n $(JOBS) --dist loadgroup

format: setup    ## format the code and sort imports
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

man: setup       ## write the manual pages
	$(BIN)/python -m medcli.cli.manpage man

lock: .tools/uv/bin/uv    ## choose versions anew
	.tools/uv/bin/uv pip compile --universal --generate-hashes --no-emit-index-url --no-header \
	  --python-version 3.11 --group dev --quiet --upgrade -o requirements.lock pyproject.toml

demo: setup      ## the whole chain on a phantom cohort, with a report to look at
	PATH="$(CURDIR)/$(BIN):$$PATH" sh examples/demo.sh demo

.venv-bench/.stamp: requirements.lock pyproject.toml
	$(UV) venv --quiet --clear --no-python-downloads --python $(PYTHON) .venv-bench
	VIRTUAL_ENV=.venv-bench $(UV) pip install --quiet --compile-bytecode --constraint requirements.lock --group bench --editable .
	touch $@

bench-preprocess: .venv-bench/.stamp    ## preprocessing beside other tools, on this machine
	.venv-bench/bin/python bench/preprocess.py $(BENCH)

bench-evaluate: .venv-bench/.stamp    ## the arithmetic of evaluate beside other tools, on this machine
	.venv-bench/bin/python bench/evaluate.py $(BENCH)

clean:           ## remove what was made here, but not .venv
	rm -rf demo dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis
