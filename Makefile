# Every target sets up what it needs: the virtual environment is .venv in the checkout.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# Whatever the shell says: the many processes of a run compile each module once, not each for itself.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help demo lint test pytest docs e2e image wheel release e2e-full bench cluster-up cluster-down lock clean

help:  ## this list
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  %-14s %s\n", $$1, $$2}'

# The last line: what builds our wheel is what its hashes say, for our wheel is built in this environment.
$(READY): pyproject.toml constraints.txt hack/image/backend.lock
	@$(PYTHON) -c 'import sys; sys.exit("inplace needs Python 3.11 or newer, this is " + sys.version.split()[0] if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check 'pip==25.3'
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --build-constraint constraints.txt --group dev --editable .
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --no-deps --force-reinstall --only-binary :all: -r hack/image/backend.lock
	@touch $@

lint: $(READY)  ## ruff, mypy --strict, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	if command -v go > /dev/null; then cd wait-ready && test -z "$$(gofmt -l . | tee /dev/stderr)" && go vet .; fi

demo: $(READY)  ## the real controller on a cluster inside the process: an upgrade, a bad image, the recovery
	@$(BIN)/inplace demo

# Side by side: mypy has use for one processor only.
test: $(READY)  ## lint, types, contracts, unit, property and scenario tests on the embedded cluster; no root, no cluster
	@$(MAKE) --no-print-directory --jobs 2 lint pytest

# Six workers, because some tests wait in real time (for the demo, or for kubectl), and those first: a worker takes the
# next two when it has done its own.
pytest: $(READY)
	$(BIN)/pytest -q -n 6 --maxschedchunk 2 --seeds 1 --stories 8 --turn 0 -m "not seldom"

docs: $(READY)  ## what is generated (pages, alerts, dashboard, chart), and the documentation as a site in build/site; fails if a link leads nowhere
	$(BIN)/python -m hack.monitoring
	$(BIN)/python -m hack.chart
	$(BIN)/python -m hack.pages

# Most scenarios show one kind of workload, with each commit another; e2e-full shows all.
TURN = $(shell git rev-list --count HEAD 2> /dev/null || echo 0)

e2e: $(READY)  ## the scenarios on a real cluster on this machine (as root; the first run builds Kubernetes)
	$(BIN)/python -m hack.cluster up
	$(BIN)/pytest -q -n 6 --maxschedchunk 2 --durations 15 --world real --seeds 1 --turn $(TURN) -m "not alone and not long and not seldom" tests/scenarios tests/e2e
	$(BIN)/pytest -q -n 6 --maxschedchunk 2 --world real --controller in-cluster -m "in_cluster and not long and not seldom" tests/scenarios
	$(BIN)/pytest -q --world real -m "alone and not long" tests/scenarios tests/e2e

image: $(READY)  ## the controller's image, without a daemon, into build/image (PUSH=HOST/NAME:TAG: and into a registry, PLAIN_HTTP=1: without TLS)
	$(BIN)/python -m hack.image build
	$(if $(PUSH),$(BIN)/python -m hack.image push $(if $(PLAIN_HTTP),--plain-http) $(PUSH))

wheel: $(READY)  ## the wheel and the program wait-ready, into dist/: what the Dockerfile needs
	$(BIN)/python -m hack.release wheel

release: $(READY)  ## the files of a release, into dist/ (IMAGE=NAME@DIGEST: install.yaml for it; URL=…: krew's manifest too)
	$(if $(wildcard build/image.cdx.json),,$(BIN)/python -m hack.image build)
	$(BIN)/python -m hack.release build $(if $(IMAGE),--image $(IMAGE)) $(if $(URL),--url $(URL))

e2e-full: $(READY)  ## everything, long: all worlds, versions and seeds, deliberate defects, long benchmarks; writes docs/reference/scenarios.md and docs/reference/judges.md
	rm -rf build/scenarios build/judges
	hack/matrix embedded
	hack/matrix real 1.36 2.2
	for k8s in 1.36 1.35 1.34 1.33; do hack/matrix hollow $$k8s; done
	for k8s in 1.35 1.34 1.33; do hack/matrix real $$k8s 2.2; done
	hack/matrix real 1.36 1.6
	$(BIN)/python -m hack.table build/scenarios > docs/reference/scenarios.md
	$(BIN)/python -m hack.judges build/judges > docs/reference/judges.md
	$(BIN)/python -m tests.campaign --seeds 10000
	$(BIN)/python -m tests.fuzz --inputs 1000000
	$(BIN)/python -m hack.mutation
	$(BIN)/python -m hack.mutation --campaign
	hack/bench/run --long

bench: $(READY)  ## what the controller costs, beside the floor (as root; BENCH=throughput|sync|memory|events|block|start|screen|overhead|hour for one)
	hack/bench/run $(BENCH)

cluster-up: $(READY)  ## start the real cluster and print its kubeconfig (K8S=1.33|1.34|1.35|1.36 RUNTIME=2.2|1.6), or one of HOLLOW=20 model nodes
	$(BIN)/python -m hack.cluster up $(if $(HOLLOW),--hollow $(HOLLOW))

cluster-down: $(READY)  ## stop it and leave nothing behind (HOLLOW=20: the hollow one)
	$(BIN)/python -m hack.cluster down $(if $(HOLLOW),--name $(or $(CLUSTER),hollow))

lock: $(READY)  ## refresh constraints.txt from pyproject.toml
	$(BIN)/pip install --quiet --upgrade --group dev --editable .
	{ echo "# The exact versions that make test runs with; refresh with: make lock"; $(BIN)/pip freeze --exclude-editable; } > constraints.txt
	$(BIN)/python -m hack.image lock

clean:  ## remove the virtual environment and caches
	rm -rf $(VENV) .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist
