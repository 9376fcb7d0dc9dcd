# Needs Python 3.11+ and make; everything else is fetched into .venv or, as root on Debian, by apt-get.
PORT ?= 8000
HOST ?= 127.0.0.1
PY := .venv/bin/python

.PHONY: setup demo demo-data test test-services test-slow lint bench chaos

setup:
	@sh scripts/setup.sh

# `make demo STILL=1`: the same city with nobody in it but you.
demo: demo-data
	@exec $(PY) manage.py serve --host $(HOST) --port $(PORT) $(if $(STILL),--still,--simulate)

demo-data: setup
	@$(PY) manage.py migrate --verbosity 0
	@$(PY) manage.py seed_demo

test: setup
	@$(PY) -m scripts.run_tests sqlite

test-services: setup
	@$(PY) -m scripts.run_tests services

test-slow: setup
	@$(PY) -m scripts.run_tests slow

lint: setup
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@.venv/bin/lint-imports --no-logo
	@$(PY) manage.py makemigrations --check --dry-run

# `make bench QUICK=1`: do they run, at small sizes; `make bench ONLY="requests desks"`: these alone.
bench: setup
	@$(PY) -m benchmarks.all $(if $(QUICK),--quick) $(if $(ONLY),--only $(ONLY))

# `make chaos RUNS=40 SEED=1 REQUESTS=3000`: the processes of a deployment under load, killed at random; see tests/chaos.
RUNS ?= 1
SEED ?= 1
REQUESTS ?= 3000
chaos: setup
	@$(PY) -m tests.chaos.run --runs $(RUNS) --seed $(SEED) --requests $(REQUESTS)
