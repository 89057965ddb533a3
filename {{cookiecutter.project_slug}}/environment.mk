# Makes .venv from requirements.txt, and from requirements-dev.txt for those who work on the code.
# From nothing but Python 3.11 or newer with pip; uv, where it is installed, makes it quicker.

PYTHON ?= python3
# Once, by all cores, instead of by each of the processes that a first run starts.
COMPILE ?= --compile-bytecode
VENV := .venv
BIN := $(VENV)/bin

$(VENV)/.installed: requirements.txt | $(BIN)/python
	@$(call install,$<)
	@touch $@

$(VENV)/.installed-dev: requirements-dev.txt | $(BIN)/python
	@$(call install,$<)
	@touch $(VENV)/.installed $@

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed, as in: make PYTHON=python3.12" if sys.version_info < (3, 11) else 0)'
	@if command -v uv >/dev/null; then uv venv --quiet --seed --python $(PYTHON) $(VENV); else $(PYTHON) -m venv --without-pip $(VENV); fi

# uv installs in a second what takes pip ten; where neither it nor its package can be had, pip does it alone.
# The pip that fetches uv is the machine's: to make one in the environment first (ensurepip) takes longer than all else.
# On a terminal either shows how far it is; in a pipe, only what goes wrong.
define install
set -e; echo "Installing $(1) …"; quiet=$$(test -t 2 || echo --quiet); \
uv=$$(command -v uv || echo $(BIN)/uv); pip="$(PYTHON) -m pip --python $(BIN)/python"; \
if ! test -x "$$uv"; then \
    $$pip --version >/dev/null 2>&1 || { $(BIN)/python -m ensurepip >/dev/null; pip="$(BIN)/python -m pip"; }; \
    $$pip install --quiet --disable-pip-version-check uv || echo "uv cannot be had: pip does it alone."; \
fi; \
if test -x "$$uv"; then \
    VIRTUAL_ENV=$(VENV) $$uv pip install $$quiet $(COMPILE) --require-hashes -r $(1); \
    test -x $(BIN)/pip || VIRTUAL_ENV=$(VENV) $$uv pip install --quiet pip; \
else $$pip install $$quiet --disable-pip-version-check --require-hashes -r $(1); fi
endef

# Pins what pyproject.toml asks for at its newest, for every Python and system; run as `make lock`. With its extras, as in
# `coverage[toml]`: the pip that comes with Python 3.11 looks for those at their newest where they are not pinned, too.
.PHONY: lock
lock: $(VENV)/.installed-dev
	@PATH="$(BIN):$$PATH"; pin="uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-strip-extras pyproject.toml"; \
	$$pin -o requirements.txt && $$pin --group dev -o requirements-dev.txt
