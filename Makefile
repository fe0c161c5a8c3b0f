# One word for each thing to do; `make help` lists them. Each word does the set-up that it needs.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

VENV ?= .venv
PY := $(VENV)/bin/python
ARGS ?=

# Each takes some 2 GB.
TEST_PROCESSES ?= 2

# transformers 5 starts at Python 3.11; MediaPipe 0.10.21 and numpy 1.26 end at 3.12.
PYTHON ?= $(shell for p in python3.11 python3.12 python3; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))' 2>/dev/null && echo $$p && break; done)

# Installed first, so that one known PyTorch is used and not whichever is newest. On Linux the registry's wheel
# brings some 3 GB of CUDA libraries; on a machine without an NVIDIA GPU add
# TORCH_FLAGS="--index-url https://download.pytorch.org/whl/cpu" to get the small CPU build.
TORCH ?= torch==2.13.0
TORCH_FLAGS ?=

# The rooms that mypy checks: those that are there.
ROOMS := $(patsubst %/__init__.py,%,$(wildcard $(addsuffix /__init__.py,vlfau db finetune ui))) $(wildcard app.py)

.PHONY: demo test check fix bench help

demo: $(VENV)/.installed ## Set up what is missing and open the page (http://127.0.0.1:7860)
	$(PY) app.py $(ARGS)

test: $(VENV)/.installed-dev ## Set up what is missing and run all tests (ARGS="-k metrics" for some)
	$(PY) -m pytest --numprocesses $(TEST_PROCESSES) --dist loadfile $(ARGS)

check: $(VENV)/.installed-dev ## Lint, formatting and types; changes nothing
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy $(ROOMS)

fix: $(VENV)/.installed-dev ## Format, repair what lint can repair, write the generated docs anew
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .
	$(PY) tests/architecture.py --write

bench: $(VENV)/.installed-dev ## Measure speed and memory; prints a table, writes build/bench.json
	$(PY) tests/benchmarks/speed.py $(ARGS)
	$(PY) tests/benchmarks/store.py
	$(PY) tests/benchmarks/load.py

help: ## List these words
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "make %-7s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# A stamp is newer than the list it was installed from, so a second call goes straight to work.
$(VENV)/.installed: requirements.txt
	@test -n "$(PYTHON)" || { echo "VL-FAU needs Python 3.11 or 3.12. Found: $$(python3 --version 2>&1 || true)." \
		"Install one of them, or name it: make demo PYTHON=/path/to/python3.12" >&2; exit 1; }
	test -x $(PY) || $(PYTHON) -m venv $(VENV)
	$(PY) -c "import torch" 2>/dev/null || $(PY) -m pip install $(TORCH_FLAGS) "$(TORCH)"
	$(PY) -m pip install -r requirements.txt
	@$(PY) -c "import cv2" || { echo "OpenCV could not be loaded; the line above says why. If a libGL or libgthread" \
		"is missing, on Debian or Ubuntu: sudo apt-get install libgl1 libglib2.0-0" >&2; exit 1; }
	@touch $@

$(VENV)/.installed-dev: requirements-dev.txt $(VENV)/.installed
	$(PY) -m pip install -r requirements-dev.txt
	@touch $@
