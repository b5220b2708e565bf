#!/usr/bin/env bash
# Measures Hanse beside its peers, slice by slice, and writes the ratios: bench/results.json and the table in bench/README.md.
# Topics as arguments run only those and keep the other results: bench/run.sh canonical log
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
root="$(dirname "$here")"
target="${BENCH_TARGET:-$here/target}"
judges="${HANSE_JUDGES:-$root/target/judges}"
work="${BENCH_WORK:-$target/work}"

build() { cargo build --quiet --release --locked --target-dir "$target" --manifest-path "$1/Cargo.toml"; }
echo "bench: building ours and the rivals" >&2
build "$here"
build "$here/rivals/doubleentry"
build "$here/iris"
cargo build --quiet --release --locked --manifest-path "$root/Cargo.toml" -p hanse
"$root/tools/judges/setup.sh" "$judges"

rapidfuzz="$here/rivals/rapidfuzz/requirements.txt"
if ! cmp -s "$rapidfuzz" "$target/venv/installed"; then
    python3 -m venv --clear "$target/venv"
    "$target/venv/bin/python" -m pip install --quiet --no-deps --requirement "$rapidfuzz"
    cp "$rapidfuzz" "$target/venv/installed"
fi

export BENCH_HANSE="${CARGO_TARGET_DIR:-$root/target}/release/hanse"
export BENCH_ROOT="$root"
export BENCH_PYTHON="$target/venv/bin/python"
export BENCH_DOUBLEENTRY="$target/release/rival-doubleentry"
export BENCH_JUDGES="$judges"
export BENCH_IRIS_LOAD="$target/release/iris-load"
# The files of the durable runs lie here: it must be the disk that is to be measured, not a file system in memory.
export BENCH_WORK="$work"
mkdir -p "$work"
exec "$target/release/bench" --results "$here/results.json" --page "$here/README.md" "$@"
