# What a developer types. Each target sets up what it needs, in .venv, from Python alone.

PYTHON ?= python3
# What the suite of `make autobahn` runs on; `pyenv install 2.7.18` builds it.
PYTHON2 ?= $(firstword $(wildcard $(HOME)/.pyenv/versions/2.7.*/bin/python2.7) python2.7)
ARGS ?=
MINUTES ?= 5
BIN := .venv/bin

.PHONY: demo test check lint types floors autobahn soak torture bench bench-quick completions man pictures clean

demo: .venv/sim  ## the live tail of made-up devices; make demo ARGS="--count 20"
	@$(BIN)/dsstail demo $(ARGS)

# Without compiled tests each worker takes four seconds before its first one.
test: .venv/dev  ## the whole test suite; make test ARGS="-k config"
	PYTHONDONTWRITEBYTECODE= $(BIN)/pytest -q -n auto --dist worksteal $(ARGS)

check: lint types floors test  ## everything that has to be fine before a commit

lint: .venv/dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: .venv/dev
	$(BIN)/mypy

floors: .venv/dev  ## does every import point down
	$(BIN)/lint-imports --no-logo

# The suite's server listens on every address: it gets a network of its own, with nothing but lo.
autobahn: .venv/dev build/autobahn/bin/wstest  ## conformance to RFC 6455, into docs/conformance.md
	unshare --net --map-root-user sh -c 'ip link set lo up && exec $(BIN)/python \
		tests/autobahn/conformance.py build/autobahn docs/conformance.md'

soak: .venv/dev  ## is every event there after many breaks; make soak MINUTES=60 ARGS="--seed 7"
	$(BIN)/python tests/soak.py --minutes $(MINUTES) $(ARGS)

torture: .venv/dev  ## what recordings survive, for a quarter of an hour; as root, make torture ARGS="--scale 0.1"
	$(BIN)/python tests/torture/run.py --into docs/durability.md $(ARGS)

pictures: .venv/dev  ## draw the pictures of the README anew
	$(BIN)/python docs/pictures.py

man: .venv/sim  ## the manual page, from what the help says: man ./dist/dsstail.1
	$(BIN)/python docs/manual.py dist/dsstail.1

completions: .venv/sim  ## print the scripts in completions/ anew
	$(BIN)/dsstail completion bash > completions/dsstail.bash
	$(BIN)/dsstail completion zsh > completions/dsstail.zsh
	$(BIN)/dsstail completion fish > completions/dsstail.fish
	$(BIN)/dsstail completion powershell > completions/dsstail.ps1

clean:
	rm -rf .venv build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache

# The stamps .venv/sim and .venv/dev are named after the extras that they say are installed.
.venv/bin/python:
	@$(PYTHON) -m venv .venv || { rm -rf .venv; exit 1; }

.venv/sim .venv/dev: .venv/%: pyproject.toml | .venv/bin/python
	@echo "installing dsstail[$*] into .venv" >&2
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[$*]"
	@touch $@

build/autobahn/bin/wstest:
	PYTHONUSERBASE=$(CURDIR)/build/autobahn $(PYTHON2) -m pip install --quiet --user --no-warn-script-location \
		autobahntestsuite==25.10.1

bench: build/bench/ready  ## dsstail against its peers, for a quarter of an hour, into docs/performance.md
	build/bench/bin/python -m bench $(ARGS)

bench-quick: build/bench/ready  ## the main rows of it, within two minutes
	build/bench/bin/python -m bench --quick $(ARGS)

# An environment of its own: what is measured is installed without what it is developed with.
build/bench/ready: pyproject.toml bench/requirements.txt
	@$(PYTHON) -m venv build/bench
	@build/bench/bin/python -m pip install --quiet --disable-pip-version-check \
		--editable ".[zst,sim]" --requirement bench/requirements.txt
	@! command -v npm >/dev/null || npm install --silent --no-fund --no-audit --prefix build/bench ws@8
	@touch $@
