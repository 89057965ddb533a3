# Each target works in a fresh clone: it makes the environment first.

PORT ?= 8000

.PHONY: demo test test-fast test-weekly lint format clean
.DEFAULT_GOAL := demo

# cookiecutter runs only once. Compiling all its modules would take longer.
COMPILE :=

include {{cookiecutter.project_slug}}/environment.mk

demo: $(VENV)/.installed # render with the defaults, run the result, and print how to log in
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python demo.py $(PORT)

# A file stays with one process: its servers are started once. `make test ARGS=tests/test_mail.py` runs a part.
test: $(VENV)/.installed-dev # render every combination that matters, and run the result
	@$(BIN)/python -m pytest $(or $(ARGS),--numprocesses=auto --dist=loadfile --no-loadscope-reorder)

test-fast: $(VENV)/.installed-dev # render once, check the result, and run what it brings for accounts
	@$(BIN)/python -m pytest --numprocesses=auto -m fast

test-weekly: $(VENV)/.installed-dev # run the project's own suite in other orders, and each of its files alone
	@$(BIN)/python -m pytest -m weekly

# Keep the cache here: in the project's folder, it would be rendered too.
lint: $(VENV)/.installed-dev # check the template's own code, and the project's before rendering
	@$(BIN)/ruff check --cache-dir .ruff_cache .
	@$(BIN)/ruff format --cache-dir .ruff_cache --check .
	@$(BIN)/mypy

format: $(VENV)/.installed-dev # let ruff fix what it can
	@$(BIN)/ruff check --cache-dir .ruff_cache --fix .
	@$(BIN)/ruff format --cache-dir .ruff_cache .

clean: # delete the environment, the demo and all caches
	@rm -rf $(VENV) .demo .mypy_cache .pytest_cache .ruff_cache
