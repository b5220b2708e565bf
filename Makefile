# `make run` starts a zone with sample data; `make test` runs every test. Both set up what they need.
SHELL := /bin/bash
CARGO ?= cargo
DATA ?= ./hanse-data
JUDGES ?= target/judges
export HANSE_JUDGES = $(abspath $(JUDGES))

.PHONY: run demo build setup test lint fmt deny fuzz contract bench

run: build
	target/release/hanse up --sample --data $(DATA)

demo: build
	target/release/hanse demo

build:
	$(CARGO) build --release --locked -p hanse

setup:
	tools/setup.sh
	tools/judges/setup.sh $(JUDGES)

# In two steps, so that nothing that only tests use is compiled into the node that is tested.
test: setup
	$(CARGO) test --release --locked -p hanse
	$(CARGO) test --release --locked --workspace --exclude hanse

lint:
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings
	tools/zenb/trace.py
	tools/zenb/soup.py --check

deny:
	tools/deny.sh

fuzz:
	tools/fuzz.sh

contract: build setup
	tools/contract.sh

bench:
	bench/run.sh

fmt:
	$(CARGO) fmt --all
