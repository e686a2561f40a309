# Every task a person or CI runs. The work itself is in integration_tests/federation.py; nothing else runs tasks.
# Only Python 3.11 or newer (with venv), git and make are assumed; the first target run puts uv into .venv.

PYTHON ?= python3
FEDERATION := .venv/bin/python integration_tests/federation.py
PACKAGES := $(notdir $(patsubst %/pyproject.toml,%,$(wildcard packages/*/pyproject.toml)))
UV_VERSION := 0.13.9

.DEFAULT_GOAL := help
.PHONY: help setup demo test integration check lock build docs matrix release clean
.PHONY: $(foreach verb,demo test test-lowest test-latest dev speed results,$(addprefix $(verb)-,$(PACKAGES)))

help: ## this list
	@grep -hE '^[a-z$$(][^:=]*:.*## ' $(MAKEFILE_LIST) | sed -e 's/^$$(PACKAGES:%=\([a-z-]*\)%)[^:]*/\1<package>/' \
		| awk -F ':.*## ' '{printf "  make %-22s %s\n", $$1, $$2}'
	@echo "  packages: $(PACKAGES)"

setup: .venv/uv-$(UV_VERSION) ## put uv into .venv (every other target does this by itself)

.venv/uv-$(UV_VERSION):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; say which with: make PYTHON=/path/to/python3.11 ..."; exit 1; }
	@$(PYTHON) -m venv --clear .venv
	@.venv/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@touch $@

demo: setup ## every package's demo, then runs/demo/index.html
	@$(FEDERATION) demo

$(PACKAGES:%=demo-%): demo-%: setup ## one package's demo
	@$(FEDERATION) demo $*

test: setup ## every package's tests in its own environment, then all packages together
	@$(FEDERATION) test

$(PACKAGES:%=test-%) test-core: test-%: setup ## one package's tests
	@$(FEDERATION) test $(if $(filter core,$*),tenfold-core,$*)

$(PACKAGES:%=test-lowest-%): test-lowest-%: setup ## ... with the oldest direct dependencies it allows
	@$(FEDERATION) test --mode lowest $*

$(PACKAGES:%=test-latest-%): test-latest-%: setup ## ... with the newest of everything
	@$(FEDERATION) test --mode latest $*

integration: setup ## all packages in one environment
	@$(FEDERATION) integration

check: setup ## style, types, import contracts, metadata, docs, workflows, result tables, versions
	@$(FEDERATION) check

$(PACKAGES:%=dev-%): dev-%: setup ## an editable environment for one package, in .envs/
	@$(FEDERATION) dev $*

$(PACKAGES:%=speed-%): speed-%: setup ## timing beside the named peer
	@$(FEDERATION) speed $*

$(PACKAGES:%=results-%): results-%: setup ## run one package's benchmarks and rewrite its README tables
	@$(FEDERATION) results $*

lock: setup ## resolve the pinned set anew (integration_tests/constraints.txt)
	@$(FEDERATION) lock

build: setup ## wheels and sdists of the core and every package
	@$(FEDERATION) build

docs: setup ## the documentation site, in docs/_build/html
	@$(FEDERATION) docs

matrix: setup ## the package names as JSON, for CI
	@$(FEDERATION) matrix

release: setup ## check and build one release: make release TAG=<package>-vX.Y.Z
	@$(FEDERATION) release $(TAG)

clean: ## remove environments, builds, runs and caches
	@rm -rf .venv .envs runs dist core/dist packages/*/dist docs/_build docs/packages/api .*_cache
	@find . -name __pycache__ -prune -exec rm -rf {} +
