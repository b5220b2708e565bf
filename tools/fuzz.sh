#!/usr/bin/env bash
# Runs every fuzz target for SECONDS_EACH seconds from its seeds. The coverage instrumentation is unstable in rustc, hence the bootstrap flag.
set -euo pipefail
cd "$(dirname "$0")/../fuzz"
seconds_each=${SECONDS_EACH:-20}
export RUSTC_BOOTSTRAP=1
command -v cargo-fuzz >/dev/null 2>&1 || cargo install cargo-fuzz --locked --debug
for target in $(cargo fuzz list); do
    echo "fuzz $target for $seconds_each s"
    cargo fuzz run --sanitizer none "$target" -- -max_total_time="$seconds_each" -verbosity=0 -print_final_stats=1
done
