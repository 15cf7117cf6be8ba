# On a machine with Python 3.11 to 3.13 and make, every target does its own set-up.
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
# Made when the packages to run are installed, and those to test with beside them.
READY := $(VENV)/.ready
READY_DEV := $(VENV)/.ready-dev
# Where compiled modules are not kept, each test process compiles the program and rewrites all assertions again.
export PYTHONDONTWRITEBYTECODE :=
# A folder of price files; without it prices come from Yahoo, or where nothing can be reached from the embedded sample.
PRICES ?=
DATA ?= $(or $(RUSSELL_GATE_TEST_DATA),../shared/data)
FROM_PRICES := $(if $(PRICES),--set prices.source=folder --set prices.folder=$(PRICES))

# `make test PART=tuning` runs the test files with "tuning" in their path, without linters and types.
PART ?=
NO_PART = $(error no test file has "$(PART)" in its path)
FILES = $(if $(PART),$(or $(sort $(shell find tests -name 'test_*.py' -path '*$(PART)*')),$(NO_PART)))
QUICK := tests/strategies tests/config tests/test_layering.py tests/backtests/engine/test_kernel.py

.PHONY: setup backtest gate quick test coverage proofs lint types lock clean

setup: $(READY)

$(READY): requirements.lock bootstrap.lock
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 11) <= v <= (3, 13) else f"Python {v[0]}.{v[1]} is not supported; use 3.11 to 3.13, e.g. make PYTHON=python3.12 setup")'
	$(PYTHON) -m venv --clear $(VENV)
	$(RUN) -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r bootstrap.lock
	$(VENV)/bin/uv pip install --quiet --compile-bytecode --python $(RUN) --require-hashes -r requirements.lock
	@printf '%s\n' '#!$(CURDIR)/$(RUN)' 'import sys' 'sys.path.insert(0, "$(CURDIR)")' 'import main' 'main.run("russell-gate")' > $(VENV)/bin/russell-gate
	@chmod +x $(VENV)/bin/russell-gate
	@touch $@

$(READY_DEV): $(READY) requirements-dev.lock
	$(VENV)/bin/uv pip sync --quiet --compile-bytecode --python $(RUN) --require-hashes requirements-dev.lock
	@touch $@

backtest: $(READY)
	$(RUN) main.py backtest $(FROM_PRICES)

gate: $(READY)
	$(RUN) main.py gate $(FROM_PRICES)

# What to run after every change: under a minute.
quick: $(READY_DEV) lint types
	$(RUN) -m pytest -m "not proof" $(QUICK)

test: $(READY_DEV) $(if $(PART),,lint types)
	$(RUN) -m pytest -m "not proof" $(FILES)

# Takes half as long again.
coverage: $(READY_DEV)
	$(RUN) -m coverage erase
	$(RUN) -m coverage run -m pytest -m "not proof"
	$(RUN) -m coverage combine --quiet
	$(RUN) -m coverage report --fail-under=95 --skip-covered

lint: $(READY_DEV)
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .

types: $(READY_DEV)
	$(VENV)/bin/mypy

# Long checks: parity and look-ahead on hundreds of cases, kills and faults at every request, a month of minutes,
# a year of days, two hundred searches for what is not there, mutated comparisons.
proofs: coverage
	$(RUN) -m tests.backtests.parity --pairs 500 --data $(DATA)
	$(RUN) -m tests.backtests.lookahead --cuts 200 --data $(DATA)
	$(RUN) main.py check parity --set prices.source=folder --set prices.folder=$(DATA)
	$(RUN) -m tests.proofs.interrupts --shots 200
	$(RUN) -m tests.proofs.kills
	$(RUN) -m tests.proofs.random_faults --sequences 1000
	$(RUN) -m tests.proofs.latency
	$(RUN) -m tests.proofs.heartbeat
	$(RUN) -m tests.proofs.start_up --data $(DATA)
	$(RUN) -m tests.proofs.soak
	$(RUN) -m tests.proofs.year
	$(RUN) -m tests.proofs.year --data $(DATA)
	$(RUN) -m tests.proofs.held_closes --data $(DATA)
	$(RUN) -m tests.proofs.tune_calibration --data $(DATA) --world null --runs 60
	$(RUN) -m tests.proofs.tune_calibration --data $(DATA) --world twice --runs 60
	$(RUN) -m tests.proofs.evidence_calibration --data $(DATA) --worlds 100
	$(RUN) -m tests.proofs.calibrate_defaults --data $(DATA)
	$(RUN) -m pytest -m proof
	$(RUN) -m tests.proofs.mutants

# `make lock UPGRADE=--upgrade` takes the newest of everything.
COMPILE := $(VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-annotate --no-header
lock: $(READY_DEV)
	$(COMPILE) $(UPGRADE) --group dev pyproject.toml -o requirements-dev.lock
	$(COMPILE) $(UPGRADE) --constraints requirements-dev.lock pyproject.toml -o requirements.lock
	grep -A 100 '^uv==' requirements-dev.lock | awk 'NR > 1 && !/^ /{exit} {print}' > bootstrap.lock

clean:
	rm -rf $(VENV) .cache .coverage* .mypy_cache .ruff_cache .pytest_cache .hypothesis
