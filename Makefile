# `make run` starts a zone with sample data; `make test` runs every test. Both set up what they need.
SHELL := /bin/bash
CARGO ?= cargo
DATA ?= ./hanse-data
JUDGES ?= target/judges
export CARGO
export HANSE_JUDGES = $(abspath $(JUDGES))
target = $${CARGO_TARGET_DIR:-target}

.PHONY: run demo build setup quick test nightly lint fmt fmt-check trace clippy deny fuzz fuzz-smoke contract bench

run: build
	$(target)/release/hanse up --sample --data $(DATA)

demo: build
	$(target)/release/hanse demo

build:
	$(CARGO) build --release --locked -p hanse
	tools/split-debug.sh $(target)/release/hanse

setup:
	tools/setup.sh
	tools/judges/setup.sh $(JUDGES)

# Cores and their properties.
quick:
	tools/test.py quick

# Everything that must hold.
test: setup
	tools/test.py

# What is too long for every run. PART=name runs one part; PART=list names them.
nightly:
	tools/nightly.sh $(PART)

lint: fmt-check trace clippy

fmt-check:
	$(CARGO) fmt --all --check

trace:
	tools/zenb/trace.py
	tools/zenb/soup.py --check

clippy:
	$(CARGO) clippy --locked --profile ci --workspace --all-targets -- -D warnings

deny:
	tools/deny.sh

fuzz:
	tools/fuzz.sh

fuzz-smoke:
	SECONDS_EACH=5 tools/fuzz.sh

# On the node that the tests have built.
contract: setup
	tools/test.py build
	HANSE=$(target)/ci/hanse tools/contract.sh

bench:
	bench/run.sh

fmt:
	$(CARGO) fmt --all
