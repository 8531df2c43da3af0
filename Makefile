# What a developer types. Each target sets up what it needs, in .venv, from Python alone.

PYTHON ?= python3
ARGS ?=
BIN := .venv/bin

.PHONY: demo test check lint types floors completions clean

demo: .venv/sim  ## the live tail of made-up devices; make demo ARGS="--count 20"
	@$(BIN)/dsstail demo $(ARGS)

test: .venv/dev  ## the whole test suite; make test ARGS="-k config"
	$(BIN)/pytest -q -n auto $(ARGS)

check: lint types floors test  ## everything that has to be fine before a commit

lint: .venv/dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: .venv/dev
	$(BIN)/mypy

floors: .venv/dev  ## does every import point down
	$(BIN)/lint-imports --no-logo

completions: .venv/sim  ## print the scripts in completions/ anew
	$(BIN)/dsstail completion bash > completions/dsstail.bash
	$(BIN)/dsstail completion zsh > completions/dsstail.zsh
	$(BIN)/dsstail completion fish > completions/dsstail.fish
	$(BIN)/dsstail completion powershell > completions/dsstail.ps1

clean:
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache

# The stamps .venv/sim and .venv/dev are named after the extras that they say are installed.
.venv/bin/python:
	@$(PYTHON) -m venv .venv || { rm -rf .venv; exit 1; }

.venv/sim .venv/dev: .venv/%: pyproject.toml | .venv/bin/python
	@echo "installing dsstail[$*] into .venv" >&2
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[$*]"
	@touch $@
