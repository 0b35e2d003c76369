# make demo    train on dataset/MFME/Desk, write the all-in-focus HDR picture, say how good it is
# make test    all tests
# make lint    style and errors
# Each of them first makes .venv, with everything in it, when it is missing or pyproject.toml has changed.

SHELL := /bin/bash
.PHONY: demo test lint clean

BIN := .venv/bin
INSTALLED := .venv/.installed

# torch's idle threads would otherwise spin, and starve whatever else runs on the machine.
export OMP_WAIT_POLICY := PASSIVE

demo: $(INSTALLED)
	$(BIN)/python -m neucam_nerfstudio.scripts.demo

test: $(INSTALLED)
	$(BIN)/python -m pytest

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

clean:
	rm -rf .venv build *.egg-info .pytest_cache .ruff_cache .hypothesis

# Python 3.11 if it is there, else python3; two of nerfstudio's dependencies are compiled while they are installed.
$(INSTALLED): pyproject.toml
	@python=; missing=(); packages=(); \
	for candidate in python3.11 python3; do \
	    if "$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; \
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
	    missing+=("Python 3.10 or newer (3.11 is tested)"); packages+=(python3.11-dev python3.11-venv); \
	fi; \
	if [ $${#missing[@]} -gt 0 ]; then \
	    list=$$(printf '%s, ' "$${missing[@]}"); \
	    echo "Missing: $${list%, }. On Debian or Ubuntu: sudo apt-get install $${packages[*]}" >&2; exit 1; \
	fi; \
	echo "Installing nerfstudio and this package into .venv (about 8 GB with PyTorch; takes some minutes)"; \
	"$$python" -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@
