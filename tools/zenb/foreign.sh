#!/usr/bin/env bash
# Records sessions on this machine, runs them on wasm32 (in node) and aarch64 (in qemu), and compares the digest of
# the whole state after every step. Needs a Debian 12 with its security archive, node and npm; for aarch64 also
# gcc-aarch64-linux-gnu and qemu-user-static.
set -euo pipefail
cd "$(dirname "$0")/../.."
sessions=$(mktemp)
trap 'rm -f "$sessions"' EXIT
cargo run --locked --release -p zenb-ffi --example record -- crates/zenb/testdata/hrv >"$sessions"
node tools/zenb/replay.mjs "$(tools/zenb/wasm.sh)" "$sessions"

if command -v qemu-aarch64-static >/dev/null && command -v aarch64-linux-gnu-gcc >/dev/null; then
    source tools/zenb/toolchain.sh
    cargo build --locked --release -p zenb-ffi --example replay --target aarch64-unknown-linux-gnu -Zbuild-std=std,panic_abort
    qemu-aarch64-static -L /usr/aarch64-linux-gnu \
        "$CARGO_TARGET_DIR/aarch64-unknown-linux-gnu/release/examples/replay" "$sessions"
else
    echo "SKIPPED aarch64: install gcc-aarch64-linux-gnu and qemu-user-static" >&2
    [ "${CI:-}" != true ]
fi
