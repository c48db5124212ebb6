# One line per target, after two hashes, is what `make help` prints.
SHELL := /bin/bash
.DEFAULT_GOAL := help
BIN := .venv/bin
READY := .venv/.ready

.PHONY: help setup demo check test test-compat test-ceph test-containers test-pythons test-scale test-trainers bench bench-vision chaos fuzz lock docs

help: ## say what each target does
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

setup: $(READY) ## make .venv out of requirements.lock; done again only when that or pyproject.toml changed

$(READY): requirements.lock pyproject.toml scripts/setup scripts/bootstrap.lock
	@scripts/setup
	@touch $@

demo: setup ## build a small corpus against the sandbox: no key, no GPU, no cost
	@$(BIN)/editcorpus demo

check: setup ## ruff, mypy --strict, import contracts, lock file
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	scripts/lock --check

test: setup ## every check and every test
	@scripts/browser
	@$(MAKE) --no-print-directory check
	@# What one process has compiled, the hundreds of others find; the order is that of tests/conftest.py.
	env -u PYTHONDONTWRITEBYTECODE PYTHONPYCACHEPREFIX=$(CURDIR)/.venv/bytecode \
	  $(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder

test-compat: setup ## the flow's tests and one build on the oldest Prefect that is allowed
	@scripts/test-compat

test-ceph: setup ## leases, store budget and a build on the S3 server of EDITCORPUS_TEST_S3_URL, _KEY, _SECRET
	@scripts/test-s3

test-pythons: setup ## the core's tests and a flow on Python 3.12 and 3.13 (exit 2: a Python could not be had)
	@scripts/test-pythons

test-trainers: setup ## read an export for LoRA trainers with the dataset class of one of them (installs torch)
	@scripts/test-trainers

test-containers: setup ## build the image, run a flow inside it, and stop a worker in the middle (root, Debian; exit 2: not tried)
	@scripts/test-containers

test-scale: setup ## PostgreSQL, Redis, two APIs, three workers; kill some in the middle (root, Debian; exit 2: not tried)
	@scripts/test-scale

bench: setup ## print the figures of speed and memory
	@for file in $$(grep -l __main__ tests/benchmarks/*.py); do \
	  echo "== $$file"; $(BIN)/python "$$file" || exit 1; \
	done

bench-vision: setup ## print the error rates of what judges pixels, on real pictures (EDITCORPUS_PHOTOGRAPHS=FOLDER)
	@scripts/bench-vision

chaos: setup ## kill a run fifty times, on a folder and on a bucket, and hold its books against the API's
	@$(BIN)/python tests/chaos/chaos.py

fuzz: setup ## feed 20,000 damaged answers, pictures and parquet files to the code that reads them
	@$(BIN)/python tests/fuzz/fuzz.py 20000

lock: ## resolve pyproject.toml into requirements.lock; what still fits keeps its version
	@scripts/lock
	@scripts/lock --check

docs: setup ## write the pages that come out of the code
	@$(BIN)/python scripts/reasons.py > docs/reasons.md
	@$(BIN)/python scripts/events.py > docs/events.md
	@$(BIN)/python scripts/metrics.py > docs/metrics.md
	@$(BIN)/python scripts/deployments.py
	@$(BIN)/python scripts/forms.py
	@$(BIN)/python scripts/scaling.py
