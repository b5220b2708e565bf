#!/usr/bin/env bash
# Builds the engine for WebAssembly and replays the session of journey J8, recorded by a real node, in node and in Chromium.
# Downloads Debian's Rust once (tools/zenb/toolchain.sh). With a module as argument, nothing is built.
set -euo pipefail
cd "$(dirname "$0")/../.."
module=${1:-}
if [ -z "$module" ]; then
    module=$(
        # In a subshell: the tests below are built by the usual compiler.
        source tools/zenb/toolchain.sh >&2
        export CARGO_PROFILE_RELEASE_OPT_LEVEL=z CARGO_PROFILE_RELEASE_LTO=true CARGO_PROFILE_RELEASE_CODEGEN_UNITS=1
        RUSTFLAGS="-Zunstable-options -Cpanic=immediate-abort" cargo build --locked --release -p zenb-ffi \
            --target wasm32-unknown-unknown -Zbuild-std=std,panic_abort -Zbuild-std-features=optimize_for_size >&2
        echo "$CARGO_TARGET_DIR/wasm32-unknown-unknown/release/zenb_ffi.wasm"
    )
fi
HANSE_ZENB_WASM=$(realpath "$module") cargo test --locked -p hanse --test it -- --ignored webassembly --nocapture
