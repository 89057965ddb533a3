# Each target works from nothing: it makes the environment first.

PORT ?= 8000

.PHONY: demo test lint format clean
.DEFAULT_GOAL := demo

# cookiecutter runs once: to compile all that it needs takes longer than that.
COMPILE :=

include {{cookiecutter.project_slug}}/environment.mk

demo: $(VENV)/.installed # render with the defaults, run the result, and say how to log in to it
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python demo.py $(PORT)

test: $(VENV)/.installed-dev # render every combination that matters, and run the result
	@$(BIN)/python -m pytest

# The cache stays here: in the project's folder it would be rendered with it.
lint: $(VENV)/.installed-dev # the template's own code, and the project's before it is rendered
	@$(BIN)/ruff check --cache-dir .ruff_cache .
	@$(BIN)/ruff format --cache-dir .ruff_cache --check .
	@$(BIN)/mypy

format: $(VENV)/.installed-dev # let ruff mend what it can
	@$(BIN)/ruff check --cache-dir .ruff_cache --fix .
	@$(BIN)/ruff format --cache-dir .ruff_cache .

clean: # forget the environment, the demonstration and all caches
	@rm -rf $(VENV) .demo .mypy_cache .pytest_cache .ruff_cache
