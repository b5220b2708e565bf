#!/usr/bin/env bash
# Records sessions on this machine, runs them on wasm32 (in node) and aarch64 (in qemu), and compares the digest of
# the whole state after every step. Needs a Debian 12 with its security archive, node and npm; for aarch64 also
# gcc-aarch64-linux-gnu and qemu-user-static.
set -euo pipefail
cd "$(dirname "$0")/../.."
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
sessions=$folder/sessions.json
cargo build --locked --release -p zenb-ffi
cargo run --locked --release -p zenb-ffi --example record -- crates/zenb/testdata/hrv >"$sessions"
module=$(tools/zenb/wasm.sh)
node tools/zenb/replay.mjs "$module" "$sessions"

# The snippet of docs/zenb/embed.md, as it stands there.
cp "$module" "$folder/zenb.wasm"
cp tools/zenb/zenb.mjs "$folder/"
tools/zenb/snippet.sh js >"$folder/session.mjs"
tools/zenb/snippet.sh json >"$folder/session.jsonl"
(cd "$folder" && node session.mjs) | tee "$folder/said"
tools/zenb/snippet.sh python >"$folder/session.py"
library=$(realpath "${CARGO_TARGET_DIR:-target}/release/libzenb_ffi.so")
python=$(PYTHONPATH=$PWD/crates/zenb-ffi/python ZENB_LIBRARY=$library; export PYTHONPATH ZENB_LIBRARY; cd "$folder" && python3 session.py)
[ "$python" = "$(cat "$folder/said")" ] || { echo "the snippets in Python and JavaScript differ" >&2; exit 1; }

if command -v qemu-aarch64-static >/dev/null && command -v aarch64-linux-gnu-gcc >/dev/null; then
    source tools/zenb/toolchain.sh
    cargo build --locked --release -p zenb-ffi --example replay --target aarch64-unknown-linux-gnu -Zbuild-std=std,panic_abort
    qemu-aarch64-static -L /usr/aarch64-linux-gnu \
        "$CARGO_TARGET_DIR/aarch64-unknown-linux-gnu/release/examples/replay" "$sessions"
else
    echo "SKIPPED aarch64: install gcc-aarch64-linux-gnu and qemu-user-static" >&2
    [ "${CI:-}" != true ]
fi
