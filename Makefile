# Each target works in a fresh clone: it makes the environment first.

PORT ?= 8000

.PHONY: demo test test-fast test-weekly lint format lock-project audit docs docs-serve reference clean
.DEFAULT_GOAL := demo

# cookiecutter runs only once. Compiling all its modules would take longer.
COMPILE :=

include {{cookiecutter.project_slug}}/environment.mk

demo: $(VENV)/.installed # render with the defaults, run the result, and print how to log in
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python demo.py $(PORT)

# A file stays with one process: its servers are started once. `make test ARGS=tests/running/test_mail.py` runs a part.
# The tests often wait for servers, so three processes keep two cores busy.
PROCESSES ?= 3
test: $(VENV)/.installed-dev # render every combination that matters, and run the result
	@$(BIN)/python -m pytest $(or $(ARGS),--numprocesses=$(PROCESSES) --dist=loadfile --no-loadscope-reorder)

test-fast: $(VENV)/.installed-dev # render once, check the result, and run what it brings for accounts
	@$(BIN)/python -m pytest --numprocesses=auto -m fast

test-weekly: $(VENV)/.installed-dev # run the slow tests: the suite in other orders, on other Pythons, without some apps, and pages on a slow network
	@$(BIN)/python -m pytest -m weekly
	@BROWSER_SLOW=1 $(BIN)/python -m pytest -m 'not weekly' tests/pages

# Keep the cache here: in the project's folder, it would be rendered too.
lint: $(VENV)/.installed-dev # check the template's own code, and the project's before rendering
	@$(BIN)/ruff check --cache-dir .ruff_cache .
	@$(BIN)/ruff format --cache-dir .ruff_cache --check .
	@$(BIN)/mypy

format: $(VENV)/.installed-dev # let ruff fix what it can
	@$(BIN)/ruff check --cache-dir .ruff_cache --fix .
	@$(BIN)/ruff format --cache-dir .ruff_cache .

# Only a rendered project has a pyproject.toml that its tools can read.
PINS := .demo/pins/my-service
define render_for_pins
rm -rf $(PINS); $(BIN)/cookiecutter . --no-input --output-dir $(dir $(PINS)) >/dev/null; \
PATH="$(CURDIR)/$(BIN):$$PATH" $(MAKE) --no-print-directory --directory $(PINS)
endef

lock-project: $(VENV)/.installed-dev # `make lock` for projects
	@$(render_for_pins) lock
	@cp $(PINS)/requirements.txt $(PINS)/requirements-dev.txt '{{cookiecutter.project_slug}}'

audit: $(VENV)/.installed-dev # look for known vulnerabilities in the pins of projects and of the template
	@$(render_for_pins) audit
	@$(PINS)/$(BIN)/pip-audit --disable-pip --require-hashes --requirement requirements-dev.txt --progress-spinner off $(ARGS)

docs: $(VENV)/.installed-dev # build the site into .site: a link that leads nowhere is an error
	@NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build

docs-serve: $(VENV)/.installed-dev # show the site on this machine, and each change of a page at once
	@NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs serve --dev-addr 127.0.0.1:$(PORT)

reference: $(VENV)/.installed-dev # make the pages of docs/reference again, from the code of a project
	@$(BIN)/python -m pytest -q tests/docs/reference/renew.py

clean: # delete the environment, the demo and all caches
	@rm -rf $(VENV) .demo .site .mypy_cache .pytest_cache .ruff_cache
