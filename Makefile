# make run      set up this machine and start a clinic with demonstration data on http://localhost:8600 (Ctrl-C stops it)
# make setup    only the set-up: Debian packages, Python and front-end packages, the bundle; safe to repeat
# make test     the set-up, then the whole test suite; then what a database matters to again on PostgreSQL
# make soak     the long tests (hours)
# make newcomer proof that a bare Debian 12 with git, python3 and make is enough (builds one in a folder; as root)
# make lock     renew the pinned versions and hashes of Python packages from requirements*.in
#
# Another folder, port or address:   make run DATA=/srv/clinic PORT=9000 OPTIONS="--host 192.168.1.10"
# An empty clinic instead of a demonstration:   make run DATA=./var/clinic DEMO=

DATA ?= ./var/demo
PORT ?= 8600
DEMO ?= --demo
OPTIONS ?=
TESTS ?=
BIN = .venv/bin
# A process for each core; a file's tests stay together, as many share a clinic, in their order: long files are in the middle of it. Those with
# real browsers and clients follow one after the other: they keep every core busy by themselves, and a person waits for no answer that long.
AT_ONCE = -m "not soak and not e2e" --numprocesses auto --dist loadfile --no-loadscope-reorder
ONE_BY_ONE = -m "e2e and not soak"

.PHONY: setup setup-run setup-test run test check soak newcomer lock

setup: setup-test

setup-run:
	@ops/setup.sh run

setup-test: setup-run
	@ops/setup.sh test

run: setup-run
	@exec $(BIN)/bedside up --data "$(DATA)" --base-port $(PORT) $(DEMO) $(OPTIONS)

check:
	$(BIN)/ruff check .
	$(BIN)/mypy clinic web/gateways web/media

test: setup check
	$(BIN)/python -m pytest $(AT_ONCE) $(TESTS)
	$(BIN)/python -m pytest $(ONE_BY_ONE) $(TESTS)
	$(BIN)/python -m pytest $(AT_ONCE) --database postgresql $(TESTS)
	$(BIN)/python -m pytest $(ONE_BY_ONE) --database postgresql $(TESTS)

soak: setup
	$(BIN)/python -m pytest -m soak --timeout=0 $(TESTS)

newcomer:
	ops/newcomer.sh

lock:
	ops/lock.sh
