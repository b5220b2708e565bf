#!/usr/bin/env bash
# Unpacks Debian's Rust for foreign targets into target/foreign-rust, without installing it: rustup's
# targets need a host that not every machine reaches. Prints nothing; source it to get RUSTC and the flags.
# A later compiler than the pinned one, on purpose: the digests must not depend on the compiler.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
foreign=$root/target/foreign-rust
packages=(rustc-web rust-web-src libstd-rust-web-1.96 libstd-rust-web-dev libllvm22)
if [ ! -x "$foreign/rustc" ]; then
    mkdir -p "$foreign/deb"
    (cd "$foreign/deb" && apt-get download -qq "${packages[@]}")
    for deb in "$foreign"/deb/*.deb; do dpkg-deb -x "$deb" "$foreign/root"; done
    rm -r "$foreign/deb"
    printf '#!/bin/sh\nLD_LIBRARY_PATH=%s exec %s "$@"\n' \
        "$foreign/root/usr/lib/x86_64-linux-gnu" "$foreign/root/usr/bin/rustc" >"$foreign/rustc"
    chmod +x "$foreign/rustc"
fi
export RUSTC=$foreign/rustc RUSTC_BOOTSTRAP=1
export CARGO_TARGET_DIR=$root/target/foreign
CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER=$(find "$(dirname "$(rustup which rustc)")/../lib" -name rust-lld | head -1)
export CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc
