#!/usr/bin/env bash
# Builds the engine for browsers, without the reading of whole records, as small as it gets, and prints where it is. Downloads Debian's
# Rust (toolchain.sh) and Binaryen's optimizer (npm) once, into target/.
set -euo pipefail
cd "$(dirname "$0")/../.."
{
    source tools/zenb/toolchain.sh
    binaryen=$PWD/target/foreign-rust/binaryen
    [ -x "$binaryen/node_modules/.bin/wasm-opt" ] ||
        npm install --silent --no-audit --no-fund --ignore-scripts --no-save --prefix "$binaryen" binaryen@132.0.0
    export CARGO_PROFILE_RELEASE_OPT_LEVEL=z CARGO_PROFILE_RELEASE_LTO=true CARGO_PROFILE_RELEASE_CODEGEN_UNITS=1
    export CARGO_PROFILE_RELEASE_STRIP=true CARGO_PROFILE_RELEASE_DEBUG=false
    RUSTFLAGS="-Zunstable-options -Cpanic=immediate-abort" cargo build --locked --release -p zenb-ffi --no-default-features --lib \
        --target wasm32-unknown-unknown -Zbuild-std=std,panic_abort -Zbuild-std-features=optimize_for_size
    built=$CARGO_TARGET_DIR/wasm32-unknown-unknown/release/zenb_ffi.wasm
    module=$CARGO_TARGET_DIR/zenb.wasm
    # What rustc's target has; more of them would ask for a browser of next year.
    features=(--enable-{bulk-memory,bulk-memory-opt,nontrapping-float-to-int,sign-ext,mutable-globals,multivalue,reference-types})
    "$binaryen/node_modules/.bin/wasm-opt" -Oz "${features[@]}" --strip-debug --strip-producers "$built" -o "$module"
    echo "zenb.wasm: $(stat -c %s "$built") bytes as compiled, $(stat -c %s "$module") optimized, $(gzip -9 -c "$module" | wc -c) sent with gzip"
} >&2
echo "$module"
