# Makes .venv from requirements.txt, and for developers from requirements-dev.txt.
# It needs only Python 3.11 or newer with pip. If uv is installed, it is faster.

PYTHON ?= python3
# Compile once with all cores. Otherwise each process of a first run would compile.
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
	@$(PYTHON) -c 'import sys; sys.exit("This needs Python 3.11 or newer, for example: make PYTHON=python3.12" if sys.version_info < (3, 11) else 0)'
	@if command -v uv >/dev/null; then uv venv --quiet --seed --python $(PYTHON) $(VENV); else $(PYTHON) -m venv --without-pip $(VENV); fi

# uv installs in one second, pip in ten. If there is no uv and pip cannot get it, pip installs alone.
# The machine's pip gets uv: making a pip in the environment first (ensurepip) would take longer than all the rest.
# On a terminal, both show their progress. In a pipe, they print only errors.
define find_uv
set -e; uv=$$(command -v uv || echo $(BIN)/uv); pip="$(PYTHON) -m pip --python $(BIN)/python"; \
if ! test -x "$$uv"; then \
    $$pip --version >/dev/null 2>&1 || { $(BIN)/python -m ensurepip >/dev/null; pip="$(BIN)/python -m pip"; }; \
    $$pip install --quiet --disable-pip-version-check uv || echo "pip cannot get uv and installs alone."; \
fi
endef
define install
echo "Installing $(1) …"; quiet=$$(test -t 2 || echo --quiet); $(find_uv); \
if test -x "$$uv"; then \
    VIRTUAL_ENV=$(VENV) $$uv pip install $$quiet $(COMPILE) --require-hashes -r $(1); \
    test -x $(BIN)/pip || VIRTUAL_ENV=$(VENV) $$uv pip install --quiet pip; \
else $$pip install $$quiet --disable-pip-version-check --require-hashes -r $(1); fi
endef

# `make lock` pins the newest versions that pyproject.toml allows, for every Python and system. It pins extras too, for
# example `coverage[toml]`: without a pin, the pip of Python 3.11 would look for their newest version.
# It also works when the files with the pins are broken, for example in the middle of a merge: it does not read them.
# Most bad releases are noticed within a week, so it waits for that long. `make lock COOLDOWN=` waits for nothing.
COOLDOWN ?= 7days
.PHONY: lock
lock: | $(BIN)/python
	@$(find_uv); \
	pin="$$uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-strip-extras"; \
	pin="$$pin $(addprefix --exclude-newer=,$(COOLDOWN)) pyproject.toml -o $(VENV)/pins"; \
	$$pin && mv $(VENV)/pins requirements.txt && $$pin --group dev && mv $(VENV)/pins requirements-dev.txt
