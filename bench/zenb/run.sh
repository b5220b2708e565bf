#!/usr/bin/env bash
# Measures the engine of breath guidance beside NeuroKit2 on a recording of 24 h and writes the table in bench/zenb/README.md.
# Takes about five minutes and must not share the machine with other heavy work.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
root="$(dirname "$(dirname "$here")")"
target="${BENCH_TARGET:-$root/bench/target}"
cargo build --quiet --release --locked --target-dir "$target" --manifest-path "$here/Cargo.toml"
venv="$target/venv-zenb"
if ! cmp -s "$here/requirements.txt" "$venv/installed"; then
    python3 -m venv --clear "$venv"
    "$venv/bin/python" -m pip install --quiet --no-deps --requirement "$here/requirements.txt"
    cp "$here/requirements.txt" "$venv/installed"
fi
# One thread each: NumPy's libraries would otherwise take both cores for work that ours does on one.
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
exec "$venv/bin/python" "$here/compare.py" "$target/release/bench-zenb" "$root/crates/zenb/testdata/hrv/nsr2db_nsr001.json" "$here/README.md"
