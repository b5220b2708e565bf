#!/usr/bin/env bash
# Fuzzes every parser for SECONDS_EACH seconds, from the committed seeds in fuzz/seeds/TARGET and what earlier runs found
# (fuzz/corpus, not committed). Fails on the first crash of any target, after all have run. Targets as arguments run only those.
set -euo pipefail
cd "$(dirname "$0")/../fuzz"
seconds_each=${SECONDS_EACH:-20}
source ../tools/cargo/path.sh
# Coverage instrumentation is unstable in rustc; the flag lets the pinned stable compiler use it. Without a sanitizer no nightly
# standard library is needed, and the workspace forbids unsafe code, which is what sanitizers look for.
export RUSTC_BOOTSTRAP=1
targets=("$@")
[ "${#targets[@]}" -gt 0 ] || mapfile -t targets < <(cargo fuzz list)
[ "${#targets[@]}" -gt 0 ] || { echo "no fuzz target" >&2; exit 1; }
cargo fuzz build --sanitizer none

log=$(mktemp)
trap 'rm -f "$log"' EXIT
failed=()
for target in "${targets[@]}"; do
    folders=("corpus/$target")
    mkdir -p "${folders[0]}"
    [ -d "seeds/$target" ] && folders+=("seeds/$target")
    if cargo fuzz run --sanitizer none "$target" "${folders[@]}" -- \
        -max_total_time="$seconds_each" -timeout=10 -rss_limit_mb=2048 -verbosity=0 -print_final_stats=1 >"$log" 2>&1; then
        printf '%-28s %s executions\n' "$target" "$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")"
    else
        failed+=("$target")
        cat "$log"
    fi
done
echo "$((${#targets[@]} - ${#failed[@]})) passed, ${#failed[@]} failed"
[ "${#failed[@]}" -eq 0 ] || { echo "crashed: ${failed[*]}; the inputs are in fuzz/artifacts" >&2; exit 1; }
