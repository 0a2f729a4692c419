# `make` alone lists the targets. `setup` is all a newcomer needs before the others.

PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint requirements.lock

.DEFAULT_GOAL := help
.PHONY: help setup fmt lint types test soak compose-test check demo up bench bench-alerts train-demo train-test clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

setup: .venv/dev ## the environment with everything, in .venv

.venv/ready: pyproject.toml requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Lookout needs Python 3.11 or newer: make PYTHON=python3.11 …"; exit 1; }
	@$(PYTHON) -m venv .venv \
		|| { echo "This Python cannot make environments: apt-get install python3-venv"; exit 1; }
	@echo "installing into .venv, 630 MB: about a minute"
	@$(PIP) --editable '.[openvino]'
	@touch $@

.venv/dev: .venv/ready
	@echo "installing what tests and checks need"
	@$(PIP) --editable '.[openvino,dev]'
	@touch $@

fmt: setup ## format the code
	$(BIN)/ruff format .

lint: setup ## what ruff has to say
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: setup ## mypy, strict
	$(BIN)/mypy

test: setup ## all tests but the slow suites
	$(BIN)/python -m pytest --numprocesses 3 --dist loadfile --no-loadscope-reorder tests/test_stack.py tests

soak: setup ## the slow tests: a thousand reconnects, a minute of garbage
	LOOKOUT_FUZZ_S=60 $(BIN)/python -m pytest -m soak --timeout 600
	LOOKOUT_FUZZ_S=60 $(BIN)/python -m pytest tests/preview/test_fuzz.py
	LOOKOUT_FUZZ_EXAMPLES=250 $(BIN)/python -m pytest tests/api/test_schemathesis.py --timeout 600

compose-test: setup ## the compose stack in containers, killed and healed; needs root or Docker
	tests/compose/run.sh

check: lint types test ## what a change must pass

demo: .venv/ready ## ask the demo camera, and check the answers
	$(BIN)/lookout demo

up: .venv/ready ## the whole stack, until Ctrl-C
	$(BIN)/lookout up

bench: setup ## the budgets of DESIGN.md, as ratios to a floor taken in the same run
	$(BIN)/python -m tests.bench

bench-alerts: setup ## the demo model's alerts: false alarms, what is missed, time to detect
	$(BIN)/python -m tests.bench.alerts

.venv-train/ready: pyproject.toml requirements.lock
	@$(PYTHON) -m venv .venv-train
	@echo "installing what training needs into .venv-train"
	@.venv-train/bin/python -m pip install --quiet --disable-pip-version-check \
		--constraint requirements.lock --editable '.[openvino,train,dev]'
	@touch $@

train-demo: .venv-train/ready ## the demo model anew, in an hour, into build/train-demo
	.venv-train/bin/python -m models.demo.train $(TRAIN)

train-test: .venv-train/ready ## tests of the training, which need what it needs
	.venv-train/bin/python -m pytest tests/train --timeout 300

clean: ## leave nothing behind
	rm -rf .venv .venv-train build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
