# Each target works in a fresh clone: it makes the environment first.

PORT ?= 8000

.PHONY: demo test lint format clean
.DEFAULT_GOAL := demo

# cookiecutter runs only once. Compiling all its modules would take longer.
COMPILE :=

include {{cookiecutter.project_slug}}/environment.mk

demo: $(VENV)/.installed # render with the defaults, run the result, and print how to log in
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python demo.py $(PORT)

test: $(VENV)/.installed-dev # render every combination that matters, and run the result
	@$(BIN)/python -m pytest

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
