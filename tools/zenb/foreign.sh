#!/usr/bin/env bash
# Records sessions on this machine, runs them on wasm32 (in node) and aarch64 (in qemu), and compares the digest of
# the whole state after every step. Needs a Debian 12 with its security archive; for aarch64 also
# gcc-aarch64-linux-gnu and qemu-user-static.
set -euo pipefail
cd "$(dirname "$0")/../.."
sessions=$(mktemp)
trap 'rm -f "$sessions"' EXIT
cargo run --locked --release -p zenb-ffi --example record -- crates/zenb/testdata/hrv >"$sessions"
source tools/zenb/toolchain.sh
export CARGO_PROFILE_RELEASE_OPT_LEVEL=z CARGO_PROFILE_RELEASE_LTO=true CARGO_PROFILE_RELEASE_CODEGEN_UNITS=1
export CARGO_PROFILE_RELEASE_STRIP=true CARGO_PROFILE_RELEASE_DEBUG=false

RUSTFLAGS="-Zunstable-options -Cpanic=immediate-abort" cargo build --locked --release -p zenb-ffi \
    --target wasm32-unknown-unknown -Zbuild-std=std,panic_abort -Zbuild-std-features=optimize_for_size
wasm=$CARGO_TARGET_DIR/wasm32-unknown-unknown/release/zenb_ffi.wasm
echo "zenb_ffi.wasm: $(stat -c %s "$wasm") bytes"
node tools/zenb/replay.mjs "$wasm" "$sessions"

if command -v qemu-aarch64-static >/dev/null && command -v aarch64-linux-gnu-gcc >/dev/null; then
    cargo build --locked --release -p zenb-ffi --example replay --target aarch64-unknown-linux-gnu -Zbuild-std=std,panic_abort
    qemu-aarch64-static -L /usr/aarch64-linux-gnu \
        "$CARGO_TARGET_DIR/aarch64-unknown-linux-gnu/release/examples/replay" "$sessions"
else
    echo "SKIPPED aarch64: install gcc-aarch64-linux-gnu and qemu-user-static" >&2
    [ "${CI:-}" != true ]
fi
