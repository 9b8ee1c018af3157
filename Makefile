# Needs Python 3.11, make, and (unless a Temporal CLI is at hand) Go. `make help` lists the targets.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup temporal browser test soak demo bench screenshots fmt lock clean

# Go, uv and pyright keep their caches below HOME; give them one where there is none.
ifeq ($(strip $(HOME)),)
export HOME := $(CURDIR)/.dunning/home
endif

PYTHON ?= $(shell for name in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$name && break; done)
RUN := .venv/bin/
COMPILE := tools/uv pip compile $(if $(UPGRADE),--upgrade) --quiet --universal --generate-hashes --no-annotate --no-header -p 3.11

help: ## list the targets
	@awk -F ': .*## ' '/^[a-z]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

setup: .venv/.installed ## install everything into .venv, exactly as locked

.venv/.bootstrapped: requirements/bootstrap.txt
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer was not found: install it, or name it with make PYTHON=…" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "$(PYTHON) cannot make virtual environments: install its venv package (on Debian and Ubuntu: apt-get install python3-venv)." >&2; exit 1; }
	@mkdir -p "$$HOME"
	$(PYTHON) -m venv .venv
	$(RUN)python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

.venv/.installed: .venv/.bootstrapped requirements/test.txt requirements/build.txt pyproject.toml
	tools/uv pip sync --quiet --require-hashes requirements/test.txt
	tools/uv pip install --quiet --no-deps --build-constraints requirements/build.txt --editable .
	@touch $@

temporal: setup ## build Temporal's programs into .dunning/bin, if they are missing or outdated
	@$(RUN)python -m app.embedded.go_build

browser: ## install Chromium, in which the tests look at emails and pages, if there is none and apt-get may
	@tools/browser

test: setup temporal browser ## the whole gate: format, lint, layers, types, tests on real servers
	$(RUN)ruff format --check .
	$(RUN)ruff check .
	$(RUN)lint-imports
	$(RUN)pyright
	$(RUN)mypy .
	$(RUN)pytest -n 3 --dist worksteal

soak: setup ## try the property tests with fifty times as many examples
	$(RUN)pytest -n 2 --hypothesis-profile=soak -m hypothesis --timeout 7200 tests

demo: setup ## play a month of dunning in about a minute, then leave the consoles open
	@$(RUN)dunning demo

bench: setup temporal ## measure against the yardsticks
	@$(RUN)python -m bench

screenshots: setup temporal browser ## take a picture of every page in every state, and of every email
	@$(RUN)python -m tests.pages.screenshots

fmt: setup ## format, and fix what the linter can fix
	$(RUN)ruff format .
	$(RUN)ruff check --fix .

lock: .venv/.bootstrapped ## pin all dependencies for pyproject.toml; UPGRADE=1 takes the newest
	$(COMPILE) -o requirements/main.txt --extra push pyproject.toml
	$(COMPILE) -o requirements/test.txt --extra push --group test pyproject.toml
	printf 'hatchling\neditables\n' | $(COMPILE) -o requirements/build.txt -
	echo 'uv' | $(COMPILE) -o requirements/bootstrap.txt -

clean: ## remove what was installed and built, and all embedded data
	rm -rf .venv .dunning
