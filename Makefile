# make demo      set up the base tier, pretrain a small MixMAE, show the results
# make test      set up the full tier, run all tests
# make check     format, lint, types, import contract, spelling, fast tests
# make evidence  the missing runs of docs/evidence.md, its tables and plots;
#                images: data/imagenette128/{train,val}/<class>/*.jpg, or
#                unpacked from ARCHIVE=file.npz; can be interrupted and resumed
# make files     list the source files, what each contains, and its names
# make docs      build the documentation site into docs/_build
# make fault-injection
#                kill trainings at least 200 times (ARGS="--kills 1000") and
#                compare all losses; writes work_dirs/fault_injection
# make bench     step, memory, loader and scaling of a small network, compared
#                with mmpretrain's MixMIM; see docs/benchmarks.md
#
# PYTHON=...     interpreter of .venv (3.10 to 3.12)
# OPS=cpu|cuda   device that mmcv's ops are compiled for (default: auto)
# JOBS=n         number of tests that run at once
# TESTS=...      tests to run
SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
# Two pip processes must not change one environment at the same time.
.NOTPARALLEL:
.PHONY: help docs files demo evidence fault-injection soak bench test check format base full dev ops clean

VENV := .venv
BIN := $(VENV)/bin
PY := $(BIN)/python
STAMPS := $(VENV)/.stamps
OPS ?= auto
JOBS ?= 2
TESTS ?= tests
CONSTRAINTS := requirements/constraints.txt
PIP := $(PY) -m pip --disable-pip-version-check
# Some conflicts are intended (see full-no-deps.txt); the doctor knows them.
INSTALL := $(PIP) install --no-build-isolation --no-warn-conflicts \
	--constraint $(CONSTRAINTS)
SOURCES := mixmae tests tools configs docs examples benchmarks .dev_scripts setup.py
# Variables of another environment would take precedence over .venv.
unexport PYTHONPATH PYTHONHOME
export PIP_NO_INPUT := 1

# A .venv is bound to its folder. One that was copied or moved, or whose
# interpreter is missing, is created again. One behind a symbolic link belongs
# to another folder and stays as it is.
IGNORED := $(shell [ -e $(VENV) ] && [ ! -L $(VENV) ] || exit 0; \
	if ! $(PY) -c pass || { [ -e $(STAMPS)/root ] && \
	    [ "$$(cat $(STAMPS)/root)" != "$(CURDIR)" ]; }; \
	then rm -rf $(STAMPS) $(BIN); fi 2>/dev/null)

help:
	@sed -n 's/^# \{0,1\}//p;/^SHELL/q' Makefile

demo: base
	$(PY) tools/demo.py

evidence: base
	$(PY) tools/evidence.py $(if $(ARCHIVE),--archive $(ARCHIVE)) $(ARGS)

# The second name is the old one.
fault-injection soak: base
	$(PY) -m tests.faults $(ARGS)

bench: base
	$(PY) -m benchmarks $(ARGS)

# One thread per process: two processes already use two cores.
test: full dev
	OMP_NUM_THREADS=1 MIXMAE_FULL_TIER=1 \
	    $(PY) -m pytest -n $(JOBS) --dist loadgroup $(TESTS)

docs: base dev
	@$(PY) -c 'import sphinx' 2>/dev/null || \
	    { echo 'the site needs Python 3.11 or later' >&2; exit 2; }
	$(PY) -m sphinx -W --keep-going -q -b html docs docs/_build
	@echo docs/_build/index.html

files:
	@python3 docs/source_files.py

check: base dev
	$(BIN)/ruff format --check $(wildcard $(SOURCES))
	$(BIN)/ruff check $(wildcard $(SOURCES))
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/codespell
	OMP_NUM_THREADS=1 $(PY) -m pytest -n $(JOBS) -m 'not slow' -q $(TESTS)

format: dev
	$(BIN)/ruff check --fix $(wildcard $(SOURCES))
	$(BIN)/ruff format $(wildcard $(SOURCES))

base: $(STAMPS)/base
full: $(STAMPS)/full
dev: $(STAMPS)/dev

# Compile the ops again, for example with OPS=cuda on a machine with a GPU.
ops: base
	$(PY) .dev_scripts/build_mmcv_ops.py --ops $(OPS)

clean:
	rm -rf $(VENV) build dist *.egg-info

$(STAMPS)/venv:
	@python=$$(PYTHON="$(PYTHON)" .dev_scripts/find_python.sh) || exit 1; \
	if ! $(PY) -c 'import pip' >/dev/null 2>&1; then \
	    echo "making $(VENV) with $$python"; \
	    "$$python" -m venv --clear $(VENV) || exit 1; \
	fi
	$(PIP) install --quiet --constraint $(CONSTRAINTS) pip setuptools wheel ninja psutil
	@mkdir -p $(STAMPS) && echo "$(CURDIR)" > $(STAMPS)/root
	@touch $@

# mmcv-lite must not be put over an onedl-mmcv that is there already.
$(STAMPS)/base: $(STAMPS)/venv $(CONSTRAINTS) requirements/runtime.txt \
		requirements/pretrain.txt requirements/pretrain-no-deps.txt setup.py
	@echo 'installing the base tier (torch is large: this may take minutes)'
	$(INSTALL) -r requirements/runtime.txt -r requirements/pretrain.txt
	@$(PIP) show --quiet onedl-mmcv >/dev/null 2>&1 || \
	    $(INSTALL) --quiet --no-deps -r requirements/pretrain-no-deps.txt
	$(INSTALL) --quiet --no-deps --editable .
	@touch $@

$(STAMPS)/dev: $(STAMPS)/base requirements/tests.txt requirements/docs.txt
	$(INSTALL) --quiet -r requirements/tests.txt -r requirements/docs.txt
	@touch $@

# The wheel is built beside the environment and swapped in when it has been
# seen to import: a failed build leaves the base tier in working order.
$(STAMPS)/full: $(STAMPS)/base requirements/full.txt \
		requirements/full-no-deps.txt .dev_scripts/build_mmcv_ops.py \
		$(wildcard .dev_scripts/mmcv_ops/*.py)
	@echo 'installing the full tier'
	$(INSTALL) --quiet -r requirements/full.txt
	$(INSTALL) --quiet --no-deps -r requirements/full-no-deps.txt
	$(PY) .dev_scripts/build_mmcv_ops.py --ops $(OPS)
	@touch $@
