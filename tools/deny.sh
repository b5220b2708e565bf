#!/usr/bin/env bash
# Checks licences, sources and banned crates of every dependency. Advisories need a database from the network; they are checked where it can be had.
set -euo pipefail
cd "$(dirname "$0")/.."
version=0.20.2
if ! cargo deny --version 2>/dev/null | grep -q "$version"; then
    cargo install cargo-deny --version "$version" --locked --debug --no-default-features
fi
cargo deny --workspace --locked check --hide-inclusion-graph bans licenses sources
