#!/usr/bin/env bash
# Checks licences, sources and banned crates of every dependency. Advisories need a database from the network: ADVISORIES=1 checks them,
# where it can be had.
set -euo pipefail
cd "$(dirname "$0")/.."
source tools/cargo/path.sh
checks=(bans licenses sources)
[ "${ADVISORIES:-}" != 1 ] || checks+=(advisories)
cargo deny --workspace --locked check --hide-inclusion-graph "${checks[@]}"
