# Every word sets up what it needs: Python >= 3.11 with pip, and make, are enough.
#   make test PYTHON=python3.13 VENV=.venv-3.13     another Python, beside the first
#   make test ARGS="-k webhook"                     more arguments for the command behind the word
#   make test WORKERS=0                             tests one after another, as --pdb and -s want it

PYTHON ?=
VENV ?= .venv
ARGS ?=
WORKERS ?= 4

BIN := $(VENV)/bin
READY := $(VENV)/.ready
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input -qq
COMPILE := $(BIN)/python -m compileall -qq resolute providers worker || true

# PagerDuty's own programs stand beside the environment, because they want libraries of their own.
MCP_SERVER := .venv-peers
CLI := pagerduty-cli@0.1.18
DBOS := .peers/dbos
PREFECT := .peers/prefect
PEERS_PYTHON ?= python3 python3.13 python3.12 $(wildcard $(HOME)/.pyenv/versions/3.1[2-9]*/bin/python3)

# pyright and its node come from the lock: no newer one is looked for, none of the machine is used.
export PYRIGHT_PYTHON_IGNORE_WARNINGS := 1
export PYRIGHT_PYTHON_GLOBAL_NODE := 0
unexport PYRIGHT_PYTHON_FORCE_VERSION PYRIGHT_PYTHON_PYLANCE_VERSION

# A candidate counts only if it runs, is new enough and can make a virtual environment.
FIND_PYTHON = for python in $(or $(PYTHON),python3 python3.13 python3.12 python3.11); do \
		if "$$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; \
		then echo "$$python"; exit; fi; \
	done; \
	echo "Resolute needs Python 3.11 or newer with venv; $(if $(PYTHON),$(PYTHON) is not one,none was found): \
	install one, or name it: make $(or $(MAKECMDGOALS),help) PYTHON=/path/to/python3" >&2; \
	exit 1

.DEFAULT_GOAL := help
.PHONY: help demo test check dev bench pictures soak simulation peers format lock clean

help: ## list these targets
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' Makefile | while IFS="$$(printf '\t')" read -r word purpose; do \
		printf '  make %-10s %s\n' "$$word" "$$purpose"; \
	done

demo: $(READY) ## run one incident from alert to resolution: real Temporal, simulated PagerDuty
	@$(BIN)/resolute demo $(ARGS)

# Processes that are started would otherwise compile the packages again, each of them. Tests of one file share servers,
# so they stay together and in order.
test: $(READY) ## run the tests
	@$(COMPILE)
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

check: $(READY) ## check format, lint and types
	@status=0; \
	$(BIN)/ruff format --check --quiet . || { status=1; echo "Not formatted as agreed; 'make format' mends that." >&2; }; \
	$(BIN)/ruff check --quiet . || status=1; \
	$(BIN)/pyright --pythonpath $(BIN)/python || status=1; \
	exit $$status

dev: $(READY) ## run flows/ locally with Temporal and webhooks, reloading on change
	@$(BIN)/resolute dev flows/ $(ARGS)

bench: $(READY) $(if $(findstring peers,$(ARGS)),$(DBOS)/.ready $(PREFECT)/.ready) ## measure speed and memory, as ratios within one run
	@$(COMPILE)
	@$(BIN)/python -m benchmarks $(ARGS)

pictures: $(READY) ## take the README's pictures of the board, from the demo, with this machine's chromium
	@$(BIN)/python -m tests.board.pictures docs/pictures

soak: $(READY) ## run the long tests that 'make test' leaves out
	@$(BIN)/python -m pytest -m soak $(ARGS)

simulation: $(READY) ## run flows in memory under faults and deaths (ARGS="--seed 42", ARGS="--runs 1000000 --processes 2")
	@$(BIN)/python -m tests.simulation $(ARGS)

peers: $(READY) $(MCP_SERVER)/.ready .peers/$(CLI) ## run PagerDuty's own clients against the simulator
	@$(BIN)/python -m pytest -m peers -rs $(ARGS)

format: $(READY) ## format the code and apply the linter's fixes
	@$(BIN)/ruff check --quiet --fix-only .
	@$(BIN)/ruff format --quiet .

lock: ## update the lock after a change to pyproject.toml (newest versions: ARGS=--upgrade)
	@python=$$($(FIND_PYTHON)) && tools=$$(mktemp -d) && trap 'rm -rf "$$tools"' EXIT && \
	"$$python" -m venv "$$tools" && "$$tools/bin/python" -m pip --disable-pip-version-check -qq install uv && \
	compile() { "$$tools/bin/uv" --no-config pip compile --quiet --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate \
		--custom-compile-command "make lock" "$$@" pyproject.toml; } && \
	compile --all-extras --output-file requirements.txt $(ARGS) && \
	compile --extra embedded --extra s3 --constraint requirements.txt --output-file deploy/requirements.txt $(ARGS)

clean: ## remove the environment and every cache; what runs have stored in .resolute/ stays
	@rm -rf "$(VENV)" "$(MCP_SERVER)" .peers dist build .pytest_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY): requirements.txt pyproject.toml
	@"$(BIN)/python" -c '' 2>/dev/null || { python=$$($(FIND_PYTHON)) && \
		echo "Setting up $(VENV) with $$("$$python" --version)" >&2 && "$$python" -m venv --clear "$(VENV)"; }
	@echo "Installing the locked versions" >&2
	@$(PIP) install --require-hashes -r requirements.txt
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

# Where one of these cannot be installed, its tests are left out, and say so.
$(MCP_SERVER)/.ready: tests/peers/mcp-server.txt
	@for python in $(PEERS_PYTHON); do \
		if "$$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 12))' 2>/dev/null; then \
			echo "Setting up $(MCP_SERVER) with $$("$$python" --version)" >&2; \
			"$$python" -m venv --clear $(MCP_SERVER) && \
			$(MCP_SERVER)/bin/python -m pip --disable-pip-version-check --no-input -qq install --no-deps -r $< && \
			touch $@; exit; \
		fi; \
	done; echo "PagerDuty's MCP server needs Python 3.12: install it, or name it with PEERS_PYTHON=/path/to/python3" >&2

# What `make bench ARGS=peers` measures against.
$(DBOS)/.ready $(PREFECT)/.ready: .peers/%/.ready: benchmarks/peers/%.txt $(READY)
	@echo "Setting up .peers/$*" >&2
	@$(BIN)/python -m venv --clear .peers/$*
	@.peers/$*/bin/python -m pip --disable-pip-version-check --no-input -qq install -r $<
	@touch $@

.peers/$(CLI):
	@if command -v npm >/dev/null; then \
		echo "Installing $(CLI)" >&2; npm install --loglevel=error --no-audit --no-fund --prefix .peers $(CLI) && touch $@; \
	else echo "$(CLI) needs npm" >&2; fi
