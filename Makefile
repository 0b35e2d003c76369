# make demo    train on dataset/MFME/Desk, write the all-in-focus HDR picture, say how good it is
# make quick   tests of the parts that work without training: under a minute
# make test    all tests, in about ten minutes
# make types   types (pyright)
# make lint    style and errors (ruff)
# Each of them first makes .venv, with everything in it, when it is missing or pyproject.toml has changed.

SHELL := /bin/bash
.PHONY: demo quick test types lint clean

BIN := .venv/bin
INSTALLED := .venv/.installed
QUICK := $(addprefix tests/,imaging capture/settings classical grids scene camera)

# torch's idle threads would otherwise spin, and starve whatever else runs on the machine.
export OMP_WAIT_POLICY := PASSIVE

demo: $(INSTALLED)
	$(BIN)/python -m neucam_nerfstudio.scripts.demo

quick: $(INSTALLED)
	$(BIN)/python -m pytest -m 'not slow and not browser' $(QUICK)

# A process for each core, up to four of about 1.5 GB; each with threads of its own would only get in the others' way.
test: export OMP_NUM_THREADS := 1
test: $(INSTALLED)
	$(BIN)/python -m pytest -n logical --maxprocesses 4 --dist loadfile

types: $(INSTALLED)
	$(BIN)/pyright

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

clean:
	rm -rf .venv build *.egg-info .pytest_cache .ruff_cache .hypothesis

# Python 3.11 if it is there, else one that the dependencies have too; two of nerfstudio's are compiled while they are
# installed.
$(INSTALLED): pyproject.toml
	@python=; missing=(); packages=(); \
	for candidate in python3.11 python3.12 python3.10 python3; do \
	    if "$$candidate" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info < (3, 13))' 2>/dev/null; \
	        then python=$$candidate; break; fi; \
	done; \
	command -v c++ g++ clang++ >/dev/null || { missing+=("a C++ compiler"); packages+=(g++); }; \
	if [ -n "$$python" ]; then \
	    name=$$("$$python" -c 'import sys; print("python%d.%d" % sys.version_info[:2])'); \
	    "$$python" -c 'import os, sysconfig; os.stat(sysconfig.get_path("include") + "/Python.h")' 2>/dev/null \
	        || { missing+=("the headers of $$name"); packages+=("$$name-dev"); }; \
	    "$$python" -c 'import ensurepip, venv' 2>/dev/null \
	        || { missing+=("the venv module of $$name"); packages+=("$$name-venv"); }; \
	else \
	    missing+=("Python 3.10, 3.11 or 3.12 (3.11 is tested)"); packages+=(python3.11-dev python3.11-venv); \
	fi; \
	if [ $${#missing[@]} -gt 0 ]; then \
	    list=$$(printf '%s, ' "$${missing[@]}"); \
	    echo "Missing: $${list%, }. On Debian or Ubuntu: sudo apt-get install $${packages[*]}" >&2; exit 1; \
	fi; \
	echo "Installing nerfstudio and this package into .venv (about 8 GB with PyTorch; takes some minutes)"; \
	"$$python" -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@
