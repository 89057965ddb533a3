# Makes .venv from requirements.txt, and from requirements-dev.txt for those who work on the code.
# From nothing but Python 3.11 or newer with pip; uv, where it is installed, makes it quicker.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check

$(VENV)/.installed: requirements.txt | $(BIN)/python
	@$(call install,$<)
	@touch $@

$(VENV)/.installed-dev: requirements-dev.txt | $(BIN)/python
	@$(call install,$<)
	@touch $(VENV)/.installed $@

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed, as in: make PYTHON=python3.12" if sys.version_info < (3, 11) else 0)'
	@if command -v uv >/dev/null; then uv venv --quiet --python $(PYTHON) $(VENV); else $(PYTHON) -m venv $(VENV); fi

# uv installs in a second what takes pip ten; where neither it nor its package can be had, pip does it alone.
# (A venv that uv made has no pip: ensurepip, of the standard library, puts it in.)
define install
requirements="--quiet --require-hashes -r $(1)"; echo "Installing $(1) …"; \
if command -v uv >/dev/null; then VIRTUAL_ENV=$(VENV) uv pip install $$requirements; exit; fi; \
$(PIP) --version >/dev/null 2>&1 || $(BIN)/python -m ensurepip >/dev/null; \
if $(PIP) install --quiet uv 2>/dev/null; then VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install $$requirements; \
else $(PIP) install $$requirements; fi
endef

# Pins what pyproject.toml asks for at its newest, for every Python and system; run as `make lock`.
.PHONY: lock
lock: $(VENV)/.installed-dev
	@PATH="$(BIN):$$PATH"; pin="uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header --no-annotate pyproject.toml"; \
	$$pin -o requirements.txt && $$pin --group dev -o requirements-dev.txt
