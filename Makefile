# AetherGate from a fresh checkout. Needed: Python 3.11 or newer, and make.

VENV := .venv
BIN := $(VENV)/bin
INSTALL := sh infra/deploy/install.sh

.DEFAULT_GOAL := help
.PHONY: help run test simulate torture screenshots roomspeed bench check format clean

help:  ## say what there is
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(VENV)/.installed-run  ## start the API on :8000 and the control room on :8501 (ARGS="--port 8080")
	@$(BIN)/aethergate init
	@exec $(BIN)/aethergate up $(ARGS)

test: $(VENV)/.installed-test  ## run every test, several at once (ARGS="-k ledger", ARGS="-n0 -s" for one at a time)
	@$(BIN)/python -m pytest -n auto --dist worksteal $(ARGS)

simulate: $(VENV)/.installed-test  ## thousands of seeds of the money simulator (ARGS="--seeds 20000")
	$(BIN)/python -m tests.simulate $(ARGS)

torture: $(VENV)/.installed-test  ## kill -9, cuts and restarts of real gateways, in full (about an hour and a quarter)
	AETHERGATE_TORTURE=full $(BIN)/python -m pytest -v -s --timeout=3600 tests/torture $(ARGS)

screenshots: $(VENV)/.installed-test  ## pictures of every page and dialog of the control room, into screenshots/ (needs Chromium)
	@$(BIN)/python -m tests.ui.screenshots $(ARGS)

roomspeed: $(VENV)/.installed-test  ## how fast the control room opens on a million requests (needs Chromium; ARGS="--data FOLDER")
	@$(BIN)/python -m tests.ui.speed $(ARGS)

bench: $(VENV)/.installed-test  ## the gateway beside LiteLLM, sglang-router and nginx, measured (ARGS="--quick")
	$(BIN)/python -m tests.bench $(ARGS)

check: $(VENV)/.installed-test  ## format, lint, types, house rules
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/house

format: $(VENV)/.installed-test  ## bring the code into shape
	$(BIN)/ruff check --fix --quiet . || true
	$(BIN)/ruff format .

clean:  ## remove what was installed and cached; .env and databases stay
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamps make later runs quick: only a change of pyproject.toml installs anew.
$(VENV)/.installed-run: pyproject.toml infra/deploy/install.sh
	@$(INSTALL) run

$(VENV)/.installed-test: pyproject.toml infra/deploy/install.sh
	@$(INSTALL) test
