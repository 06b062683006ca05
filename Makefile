# make help     lists the targets. CI calls these and nothing else.
SHELL := /bin/bash
.DEFAULT_GOAL := help
BIN := .venv/bin
DATA := data/ml-100k
OUT := out
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: help venv npm demo shop train serve test test-unit check lint-fix load bench api-fuzz chaos soak quality docs console console-check sbom audit pin-images compose-verify clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):[^#]*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 16

# Only what the demo needs. Nothing is installed again until the pins change.
.venv/.demo: pyproject.toml constraints.txt
	@set -e; if ! [ -x $(BIN)/python ]; then \
	  for python in python3.12 python3.11 python3.13 python3 python; do \
	    if $$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; then \
	      found=$$python; break; fi; done; \
	  if [ -z "$$found" ]; then \
	    echo "recfunnel needs Python 3.11, 3.12 or 3.13, and none is on the PATH: install one, then run make again." >&2; exit 1; fi; \
	  echo "Making .venv with $$($$found --version)"; $$found -m venv .venv; fi
	@echo "Installing what the service and the training need (a minute, once)"
	@$(PIP) -e '.[train]'
	@touch $@

.venv/.all: .venv/.demo
	@echo "Installing the tools of development, load tests and documentation"
	@$(PIP) -e '.[train,tune,bpr,dev,load,docs]'
	@touch $@

venv: .venv/.all ## set up .venv for development

# Their scripts are not run: none of these packages needs one.
NPM := clients/typescript/node_modules
$(NPM)/.made: clients/typescript/package-lock.json
	@npm ci --prefix clients/typescript --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

GORSE_NPM := tests/integration/clients/gorsejs/node_modules
$(GORSE_NPM)/.made: tests/integration/clients/gorsejs/package-lock.json
	@npm ci --prefix $(dir $(GORSE_NPM)) --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

OPENAPI := tests/integration/clients/openapi
$(OPENAPI)/node_modules/.made: $(OPENAPI)/package-lock.json
	@npm ci --prefix $(OPENAPI) --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

npm: $(NPM)/.made $(GORSE_NPM)/.made $(OPENAPI)/node_modules/.made ## install what tests the clients for JavaScript and the OpenAPI description (needs Node)

# The generator of clients needs an older typer than recfunnel has.
.venv-openapi/.made: $(OPENAPI)/requirements.txt | .venv/.demo
	@$(BIN)/python -m venv $(@D) && $(@D)/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@

# exec: Ctrl-C reaches the program itself, and no process is left.
demo: .venv/.demo ## get MovieLens 100K, train, serve, show a first list (Ctrl-C ends it)
	@exec $(BIN)/recfunnel demo

shop: .venv/.demo ## make up a shop, train, serve its lists and a page (Ctrl-C ends it)
	@exec $(BIN)/recfunnel demo --shop

$(DATA): | .venv/.demo
	@$(BIN)/recfunnel data get ml-100k --to $(dir $(DATA))

$(OUT)/current: | .venv/.demo $(DATA)
	@$(BIN)/recfunnel train --data $(DATA) --out $(OUT)

train: .venv/.demo | $(DATA) ## train on MovieLens 100K and publish to out/
	@exec $(BIN)/recfunnel train --data $(DATA) --out $(OUT)

serve: .venv/.demo | $(OUT)/current ## serve the newest bundle on 127.0.0.1:8000
	@exec $(BIN)/recfunnel serve --out $(OUT)

test: .venv/.all .venv-openapi/.made ## the whole test suite with coverage
	@REQUIRE_GENERATOR=1 $(BIN)/python -m pytest -n 4 --dist loadfile --no-loadscope-reorder --cov --cov-fail-under=95

test-unit: .venv/.all ## the unit tests alone, without a server and without training
	@$(BIN)/python -m pytest -q -n 2 --dist loadfile tests/unit

check: .venv/.all ## lint, format and types
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy
	@if [ -d $(NPM) ]; then cd clients/typescript && npm run --silent check; \
	else echo "TypeScript: not checked, run make npm first"; fi

lint-fix: .venv/.all ## fix what the linter can fix, and format
	@$(BIN)/ruff check --fix . ; $(BIN)/ruff format .

load: .venv/.all | $(OUT)/current ## load test: closed and open loop, about 40 s
	@exec $(BIN)/python -m loadtest.run --out $(OUT)

bench: .venv/.all | $(OUT)/current ## the CPU time of a request against its minimum, and a catalogue of 100,000 items
	@$(BIN)/python -m benchmarks.request_cost.bench --out $(OUT)
	@exec $(BIN)/python -m benchmarks.scale.run --made-up 100000 --rankers $(OUT) --seconds 2

api-fuzz: .venv/.all | $(OUT)/current ## 10,000 generated requests to every route, about 10 min
	@exec $(BIN)/python -m benchmarks.api_fuzz --out $(OUT)

chaos: .venv/.all | $(OUT)/current ## every fault against a running service under load, about 10 min
	@exec $(BIN)/python -m benchmarks.chaos --out $(OUT) --write $(OUT)/chaos.md

soak: .venv/.all | $(OUT)/current ## half an hour of load: memory, descriptors and keys stay flat
	@exec $(BIN)/python -m benchmarks.soak --out $(OUT)

# The libraries that the funnel is compared with. Their pins are for Python 3.11 and clash, so
# there are two environments. torch is installed first, because its CUDA build has several GB.
.venv-peers/%/.made: benchmarks/quality/peers/requirements-%.txt
	@set -e; if ! python3.11 -c '' 2>/dev/null; then \
	  echo "The libraries need Python 3.11, and python3.11 is not on the PATH: install it, then run make again." >&2; exit 1; fi; \
	echo "Installing the libraries of the environment $* (a few minutes, once)"; \
	mkdir -p $(@D); python3.11 -m venv $(@D); pip="$(@D)/bin/python -m pip install --quiet --disable-pip-version-check"; \
	$$pip "$$(grep '^torch==' $<)"; $$pip -r $<
	@touch $@

quality: .venv/.all .venv-peers/matrix/.made .venv-peers/rectools/.made | $(DATA) ## compare the rankings with those of libraries, about 40 minutes
	@$(BIN)/python -m benchmarks.quality.run --data $(DATA)
	@exec $(BIN)/python -m benchmarks.quality.visits --data $(DATA) --libraries benchmarks/quality/results/ml-100k.json

docs: .venv/.all ## write the generated pages, and build the documentation into site/
	@$(BIN)/python -m tests.docs.reference
	@$(BIN)/python -m tests.docs.client_schemas
	@$(BIN)/python -m deploy.grafana.build_dashboard
	@$(BIN)/mkdocs build --strict --quiet && echo "The first page is site/index.html"

CONSOLE_BUILD = cd console && npm ci --silent --ignore-scripts --no-audit --no-fund --no-progress && npm run --silent build -- --logLevel warn

console: ## build the pages of the console into app/console/ (needs Node 20.19 or newer)
	@$(CONSOLE_BUILD)

console-check: ## check that app/console/ is what its sources give (needs Node 20.19 or newer)
	@fresh=$$(mktemp -d) && trap 'rm -rf "$$fresh"' EXIT && export CONSOLE_OUT="$$fresh" && ($(CONSOLE_BUILD)) \
	  && { diff -rq "$$fresh" app/console || { echo "app/console/ is not what console/ gives: run make console and commit it." >&2; exit 1; }; }

.venv-audit/.made: deploy/requirements-audit.txt | .venv/.demo
	@$(BIN)/python -m venv $(@D) && $(@D)/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@

sbom: .venv-audit/.made .venv/.demo ## list every package of .venv in sbom.json (CycloneDX)
	@.venv-audit/bin/cyclonedx-py environment $(BIN)/python --pyproject pyproject.toml \
	  --output-reproducible --output-format JSON --output-file sbom.json && echo "The list is sbom.json"

audit: .venv-audit/.made ## look for known weaknesses of the pinned packages (needs a network)
	@echo "Asking PyPI for known weaknesses of the packages in constraints.txt; this needs a network"
	@exec .venv-audit/bin/pip-audit --requirement constraints.txt --no-deps --disable-pip

pin-images: ## pin the images of the containers by digest (needs docker and a network)
	@exec python3 deploy/pin_images.py

VERIFY := ../shared/tools/verify-compose.sh
compose-verify: ## build the containers, start them, check every part
	@if [ ! -x $(VERIFY) ]; then echo "containers: skipped, $(VERIFY) is not on this machine"; \
	elif [ "$$(id -u)" != 0 ]; then echo "containers: skipped, $(VERIFY) needs root"; \
	else VERIFY_COMPOSE_WAIT=300 $(VERIFY) -u http://127.0.0.1:8000/readyz . -- python3 deploy/smoke.py; fi

clean: ## remove environments, caches and builds, but not data/ and out/
	@rm -rf $(NPM) $(GORSE_NPM) $(OPENAPI)/node_modules console/node_modules .venv .venv-peers .venv-audit .venv-openapi build dist site *.egg-info .coverage htmlcov .mypy_cache .ruff_cache .pytest_cache .hypothesis
	@find app offline loadtest benchmarks tests -name __pycache__ -prune -exec rm -rf {} +
